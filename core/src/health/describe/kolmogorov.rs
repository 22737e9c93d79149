//! Whether two samples come from the same distribution: Kolmogorov and Smirnov.
//!
//! The exact distribution of the two-sample statistic, by lattice paths; or that of the one-sample
//! statistic for the harmonic size of both samples, as other libraries do for larger samples (Simard
//! and L'Ecuyer 2011 say which formula is good where).

use std::f64::consts::PI;

use statrs::function::factorial::ln_binomial;

use super::Tail;

/// From this effective size on the matrix formula is too slow, and the expansion good.
const EXPANSION_FROM: f64 = 140.0;

/// How the p-value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KsMethod {
    /// Exactly; time is the product of the sizes.
    Exact,
    /// By the one-sample distribution.
    Asymptotic,
}

/// The largest distance between two empirical distribution functions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KsTest {
    /// The distance, 0 to 1. One-sided: the largest excess of one function over the other, 0 at least.
    pub distance: f64,
    /// The chance of one as large if the distributions are the same.
    pub p: f64,
}

/// Compares two samples. [`Tail::Greater`] asks whether the first distribution function is the
/// higher one somewhere (its values are smaller), [`Tail::Less`] whether the second is. None when a
/// sample is empty or holds something that is not a number.
#[must_use]
pub fn kolmogorov_smirnov(
    first: &[f64],
    second: &[f64],
    tail: Tail,
    method: KsMethod,
) -> Option<KsTest> {
    let unusable = |sample: &[f64]| sample.is_empty() || sample.iter().any(|x| x.is_nan());
    if unusable(first) || unusable(second) {
        return None;
    }
    let lattice = Lattice { first: first.len() as u64, second: second.len() as u64, tail };
    let steps = lattice.largest_distance(first, second);
    let distance = steps as f64 / (lattice.first * lattice.second) as f64;
    let p = match method {
        KsMethod::Exact => lattice.chance_of(steps),
        KsMethod::Asymptotic => asymptotic_p(distance, first.len(), second.len(), tail),
    };
    Some(KsTest { distance, p: p.clamp(0.0, 1.0) })
}

/// The walk through both samples in order: a step right for each of the first, up for each of the
/// second.
#[derive(Clone, Copy, Debug)]
struct Lattice {
    first: u64,
    second: u64,
    tail: Tail,
}

impl Lattice {
    /// The distance of the two distribution functions after so many of either, times both sizes.
    const fn distance(&self, ones: u64, zeros: u64) -> u64 {
        let (up, down) = (ones * self.second, zeros * self.first);
        match self.tail {
            Tail::TwoSided => up.abs_diff(down),
            Tail::Greater => up.saturating_sub(down),
            Tail::Less => down.saturating_sub(up),
        }
    }

    fn largest_distance(&self, first: &[f64], second: &[f64]) -> u64 {
        let sorted = |sample: &[f64]| {
            let mut sample = sample.to_vec();
            sample.sort_by(f64::total_cmp);
            sample
        };
        let (first, second) = (sorted(first), sorted(second));
        let up_to = |sample: &[f64], x: f64| sample.partition_point(|y| *y <= x) as u64;
        let values = first.iter().chain(&second);
        values.map(|x| self.distance(up_to(&first, *x), up_to(&second, *x))).max().unwrap_or(0)
    }

    /// The share of all walks that come to this distance or beyond. Each place holds the share of
    /// walks to it that did; the last step came from the left with chance `ones / (ones + zeros)`.
    fn chance_of(&self, steps: u64) -> f64 {
        if steps == 0 {
            return 1.0;
        }
        let mut column: Vec<f64> = Vec::with_capacity(self.second as usize + 1);
        for ones in 0..=self.first {
            let mut below = 0.0;
            for zeros in 0..=self.second {
                let left = column.get(zeros as usize).copied().unwrap_or(0.0);
                let both = (ones + zeros).max(1) as f64;
                let reached = (left * ones as f64 + below * zeros as f64) / both;
                below = if self.distance(ones, zeros) >= steps { 1.0 } else { reached };
                match column.get_mut(zeros as usize) {
                    Some(place) => *place = below,
                    None => column.push(below),
                }
            }
        }
        column.last().copied().unwrap_or(1.0)
    }
}

