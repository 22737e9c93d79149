//! What stable did before the rollout: how much its numbers scatter by themselves.
//!
//! Fixed before the first look is judged. Estimated during a rollout instead, scatter comes too late:
//! the damage of a burst is done in the first minutes.

use std::borrow::Cow;

use crate::health::{
    Before, Look, Measurement, Worse,
    sequential::{block_minutes, dispersion_of_series, lag_one_correlation},
};

/// Fewer looks than this say nothing about scatter.
const LEAST_LOOKS: usize = 30;

/// What is taken for bursts where nothing is known of them: a catastrophe is still seen at once.
const UNKNOWN_DISPERSION: f64 = 10.0;

/// Looks at stable from before the rollout: counts, of which there are most, by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    counts: Vec<Count>,
    others: Vec<Measurement>,
}

/// Events and exposures of one look.
pub(super) type Count = (f64, f64);

impl Past {
    pub(super) fn of(history: &[Look]) -> Self {
        let mut past = Self::default();
        for look in history.iter().filter(|look| look.complete && !look.failed) {
            let usable = look.stable.as_ref().filter(|m| !m.is_absurd() && !m.is_empty());
            match usable {
                Some(Measurement::Count { events, exposures }) => {
                    past.counts.reserve(history.len() - past.counts.len());
                    past.counts.push((*events, *exposures));
                }
                Some(other) => past.others.push(other.clone()),
                None => {}
            }
        }
        past
    }

    /// What there is, where it is less than was asked for by more than a tenth: a window that overlaps
    /// the beginning of a rollout is never measured, and a tenth hardly matters to an estimate.
    pub(super) fn short_of(&self, asked: u32) -> Option<Before> {
        let looks = self.counts.len() + self.others.len();
        let usable = u32::try_from(looks).unwrap_or(u32::MAX);
        (usable < asked - asked / 10).then_some(Before { usable, asked })
    }

    /// The counts of each look, with what is worse as the event.
    pub(super) fn counts(&self, worse: Worse) -> Cow<'_, [Count]> {
        match worse {
            Worse::More => Cow::Borrowed(&self.counts),
            Worse::Less => self.counts.iter().map(|(e, x)| (x - e, *x)).collect(),
        }
    }

    /// What `count` makes of each look at something other than counts.
    pub(super) fn counted(&self, count: impl Fn(&Measurement) -> Option<Count>) -> Vec<Count> {
        self.others.iter().filter_map(count).collect()
    }

    /// The value of each look that has one.
    fn values(&self) -> impl Iterator<Item = f64> {
        let counts = self.counts.iter().map(|(e, x)| e / x).filter(|rate| rate.is_finite());
        counts.chain(self.others.iter().filter_map(Measurement::value))
    }

    /// The mean of the logs of the values, and their block, where there are looks enough.
    pub(super) fn log_values(&self) -> Option<(f64, u32)> {
        let logs: Vec<f64> = self.values().filter(|value| *value > 0.0).map(libm::log).collect();
        if logs.len() < LEAST_LOOKS {
            return None;
        }
        Some((mean(&logs), block_of(&logs)))
    }

    /// The share of samples above each edge, over all looks that have these edges.
    pub(super) fn above(&self, wanted: &[f64]) -> Option<Vec<f64>> {
        let mut sums = vec![0.0; wanted.len()];
        let (mut all, mut looks) = (0.0, 0);
        for look in &self.others {
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
        let values: Vec<f64> = self.values().collect();
        (!values.is_empty()).then(|| mean(&values)).filter(|mean| mean.is_finite())
    }
}

/// Events and exposures of a count, with what is worse as the event.
pub(super) fn counted(measurement: &Measurement, worse: Worse) -> Option<Count> {
    match (measurement, worse) {
        (Measurement::Count { events, exposures }, Worse::More) => Some((*events, *exposures)),
        (Measurement::Count { events, exposures }, Worse::Less) => {
            Some((exposures - events, *exposures))
        }
        _ => None,
    }
}

/// How many events came at once: at least 1, and 10 where there are too few looks to tell, or counts too
/// large to be told apart.
pub(super) fn dispersion_of(counts: &[Count]) -> f64 {
    if counts.len() < LEAST_LOOKS {
        return UNKNOWN_DISPERSION;
    }
    let events: Vec<f64> = counts.iter().map(|(e, _)| *e).collect();
    match dispersion_of_series(&events) {
        Ok(Some(dispersion)) => dispersion.factor(),
        // Without a single event there is nothing that could have come in bursts.
        Ok(None) => 1.0,
        Err(_) => UNKNOWN_DISPERSION,
    }
}

/// How many minutes make one observation of the rate, for neighbouring ones resemble each other: 1 where
/// there are too few looks to tell.
pub(super) fn block_of_rates(counts: &[Count]) -> u32 {
    if counts.len() < LEAST_LOOKS {
        return 1;
    }
    let rates: Vec<f64> = counts.iter().map(|(e, x)| e / x).collect();
    block_of(&rates)
}

/// The rate that the past did not exceed, with 99 % confidence, where there are looks enough: the upper
/// Wilson limit, with bursts counted as one event each.
pub(super) fn upper_rate(counts: &[Count], dispersion: f64) -> Option<f64> {
    if counts.len() < LEAST_LOOKS {
        return None;
    }
    let (e, x) = counts.iter().fold((0.0, 0.0), |(e, x), look| (e + look.0, x + look.1));
    Some(upper_wilson(e / dispersion, x / dispersion))
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
