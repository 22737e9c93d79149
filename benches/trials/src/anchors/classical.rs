//! Classical intervals and tests that no report of `tidegate-core` shows: for one look at all the
//! data. What is undefined for a sample is not a number.

use statrs::distribution::{
    Beta, Binomial, ChiSquared, ContinuousCDF, Discrete, DiscreteCDF, Normal, Poisson,
};
use statrs::function::factorial::ln_binomial;
use tidegate_core::health::describe::{Interval, Tail};

/// The Agresti-Coull interval for `events` of `trials`, with confidence `1 - alpha`.
#[must_use]
pub fn agresti_coull(events: f64, trials: f64, alpha: f64) -> Interval {
    let z = -Normal::standard().inverse_cdf(alpha / 2.0);
    let trials = trials + z * z;
    let rate = (events + z * z / 2.0) / trials;
    let reach = z * (rate * (1.0 - rate) / trials).sqrt();
    Interval { low: (rate - reach).max(0.0), high: (rate + reach).min(1.0) }
}

/// The interval of Jeffreys' prior: quantiles of `Beta(events + 1/2, trials - events + 1/2)`.
#[must_use]
pub fn jeffreys(events: f64, trials: f64, alpha: f64) -> Interval {
    let (a, b) = (events + 0.5, trials - events + 0.5);
    Interval { low: beta_quantile(a, b, alpha / 2.0), high: beta_quantile(a, b, 1.0 - alpha / 2.0) }
}

/// Clopper and Pearson's exact interval, with confidence of at least `1 - alpha`.
#[must_use]
pub fn clopper_pearson(events: f64, trials: f64, alpha: f64) -> Interval {
    let others = trials - events;
    let low = if events > 0.0 { beta_quantile(events, others + 1.0, alpha / 2.0) } else { 0.0 };
    let high =
        if others > 0.0 { beta_quantile(events + 1.0, others, 1.0 - alpha / 2.0) } else { 1.0 };
    Interval { low, high }
}

/// The quantile of a beta distribution, by bisection: the library's own quantile has fewer digits
/// than its distribution function.
fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let Ok(beta) = Beta::new(a, b) else { return f64::NAN };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        *(if beta.cdf(middle) < p { &mut low } else { &mut high }) = middle;
    }
    high
}

/// The exact test that `events` of `trials` have this chance. Two-sided: everything that is not
/// likelier counts as extreme.
#[must_use]
pub fn binomial_test(events: u64, trials: u64, chance: f64, tail: Tail) -> f64 {
    let Ok(binomial) = Binomial::new(chance, trials) else { return f64::NAN };
    let at_least = |k: u64| if k == 0 { 1.0 } else { binomial.sf(k - 1) };
    match tail {
        Tail::Greater => at_least(events),
        Tail::Less => binomial.cdf(events),
        Tail::TwoSided => {
            // Equal but for rounding counts as equal.
            let limit = binomial.pmf(events) * (1.0 + 1e-7);
            let extreme = |k: &u64| binomial.pmf(*k) <= limit;
            (0..=trials).filter(extreme).map(|k| binomial.pmf(k)).sum::<f64>().min(1.0)
        }
    }
}

/// A chi-square-like statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The statistic.
    pub statistic: f64,
    /// The chance of one as large.
    pub p: f64,
    /// Degrees of freedom.
    pub degrees: u32,
}

impl Fit {
    fn new(statistic: f64, degrees: usize) -> Self {
        let p = ChiSquared::new(degrees as f64).map_or(f64::NAN, |chi| chi.sf(statistic));
        Self { statistic, p, degrees: degrees as u32 }
    }
}

/// Pearson's chi-square that counts follow these weights.
#[must_use]
pub fn chi_square_fit(observed: &[f64], weights: &[f64]) -> Fit {
    let total: f64 = observed.iter().sum();
    let weight: f64 = weights.iter().sum();
    let part = |(count, share): (&f64, &f64)| {
        let expected = total * share / weight;
        (count - expected) * (count - expected) / expected
    };
    Fit::new(observed.iter().zip(weights).map(part).sum(), observed.len() - 1)
}