/// One-sided after Hodges (1957, equation 5.3); two-sided by the one-sample distribution of the
/// rounded harmonic size.
fn asymptotic_p(distance: f64, first: usize, second: usize, tail: Tail) -> f64 {
    let large = first.max(second) as f64;
    let small = first.min(second) as f64;
    let size = large * small / (large + small);
    if tail == Tail::TwoSided {
        return kolmogorov_tail(libm::rint(size), distance);
    }
    let z = libm::sqrt(size) * distance;
    let skew = (large + 2.0 * small) / libm::sqrt(large * small * (large + small)) / 3.0;
    libm::exp(-2.0 * z * z - 2.0 * z * skew)
}

/// The chance that the one-sample statistic of `n` reaches `x`, two-sided.
fn kolmogorov_tail(n: f64, x: f64) -> f64 {
    let t = n * x;
    let squared = t * x;
    if t <= 0.5 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let one_sided_enough = if n <= EXPANSION_FROM { 4.0 } else { 2.2 };
    if x >= 0.5 || t >= n - 1.0 || squared >= one_sided_enough {
        return 2.0 * smirnov_tail(n, x);
    }
    // Near the lower end the expansion is not good and the matrix is small.
    if n <= EXPANSION_FROM || (n <= 1e5 && t * libm::sqrt(x) <= 1.4) {
        1.0 - matrix_cdf(n, x)
    } else {
        1.0 - expansion_cdf(n, x)
    }
}

/// The chance that the one-sided one-sample statistic of `n` reaches `x` (Smirnov 1944).
fn smirnov_tail(n: f64, x: f64) -> f64 {
    if n * x * x > 400.0 {
        return 0.0;
    }
    let last = libm::floor(n * (1.0 - x)) as u64;
    let term = |k: u64| {
        let (part, rest) = (x + k as f64 / n, 1.0 - x - k as f64 / n);
        if rest <= 0.0 {
            return if k as f64 == n { libm::pow(part, n - 1.0) } else { 0.0 };
        }
        let ln_choose = ln_binomial(n as u64, k);
        let left = n - k as f64;
        libm::exp(ln_choose + (k as f64 - 1.0) * libm::log(part) + left * libm::log(rest))
    };
    x * (0..=last).map(term).sum::<f64>()
}

/// The distribution function of the one-sample statistic, by a power of a matrix (Marsaglia, Tsang
/// and Wang 2003).
fn matrix_cdf(n: f64, x: f64) -> f64 {
    let k = libm::floor(n * x) as usize + 1;
    let h = k as f64 - n * x;
    let size = 2 * k - 1;
    let base = Square::of_steps(size, h);
    let power = base.to_the(n as u64);
    let mut probability = power.at(k - 1, k - 1);
    let mut exponent = power.exponent;
    for i in 1..=(n as u64) {
        probability *= i as f64 / n;
        if probability < 1e-140 {
            probability *= 1e140;
            exponent -= 140;
        }
    }
    probability * libm::pow(10.0, f64::from(exponent))
}

/// A square matrix times a power of ten.
#[derive(Clone, Debug)]
struct Square {
    size: usize,
    cells: Vec<f64>,
    exponent: i32,
}

impl Square {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.cells.get(row * self.size + column).copied().unwrap_or(0.0)
    }

    fn built(size: usize, cell: impl Fn(usize, usize) -> f64) -> Self {
        let places = (0..size).flat_map(|row| (0..size).map(move |column| (row, column)));
        Self { size, cells: places.map(|(row, column)| cell(row, column)).collect(), exponent: 0 }
    }

    /// The matrix of the method: ones on and below the first superdiagonal, less powers of `h` in the
    /// first column and last row, each divided by a factorial.
    fn of_steps(size: usize, h: f64) -> Self {
        let power = |exponent: usize| libm::pow(h, exponent as f64);
        let corner = if 2.0 * h > 1.0 { libm::pow(2.0 * h - 1.0, size as f64) } else { 0.0 };
        Self::built(size, |row, column| {
            if row + 1 < column {
                return 0.0;
            }
            let (first, last) = (column == 0, row + 1 == size);
            let cell = match (first, last) {
                (true, true) => 1.0 - 2.0 * power(size) + corner,
                (true, false) => 1.0 - power(row + 1),
                (false, true) => 1.0 - power(size - column),
                (false, false) => 1.0,
            };
            let factorial: f64 = (1..=(row + 1 - column)).map(|i| i as f64).product();
            cell / factorial
        })
    }

    fn times(&self, other: &Self) -> Self {
        let dot = |row: usize, column: usize| {
            (0..self.size).map(|i| self.at(row, i) * other.at(i, column)).sum()
        };
        let product = Self::built(self.size, dot);
        let exponent = self.exponent + other.exponent;
        let centre = product.at(self.size / 2, self.size / 2);
        if centre > 1e140 {
            let cells = product.cells.iter().map(|cell| cell * 1e-140).collect();
            return Self { cells, exponent: exponent + 140, ..product };
        }
        Self { exponent, ..product }
    }

    fn to_the(&self, power: u64) -> Self {
        let mut result = Self::built(self.size, |row, column| f64::from(u8::from(row == column)));
        let mut square = self.clone();
        let mut left = power;
        while left > 0 {
            if left % 2 == 1 {
                result = result.times(&square);
            }
            left /= 2;
            if left > 0 {
                square = square.times(&square);
            }
        }
        result
    }
}

