//! The interval of the shift between two samples, and its middle.

use serde::{Deserialize, Serialize};

use super::{
    Roots, brent,
    normal::upper_quantile,
    ranks::{Ranks, deviation_between},
};

/// By how much the candidate's values lie above the baseline's, by the rank test of Mann and
/// Whitney.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, in the metric's unit.
    pub low: f64,
    /// The upper end. Below [`low`](Self::low) only with [`Roots::Brent`], when the whole interval is
    /// narrower than the tolerance of 1e-4.
    pub high: f64,
    /// The middle of all differences of a candidate's and a baseline's value, after Hodges and
    /// Lehmann.
    pub estimate: f64,
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum IntervalError {
    /// A side without points.
    #[error("no points on one side; expected at least one on each, and two on one")]
    Empty,
    /// One point on each side: all ranks are tied where the interval would end.
    #[error("one point on each side; expected at least two on one")]
    OnePoint,
    /// A point, or a difference of points, that is not a finite number.
    #[error("a point, or a difference of points, is not a finite number")]
    NotFinite,
    /// A confidence that is not between 0 and 1.
    #[error("confidence {0} is not between 0 and 1")]
    Confidence(f64),
}

/// The interval of the shift from `baseline` to `candidate`, points in any order.
///
/// Inverts the two-sided rank-sum test: normal approximation, corrected for ties and continuity, as
/// Kayenta and R's `wilcox.test` do. With [`Roots::Exact`] the ends are order statistics of all
/// differences; where the samples are too small for the confidence they are the outermost
/// differences, as in Kayenta.
///
/// # Errors
/// When there are too few points, one of them is not finite, or the confidence is not in (0, 1).
pub fn interval(
    baseline: &[f64],
    candidate: &[f64],
    confidence: f64,
    roots: Roots,
) -> Result<Interval, IntervalError> {
    let sorted = |points: &[f64]| {
        let mut points: Vec<f64> = points.iter().map(|point| point + 0.0).collect();
        points.sort_unstable_by(f64::total_cmp);
        points
    };
    Shift::new(&sorted(baseline), &sorted(candidate), confidence)?.interval(roots)
}

/// The question: two sorted samples, and how sure to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift<'a> {
    ys: &'a [f64],
    xs: &'a [f64],
    /// The outermost differences.
    low: f64,
    high: f64,
    /// Of the normal distribution, at each end.
    quantile: f64,
}

