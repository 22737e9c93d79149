//! One window of raw measurements of both arms. Adapters return looks; they never judge.

use serde::{Deserialize, Serialize};

use crate::{Span, Timestamp};

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
}

/// What was measured of one arm in one window, raw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measurement {
    /// So many events (errors, say) among so many exposures (requests). The value is their ratio.
    Count {
        /// Events; never more than the exposures.
        events: u64,
        /// Exposures.
        exposures: u64,
    },
    /// A value the source had already worked out, such as a percentile.
    Value {
        /// The value, in the metric's unit.
        value: f64,
        /// How many samples it stands for; zero if the source does not say.
        samples: u64,
    },
}

impl Measurement {
    /// The value: events over exposures, or the value itself. Absent when nothing was exposed or
    /// the number is not finite.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts above 2^52 lose nothing that matters")]
    pub fn value(&self) -> Option<f64> {
        match *self {
            Self::Count { exposures: 0, .. } => None,
            Self::Count { events, exposures } => Some(events as f64 / exposures as f64),
            Self::Value { value, .. } => value.is_finite().then_some(value),
        }
    }

    /// Requests or samples behind the value.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        match *self {
            Self::Count { exposures, .. } => exposures,
            Self::Value { samples, .. } => samples,
        }
    }

    /// Whether the numbers can not be true: more events than exposures, a negative or non-finite value.
    #[must_use]
    pub fn is_absurd(&self) -> bool {
        match *self {
            Self::Count { events, exposures } => events > exposures,
            Self::Value { value, .. } => !value.is_finite() || value < 0.0,
        }
    }
}

/// One window of raw measurements of both arms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
}

impl Look {
    /// A complete look at these two measurements.
    #[must_use]
    pub const fn complete(
        window: Window,
        stable: Option<Measurement>,
        candidate: Option<Measurement>,
    ) -> Self {
        Self { window, complete: true, stable, candidate, failed: false }
    }

    /// A look that could not be taken.
    #[must_use]
    pub const fn failed(window: Window) -> Self {
        Self { window, complete: false, stable: None, candidate: None, failed: true }
    }
}
