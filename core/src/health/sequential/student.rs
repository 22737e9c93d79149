//! Student's distribution function, in logs, over `libm` only.
//!
//! Written here because the crates that have it take logarithms from the platform, and a verdict
//! must not depend on the platform; and because none gives the lower tail in logs. Two ways: for a whole
//! number of degrees and not far out in the lower tail the finite sums of Abramowitz and Stegun (1964,
//! 26.7.3 and 26.7.4), for several values side by side; else the incomplete beta function by its
//! continued fraction (Numerical Recipes, 3rd ed., section 6.4), taken from the side on which it
//! converges fast.

use std::f64::consts::{FRAC_2_PI, LN_2, PI};

use super::ln_1p::ln_1p;

/// The fraction is cut when a step changes it by less than this.
const SETTLED: f64 = 1e-15;

/// A square past this is as good as infinite, and would leave nothing to compute with.
const FARTHEST: f64 = 1e300;

/// Enough for a million degrees of freedom; the steps needed grow as their square root.
const MOST_STEPS: u32 = 5_000;

/// Terms of a finite sum, at most: with more the fraction is as quick.
const MOST_TERMS: usize = 64;

/// The lower tail below `(1 - this) / 2` is no difference to be taken: it would lose a digit.
const MIDDLE: f64 = 0.9;

/// Each term of the finite sums over the one before it, without the power: `(2 k - 1) / 2 k` for even
/// degrees and `2 k / (2 k + 1)` for odd ones, from `k` of one on.
const EVEN: [f64; MOST_TERMS] = ratios(1.0);
const ODD: [f64; MOST_TERMS] = ratios(2.0);

const fn ratios(first: f64) -> [f64; MOST_TERMS] {
    let mut ratios = [0.0; MOST_TERMS];
    let mut k = 0;
    while k < MOST_TERMS {
        let above = first + 2.0 * k as f64;
        ratios[k] = above / (above + 1.0);
        k += 1;
    }
    ratios
}

/// `ln P(T <= q)` for `T` with `degrees` of freedom, at least 1: [`Student::ln_cdf`], once.
pub(in crate::health) fn ln_cdf(q: f64, degrees: f64) -> f64 {
    Student::of(degrees).ln_cdf(q)
}

/// The distribution with so many degrees of freedom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Student {
    degrees: f64,
}

impl Student {
    /// With `degrees` of freedom, at least 1.
    pub(super) const fn of(degrees: f64) -> Self {
        Self { degrees }
    }

    /// [`ln_cdf`](Self::ln_cdf) of each: several at once cost little more than one.
    pub(super) fn ln_cdfs<const N: usize>(&self, qs: [f64; N]) -> [f64; N] {
        let Some(middles) = self.middles(qs) else { return qs.map(|q| self.ln_cdf(q)) };
        let mut logs = ln_1p(middles.map(|middle| middle.max(-MIDDLE))).map(|ln| ln - LN_2);
        for ((ln, middle), q) in logs.iter_mut().zip(middles).zip(qs) {
            if middle < -MIDDLE {
                *ln = self.ln_cdf(q);
            }
        }
        logs
    }

    /// `P(-|q| <= T <= |q|)` of each, with the sign of `q`, by the finite sums; none where they would be
    /// too long, or degrees are not whole.
    fn middles<const N: usize>(&self, qs: [f64; N]) -> Option<[f64; N]> {
        let terms = libm::floor(self.degrees / 2.0);
        let is_odd = match self.degrees - 2.0 * terms {
            0.0 => false,
            1.0 => true,
            _ => return None,
        };
        if terms > MOST_TERMS as f64 {
            return None;
        }
        // With q as the tangent of an angle, times the root of the degrees.
        let squares = qs.map(|q| (q * q).min(FARTHEST) / self.degrees);
        let cosines = squares.map(|square| 1.0 / (1.0 + square));
        let sums = finite_sums(if is_odd { &ODD } else { &EVEN }, terms as usize, cosines);
        let mut middles = [0.0; N];
        for (nth, middle) in middles.iter_mut().enumerate() {
            let (square, cosine) = (squares[nth], cosines[nth]);
            let sine = libm::sqrt(square * cosine);
            let share = if is_odd {
                let along = sine * libm::sqrt(cosine) * sums[nth];
                FRAC_2_PI * (libm::atan(libm::sqrt(square)) + along)
            } else {
                sine * sums[nth]
            };
            *middle = share.copysign(qs[nth]);
        }
        Some(middles)
    }

    /// `ln P(T <= q)`. Right to about 1e-13 in both tails, to about 1e-16 times the degrees beyond a
    /// thousand.
    pub(super) fn ln_cdf(&self, q: f64) -> f64 {
        let a = self.degrees / 2.0;
        let square = (q * q).min(FARTHEST) / self.degrees;
        // I_x(a, 1/2) is the mass of both tails beyond |q|.
        let x = 1.0 / (1.0 + square);
        let y = square * x;
        if y == 0.0 {
            return -LN_2;
        }
        let ln_front = 0.5 * libm::log(y) - a * libm::log1p(square) - ln_beta_half(a);
        if x < (a + 1.0) / (a + 2.5) {
            let ln_tails = ln_front + libm::log(fraction(a, 0.5, x) / a);
            if q < 0.0 { ln_tails - LN_2 } else { libm::log1p(-libm::exp(ln_tails) / 2.0) }
        } else {
            let middle = libm::exp(ln_front) * fraction(0.5, a, y) * 2.0;
            libm::log1p(if q < 0.0 { -middle } else { middle }) - LN_2
        }
    }
}

