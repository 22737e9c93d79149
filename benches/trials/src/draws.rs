//! Random numbers of one run: a generator keyed by what the run is, and the few distributions that
//! telemetry needs.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Binomial, Distribution, Gamma, Poisson, StandardNormal};

/// What a run is drawn from. Two runs with the same key are the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The seed of the whole command.
    pub seed: u64,
    /// The name of the scene: scenario and conditions.
    pub scene: &'a str,
    /// Whether the candidate is as good as stable.
    pub healthy: bool,
    /// Which run of the scene.
    pub run: u32,
}

/// The random numbers of one run.
#[derive(Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// From the beginning.
    #[must_use]
    pub fn of(key: Key<'_>) -> Self {
        let mut whole = [0; 32];
        let parts = [key.seed, fnv(key.scene), u64::from(key.run), u64::from(key.healthy)];
        for (bytes, part) in whole.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(whole))
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// How many of events that come one by one, `mean` on average. None for a mean of zero or less.
    pub fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(0.0, |law| law.sample(&mut self.0))
    }

    /// How many of `trials` happen, each with this chance (cut to 0 and 1).
    pub fn binomial(&mut self, trials: u64, chance: f64) -> u64 {
        Binomial::new(trials, chance.clamp(0.0, 1.0)).map_or(0, |law| law.sample(&mut self.0))
    }

    /// How many of events, `mean` on average, that come in clusters of geometric size, `burst` of
    /// them on average (at least 1).
    pub fn clustered(&mut self, mean: f64, burst: f64) -> f64 {
        let clusters = self.poisson(mean / burst);
        if clusters <= 0.0 || burst <= 1.0 {
            return clusters;
        }
        // What geometric clusters hold beyond one each is negative binomial: Poisson, gamma-mixed.
        let beyond = Gamma::new(clusters, burst - 1.0).map_or(0.0, |law| law.sample(&mut self.0));
        clusters + self.poisson(beyond)
    }
}

/// FNV-1a: names of scenes as numbers, the same on every machine.
fn fnv(name: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(run: u32) -> Draws {
        Draws::of(Key { seed: 1, scene: "test", healthy: true, run })
    }

    fn moments(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for number in numbers {
            (n, sum, squares) = (n + 1.0, sum + number, squares + number * number);
        }
        let mean: f64 = sum / n;
        (mean, squares / n - mean * mean)
    }

    #[test]
    fn the_same_key_gives_the_same_numbers_and_another_run_others() {
        assert_eq!(draws(3).normal(), draws(3).normal());
        assert_ne!(draws(3).normal(), draws(4).normal());
    }

    #[test]
    fn clusters_keep_the_mean_and_multiply_the_variance() {
        let mut draws = draws(0);
        for burst in [1.0, 2.0, 3.0, 10.0] {
            let (mean, variance) = moments((0..200_000).map(|_| draws.clustered(6.0, burst)));
            assert!((mean - 6.0).abs() < 0.15, "{burst}: mean {mean}");
            // Geometric clusters of mean b: E[k^2] / E[k] = 2 b - 1.
            let expected = 6.0 * (2.0 * burst - 1.0);
            assert!((variance / expected - 1.0).abs() < 0.05, "{burst}: variance {variance}");
        }
    }

    #[test]
    fn certain_things_happen_and_impossible_ones_do_not() {
        let mut draws = draws(0);
        assert_eq!((draws.binomial(7, 1.5), draws.binomial(7, 0.0)), (7, 0));
        assert_eq!(draws.poisson(0.0), 0.0);
    }
}
