//! Predictions in classes: deciles of a score, which tilt when the model drifts.

use tidegate_core::{Look, Measurement};

use super::{BEFORE, Telemetry, look};
use crate::draws::Draws;

const DECILES: usize = 10;

/// Deciles of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// Predictions of a look, both arms together.
    pub requests: f64,
    /// The candidate's share of them, 0 to 1.
    pub share: f64,
    /// Shares of the deciles of a candidate that drifts.
    drifted: [f64; DECILES],
}

impl Classes {
    /// A candidate that drifts by this population stability index, its scores tilted upwards.
    #[must_use]
    pub fn drifting(requests: f64, share: f64, index: f64) -> Self {
        let (mut low, mut high) = (0.0, 1.0);
        // Sixty halvings leave no number between.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            *(if stability(&tilted(middle)) < index { &mut low } else { &mut high }) = middle;
        }
        Self { requests, share, drifted: tilted(high) }
    }

    fn arm(requests: f64, shares: &[f64; DECILES], draws: &mut Draws) -> Measurement {
        let mut left = libm::round(requests) as u64;
        let mut rest = 1.0;
        let mut count = |share: &f64| {
            let drawn = draws.binomial(left, if rest > *share { share / rest } else { 1.0 });
            (left, rest) = (left - drawn, rest - share);
            drawn as f64
        };
        Measurement::Classes(shares.iter().map(&mut count).collect())
    }
}

impl Telemetry for Classes {
    fn before(&self, draws: &mut Draws) -> Vec<Look> {
        let usual = tilted(0.0);
        (0..BEFORE).map(|nth| look(nth, Self::arm(self.requests, &usual, draws), None)).collect()
    }

    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look> {
        let usual = tilted(0.0);
        let shares = if healthy { usual } else { self.drifted };
        let ours = self.requests * self.share;
        let mut at = |nth| {
            let candidate = Self::arm(ours, &shares, draws);
            look(nth, Self::arm(self.requests - ours, &usual, draws), Some(candidate))
        };
        (0..looks).map(&mut at).collect()
    }
}

/// Shares proportional to `exp(tilt * decile)`.
fn tilted(tilt: f64) -> [f64; DECILES] {
    let weights: [f64; DECILES] = std::array::from_fn(|nth| libm::exp(tilt * nth as f64));
    let all: f64 = weights.iter().sum();
    weights.map(|weight| weight / all)
}

/// The population stability index against equal shares.
fn stability(shares: &[f64; DECILES]) -> f64 {
    let usual = 1.0 / DECILES as f64;
    shares.iter().map(|share| (share - usual) * libm::log(share / usual)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_has_the_index_asked_for() {
        let classes = Classes::drifting(1200.0, 0.1, 0.1);
        assert!((stability(&classes.drifted) - 0.1).abs() < 1e-9);
        assert!((classes.drifted.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
