//! One proportion and two.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{Interval, Tail, p_of_z};

/// Events among trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// Events; at most the trials.
    pub events: f64,
    /// Trials; more than none.
    pub trials: f64,
}

impl Proportion {
    /// Events per trial; none if the numbers can not be.
    fn rate(self) -> Option<f64> {
        let possible = self.trials.is_finite() && self.trials > 0.0;
        (possible && (0.0..=self.trials).contains(&self.events)).then(|| self.events / self.trials)
    }
}

/// Wilson's score interval for a proportion, with confidence `1 - alpha`.
#[must_use]
pub fn wilson_interval(sample: Proportion, alpha: f64) -> Option<Interval> {
    let z = two_sided_z(alpha)?;
    let (rate, n) = (sample.rate()?, sample.trials);
    let shrink = 1.0 + z * z / n;
    let centre = (rate + z * z / (2.0 * n)) / shrink;
    let spread = rate * (1.0 - rate) / n + z * z / (4.0 * n * n);
    let reach = z * libm::sqrt(spread) / shrink;
    Some(Interval { low: (centre - reach).max(0.0), high: (centre + reach).min(1.0) })
}

/// Newcombe's interval for the difference of two proportions, first less second, with confidence
/// `1 - alpha`: from both Wilson intervals (Newcombe 1998, method 10).
#[must_use]
pub fn newcombe_difference(first: Proportion, second: Proportion, alpha: f64) -> Option<Interval> {
    let (rate1, rate0) = (first.rate()?, second.rate()?);
    let (wilson1, wilson0) = (wilson_interval(first, alpha)?, wilson_interval(second, alpha)?);
    let difference = rate1 - rate0;
    Some(Interval {
        low: difference - libm::hypot(rate1 - wilson1.low, wilson0.high - rate0),
        high: difference + libm::hypot(wilson1.high - rate1, rate0 - wilson0.low),
    })
}

/// How the variance of a difference of proportions is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variance {
    /// From both samples together: as if they were the same.
    #[default]
    Pooled,
    /// From each sample.
    Unpooled,
}

/// A z statistic and its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZTest {
    /// The difference in standard errors.
    pub z: f64,
    /// The chance of one as extreme if the null hypothesis is true.
    pub p: f64,
}

/// The z test that two proportions, first less second, differ by `null_difference`.
#[must_use]
pub fn two_proportion_z(
    first: Proportion,
    second: Proportion,
    null_difference: f64,
    variance: Variance,
    tail: Tail,
) -> Option<ZTest> {
    let (rate1, rate0) = (first.rate()?, second.rate()?);
    let variance = match variance {
        Variance::Pooled => {
            let all = (first.events + second.events) / (first.trials + second.trials);
            all * (1.0 - all) * (1.0 / first.trials + 1.0 / second.trials)
        }
        Variance::Unpooled => {
            rate1 * (1.0 - rate1) / first.trials + rate0 * (1.0 - rate0) / second.trials
        }
    };
    let z = (rate1 - rate0 - null_difference) / libm::sqrt(variance);
    z.is_finite().then(|| ZTest { z, p: p_of_z(z, tail) })
}

/// The normal quantile that leaves `alpha` outside of plus and minus it.
fn two_sided_z(alpha: f64) -> Option<f64> {
    let usable = alpha > 0.0 && alpha < 1.0;
    usable.then(|| -Normal::standard().inverse_cdf(alpha / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_samples_have_no_description() {
        let good = Proportion { events: 3.0, trials: 10.0 };
        for (events, trials) in [(0.0, 0.0), (11.0, 10.0), (-1.0, 10.0), (f64::NAN, 10.0)] {
            let bad = Proportion { events, trials };
            assert_eq!(wilson_interval(bad, 0.05), None);
            assert_eq!(newcombe_difference(good, bad, 0.05), None);
            assert_eq!(two_proportion_z(bad, good, 0.0, Variance::Pooled, Tail::TwoSided), None);
        }
        assert_eq!(wilson_interval(good, f64::NAN), None);
        assert_eq!(wilson_interval(good, 1.0), None);
        let never = Proportion { events: 0.0, trials: 10.0 };
        assert_eq!(two_proportion_z(never, never, 0.0, Variance::Pooled, Tail::Less), None);
    }
}
