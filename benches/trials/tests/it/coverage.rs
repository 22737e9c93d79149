//! Every method of the reference vectors is answered by exactly one runner.

use std::collections::BTreeMap;

use crate::{TABLES, vectors::cases};

/// Cases in the file.
const CASES: usize = 286;

#[test]
fn every_case_of_the_file_has_exactly_one_runner() {
    let mut counts = BTreeMap::<String, usize>::new();
    for case in cases() {
        *counts.entry(case.method).or_default() += 1;
    }
    for method in counts.keys() {
        let tables = TABLES.iter().filter(|table| table.iter().any(|(name, _)| name == method));
        assert_eq!(tables.count(), 1, "runners of {method}");
    }
    println!("{CASES} cases of {} methods", counts.len());
    assert_eq!(counts.values().sum::<usize>(), CASES);
}
