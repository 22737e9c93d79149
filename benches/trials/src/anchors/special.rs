//! Special functions that the anchors share and `libm` does not have.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

use statrs::function::erf::erfc_inv;

/// Logarithm of the beta function, `ln B(a, b)`, for `a, b > 0`.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// Logarithm of the incomplete beta function, the integral of `t^(a-1) (1-t)^(b-1)` from 0 to `x`.
///
/// Not regularised: it equals `ln_beta(a, b)` at `x = 1`. The continued fraction is 8.17.22 of the Digital Library of
/// Mathematical Functions; it is used on the side of the mean where it converges quickly.
pub(super) fn ln_beta_lower(a: f64, b: f64, x: f64) -> f64 {
    if x >= 1.0 {
        return ln_beta(a, b);
    }
    let ln_power = a * x.ln() + b * (-x).ln_1p();
    if x <= (a + 1.0) / (a + b + 2.0) {
        return ln_power - a.ln() + beta_fraction(a, b, x).ln();
    }
    let ln_whole = ln_beta(a, b);
    let ln_upper = ln_power - b.ln() + beta_fraction(b, a, 1.0 - x).ln();
    ln_whole + (-(ln_upper - ln_whole).exp()).ln_1p()
}

/// The continued fraction of the incomplete beta function, by Lentz's method as modified by Thompson and Barnett (1986).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// About `sqrt(max(a, b))` terms are needed; this is enough for a million observations.
    const TERMS: u32 = 20_000;
    let nonzero =
        |value: f64| if value.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { value };
    let mut numerator = 1.0;
    let mut denominator = 0.0;
    let mut fraction = 1.0;
    for term in 1..TERMS {
        let half = f64::from(term / 2);
        let coefficient = if term % 2 == 0 {
            half * (b - half) * x / ((a + 2.0 * half - 1.0) * (a + 2.0 * half))
        } else {
            -(a + half) * (a + b + half) * x / ((a + 2.0 * half) * (a + 2.0 * half + 1.0))
        };
        denominator = 1.0 / nonzero(1.0 + coefficient * denominator);
        numerator = nonzero(1.0 + coefficient / numerator);
        let factor = numerator * denominator;
        fraction *= factor;
        if (factor - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    1.0 / fraction
}

/// Riemann's zeta function for `s > 1`, by the formula of Euler and Maclaurin.
pub(super) fn zeta(s: f64) -> f64 {
    /// With ten terms summed, the first term left out is below `1e-15` for `s` between 1 and 10.
    const SUMMED: u32 = 10;
    /// `B_2k / (2k)!` for k from 1 to 6.
    const BERNOULLI: [f64; 6] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30_240.0,
        -1.0 / 1_209_600.0,
        1.0 / 47_900_160.0,
        -691.0 / 1_307_674_368_000.0,
    ];
    let n = f64::from(SUMMED);
    let head: f64 = (1..SUMMED).map(|k| f64::from(k).powf(-s)).sum();
    let mut tail = n.powf(1.0 - s) / (s - 1.0) + 0.5 * n.powf(-s);
    let mut rising = s * n.powf(-s - 1.0);
    let mut next = s + 1.0;
    for coefficient in BERNOULLI {
        tail += coefficient * rising;
        rising *= next * (next + 1.0) / (n * n);
        next += 2.0;
    }
    head + tail
}

/// The lower real branch of Lambert's W: the `w <= -1` with `w exp(w) = -exp(-y)`, for `y >= 1`.
///
/// The argument is given by its logarithm, so that no tiny `alpha` underflows. Newton's method on `u - ln u = y`
/// with `u = -w`, which is convex, from the right.
pub(super) fn lambert_w_lower(y: f64) -> f64 {
    /// The convergence is quadratic from the first step on.
    const STEPS: usize = 60;
    let mut u = y + (2.0 * (y - 1.0)).sqrt();
    for _ in 0..STEPS {
        let step = (u - u.ln() - y) * u / (u - 1.0);
        if step.is_nan() || step.abs() <= f64::EPSILON * u {
            break;
        }
        u -= step;
    }
    -u
}

/// Probability that a standard normal variable is above `z`.
pub(super) fn normal_above(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// Density of a standard normal variable at `z`.
pub(super) fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// The `z` that a standard normal variable exceeds with probability `p`, for `p` in (0, 1).
pub(super) fn normal_upper_quantile(p: f64) -> f64 {
    SQRT_2 * erfc_inv(2.0 * p)
}

/// Logarithm of the probability that a standard normal variable is below `z`.
pub(super) fn ln_normal_below(z: f64) -> f64 {
    /// Below this, the asymptotic series has more digits than `erfc`, which underflows at -38.
    const FAR: f64 = -20.0;
    if z >= FAR {
        return normal_above(-z).ln();
    }
    let inverse_square = 1.0 / (z * z);
    let series = -inverse_square
        * (1.0 - inverse_square * (3.0 - inverse_square * (15.0 - 105.0 * inverse_square)));
    -0.5 * z * z - (-z).ln() - 0.5 * (2.0 * PI).ln() + series.ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(got: f64, expected: f64, relative: f64) {
        assert!((got - expected).abs() <= relative * expected.abs(), "{got} is not {expected}");
    }

    #[test]
    fn zeta_has_its_known_values() {
        assert_close(zeta(2.0), PI * PI / 6.0, 1e-15);
        assert_close(zeta(4.0), PI.powi(4) / 90.0, 1e-15);
        assert_close(zeta(1.5), 2.612_375_348_685_488, 1e-14);
    }

    #[test]
    fn lambert_w_solves_its_equation() {
        for y in [1.001, 1.5, 7.0, 100.0, 2000.0] {
            let w = lambert_w_lower(y);
            assert!(w < -1.0);
            assert_close((-w).ln() + w, -y, 1e-13);
        }
    }

    #[test]
    fn the_incomplete_beta_function_of_integers_is_a_binomial_tail() {
        // I_x(3, 2) = 4 x^3 - 3 x^4, on both sides of the mean.
        for x in [0.01, 0.3, 0.59, 0.61, 0.9, 0.999] {
            let expected: f64 = 4.0 * x * x * x - 3.0 * x * x * x * x;
            assert_close((ln_beta_lower(3.0, 2.0, x) - ln_beta(3.0, 2.0)).exp(), expected, 1e-13);
        }
    }

    #[test]
    fn half_of_a_symmetric_beta_distribution_is_below_one_half_however_narrow() {
        for a in [1.0, 100.0, 1e6] {
            assert_close(ln_beta_lower(a, a, 0.5) - ln_beta(a, a), 0.5_f64.ln(), 1e-8);
        }
    }

    #[test]
    fn the_normal_distribution_goes_on_beyond_underflow() {
        assert_close(ln_normal_below(0.0), 0.5_f64.ln(), 1e-15);
        assert_close(ln_normal_below(-20.000_001), ln_normal_below(-19.999_999), 1e-6);
        assert_close(ln_normal_below(-40.0), -804.608_442_013_754, 1e-13);
        assert_close(normal_upper_quantile(0.025), 1.959_963_984_540_054, 1e-14);
    }
}
