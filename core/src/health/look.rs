//! One window of raw measurements of both arms. Adapters return looks; they never judge.

use serde::{Deserialize, Serialize};

use crate::{Span, Timestamp, Weight};

/// A half-open interval of time: `from` is in it, `to` is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Window {
    /// Its length.
    #[must_use]
    pub fn length(self) -> Span {
        self.to.since(self.from)
    }

    /// Whether all of this lies in `other`, and ends no earlier than it begins.
    #[must_use]
    pub fn lies_in(self, other: Self) -> bool {
        other.from <= self.from && self.from <= self.to && self.to <= other.to
    }
}

/// What was measured of one arm in one window, raw. Counts may be fractional, because sources
/// sample and scale; they are finite and not negative, or the look is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measurement {
    /// So many events (errors, say) among so many exposures (requests). The value is their ratio.
    Count {
        /// Events; never more than the exposures.
        events: f64,
        /// Exposures.
        exposures: f64,
    },
    /// A sum over samples (of latencies, of costs). The value is the mean.
    Sum {
        /// The sum, in the metric's unit.
        sum: f64,
        /// How many samples it is the sum of.
        samples: f64,
    },
    /// A value the source had already worked out, such as a percentile.
    Value {
        /// The value, in the metric's unit.
        value: f64,
        /// How many samples it stands for; zero if the source does not say.
        samples: f64,
    },
    /// How many samples lay above each edge of a histogram. The value is the mean, where the sum is
    /// known.
    Above {
        /// The edges, rising, in the metric's unit; at most [`Measurement::EDGES_MAX`].
        edges: Vec<f64>,
        /// Samples above each edge: as many numbers as edges, none larger than the one before it.
        above: Vec<f64>,
        /// All samples.
        samples: f64,
        /// Their sum, where the source gives it.
        sum: Option<f64>,
    },
    /// How many answers fell into each class (labels, or deciles of a score), in a fixed order.
    /// There is no one value.
    Classes(Vec<f64>),
}

impl Measurement {
    /// Edges of a histogram, at most.
    pub const EDGES_MAX: usize = 64;

    /// So many whole events among so many whole exposures.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    pub const fn count(events: u64, exposures: u64) -> Self {
        Self::Count { events: events as f64, exposures: exposures as f64 }
    }

    /// The value: events over exposures, the mean, or the value itself. Absent when nothing was
    /// exposed, the number is not finite, or there is no one value.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let value = match *self {
            Self::Count { events, exposures } => events / exposures,
            Self::Sum { sum, samples } => sum / samples,
            Self::Value { value, .. } => value,
            Self::Above { sum, samples, .. } => sum? / samples,
            Self::Classes(_) => return None,
        };
        value.is_finite().then_some(value)
    }

    /// Requests or samples behind the value.
    #[must_use]
    pub fn exposures(&self) -> f64 {
        match self {
            Self::Count { exposures, .. } => *exposures,
            Self::Sum { samples, .. } | Self::Value { samples, .. } => *samples,
            Self::Above { samples, .. } => *samples,
            Self::Classes(counts) => counts.iter().sum(),
        }
    }

    /// [`exposures`](Self::exposures) in whole ones, for people.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, and NaN becomes zero"
    )]
    pub fn samples(&self) -> u64 {
        self.exposures() as u64
    }

    /// Whether nothing was measured: no exposure, or, of a value, no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Value { .. } => false,
            _ => self.exposures() <= 0.0,
        }
    }

    /// Whether the numbers can not be true: negative, not finite, more events than exposures, a
    /// histogram that rises.
    #[must_use]
    pub fn is_absurd(&self) -> bool {
        let bad = |n: f64| !n.is_finite() || n < 0.0;
        match self {
            Self::Count { events, exposures } => {
                bad(*events) || bad(*exposures) || events > exposures
            }
            Self::Sum { sum: value, samples } | Self::Value { value, samples } => {
                bad(*value) || bad(*samples)
            }
            Self::Above { edges, above, samples, sum } => {
                let most = std::iter::once(samples).chain(above);
                edges.len() != above.len()
                    || edges.len() > Self::EDGES_MAX
                    || edges.iter().chain(above).chain(sum).any(|n| bad(*n))
                    || bad(*samples)
                    || edges.windows(2).any(|pair| pair[0] >= pair[1])
                    || most.zip(above).any(|(before, next)| next > before)
            }
            Self::Classes(counts) => counts.iter().any(|n| bad(*n)),
        }
    }
}

/// One window of raw measurements of both arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The window.
    pub window: Window,
    /// Whether the source says that nothing more will arrive for this window.
    pub complete: bool,
    /// The stable arm; absent when the source had nothing. Never an invented zero.
    pub stable: Option<Measurement>,
    /// The candidate; absent when the source had nothing.
    pub candidate: Option<Measurement>,
    /// Whether the measuring itself failed.
    pub failed: bool,
    /// The candidate's share of traffic, where it was the same in the whole window. Not measured:
    /// whoever asked for the look knows it, and fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Weight>,
}

impl Look {
    /// A complete look at these two measurements.
    #[must_use]
    pub const fn complete(
        window: Window,
        stable: Option<Measurement>,
        candidate: Option<Measurement>,
    ) -> Self {
        Self { window, complete: true, stable, candidate, failed: false, share: None }
    }

    /// A look that could not be taken.
    #[must_use]
    pub const fn failed(window: Window) -> Self {
        Self { window, complete: false, stable: None, candidate: None, failed: true, share: None }
    }
}
