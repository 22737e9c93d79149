//! How many events come at once, and how much neighbouring minutes resemble each other: measured on
//! the stable arm before the first look, at least thirty looks of it.
//!
//! Errors come in bursts (retries, a dying pod). A test that takes each for a separate event is wrong
//! by that factor; one that divides its evidence by it is not.

use super::EvidenceError;
use super::input::{count, within};

/// How many events come at once, on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispersion {
    /// As measured: about 1 for single events, below 1 by chance.
    pub raw: f64,
}

impl Dispersion {
    /// What tests take: never less than one.
    #[must_use]
    pub const fn factor(self) -> f64 {
        self.raw.max(1.0)
    }
}

/// From one series of counts per look: half the mean squared successive difference over the mean (von
/// Neumann). A drifting base rate hardly matters; surges count as bursts, which is on the safe side.
/// None for fewer than two counts, or nothing but zeros.
///
/// # Errors
/// When a count is negative, not finite or above 2^53.
pub fn dispersion_of_series(counts: &[f64]) -> Result<Option<Dispersion>, EvidenceError> {
    let mut total = 0.0;
    for &one in counts {
        total += count("count", one)?;
    }
    if counts.len() < 2 || total == 0.0 {
        return Ok(None);
    }
    let pairs = counts.iter().zip(counts.iter().skip(1));
    let squares: f64 = pairs.map(|(a, b)| (b - a) * (b - a)).sum();
    let differences = counts.len() as f64 - 1.0;
    let mean = total / counts.len() as f64;
    Ok(Some(Dispersion { raw: squares / differences / 2.0 / mean }))
}

/// The correlation of each observation with the next, -1 to 1. None for fewer than three observations
/// or a series that does not vary.
///
/// # Errors
/// When an observation is not finite or beyond 1e100.
pub fn lag_one_correlation(series: &[f64]) -> Result<Option<f64>, EvidenceError> {
    let mut total = 0.0;
    for &one in series {
        total += within("observation", one, -1e100, 1e100)?;
    }
    let mean = total / series.len() as f64;
    let off = |one: &f64| one - mean;
    let squares: f64 = series.iter().map(|one| off(one) * off(one)).sum();
    if series.len() < 3 || squares == 0.0 {
        return Ok(None);
    }
    let pairs = series.iter().zip(series.iter().skip(1));
    let products: f64 = pairs.map(|(a, b)| off(a) * off(b)).sum();
    Ok(Some(products / squares))
}

/// How many minutes make one observation at this lag-1 correlation of so many looks: 1 if it was shown to
/// be at most 0.3, 5 up to 0.7, else 10. Shown is what its upper 95 % limit says, with the standard error
/// of Bartlett (1946), `sqrt((1 - r^2) / looks)`: neighbours that are alike and seem not to be make a
/// good candidate fail, and the other way round only time is lost. Among 240 looks at single minutes one
/// in a thousand seems to be alike, among 60 every fourth. `docs/judges.md` has what is left.
#[must_use]
pub fn block_minutes(lag_one_correlation: f64, looks: f64) -> u32 {
    /// Of the normal distribution, 95 % are below.
    const Z: f64 = 1.644_853_626_951_472_2;
    let off = libm::sqrt((1.0 - lag_one_correlation * lag_one_correlation) / looks);
    let at_most = lag_one_correlation + Z * off;
    if at_most <= 0.3 {
        1
    } else if at_most <= 0.7 {
        5
    } else {
        10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_come_in_threes_are_counted_in_threes() {
        let single = [5.0, 7.0, 4.0, 6.0, 5.0, 3.0, 8.0, 5.0];
        let tripled = single.map(|count| 3.0 * count);
        let raw = |counts: &[f64]| dispersion_of_series(counts).unwrap().unwrap().raw;
        assert!((raw(&tripled) - 3.0 * raw(&single)).abs() < 1e-12);
        assert_eq!(Dispersion { raw: 0.4 }.factor(), 1.0);
    }

    #[test]
    fn a_series_that_says_nothing_has_no_dispersion() {
        assert_eq!(dispersion_of_series(&[]), Ok(None));
        assert_eq!(dispersion_of_series(&[0.0, 0.0]), Ok(None));
        assert_eq!(lag_one_correlation(&[1.0, 1.0, 1.0]), Ok(None));
        assert!(dispersion_of_series(&[1.0, f64::NAN]).is_err());
    }

    #[test]
    fn blocks_lengthen_with_correlation() {
        let alternating = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0];
        let rising = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
        let correlation = |series: &[f64]| lag_one_correlation(series).unwrap().unwrap();
        assert!(correlation(&alternating) < -0.8);
        assert!(correlation(&rising) > 0.7);
        let after = |looks: f64| [0.0, 0.1, 0.2, 0.5, 0.61, 0.65].map(|r| block_minutes(r, looks));
        assert_eq!(after(240.0), [1, 1, 5, 5, 5, 10]);
        assert_eq!(after(60.0), [1, 5, 5, 5, 10, 10]);
        assert_eq!([0.299, 0.301, 0.699, 0.701].map(|r| block_minutes(r, 1e12)), [1, 5, 5, 10]);
        assert_eq!(block_minutes(f64::NAN, 240.0), 10);
    }
}
