//! Two means.

use super::{Interval, Tail};
use crate::health::sequential::ln_student_cdf;

/// What a mean is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean of the sample.
    pub mean: f64,
    /// Standard deviation of the sample, with `samples - 1` in the denominator.
    pub deviation: f64,
    /// How many samples; at least two.
    pub samples: f64,
}

/// Welch's t test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WelchTest {
    /// The difference of means in standard errors.
    pub t: f64,
    /// Degrees of freedom, after Welch and Satterthwaite.
    pub degrees: f64,
    /// The chance of a difference as extreme if the means are equal.
    pub p: f64,
    /// Two-sided interval for the difference of means, first less second.
    pub difference: Interval,
}

/// Whether two means, first and second, differ, without the assumption of equal variances; the
/// interval has the confidence given, between 0 and 1.
#[must_use]
pub fn welch_t(first: Moments, second: Moments, tail: Tail, confidence: f64) -> Option<WelchTest> {
    let (variance1, variance0) = (variance_of_mean(first)?, variance_of_mean(second)?);
    let variance = variance1 + variance0;
    let error = libm::sqrt(variance);
    let degrees = variance * variance
        / (variance1 * variance1 / (first.samples - 1.0)
            + variance0 * variance0 / (second.samples - 1.0));
    let difference = first.mean - second.mean;
    let t = difference / error;
    if !(t.is_finite() && degrees.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let below = |t: f64| libm::exp(ln_student_cdf(t, degrees));
    let p = match tail {
        Tail::TwoSided => 2.0 * below(-t.abs()),
        Tail::Greater => below(-t),
        Tail::Less => below(t),
    };
    let reach = error * upper_quantile((1.0 - confidence) / 2.0, degrees);
    let difference = Interval { low: difference - reach, high: difference + reach };
    Some(WelchTest { t, degrees, p, difference })
}

/// What Student's t exceeds with this chance, by bisection on its logarithm: the libraries' quantiles
/// lose digits where there are many degrees of freedom.
fn upper_quantile(chance: f64, degrees: f64) -> f64 {
    let wanted = libm::log(chance);
    let (mut low, mut high) = (0.0, 1.0);
    while ln_student_cdf(-high, degrees) > wanted && high < 1e150 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        *(if ln_student_cdf(-middle, degrees) > wanted { &mut low } else { &mut high }) = middle;
    }
    high
}

fn variance_of_mean(sample: Moments) -> Option<f64> {
    let Moments { mean, deviation, samples } = sample;
    let usable = mean.is_finite() && deviation >= 0.0 && deviation.is_finite();
    let variance = deviation * deviation / samples;
    (usable && samples >= 2.0 && samples.is_finite() && variance.is_finite()).then_some(variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_without_variation_or_of_one_have_no_test() {
        let good = Moments { mean: 1.0, deviation: 1.0, samples: 5.0 };
        let flat = Moments { deviation: 0.0, ..good };
        assert_eq!(welch_t(flat, flat, Tail::TwoSided, 0.95), None);
        for bad in [
            Moments { samples: 1.0, ..good },
            Moments { mean: f64::NAN, ..good },
            Moments { deviation: f64::INFINITY, ..good },
            Moments { deviation: -1.0, ..good },
        ] {
            assert_eq!(welch_t(good, bad, Tail::Less, 0.95), None);
        }
        assert_eq!(welch_t(good, good, Tail::Less, 1.0), None);
    }
}
