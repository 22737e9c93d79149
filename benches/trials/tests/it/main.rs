//! All tests of this package that see it from outside, in one binary.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod anchors_vectors;
mod coverage;
mod kayenta_vectors;
mod operating;
mod vectors;
mod vectors_classical;
mod vectors_product;

/// Every table of runners.
const TABLES: &[vectors::Table] = &[
    vectors_product::TABLE,
    vectors_classical::SHOWN,
    vectors_classical::COMPARED,
    kayenta_vectors::TABLE,
    anchors_vectors::TABLE,
];