/// `1 + r1 x + r1 r2 x^2 + ...`, so many terms of it, from the innermost out. Zero for no terms.
fn finite_sums<const N: usize>(ratios: &[f64], terms: usize, xs: [f64; N]) -> [f64; N] {
    let mut sums = [if terms == 0 { 0.0 } else { 1.0 }; N];
    for ratio in ratios.iter().take(terms.saturating_sub(1)).rev() {
        for (sum, x) in sums.iter_mut().zip(xs) {
            *sum = 1.0 + ratio * x * *sum;
        }
    }
    sums
}

/// `ln B(a, 1/2)`; from 20 on by Stirling's series of a ratio of gamma functions, which keeps the
/// digits that the difference of two large logarithms would lose.
fn ln_beta_half(a: f64) -> f64 {
    let ln_ratio = if a < 20.0 {
        libm::lgamma(a + 0.5) - libm::lgamma(a)
    } else {
        let inverse = 1.0 / a;
        let square = inverse * inverse;
        let series = 1.0 / 192.0 - square * (1.0 / 640.0 - square * (17.0 / 14_336.0));
        0.5 * libm::log(a) - inverse * (0.125 - square * series)
    };
    0.5 * libm::log(PI) - ln_ratio
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut upper = 1.0;
    let mut lower = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = lower;
    for step in 1..=MOST_STEPS {
        let m = f64::from(step);
        let twice = a + 2.0 * m;
        let even = m * (b - m) * x / ((twice - 1.0) * twice);
        lower = 1.0 / away_from_zero(1.0 + even * lower);
        upper = away_from_zero(1.0 + even / upper);
        value *= lower * upper;
        let odd = -(a + m) * (a + b + m) * x / (twice * (twice + 1.0));
        lower = 1.0 / away_from_zero(1.0 + odd * lower);
        upper = away_from_zero(1.0 + odd / upper);
        let change = lower * upper;
        value *= change;
        if (change - 1.0).abs() < SETTLED {
            break;
        }
    }
    value
}

const fn away_from_zero(value: f64) -> f64 {
    if value.abs() < 1e-300 { 1e-300 } else { value }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    #[test]
    fn agrees_with_another_library_where_that_one_is_good() {
        for degrees in [1.0, 2.0, 3.0, 7.0, 30.0, 39.0, 40.0, 41.0, 60.0, 500.0] {
            let other = StudentsT::new(0.0, 1.0, degrees).unwrap();
            for tenths in -60..=60 {
                let q = f64::from(tenths) / 10.0;
                let expected = other.cdf(q).ln();
                let got = ln_cdf(q, degrees);
                let near = (got - expected).abs() <= 1e-10 * (1.0 + expected.abs());
                assert!(near, "ln T_{degrees}({q}) is {got}, statrs says {expected}");
            }
        }
    }

    #[test]
    fn agrees_with_fifty_digit_arithmetic() {
        // q, degrees, ln T; from mpmath's incomplete beta function.
        for (q, degrees, expected) in [
            (-1.5, 2.0, -1.9936561246050544),
            (-0.25, 3.0, -0.8931490501007893),
            (-2.0, 10.0, -3.3051415512324533),
            (0.5, 39.0, -0.37098012814047215),
            (-8.0, 40.0, -21.651491999781147),
            (-1.75, 41.0, -3.128124089360789),
            (-1.75, 100000.0, -3.2173597170233004),
            (3.0, 100000.0, -0.0013511428245325497),
            (-30.0, 1000.0, -324.9275079010712),
            (-0.001, 60.0, -0.6939420633724567),
            (-2.5, 2000000.0, -5.081641882010152),
            (6.0, 59.0, -6.46618874925711e-08),
            (2.25, 4.0, -0.04481180600546763),
        ] {
            let got = ln_cdf(q, degrees);
            let tolerance = 1e-13 * f64::max(1.0, degrees / 1e3);
            let near = (got - expected).abs() <= tolerance * (1.0 + f64::abs(expected));
            assert!(near, "ln T_{degrees}({q}) is {got}, not {expected}");
        }
    }

    #[test]
    fn several_at_once_are_what_each_is_alone() {
        for degrees in (1..=140).map(f64::from).chain([2.5, 1e5]) {
            let student = Student::of(degrees);
            for tenths in -80..=80 {
                let qs = [0.0, 0.03, 1.7].map(|more| f64::from(tenths) / 10.0 + more);
                for (q, got) in qs.into_iter().zip(student.ln_cdfs(qs)) {
                    let alone = student.ln_cdf(q);
                    let near = (got - alone).abs() <= 2e-14 * (1.0 + alone.abs());
                    assert!(near, "ln T_{degrees}({q}) is {got}, and alone {alone}");
                }
            }
        }
    }

    #[test]
    fn several_at_once_keep_to_their_ends() {
        for degrees in [1.0, 2.0, 60.0] {
            let [low, high] = Student::of(degrees).ln_cdfs([-1e200, 1e200]);
            assert!(low < -100.0 && high.abs() < 1e-15, "{degrees}: {low} {high}");
        }
    }

    #[test]
    fn keeps_its_digits_far_out_in_the_lower_tail() {
        // With one and two degrees of freedom the tail has a closed form.
        for q in [-1e3, -1e6, -1e9_f64] {
            let cauchy = (1.0 / (PI * -q)).ln();
            assert!((ln_cdf(q, 1.0) - cauchy).abs() < 1.0 / (q * q) + 1e-12);
            let two = (0.5 / (q * q)).ln();
            assert!((ln_cdf(q, 2.0) - two).abs() < 2.0 / (q * q) + 1e-12);
        }
        assert!(ln_cdf(-1e6, 100.0) < -900.0);
    }
}
