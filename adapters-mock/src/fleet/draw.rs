//! Random draws without state: each is a function of (seed, stream, index), so a window that is
//! measured twice gives the same numbers, and nothing depends on the order of calls.
//!
//! Bits come from the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Counts are
//! drawn per period, not per request: exactly for small means, by the normal approximation above.

use std::ops::Range;

/// Mean above which a count is drawn from the normal approximation; its skew is below 0.18 there.
const NORMAL_FROM: f64 = 30.0;

/// Well-mixed bits of a seed, a stream and an index.
pub(crate) const fn bits(seed: u64, stream: u64, index: u64) -> u64 {
    Stream::new(seed, stream).bits(index)
}

/// One stream of a seed, for more than one index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    pub(crate) const fn bits(self, index: u64) -> u64 {
        mix(self.0 ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }
}

const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Strictly between 0 and 1: 52 bits behind the point, and one half more.
pub(crate) const fn uniform(bits: u64) -> f64 {
    const HALF: f64 = f64::from_bits((1023 - 53) << 52);
    (f64::from_bits(1023 << 52 | bits >> 12) - 1.0) + HALF
}

/// A standard normal value: the inverse distribution function by Acklam's rational approximation
/// (relative error below 1.2e-9).
#[inline]
pub(crate) fn normal(bits: u64) -> f64 {
    let p = uniform(bits);
    if is_central(p) { centre(p - 0.5) } else { off_centre(p) }
}

/// [`normal`] of several: nineteen in twenty are central, and those are worked out side by side.
fn normals<const N: usize>(bits: [u64; N]) -> [f64; N] {
    let ps = bits.map(uniform);
    let mut normals = ps.map(|p| centre(p - 0.5));
    for (normal, p) in normals.iter_mut().zip(ps) {
        if !is_central(p) {
            *normal = off_centre(p);
        }
    }
    normals
}

/// Below this, and as far from one, the approximation is another.
const LOW: f64 = 0.024_25;

const fn is_central(p: f64) -> bool {
    LOW <= p && p <= 1.0 - LOW
}

#[cold]
fn off_centre(p: f64) -> f64 {
    if p < LOW { tail(p) } else { -tail(1.0 - p) }
}

fn centre(q: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    let r = q * q;
    q * polynomial(&A, r) / (polynomial(&B, r) * r + 1.0)
}

/// Of a probability near zero: one draw in twenty.
fn tail(p: f64) -> f64 {
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let q = (-2.0 * p.ln()).sqrt();
    polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
}

fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let (first, rest) = coefficients.split_at(1);
    rest.iter().fold(first[0], |sum, c| sum * x + c)
}

/// Poisson counts of one mean: what all of them share is worked out once.
#[derive(Clone, Debug)]
pub(crate) enum Poisson {
    /// Always nothing.
    Nothing,
    /// By inversion, with the beginning of the distribution function.
    Small(Inversion),
    /// By the normal approximation.
    Large { mean: f64, spread: f64 },
}

impl Poisson {
    pub(crate) fn of(mean: f64) -> Self {
        if mean <= 0.0 {
            Self::Nothing
        } else if mean < NORMAL_FROM {
            Self::Small(Inversion::of(mean))
        } else {
            Self::Large { mean, spread: mean.sqrt() }
        }
    }

    pub(crate) fn draw(&self, bits: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Small(inversion) => inversion.draw(uniform(bits)),
            Self::Large { mean, spread } => rounded(mean + spread * normal(bits)),
        }
    }

    /// The sum of the draws of these periods.
    pub(crate) fn sum(&self, stream: Stream, periods: Range<u64>) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Small(inversion) => {
                periods.map(|period| inversion.draw(uniform(stream.bits(period)))).sum()
            }
            Self::Large { mean, spread } => sum_of_normals(*mean, *spread, stream, periods),
        }
    }
}

/// What [`Poisson::draw`] gives for each of these periods, added up.
fn sum_of_normals(mean: f64, spread: f64, stream: Stream, mut periods: Range<u64>) -> u64 {
    /// Half a minute of the usual periods of ten seconds.
    const SIDE_BY_SIDE: u64 = 3;
    let mut sum = 0;
    while periods.end - periods.start >= SIDE_BY_SIDE {
        let first = periods.start;
        let bits = std::array::from_fn::<_, { SIDE_BY_SIDE as usize }, _>(|nth| {
            stream.bits(first + nth as u64)
        });
        sum += normals(bits).map(|normal| rounded(mean + spread * normal)).iter().sum::<u64>();
        periods.start += SIDE_BY_SIDE;
    }
    sum + periods.map(|period| rounded(mean + spread * normal(stream.bits(period)))).sum::<u64>()
}

