//! `ln(1 + x)` of several numbers at a time.
//!
//! The kernel takes one for each alternative at each look, and calls into a library would be a seventh
//! of what a rollout costs. This is fdlibm's `log1p` without its branches, so that compilers turn the
//! loops into instructions on two or four numbers at a time; every result is the library's, to the last
//! digit (below 2^53; above, but for rounding). It must not know what the numbers are.

/// The part of `ln 2` that multiples of up to 2^21 keep exactly, and the rest: as in fdlibm.
pub(super) const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
pub(super) const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Between these `1 + x` needs no reduction.
const LOW: f64 = -f64::from_bits(0x3fd2_bec5_0000_0000);
const HIGH: f64 = f64::from_bits(0x3fda_827a_0000_0000);

/// The bits of 1, and those of a number just above the root of one half, without their low halves.
const ONE: u64 = 0x3ff0_0000 << 32;
const ROOT_HALF: u64 = 0x3fe6_a09e << 32;

const MANTISSA: u64 = (1 << 52) - 1;

/// 2^52: its last bits are a whole number's.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// `ln(1 + x)` of each, above -1 and finite.
pub(super) fn ln_1p<const N: usize>(xs: [f64; N]) -> [f64; N] {
    let mut reduced = [(0.0, 0.0, 0.0); N];
    for (parts, x) in reduced.iter_mut().zip(xs) {
        *parts = reduce(x);
    }
    reduced.map(|(f, correction, twos)| polynomial(f, correction, twos))
}

/// `1 + x` as `2^twos (1 + f)`, with `f` between the roots of a half and of two, less 1; and what
/// rounding `1 + x` has cost.
fn reduce(x: f64) -> (f64, f64, f64) {
    let sum = 1.0 + x;
    let shifted = sum.to_bits().wrapping_add(ONE - ROOT_HALF);
    let twos = f64::from_bits(WHOLE.to_bits() | (shifted >> 52)) - (WHOLE + 1023.0);
    let lost = if twos >= 2.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) };
    let f = f64::from_bits((shifted & MANTISSA) + ROOT_HALF) - 1.0;
    let as_it_is = x > LOW && x < HIGH;
    if as_it_is { (x, 0.0, 0.0) } else { (f, lost / sum, twos) }
}

/// `ln(1 + f) + correction + twos ln 2`, by fdlibm's approximation.
fn polynomial(f: f64, correction: f64, twos: f64) -> f64 {
    const L1: f64 = f64::from_bits(0x3fe5_5555_5555_5593);
    const L2: f64 = f64::from_bits(0x3fd9_9999_9997_fa04);
    const L3: f64 = f64::from_bits(0x3fd2_4924_9422_9359);
    const L4: f64 = f64::from_bits(0x3fcc_71c5_1d8e_78af);
    const L5: f64 = f64::from_bits(0x3fc7_4664_96cb_03de);
    const L6: f64 = f64::from_bits(0x3fc3_9a09_d078_c69f);
    const L7: f64 = f64::from_bits(0x3fc2_f112_df3e_5244);
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (L2 + w * (L4 + w * L6));
    let odd = z * (L1 + w * (L3 + w * (L5 + w * L7)));
    s * (half_square + (odd + even)) + (twos * LN_2_LOW + correction) - half_square
        + f
        + twos * LN_2_HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_the_librarys_to_the_last_digit() {
        let near_one = (1..100_000).map(|n| -1.0 + 1e-5 * f64::from(n));
        let above = (0..100_000).map(|n| 3e-4 * f64::from(n));
        let sizes = (-1070..=52).flat_map(|power| [1.0, 1.3, 1.9].map(|x| x * two_to(power)));
        let edges = [LOW, HIGH].into_iter().flat_map(|edge| {
            let bits = edge.to_bits();
            (bits - 3..bits + 3).map(f64::from_bits)
        });
        let small = sizes.clone().filter(|x| *x < 0.99).map(|x| -x);
        for x in near_one.chain(above).chain(sizes).chain(edges).chain(small) {
            let [got] = ln_1p([x]);
            assert_eq!(got.to_bits(), libm::log1p(x).to_bits(), "ln(1 + {x:e})");
        }
        assert_eq!(ln_1p([0.0]), [0.0]);
    }

    fn two_to(power: i32) -> f64 {
        libm::ldexp(1.0, power)
    }
}