/// The likelihood ratio test of independence in a table, without a continuity correction.
#[must_use]
pub fn g_test(table: &[Vec<f64>]) -> Fit {
    let columns = table.first().map_or(0, Vec::len);
    let row_sums: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let column_sum = |column: usize| table.iter().map(|row| row[column]).sum::<f64>();
    let total: f64 = row_sums.iter().sum();
    let degrees = (table.len() - 1) * (columns - 1);
    let mut statistic = 0.0;
    for (row, row_sum) in table.iter().zip(&row_sums) {
        for (column, count) in row.iter().enumerate() {
            let expected = row_sum * column_sum(column) / total;
            if *count > 0.0 {
                statistic += 2.0 * count * (count / expected).ln();
            }
        }
    }
    Fit::new(statistic, degrees)
}

/// Fisher's exact test of a table of two by two: the sample odds ratio and the p-value. Two-sided:
/// everything that is not likelier counts as extreme.
#[must_use]
pub fn fisher_exact(table: [[u64; 2]; 2], tail: Tail) -> (f64, f64) {
    let [[a, b], [c, d]] = table;
    let odds = (a as f64 * d as f64) / (b as f64 * c as f64);
    let (first, second, events) = (a + b, c + d, a + c);
    let mass = |k: u64| {
        let ways = ln_binomial(first, k) + ln_binomial(second, events - k);
        (ways - ln_binomial(first + second, events)).exp()
    };
    let possible = events.saturating_sub(second)..=events.min(first);
    let limit = mass(a) * (1.0 + 1e-7);
    let extreme = |k: &u64| match tail {
        Tail::Greater => *k >= a,
        Tail::Less => *k <= a,
        Tail::TwoSided => mass(*k) <= limit,
    };
    (odds, possible.filter(extreme).map(mass).sum::<f64>().min(1.0))
}

/// How two Poisson rates are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoissonMethod {
    /// Binomial, given the sum of both counts.
    Conditional,
    /// Square roots, which have nearly constant variance.
    SquareRoot,
    /// The exact distribution of the score statistic at the null's estimate (E-test).
    ScoreExact,
}

/// The p-value that `rate1 / rate0` is larger than `ratio`, from counts and exposures, candidate
/// first.
#[must_use]
pub fn poisson_two_rates(
    counts: [u64; 2],
    exposures: [f64; 2],
    ratio: f64,
    method: PoissonMethod,
) -> f64 {
    let [x, y] = counts.map(|count| count as f64);
    let scaled = ratio * exposures[0] / exposures[1];
    match method {
        PoissonMethod::Conditional => {
            let share = scaled / (1.0 + scaled);
            binomial_test(counts[0], counts[0] + counts[1], share, Tail::Greater)
        }
        PoissonMethod::SquareRoot => {
            let root = |count: f64| (count + 3.0 / 8.0).sqrt();
            let z = 2.0 * (root(x) - root(y) * scaled.sqrt()) / (1.0 + scaled).sqrt();
            Normal::standard().sf(z)
        }
        PoissonMethod::ScoreExact => {
            // The tiny addition keeps the statistic of no events defined.
            let score = |x: f64, y: f64| (x - y * scaled) / ((x + y) * scaled + 1e-20).sqrt();
            let mean0 = (x + y) / (1.0 + scaled);
            exceeding(mean0 * scaled, mean0, score, score(x, y) - 1e-15)
        }
    }
}

/// The chance that a statistic of two Poisson counts reaches `least`.
fn exceeding(mean1: f64, mean0: f64, score: impl Fn(f64, f64) -> f64, least: f64) -> f64 {
    let masses = |mean: f64| -> Vec<f64> {
        let Ok(poisson) = Poisson::new(mean) else { return Vec::new() };
        let end = mean + 12.0 * mean.sqrt() + 100.0;
        (0..end as u64).map(|k| poisson.pmf(k)).collect()
    };
    let (first, second) = (masses(mean1), masses(mean0));
    let mut sum = 0.0;
    for (x, one) in first.iter().enumerate() {
        for (y, zero) in second.iter().enumerate() {
            if score(x as f64, y as f64) >= least {
                sum += one * zero;
            }
        }
    }
    sum
}