/// 1/k, because a multiplication is several times as fast as a division.
const RECIPROCALS: [f64; 201] = {
    let mut table = [0.0; 201];
    let mut k = 1;
    while k < table.len() {
        table[k] = 1.0 / k as f64;
        k += 1;
    }
    table
};

/// Counts of a small mean, by walking up the distribution function. Its beginning is kept: most
/// draws end there, and comparing with all of it is quicker than guessing where.
#[derive(Clone, Debug)]
pub(crate) struct Inversion {
    mean: f64,
    /// The distribution function at 0, 1, and so on.
    sums: [f64; 8],
    /// The probability of the last of them.
    last: f64,
}

impl Inversion {
    fn of(mean: f64) -> Self {
        let mut last = (-mean).exp();
        let mut sum = last;
        let mut sums = [sum; 8];
        for (k, slot) in sums.iter_mut().enumerate().skip(1) {
            last *= mean * RECIPROCALS[k];
            sum += last;
            *slot = sum;
        }
        Self { mean, sums, last }
    }

    fn draw(&self, u: f64) -> u64 {
        let below: u64 = self.sums.iter().map(|sum| u64::from(u > *sum)).sum();
        if below < 8 { below } else { self.walk_on(u) }
    }

    #[cold]
    fn walk_on(&self, u: f64) -> u64 {
        let (mut k, mut term, mut sum) = (7, self.last, self.sums[7]);
        // 200 is more than thirty standard deviations above any mean that gets here.
        while u > sum && k < RECIPROCALS.len() - 1 {
            k += 1;
            term *= self.mean * RECIPROCALS[k];
            sum += term;
        }
        k as u64
    }
}

/// How many of `n` happen, each with probability `p`.
#[expect(clippy::cast_precision_loss, reason = "counts of one period fit 52 bits")]
pub(crate) fn binomial(bits: u64, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p > 0.5 {
        return n - binomial(bits, n, 1.0 - p);
    }
    let mean = n as f64 * p;
    if mean < NORMAL_FROM {
        small_binomial(uniform(bits), n, p)
    } else {
        rounded(mean + (mean * (1.0 - p)).sqrt() * normal(bits)).min(n)
    }
}

/// By inversion, with the ratio of neighbouring terms.
#[expect(clippy::cast_precision_loss, reason = "counts of one period fit 52 bits")]
fn small_binomial(u: f64, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let mut term = ((1.0 - p).ln() * n as f64).exp();
    let (mut sum, mut k) = (term, 0_u64);
    while u > sum && k < n && k < 200 {
        k += 1;
        term *= odds * (n - k + 1) as f64 / k as f64;
        sum += term;
    }
    k
}

/// To the nearest count, at most 2^51. By where a large number leaves the last bit: rounding is a call
/// on most machines, and a cast has to look for what no count is.
fn rounded(x: f64) -> u64 {
    const WHOLE: f64 = f64::from_bits((1023 + 52) << 52);
    (x.clamp(0.0, WHOLE / 2.0) + WHOLE).to_bits() & ((1 << 52) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn mean_and_variance(draw: impl Fn(u64) -> f64) -> (f64, f64) {
        const N: u64 = 20_000;
        let values: Vec<f64> = (0..N).map(|i| draw(bits(7, 1, i))).collect();
        let mean = values.iter().sum::<f64>() / N as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / N as f64)
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn counts_have_the_mean_and_variance_of_their_distribution() {
        for mean in [0.3, 4.0, 29.0, 31.0, 900.0] {
            let (m, v) = mean_and_variance(|b| Poisson::of(mean).draw(b) as f64);
            assert!((m - mean).abs() < 0.03 * mean + 0.02, "mean {m} of Poisson {mean}");
            assert!((v - mean).abs() < 0.06 * mean + 0.02, "variance {v} of Poisson {mean}");
        }
        for (n, p) in [(100, 0.01), (100, 0.4), (1_000, 0.2), (50, 0.9)] {
            let (want, spread) = (n as f64 * p, n as f64 * p * (1.0 - p));
            let (m, v) = mean_and_variance(|b| binomial(b, n, p) as f64);
            assert!((m - want).abs() < 0.03 * want + 0.02, "mean {m} of binomial {n} {p}");
            assert!((v - spread).abs() < 0.06 * spread + 0.02, "variance {v} of binomial {n} {p}");
        }
    }

    #[test]
    fn a_normal_draw_has_mean_zero_and_variance_one() {
        let (m, v) = mean_and_variance(normal);
        assert!(m.abs() < 0.03 && (v - 1.0).abs() < 0.04, "mean {m}, variance {v}");
    }
}
