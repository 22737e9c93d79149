//! How far two distributions over classes are apart: the population stability index.
//!
//! A size, not a test: beside evidence that something moved it says whether that matters. At low
//! volume the plain index is noise, so the mean it has when nothing moved is given with it.

use super::EvidenceError;
use super::input::{count, within};

/// A population stability index and its mean under no difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stability {
    /// The sum of `(a - e) ln(a / e)` over classes, in nats. Zero or more.
    pub index: f64,
    /// Its approximate mean when nothing differs: `(B - 1) (1 / N_a + 1 / N_e)` for `B` classes.
    pub null_bias: f64,
}

impl Stability {
    /// The index less its mean under no difference. May be negative.
    #[must_use]
    pub const fn corrected(&self) -> f64 {
        self.index - self.null_bias
    }
}

/// Compares counts per class. Shares are raised to at least `floor`, and not normalised again. None
/// when a sample is empty.
///
/// # Errors
/// When the lists differ in length, a count is negative, not finite or above 2^53, or `floor` is not
/// between 1e-300 and 1.
pub fn population_stability(
    actual: &[f64],
    expected: &[f64],
    floor: f64,
) -> Result<Option<Stability>, EvidenceError> {
    within("floor", floor, 1e-300, 1.0)?;
    if actual.len() != expected.len() {
        let (found, expected) = (actual.len(), expected.len());
        return Err(EvidenceError::WrongLength { what: "actual counts", found, expected });
    }
    let total = |counts: &[f64]| -> Result<f64, EvidenceError> {
        counts.iter().try_fold(0.0, |sum, &one| Ok(sum + count("count of a class", one)?))
    };
    let (all_actual, all_expected) = (total(actual)?, total(expected)?);
    if all_actual == 0.0 || all_expected == 0.0 {
        return Ok(None);
    }
    let index = actual.iter().zip(expected).map(|(actual, expected)| {
        let a = (actual / all_actual).max(floor);
        let e = (expected / all_expected).max(floor);
        (a - e) * libm::log(a / e)
    });
    let freedom = actual.len() as f64 - 1.0;
    let null_bias = freedom * (1.0 / all_actual + 1.0 / all_expected);
    Ok(Some(Stability { index: index.sum(), null_bias }))
}