/// How the distribution of Mann and Whitney's U is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankMethod {
    /// By counting; for samples without ties.
    Exact,
    /// Normal, with the variance corrected for ties, and with or without a continuity correction.
    Normal {
        /// Whether one half is taken off.
        continuity: bool,
    },
}

/// Mann and Whitney's U of the first sample, and the p-value.
#[must_use]
pub fn mann_whitney_u(x: &[f64], y: &[f64], method: RankMethod, tail: Tail) -> (f64, f64) {
    let beats = |a: &f64, b: &f64| if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
    let u1: f64 = x.iter().flat_map(|a| y.iter().map(move |b| beats(a, b))).sum();
    let pairs = (x.len() * y.len()) as f64;
    let (u, sides) = match tail {
        Tail::TwoSided => (u1.max(pairs - u1), 2.0),
        Tail::Greater => (u1, 1.0),
        Tail::Less => (pairs - u1, 1.0),
    };
    let one_sided = match method {
        RankMethod::Exact => rank_tail(x.len(), y.len(), u as usize),
        RankMethod::Normal { continuity } => {
            let off = u - pairs / 2.0 - if continuity { 0.5 } else { 0.0 };
            Normal::standard().sf(off / rank_variance(x, y).sqrt())
        }
    };
    (u1, (sides * one_sided).min(1.0))
}

fn rank_variance(x: &[f64], y: &[f64]) -> f64 {
    let mut all = [x, y].concat();
    all.sort_by(f64::total_cmp);
    let ties = all.chunk_by(|a, b| a == b).map(|same| same.len() as f64);
    let tied: f64 = ties.map(|t| t * t * t - t).sum();
    let n = all.len() as f64;
    (x.len() * y.len()) as f64 / 12.0 * (n + 1.0 - tied / (n * (n - 1.0)))
}

/// The chance that U of two samples of these sizes is at least `u`, if all orders are as likely. `U`
/// is a sum over the first sample of how many of the second each one beats: walks through both
/// samples, with the share of walks to each place that have each sum.
fn rank_tail(ones: usize, zeros: usize, u: usize) -> f64 {
    let pairs = ones * zeros;
    let mut row = vec![vec![0.0; pairs + 1]; zeros + 1];
    for i in 0..=ones {
        for j in 0..=zeros {
            let mut here = vec![0.0; pairs + 1];
            if i + j == 0 {
                here[0] = 1.0;
            }
            let steps = (i + j).max(1) as f64;
            for sum in 0..=pairs {
                // The largest of both was of the first sample and beats all of the second, or not.
                if i > 0 && sum >= j {
                    here[sum] += row[j][sum - j] * i as f64 / steps;
                }
                if j > 0 {
                    here[sum] += row[j - 1][sum] * j as f64 / steps;
                }
            }
            row[j] = here;
        }
    }
    row[zeros].iter().skip(u).sum()
}

/// Hodges and Lehmann's shift: the median of all differences, first less second.
#[must_use]
pub fn hodges_lehmann(x: &[f64], y: &[f64]) -> f64 {
    let differences: Vec<f64> = x.iter().flat_map(|a| y.iter().map(move |b| a - b)).collect();
    percentile_r7(&differences, 50.0)
}

/// The percentile (0 to 100) by linear interpolation between order statistics: R's type 7.
#[must_use]
pub fn percentile_r7(x: &[f64], percentile: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percentile / 100.0 * (sorted.len() as f64 - 1.0);
    let below = place.floor();
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
    at(below) + (at(place.ceil()) - at(below)) * (place - below)
}

/// The Kullback-Leibler divergence of the second sample's shares from the first's, in nats. Infinite
/// where the second has none of a class that the first has.
#[must_use]
pub fn kl_divergence(p: &[f64], q: &[f64]) -> f64 {
    let (all_p, all_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let part = |(p, q): (&f64, &f64)| {
        let (p, q) = (p / all_p, q / all_q);
        if p > 0.0 { p * (p / q).ln() } else { 0.0 }
    };
    p.iter().zip(q).map(part).sum()
}