/// The distribution function of the one-sample statistic, by an expansion in the root of `n` (Pelz and
/// Good 1976).
fn expansion_cdf(n: f64, x: f64) -> f64 {
    let z = libm::sqrt(n) * x;
    let [z2, z4, z6] = [2, 4, 6].map(|power| libm::pow(z, f64::from(power)));
    let [p2, p4, p6] = [2, 4, 6].map(|power| libm::pow(PI, f64::from(power)));
    let root = libm::sqrt(PI / 2.0);
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    for k in 0..30 {
        let half = (f64::from(k) + 0.5) * (f64::from(k) + 0.5);
        let decay = 2.0 * libm::exp(-p2 * half / (2.0 * z2));
        k0 += decay;
        k1 += decay * (p2 * half - z2);
        let (h2, h3) = (half * half, half * half * half);
        k2 += decay
            * (6.0 * z6
                + 2.0 * z4
                + p2 * (2.0 * z4 - 5.0 * z2) * half
                + p4 * (1.0 - 2.0 * z2) * h2);
        k3 += decay
            * (p6 * h3 * (5.0 - 30.0 * z2)
                + p4 * h2 * (-60.0 * z2 + 212.0 * z4)
                + p2 * half * (135.0 * z4 - 96.0 * z6)
                - 30.0 * z6
                - 90.0 * z4 * z4);
    }
    let (mut whole2, mut whole3) = (0.0, 0.0);
    for k in 1..30 {
        let whole = f64::from(k * k);
        let decay = 2.0 * libm::exp(-p2 * whole / (2.0 * z2));
        whole2 += decay * p2 * whole;
        whole3 += decay * (-p4 * whole * whole + 3.0 * p2 * whole * z2);
    }
    let z3 = z * z2;
    let first = root / z * k0;
    let second = root * k1 / (6.0 * z4);
    let third = root * (k2 / (72.0 * z6 * z) - whole2 / (36.0 * z3));
    let fourth = root * (k3 / (6_480.0 * z4 * z6) + whole3 / (216.0 * z6));
    let s = libm::sqrt(n);
    (first + second / s + third / n + fourth / (n * s)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expansion_is_near_the_matrix_where_they_meet() {
        for hundredths in 4..12 {
            let x = f64::from(hundredths) / 100.0;
            let (matrix, expansion) = (matrix_cdf(200.0, x), expansion_cdf(200.0, x));
            assert!((matrix - expansion).abs() < 2e-6, "{x}: {matrix} {expansion}");
        }
    }

    #[test]
    fn the_matrix_is_near_twice_the_one_sided_tail_far_out() {
        for x in [0.2, 0.25, 0.3] {
            let (matrix, tail) = (1.0 - matrix_cdf(100.0, x), 2.0 * smirnov_tail(100.0, x));
            assert!((matrix - tail).abs() < 1e-9, "{x}: {matrix} {tail}");
        }
    }

    #[test]
    fn samples_that_can_not_be_compared_have_no_test() {
        for method in [KsMethod::Exact, KsMethod::Asymptotic] {
            assert_eq!(kolmogorov_smirnov(&[], &[1.0], Tail::TwoSided, method), None);
            assert_eq!(kolmogorov_smirnov(&[1.0], &[f64::NAN], Tail::TwoSided, method), None);
            let same = kolmogorov_smirnov(&[1.0; 9], &[1.0; 9], Tail::TwoSided, method).unwrap();
            assert_eq!((same.distance, same.p), (0.0, 1.0));
        }
    }
}
