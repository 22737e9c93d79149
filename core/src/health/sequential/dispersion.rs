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

/// From equal slices (pods, zones) counted at the same time, one row a look: the Pearson chi-square
/// of each look's split over its degrees of freedom, averaged. Surges that all slices share cancel.
/// Looks without events say nothing. None when no look says anything.
///
/// # Errors
/// When rows differ in length or have fewer than two slices, or a count is negative, not finite or
/// above 2^53.
pub fn dispersion_of_slices(looks: &[&[f64]]) -> Result<Option<Dispersion>, EvidenceError> {
    let slices = looks.first().map_or(2, |look| look.len());
    within("slices", slices as f64, 2.0, 1e6)?;
    let (mut sum, mut used) = (0.0, 0.0);
    for look in looks {
        if look.len() != slices {
            let found = look.len();
            return Err(EvidenceError::WrongLength { what: "slices", found, expected: slices });
        }
        let total = look.iter().try_fold(0.0, |sum, &one| Ok(sum + count("count", one)?))?;
        if total > 0.0 {
            let mean = total / slices as f64;
            let square: f64 = look.iter().map(|one| (one - mean) * (one - mean)).sum();
            sum += square / mean / (slices as f64 - 1.0);
            used += 1.0;
        }
    }
    Ok((used > 0.0).then(|| Dispersion { raw: sum / used }))
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

/// How many minutes make one observation at this lag-1 correlation: 1 up to 0.3, 5 up to 0.7, else
/// 10. With the correlation learnt from sixty looks, healthy rollouts failed in up to 8 % of simulated
/// hours at an alpha of 0.05 and a correlation of 0.9: docs/judges.md has the table.
#[must_use]
pub fn block_minutes(lag_one_correlation: f64) -> u32 {
    if lag_one_correlation <= 0.3 {
        1
    } else if lag_one_correlation <= 0.7 {
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
        assert_eq!(dispersion_of_slices(&[]), Ok(None));
        assert_eq!(dispersion_of_slices(&[&[0.0, 0.0]]), Ok(None));
        assert!(dispersion_of_slices(&[&[1.0]]).is_err());
        assert!(dispersion_of_slices(&[&[1.0, 2.0], &[1.0]]).is_err());
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
        assert_eq!([0.3, 0.31, 0.7, 0.71].map(block_minutes), [1, 5, 5, 10]);
        assert_eq!(block_minutes(f64::NAN), 10);
    }
}