impl<'a> Shift<'a> {
    /// Of sorted `xs`, the candidate's, against sorted `ys`.
    pub(super) fn new(
        ys: &'a [f64],
        xs: &'a [f64],
        confidence: f64,
    ) -> Result<Self, IntervalError> {
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(IntervalError::Confidence(confidence));
        }
        let ([x_min, .., x_max] | [x_min @ x_max]) = xs else { return Err(IntervalError::Empty) };
        let ([y_min, .., y_max] | [y_min @ y_max]) = ys else { return Err(IntervalError::Empty) };
        if xs.len() == 1 && ys.len() == 1 {
            return Err(IntervalError::OnePoint);
        }
        let (low, high) = (x_min - y_max, x_max - y_min);
        // Sorted by total order a NaN is at an end, and makes a difference with it NaN.
        if !(high - low).is_finite() {
            return Err(IntervalError::NotFinite);
        }
        let quantile = upper_quantile((1.0 - confidence) / 2.0);
        Ok(Self { ys, xs, low, high, quantile })
    }

    pub(super) fn interval(&self, roots: Roots) -> Result<Interval, IntervalError> {
        match roots {
            Roots::Exact => Ok(self.exact()),
            Roots::Brent => self.searched().ok_or(IntervalError::OnePoint),
        }
    }

    /// Whether there are points enough for the interval to end inside the outermost differences.
    pub(super) fn closes(&self) -> bool {
        self.rank_of_low().is_some()
    }

    /// Which of the ascending differences the lower end is, from 1.
    ///
    /// Right below the k-th difference `pairs - k + 1` pairs favour the candidate, and the
    /// standardised statistic is at least the quantile as long as that count is at least
    /// `pairs/2 + 1/2 + quantile * deviation`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "between 1 and the number of pairs"
    )]
    fn rank_of_low(&self) -> Option<usize> {
        let pairs = self.pairs() as f64;
        let rank = pairs / 2.0 + 0.5 - self.quantile * deviation_between(self.xs, self.ys);
        (rank >= 1.0).then_some(rank as usize)
    }

    const fn pairs(&self) -> usize {
        self.xs.len().saturating_mul(self.ys.len())
    }

    fn exact(&self) -> Interval {
        let pairs = self.pairs();
        let (low, high) = self.rank_of_low().map_or((self.low, self.high), |rank| {
            (self.difference(rank), self.difference(pairs - rank + 1))
        });
        let middle = self.difference(pairs.div_ceil(2));
        let estimate = if pairs.is_multiple_of(2) {
            0.5 * middle + 0.5 * self.difference(pairs / 2 + 1)
        } else {
            middle
        };
        Interval { low, high, estimate }
    }

    /// The difference of this rank, from 1, among all of a value of `xs` and one of `ys`.
    ///
    /// Halves the range until one value is left. Each half ends at a difference there is, so equal
    /// ones cost nothing, and memory is not needed for all pairs.
    fn difference(&self, rank: usize) -> f64 {
        let (mut low, mut high) = (self.low, self.high);
        let mut round = 0;
        while low < high {
            let split = self.split(middle(low, high, round));
            if rank <= split.at_most {
                high = split.below;
            } else {
                low = split.above;
            }
            round += 1;
        }
        low
    }

    /// Where the differences part at `at`. As the value of `xs` grows, so does the number of `ys` it
    /// exceeds by more than `at`: one pass over both.
    fn split(&self, at: f64) -> Split {
        let mut split = Split { at_most: 0, below: f64::NEG_INFINITY, above: f64::INFINITY };
        let mut exceeded = 0;
        for x in self.xs {
            while self.ys.get(exceeded).is_some_and(|y| x - y > at) {
                exceeded += 1;
            }
            if let Some(y) = exceeded.checked_sub(1).and_then(|last| self.ys.get(last)) {
                split.above = split.above.min(x - y);
            }
            if let Some(y) = self.ys.get(exceeded) {
                split.below = split.below.max(x - y);
            }
            split.at_most += self.ys.len() - exceeded;
        }
        split
    }

    /// As Kayenta: each end by a search that stops within 1e-4, or the end of the range where the
    /// statistic does not change its sign.
    fn searched(&self) -> Option<Interval> {
        let statistic = |at: f64| Ranks::of(self.xs, at, self.ys).standardised();
        // Two constants have one difference, where every rank is tied; Kayenta adds noise instead.
        if self.low >= self.high {
            return Some(Interval { low: self.low, high: self.low, estimate: self.low });
        }
        let (first, last) = (statistic(self.low)?, statistic(self.high)?);
        let root = |quantile: f64| {
            if first <= quantile {
                Some(self.low)
            } else if last >= quantile {
                Some(self.high)
            } else {
                brent::root(self.low, self.high, |at| statistic(at).map(|z| z - quantile))
            }
        };
        Some(Interval {
            low: root(self.quantile)?,
            high: root(-self.quantile)?,
            estimate: brent::root(self.low, self.high, statistic)?,
        })
    }
}

/// Where the differences part.
#[derive(Clone, Copy, Debug)]
struct Split {
    at_most: usize,
    /// The largest of those.
    below: f64,
    /// The smallest of the rest.
    above: f64,
}

/// Rounds in which the range is halved by value. Ordinary series need a dozen.
const BY_VALUE: u32 = 40;

/// A number from `low` up to but not `high`.
///
/// After [`BY_VALUE`] rounds the halves are equal in how many floating-point numbers they hold
/// instead, so that a series which spans hundreds of orders of magnitude takes 64 rounds more and not
/// thousands.
fn middle(low: f64, high: f64, round: u32) -> f64 {
    let middle = if round < BY_VALUE {
        0.5 * low + 0.5 * high
    } else {
        let (low, high) = (place(low), place(high));
        // Opposite signs do not overflow added up, nor do equal ones subtracted.
        number(if (low < 0) == (high < 0) { low + (high - low) / 2 } else { (low + high) / 2 })
    };
    if middle >= low && middle < high { middle } else { low }
}

