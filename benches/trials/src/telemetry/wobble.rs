//! Means whose minutes resemble each other: each arm wobbles by itself, as an autoregressive process
//! of first order.

use tidegate_core::{Look, Measurement};

use super::{BEFORE, Telemetry, look};
use crate::draws::Draws;

/// A mean of 100 samples, with a factor of its own in each arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wobble {
    /// Standard deviation of the factor's logarithm.
    pub spread: f64,
    /// Its correlation from look to look, 0 to 1.
    pub correlation: f64,
    /// A bad release has so many times the mean.
    pub slower: f64,
}

impl Wobble {
    fn series(&self, looks: u32, mean: f64, draws: &mut Draws) -> Vec<Measurement> {
        let fresh = libm::sqrt(1.0 - self.correlation * self.correlation);
        let mut state = draws.normal();
        let mut at = |_| {
            state = self.correlation * state + fresh * draws.normal();
            let value = mean * libm::exp(self.spread * state);
            Measurement::Sum { sum: value * 100.0, samples: 100.0 }
        };
        (0..looks).map(&mut at).collect()
    }
}

impl Telemetry for Wobble {
    fn before(&self, draws: &mut Draws) -> Vec<Look> {
        let stable = self.series(BEFORE, 1.0, draws);
        (0..).zip(stable).map(|(nth, stable)| look(nth, stable, None)).collect()
    }

    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look> {
        let stable = self.series(looks, 1.0, draws);
        let candidate = self.series(looks, if healthy { 1.0 } else { self.slower }, draws);
        let both = stable.into_iter().zip(candidate);
        (0..).zip(both).map(|(nth, (stable, ours))| look(nth, stable, Some(ours))).collect()
    }
}
