//! Latencies: lognormal, in the buckets that OpenTelemetry has by default, with their sum.
//!
//! Buckets are drawn as a multinomial, and the sum as normal given the buckets, with the moments of
//! the distribution inside each. Drawing every request would give the same at a hundred times the
//! cost.

use tidegate_core::{Look, Measurement};

use super::{BEFORE, Telemetry, look};
use crate::draws::Draws;

/// Upper edges of the default buckets of OpenTelemetry, in milliseconds.
const EDGES_MS: [f64; 14] = [
    5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10_000.0,
];

/// What the source keeps of the latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Buckets and sum.
    Histogram,
    /// Sum and number.
    Mean,
}

/// Latencies of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Requests of a look, both arms together.
    pub requests: f64,
    /// The candidate's share of them, 0 to 1.
    pub share: f64,
    /// The median of a good release.
    pub median_ms: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
    /// A bad release is so many times as slow.
    pub slower: f64,
    /// And this share of its requests takes so many milliseconds longer.
    pub tail: (f64, f64),
    /// Standard deviation of the logarithm of a factor that each arm has of its own in each look.
    pub wobble: f64,
    /// What the source keeps.
    pub kept: Kept,
}

impl Latency {
    /// An arm's look: `slower` and `tail` are its own.
    fn arm(&self, requests: f64, slower: f64, tail: (f64, f64), draws: &mut Draws) -> Measurement {
        let wobble = if self.wobble > 0.0 { self.wobble * draws.normal() } else { 0.0 };
        let ln_median = libm::log(self.median_ms * slower) + wobble;
        let requests = libm::round(requests);
        let late = draws.binomial(requests as u64, tail.0) as f64;
        let mut drawn = Drawn { counts: [0.0; EDGES_MS.len() + 1], sum: 0.0 };
        drawn.add(requests - late, Law { ln_median, sigma: self.sigma, shift_ms: 0.0 }, draws);
        drawn.add(late, Law { ln_median, sigma: self.sigma, shift_ms: tail.1 }, draws);
        match self.kept {
            Kept::Histogram => drawn.histogram(requests),
            Kept::Mean => Measurement::Sum { sum: drawn.sum, samples: requests },
        }
    }
}

impl Telemetry for Latency {
    fn before(&self, draws: &mut Draws) -> Vec<Look> {
        let mut at = |nth| look(nth, self.arm(self.requests, 1.0, (0.0, 0.0), draws), None);
        (0..BEFORE).map(&mut at).collect()
    }

    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look> {
        let (slower, tail) = if healthy { (1.0, (0.0, 0.0)) } else { (self.slower, self.tail) };
        let ours = self.requests * self.share;
        let mut at = |nth| {
            let candidate = self.arm(ours, slower, tail, draws);
            let stable = self.arm(self.requests - ours, 1.0, (0.0, 0.0), draws);
            look(nth, stable, Some(candidate))
        };
        (0..looks).map(&mut at).collect()
    }
}

/// A shifted lognormal distribution.
#[derive(Clone, Copy)]
struct Law {
    ln_median: f64,
    sigma: f64,
    shift_ms: f64,
}

impl Law {
    /// Mass, first and second moment of the unshifted distribution below an edge.
    fn below(&self, edge_ms: f64) -> [f64; 3] {
        let edge = edge_ms - self.shift_ms;
        if edge <= 0.0 {
            return [0.0; 3];
        }
        let z = (libm::log(edge) - self.ln_median) / self.sigma;
        [0.0, 1.0, 2.0].map(|power| self.moment(power) * normal_cdf(z - power * self.sigma))
    }

    /// Of the whole unshifted distribution.
    fn moment(&self, power: f64) -> f64 {
        let spread = power * self.sigma;
        libm::exp(power * self.ln_median + spread * spread / 2.0)
    }
}

/// Requests drawn so far.
struct Drawn {
    /// In each bucket, the last of which has no upper edge.
    counts: [f64; EDGES_MS.len() + 1],
    sum: f64,
}

impl Drawn {
    fn add(&mut self, requests: f64, law: Law, draws: &mut Draws) {
        let (mut left, mut lower) = (requests, [0.0; 3]);
        let everything = [0.0, 1.0, 2.0].map(|power| law.moment(power));
        for nth in 0..self.counts.len() {
            if left <= 0.0 {
                return;
            }
            let upper = EDGES_MS.get(nth).map_or(everything, |edge| law.below(*edge));
            let [mass, first, second] = [0, 1, 2].map(|power| upper[power] - lower[power]);
            let last = nth + 1 == self.counts.len();
            let chance = if last { 1.0 } else { mass / (1.0 - lower[0]) };
            let count = draws.binomial(left as u64, chance) as f64;
            if count > 0.0 && mass > 0.0 {
                let mean = first / mass;
                let variance = (second / mass - mean * mean).max(0.0);
                self.counts[nth] += count;
                self.sum += count * (mean + law.shift_ms);
                self.sum += libm::sqrt(count * variance) * draws.normal();
            }
            left -= count;
            lower = upper;
        }
    }

    fn histogram(&self, requests: f64) -> Measurement {
        let mut left = requests;
        let above = self.counts[..EDGES_MS.len()].iter().map(|count| {
            left = (left - count).max(0.0);
            left
        });
        Measurement::Above {
            above: above.collect(),
            edges: EDGES_MS.to_vec(),
            samples: requests,
            sum: Some(self.sum.max(0.0)),
        }
    }
}

fn normal_cdf(z: f64) -> f64 {
    libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Key;

    #[test]
    fn the_mean_is_that_of_the_lognormal_distribution_and_its_tail() {
        let latency = Latency {
            requests: 2e6,
            share: 0.5,
            median_ms: 100.0,
            sigma: 0.6,
            slower: 1.2,
            tail: (0.01, 400.0),
            wobble: 0.0,
            kept: Kept::Histogram,
        };
        let mut draws = Draws::of(Key { seed: 1, scene: "test", healthy: false, run: 0 });
        let look = latency.during(1, false, &mut draws).remove(0);
        let (stable, candidate) = (look.stable.unwrap(), look.candidate.unwrap());
        assert!(!stable.is_absurd() && !candidate.is_absurd());
        let mean = 100.0 * libm::exp(0.18);
        assert!((stable.value().unwrap() / mean - 1.0).abs() < 0.003);
        assert!((candidate.value().unwrap() / (1.2 * mean + 4.0) - 1.0).abs() < 0.003);
        let Measurement::Above { above, .. } = stable else { unreachable!() };
        // Half of all requests are slower than the median of 100 ms.
        assert!((above[5] / 1e6 - 0.5).abs() < 0.003, "{above:?}");
    }
}
