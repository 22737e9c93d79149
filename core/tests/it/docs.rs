//! The invariants page names what is there: every invariant, and tests that exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tidegate_core::invariants::INVARIANTS;

/// The invariants there are. Some are about whole runs or about judges, and so not in the list of
/// those that can be seen in one transition.
const ALL: u8 = 26;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cells of each row of the page's table: number, invariant, and four ways to hold it.
fn rows() -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = page.lines().filter(|l| l.starts_with("| ")).map(cells).collect();
    rows.into_iter().filter(|row| row[0].parse::<u8>().is_ok()).collect()
}

/// The test names of a cell: what stands between backticks.
fn cited(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of all functions in the Rust files below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let word = |after: &str| {
                after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned()
            };
            found.extend(text.split("fn ").skip(1).map(word));
        }
    }
}

#[test]
fn every_invariant_has_a_row_and_every_cell_says_something() {
    let rows = rows();
    let numbers: Vec<u8> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=ALL).collect::<Vec<_>>());
    for invariant in INVARIANTS {
        assert!(numbers.contains(&invariant.number), "{} has no row", invariant.number);
    }
    for row in &rows {
        assert_eq!(row.len(), 6, "{row:?}");
        for cell in &row[2..] {
            let named = cited(cell).next().is_some();
            assert!(named || cell.starts_with("None: ") || cell.starts_with("None, "), "{cell:?}");
        }
    }
}

#[test]
fn every_test_that_the_invariants_page_names_is_there() {
    let mut there = BTreeSet::new();
    functions(&root(), &mut there);
    let page = fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    let test = |name: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.contains('_') && name.chars().all(plain)
    };
    let named: BTreeSet<_> = cited(&page).filter(test).collect();
    assert!(named.len() > 30, "only {} names were found", named.len());
    for name in named {
        assert!(there.contains(name), "there is no test {name}");
    }
}
