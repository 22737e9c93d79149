//! All tests of this package that see it from outside, in one binary.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod coverage;
mod kayenta_vectors;
mod vectors;
mod vectors_classical;
mod vectors_product;

use vectors::Runner;

/// Every table of runners. Another one plugs in here.
const TABLES: &[vectors::Table] = &[
    vectors_product::TABLE,
    vectors_classical::SHOWN,
    vectors_classical::COMPARED,
    kayenta_vectors::TABLE,
];

/// The runner of a method, if any table has one.
fn runner(method: &str) -> Option<Runner> {
    let mut entries = TABLES.iter().flat_map(|table| table.iter());
    entries.find(|(name, _)| *name == method).map(|(_, runner)| *runner)
}
