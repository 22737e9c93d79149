//! Numbers of any size whose sums and products cost no logarithm.
//!
//! Capital is multiplied at every look and added to at many. As a logarithm the sum costs an `exp`
//! and a `log1p` for each alternative; as a mantissa with a wide exponent it costs a shift. Several are
//! kept side by side, mantissas with mantissas and exponents with exponents, and worked on in loops
//! without branches, which compilers turn into instructions on two or four at a time.

use std::f64::consts::{LN_2, LOG2_E};

use super::ln_1p::{LN_2_HIGH, LN_2_LOW};
use super::logs::LOG_EVIDENCE_CAP;

/// The exponent of the cap on log evidence.
const MOST: f64 = 1_442_695.0;

/// A term this many binary digits below another does not change it.
const NEGLIGIBLE: f64 = 64.0;

/// Added to a number below 2^51 (1.5 * 2^52) and taken away again, it leaves the nearest whole one.
const ROUNDS: f64 = 6_755_399_441_055_744.0;

/// Several numbers `mantissa * 2^exponent`, zero or more, with mantissas in 1 to 2 unless they are zero.
/// Exponents are whole. Held within the cap of log evidence, up and down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wides<const N: usize> {
    mantissas: [f64; N],
    exponents: [f64; N],
}

impl<const N: usize> Wides<N> {
    /// Nothing, so many times.
    pub(super) const ZERO: Self = Self { mantissas: [0.0; N], exponents: [-MOST; N] };

    /// Multiplies each by `exp(ln)` of its own.
    pub(super) fn times_exp(&mut self, lns: [f64; N]) {
        // From cap to cap is as far as anything can go.
        let lns = lns.map(|ln| ln.clamp(-2.0 * LOG_EVIDENCE_CAP, 2.0 * LOG_EVIDENCE_CAP));
        for (nth, ln) in lns.into_iter().enumerate() {
            let twos = (ln * LOG2_E + ROUNDS) - ROUNDS;
            let exp = exp_reduced((ln - twos * LN_2_HIGH) - twos * LN_2_LOW);
            let product = self.mantissas[nth] * exp;
            (self.mantissas[nth], self.exponents[nth]) =
                normal(product, self.exponents[nth] + twos);
        }
    }

    /// Adds an ordinary number, above zero and not subnormal, to the first so many.
    pub(super) fn add(&mut self, number: f64, first: usize) {
        let (mantissa, exponent) = split(number);
        let both = self.mantissas.iter_mut().zip(&mut self.exponents);
        for (to_mantissa, to_exponent) in both.take(first) {
            let top = to_exponent.max(exponent);
            let sum = *to_mantissa * two_to(*to_exponent - top) + mantissa * two_to(exponent - top);
            (*to_mantissa, *to_exponent) = normal(sum, top);
        }
    }

    /// The natural logarithm of the sum of all of them and an ordinary number, zero or more, over
    /// `count`. Minus the cap for a sum of nothing. Summed in a fixed order.
    pub(super) fn ln_mean_with(&self, number: f64, count: f64) -> f64 {
        let (mantissa, exponent) = split(number);
        let top =
            self.exponents.iter().fold(exponent, |top, one| if *one > top { *one } else { top });
        let mut terms = [0.0; N];
        for (term, (mantissa, exponent)) in
            terms.iter_mut().zip(self.mantissas.iter().zip(&self.exponents))
        {
            *term = mantissa * two_to(exponent - top);
        }
        let sum = terms.iter().sum::<f64>() + mantissa * two_to(exponent - top);
        if sum > 0.0 { libm::log(sum / count) + top * LN_2 } else { -LOG_EVIDENCE_CAP }
    }
}

/// Mantissa and exponent of an ordinary number; those of nothing for one that is subnormal or zero.
const fn split(number: f64) -> (f64, f64) {
    if number < f64::MIN_POSITIVE {
        return (0.0, -MOST);
    }
    let bits = number.to_bits();
    let exponent = (bits >> 52) as f64 - 1023.0;
    (f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52)), exponent)
}

/// Brings a mantissa back that a step has left between one half and four. Without a branch: which way
/// it goes is as good as random, and wrong guesses cost more than all the rest.
fn normal(mantissa: f64, exponent: f64) -> (f64, f64) {
    let (scale, shift) = if mantissa >= 2.0 { (0.5, 1.0) } else { (1.0, 0.0) };
    let (scale, shift) = if mantissa < 1.0 { (2.0, -1.0) } else { (scale, shift) };
    (mantissa * scale, (exponent + shift).clamp(-MOST, MOST))
}

/// Two to a whole power, zero at most; zero where it does not matter.
fn two_to(power: f64) -> f64 {
    let kept = if power < -NEGLIGIBLE { -1023.0 } else { power };
    // The lowest bits of a number from 2^52 on are the whole number it holds. The power -1023 is zero.
    f64::from_bits((kept + (1023.0 + 4_503_599_627_370_496.0)).to_bits() << 52)
}

