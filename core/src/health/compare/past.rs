//! What stable did before the rollout: how much its numbers scatter by themselves.
//!
//! Fixed before the first look is judged. Estimated during a rollout instead, scatter comes too late:
//! the damage of a burst is done in the first minutes.

use crate::health::{
    Before, Look, Measurement, Worse,
    sequential::{Dispersion, block_minutes, dispersion_of_series, lag_one_correlation},
};

/// Fewer looks than this say nothing about scatter.
const LEAST_LOOKS: usize = 30;

/// What is taken for bursts where nothing is known of them: a catastrophe is still seen at once.
const UNKNOWN_DISPERSION: f64 = 10.0;

/// Looks at stable from before the rollout.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    stable: Vec<Measurement>,
}

/// A rate of the past, and how it scattered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scatter {
    /// How many events come at once; at least 1.
    pub(super) dispersion: f64,
    /// Minutes that make one observation, for neighbouring ones resemble each other.
    pub(super) block: u32,
}

impl Default for Scatter {
    fn default() -> Self {
        Self { dispersion: UNKNOWN_DISPERSION, block: 1 }
    }
}

impl Past {
    pub(super) fn of(history: &[Look]) -> Self {
        let mut stable = Vec::with_capacity(history.len());
        for look in history.iter().filter(|look| look.complete && !look.failed) {
            stable.extend(look.stable.iter().filter(|m| !m.is_absurd() && !m.is_empty()).cloned());
        }
        Self { stable }
    }

    /// What there is, where it is less than was asked for by more than a tenth: a window that overlaps
    /// the beginning of a rollout is never measured, and a tenth hardly matters to an estimate.
    pub(super) fn short_of(&self, asked: u32) -> Option<Before> {
        let usable = u32::try_from(self.stable.len()).unwrap_or(u32::MAX);
        (usable < asked - asked / 10).then_some(Before { usable, asked })
    }

    /// Events and exposures of each look, of what `events` counts.
    fn counts(&self, events: impl Fn(&Measurement) -> Option<(f64, f64)>) -> Vec<(f64, f64)> {
        self.stable.iter().filter_map(events).collect()
    }

    /// How a count scattered, where there are looks enough.
    pub(super) fn scatter(
        &self,
        events: impl Fn(&Measurement) -> Option<(f64, f64)>,
    ) -> Option<Scatter> {
        let counts = self.counts(events);
        if counts.len() < LEAST_LOOKS {
            return None;
        }
        let events: Vec<f64> = counts.iter().map(|(e, _)| *e).collect();
        let rates: Vec<f64> = counts.iter().map(|(e, x)| e / x).collect();
        // Without a single event there is nothing that could have come in bursts.
        let dispersion = dispersion_of_series(&events).ok()?.map_or(1.0, Dispersion::factor);
        Some(Scatter { dispersion, block: block_of(&rates) })
    }

    /// The rate that the past did not exceed, with 99 % confidence, where there are looks enough:
    /// the upper Wilson limit, with bursts counted as one event each.
    pub(super) fn upper_rate(
        &self,
        dispersion: f64,
        events: impl Fn(&Measurement) -> Option<(f64, f64)>,
    ) -> Option<f64> {
        let counts = self.counts(events);
        if counts.len() < LEAST_LOOKS {
            return None;
        }
        let (e, x) = counts.iter().fold((0.0, 0.0), |(e, x), look| (e + look.0, x + look.1));
        Some(upper_wilson(e / dispersion, x / dispersion))
    }

    /// The mean of the logs of the values, and their block, where there are looks enough.
    pub(super) fn log_values(&self) -> Option<(f64, u32)> {
        let positive = |m: &Measurement| m.value().filter(|value| *value > 0.0).map(libm::log);
        let logs: Vec<f64> = self.stable.iter().filter_map(positive).collect();
        if logs.len() < LEAST_LOOKS {
            return None;
        }
        Some((mean(&logs), block_of(&logs)))
    }

    /// The share of samples above each edge, over all looks that have these edges.
    pub(super) fn above(&self, wanted: &[f64]) -> Option<Vec<f64>> {
        let mut sums = vec![0.0; wanted.len()];
        let (mut all, mut looks) = (0.0, 0);
        for look in &self.stable {
            let Measurement::Above { edges, above, samples, .. } = look else { continue };
            if edges == wanted {
                sums.iter_mut().zip(above).for_each(|(sum, n)| *sum += n);
                (all, looks) = (all + samples, looks + 1);
            }
        }
        (looks >= LEAST_LOOKS).then(|| sums.into_iter().map(|sum| sum / all).collect())
    }

    /// The mean of the values, for the sentence.
    pub(super) fn mean(&self) -> Option<f64> {
        let values: Vec<f64> = self.stable.iter().filter_map(Measurement::value).collect();
        (!values.is_empty()).then(|| mean(&values)).filter(|mean| mean.is_finite())
    }
}

/// Events and exposures of a count, with what is worse as the event.
pub(super) fn counted(measurement: &Measurement, worse: Worse) -> Option<(f64, f64)> {
    match (measurement, worse) {
        (Measurement::Count { events, exposures }, Worse::More) => Some((*events, *exposures)),
        (Measurement::Count { events, exposures }, Worse::Less) => {
            Some((exposures - events, *exposures))
        }
        _ => None,
    }
}

/// The upper limit of Wilson's interval (1927), at 99 % on its side.
fn upper_wilson(events: f64, exposures: f64) -> f64 {
    const Z: f64 = 2.326_347_874_040_841;
    let (rate, spread) = (events / exposures, Z * Z / exposures);
    let root = libm::sqrt(rate * (1.0 - rate) / exposures + spread / (4.0 * exposures));
    (rate + spread / 2.0 + Z * root) / (1.0 + spread)
}

/// How many neighbouring looks make one observation.
#[expect(clippy::cast_precision_loss, reason = "a few hundred looks")]
fn block_of(series: &[f64]) -> u32 {
    let correlation = lag_one_correlation(&detrended(series)).ok().flatten();
    correlation.map_or(1, |correlation| block_minutes(correlation, series.len() as f64))
}

/// Without the straight line through it: a drift over the hour is not what makes neighbours alike.
#[expect(clippy::cast_precision_loss, reason = "a few hundred looks")]
fn detrended(series: &[f64]) -> Vec<f64> {
    let middle = (series.len() as f64 - 1.0) / 2.0;
    let height = mean(series);
    let at = |n: usize| n as f64 - middle;
    let along: f64 = series.iter().enumerate().map(|(n, y)| at(n) * (y - height)).sum();
    let length: f64 = (0..series.len()).map(|n| at(n) * at(n)).sum();
    let slope = if length > 0.0 { along / length } else { 0.0 };
    series.iter().enumerate().map(|(n, y)| y - height - slope * at(n)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred looks")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
