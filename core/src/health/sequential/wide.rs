//! Numbers of any size whose sums and products cost no logarithm.
//!
//! Capital is multiplied at every look and added to at many. As a logarithm the sum costs an `exp`
//! and a `log1p` for each alternative; as a mantissa with a wide exponent it costs a shift.

use std::f64::consts::{LN_2, LOG2_E};

use super::logs::LOG_EVIDENCE_CAP;

/// The part of `ln 2` that multiples of up to 2^21 keep exactly, and the rest: as in fdlibm.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The exponent of the cap on log evidence.
const MOST: i32 = 1_442_695;

/// A term this many binary digits below another does not change it.
const NEGLIGIBLE: i32 = 64;

/// Added to a number below 2^51 (1.5 * 2^52) and taken away again, it leaves the nearest whole one.
const ROUNDS: f64 = 6_755_399_441_055_744.0;

/// `mantissa * 2^exponent`, zero or more, with the mantissa in 1 to 2 unless it is zero. Held within
/// the cap of log evidence, up and down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    mantissa: f64,
    exponent: i32,
}

impl Wide {
    /// Nothing.
    pub(super) const ZERO: Self = Self { mantissa: 0.0, exponent: -MOST };

    /// An ordinary number, zero or more and not subnormal.
    pub(super) const fn new(number: f64) -> Self {
        if number < f64::MIN_POSITIVE {
            return Self::ZERO;
        }
        let bits = number.to_bits();
        let exponent = (bits >> 52) as i32 - 1023;
        let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
        Self { mantissa, exponent }
    }

    /// `exp(ln)` of each of several. In steps over all of them, which compilers turn into instructions
    /// on two or four at a time.
    pub(super) fn exp<const N: usize>(lns: [f64; N]) -> [Self; N] {
        // From cap to cap is as far as anything can go.
        let lns = lns.map(|ln| ln.clamp(-2.0 * LOG_EVIDENCE_CAP, 2.0 * LOG_EVIDENCE_CAP));
        let shifted = lns.map(|ln| ln * LOG2_E + ROUNDS);
        let mut mantissas = [0.0; N];
        for (mantissa, (ln, shifted)) in mantissas.iter_mut().zip(lns.iter().zip(&shifted)) {
            let twos = shifted - ROUNDS;
            *mantissa = exp_reduced((ln - twos * LN_2_HIGH) - twos * LN_2_LOW);
        }
        let mut exps = [Self::ZERO; N];
        for (exp, (mantissa, shifted)) in exps.iter_mut().zip(mantissas.iter().zip(&shifted)) {
            // The lowest bits of the shifted number are the whole number it was rounded to.
            *exp = Self { mantissa: *mantissa, exponent: shifted.to_bits() as i32 };
        }
        exps
    }

    /// The product of this and an [`exp`](Self::exp).
    pub(super) fn times(self, exp: Self) -> Self {
        let mantissa = self.mantissa * exp.mantissa;
        Self { mantissa, exponent: self.exponent + exp.exponent }.normal()
    }

    /// The sum of both.
    pub(super) fn plus(self, other: Self) -> Self {
        let (large, small) =
            if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let mantissa = large.mantissa + small.at(large.exponent);
        Self { mantissa, ..large }.normal()
    }

    /// The natural logarithm of the sum, taken in the order given, over `count`. Minus the cap for a
    /// sum of nothing.
    pub(super) fn ln_mean(terms: impl Iterator<Item = Self> + Clone, count: f64) -> f64 {
        let top = terms.clone().map(|term| term.exponent).max().unwrap_or(-MOST);
        let sum: f64 = terms.map(|term| term.at(top)).sum();
        if sum > 0.0 { libm::log(sum / count) + f64::from(top) * LN_2 } else { -LOG_EVIDENCE_CAP }
    }

    /// The mantissa this number has at another exponent, not below its own; zero where it does not
    /// matter.
    fn at(self, exponent: i32) -> f64 {
        let shift = exponent - self.exponent;
        if shift > NEGLIGIBLE {
            return 0.0;
        }
        self.mantissa * two_to(-shift)
    }

    /// Brings a mantissa back that a step has left between one half and four. Without a branch: which
    /// way it goes is as good as random, and wrong guesses cost more than all the rest.
    fn normal(self) -> Self {
        let Self { mantissa, exponent } = self;
        let shift = i32::from(mantissa >= 2.0) - i32::from(mantissa < 1.0);
        let exponent = (exponent + shift).clamp(-MOST, MOST);
        Self { mantissa: mantissa * two_to(-shift), exponent }
    }
}

/// Two to a power between -1022 and 1023.
const fn two_to(power: i32) -> f64 {
    f64::from_bits(((1023 + power) as u64) << 52)
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

    impl Wide {
        fn times_exp(self, ln: f64) -> Self {
            let [exp] = Self::exp([ln]);
            self.times(exp)
        }
    }

    fn ln(number: Wide) -> f64 {
        Wide::ln_mean(std::iter::once(number), 1.0)
    }

    #[test]
    fn products_and_sums_are_those_of_logarithms() {
        for start in [1e-300, 0.004, 0.5, 1.0, 3.0, 1e300] {
            for step in [-1e5, -700.0, -0.3, 0.0, 1e-9, 0.34, 0.35, 40.0, 1e5] {
                let product = Wide::new(start).times_exp(step);
                let expected = f64::ln(start) + step;
                let tolerance = 1e-15 * expected.abs() + 1e-15 * step.abs() + 1e-15;
                assert!((ln(product) - expected).abs() <= tolerance, "{start} {step}");
                let sum = product.plus(Wide::new(0.25));
                let (high, low) = (expected.max(0.25_f64.ln()), expected.min(0.25_f64.ln()));
                let expected = high + (low - high).exp().ln_1p();
                assert!((ln(sum) - expected).abs() <= tolerance + 1e-15, "{start} {step}");
            }
        }
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
        let high = Wide::new(1.0).times_exp(1e300).times_exp(f64::MAX);
        assert!((ln(high) - LOG_EVIDENCE_CAP).abs() < 1.0);
        let low = high.times_exp(-1e300);
        assert!((ln(low) + LOG_EVIDENCE_CAP).abs() < 1.0);
        assert!((ln(low.times_exp(LOG_EVIDENCE_CAP))).abs() < 1.0);
        assert!((ln(low.plus(Wide::new(1.0)))).abs() < 1e-15);
    }

    #[test]
    fn nothing_stays_nothing_until_something_is_added() {
        let nothing = Wide::ZERO.times_exp(1e6);
        assert_eq!(ln(nothing), -LOG_EVIDENCE_CAP);
        assert_eq!(ln(Wide::ZERO.times_exp(5.0).plus(Wide::new(1.0))), 0.0);
    }
}