/// `exp(x)` for `x` between plus and minus `ln(2) / 2`, to the last digit what `libm::exp` gives.
///
/// The kernel takes one for each alternative at each look, with `x` reduced already. Fdlibm's rational
/// approximation is all that is left to do then, and it can be worked out where it stands, for several
/// alternatives at a time.
fn exp_reduced(x: f64) -> f64 {
    const TINY: f64 = f64::from_bits(0x3e30_0001_0000_0000);
    const P1: f64 = f64::from_bits(0x3fc5_5555_5555_553e);
    const P2: f64 = f64::from_bits(0xbf66_c16c_16be_bd93);
    const P3: f64 = f64::from_bits(0x3f11_566a_af25_de2c);
    const P4: f64 = f64::from_bits(0xbebb_bd41_c5d2_6bf1);
    const P5: f64 = f64::from_bits(0x3e66_3769_72be_a4d0);
    let square = x * x;
    let c = x - square * (P1 + square * (P2 + square * (P3 + square * (P4 + square * P5))));
    let bent = if x.abs() < TINY { 0.0 } else { x * c / (2.0 - c) };
    1.0 + (bent + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: f64) -> Wides<1> {
        let mut one = Wides::ZERO;
        one.add(number, 1);
        one
    }

    fn times(mut number: Wides<1>, ln: f64) -> Wides<1> {
        number.times_exp([ln]);
        number
    }

    fn plus(mut number: Wides<1>, other: f64) -> Wides<1> {
        number.add(other, 1);
        number
    }

    fn ln(number: Wides<1>) -> f64 {
        number.ln_mean_with(0.0, 1.0)
    }

    #[test]
    fn products_and_sums_are_those_of_logarithms() {
        for start in [1e-300, 0.004, 0.5, 1.0, 3.0, 1e300] {
            for step in [-1e5, -700.0, -0.3, 0.0, 1e-9, 0.34, 0.35, 40.0, 1e5] {
                let product = times(of(start), step);
                let expected = f64::ln(start) + step;
                let tolerance = 1e-15 * expected.abs() + 1e-15 * step.abs() + 1e-15;
                assert!((ln(product) - expected).abs() <= tolerance, "{start} {step}");
                let sum = plus(product, 0.25);
                let with = product.ln_mean_with(0.25, 1.0);
                let (high, low) = (expected.max(0.25_f64.ln()), expected.min(0.25_f64.ln()));
                let expected = high + (low - high).exp().ln_1p();
                assert!((ln(sum) - expected).abs() <= tolerance + 1e-15, "{start} {step}");
                assert!((with - expected).abs() <= tolerance + 1e-15, "{start} {step}");
            }
        }
    }

    #[test]
    fn each_of_several_goes_its_own_way_and_only_the_first_are_added_to() {
        let mut three = Wides::<3>::ZERO;
        three.add(1.0, 2);
        three.times_exp([2.0, -1.0, 5.0]);
        let expected = ((2.0_f64.exp() + (-1.0_f64).exp() + 0.5) / 3.0).ln();
        assert!((three.ln_mean_with(0.5, 3.0) - expected).abs() < 1e-15);
    }

    #[test]
    fn the_exponential_of_a_reduced_number_is_that_of_the_library_to_the_last_digit() {
        let most = LN_2 / 2.0;
        let grid = (-100_000..=100_000).map(|n| most * f64::from(n) / 1e5);
        let tiny = (-1080..=-2).flat_map(|power| [1.0, 1.3].map(|x| x * f64::powi(2.0, power)));
        for x in grid.chain(tiny.clone()).chain(tiny.map(|x| -x)) {
            assert_eq!(exp_reduced(x).to_bits(), libm::exp(x).to_bits(), "exp({x:e})");
        }
    }

    #[test]
    fn it_stays_within_the_cap_and_comes_back() {
        let high = times(times(of(1.0), 1e300), f64::MAX);
        assert!((ln(high) - LOG_EVIDENCE_CAP).abs() < 1.0);
        let low = times(high, -1e300);
        assert!((ln(low) + LOG_EVIDENCE_CAP).abs() < 1.0);
        assert!((ln(times(low, LOG_EVIDENCE_CAP))).abs() < 1.0);
        assert!((ln(plus(low, 1.0))).abs() < 1e-15);
    }

    #[test]
    fn nothing_stays_nothing_until_something_is_added() {
        let nothing = times(Wides::ZERO, 1e6);
        assert_eq!(ln(nothing), -LOG_EVIDENCE_CAP);
        assert_eq!(ln(plus(times(Wides::ZERO, 5.0), 1.0)), 0.0);
    }
}