/// Where a number stands among all of them; the inverse of [`number`].
const fn place(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}

const fn number(place: i64) -> f64 {
    let bits = if place < 0 { i64::MIN.wrapping_sub(place) } else { place };
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(baseline: &[f64], candidate: &[f64], confidence: f64, roots: Roots) -> Interval {
        interval(baseline, candidate, confidence, roots).unwrap()
    }

    /// All differences, the plain way.
    fn differences(baseline: &[f64], candidate: &[f64]) -> Vec<f64> {
        let mut all: Vec<f64> =
            candidate.iter().flat_map(|x| baseline.iter().map(move |y| x - y)).collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    #[test]
    fn every_rank_finds_its_difference_whatever_the_scale() {
        let spread: Vec<f64> =
            (-300..300).step_by(7).map(|n| libm::pow(10.0, f64::from(n))).collect();
        let tied = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0];
        for (ys, xs) in
            [(&tied[..], &spread[..]), (&spread, &tied), (&tied, &tied), (&spread, &spread)]
        {
            let shift = Shift::new(ys, xs, 0.98).unwrap();
            for (index, difference) in differences(ys, xs).iter().enumerate() {
                assert_eq!(shift.difference(index + 1), *difference);
            }
        }
    }

    #[test]
    fn the_estimate_is_the_middle_of_the_differences() {
        // The first case of `hodges_lehmann` in the vectors, from numpy.
        let (x, y) = ([1.649, 1.374, 2.442, 0.698, 1.364], [-0.384, -1.847, 0.653, -0.009]);
        assert!((of(&y, &x, 0.98, Roots::Exact).estimate - 1.753).abs() < 1e-12);
    }

    #[test]
    fn below_five_points_a_side_the_interval_does_not_close_at_98_percent() {
        let points: Vec<f64> = (0..5).map(f64::from).collect();
        let closes = |n: usize| Shift::new(&points[..n], &points[..n], 0.98).unwrap().closes();
        assert!(!closes(2) && !closes(3) && !closes(4) && closes(5));
    }

    #[test]
    fn an_interval_that_does_not_close_ends_with_the_differences() {
        let found = of(&[1.0, 2.0], &[5.0, 9.0], 0.98, Roots::Exact);
        assert_eq!((found.low, found.high), (3.0, 8.0));
    }

    #[test]
    fn two_constants_differ_by_their_difference_without_noise() {
        for roots in [Roots::Exact, Roots::Brent] {
            let found = of(&[1.0; 5], &[10.0; 5], 0.98, roots);
            assert_eq!(found, Interval { low: 9.0, high: 9.0, estimate: 9.0 });
        }
    }

    #[test]
    fn what_can_not_be_compared_is_refused() {
        for roots in [Roots::Exact, Roots::Brent] {
            let refused = |ys: &[f64], xs: &[f64]| interval(ys, xs, 0.98, roots).unwrap_err();
            assert_eq!(refused(&[], &[1.0]), IntervalError::Empty);
            assert_eq!(refused(&[1.0], &[]), IntervalError::Empty);
            assert_eq!(refused(&[1.0], &[2.0]), IntervalError::OnePoint);
            assert_eq!(refused(&[1.0, f64::NAN], &[2.0]), IntervalError::NotFinite);
            assert_eq!(refused(&[1.0, 2.0], &[f64::INFINITY]), IntervalError::NotFinite);
            assert_eq!(refused(&[-f64::MAX, 1.0], &[f64::MAX]), IntervalError::NotFinite);
        }
        let confidence = interval(&[1.0, 2.0], &[1.0], 1.0, Roots::Exact).unwrap_err();
        assert_eq!(confidence, IntervalError::Confidence(1.0));
    }

    #[test]
    fn places_of_numbers_are_in_their_order() {
        let numbers = [-f64::MAX, -1.0, -5e-324, 0.0, 5e-324, 1.0, f64::MAX];
        assert!(numbers.map(place).is_sorted());
        assert!(numbers.iter().all(|n| number(place(*n)) == *n));
    }
}
