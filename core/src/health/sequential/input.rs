//! What the processes refuse to count, and why.

/// Counts above this (2^53) are no longer told apart by a floating-point number.
const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// Why numbers were refused. A refused look leaves a process as it was.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum EvidenceError {
    /// A number that must be zero or more is negative.
    #[error("{what} is {value}; expected zero or more")]
    Negative {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number is infinite or not a number.
    #[error("{what} is {value}; expected a finite number")]
    NotFinite {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number is outside the range in which the method means something.
    #[error("{what} is {value}; expected {low} to {high}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The smallest value accepted.
        low: f64,
        /// The largest value accepted.
        high: f64,
    },
    /// More events than requests: the counts do not belong to each other.
    #[error("{events} events among {exposure} requests can not be")]
    EventsExceedExposure {
        /// Events.
        events: f64,
        /// Requests.
        exposure: f64,
    },
    /// A list has another length than its counterpart.
    #[error("{what} has {found} entries; expected {expected}")]
    WrongLength {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it must have.
        expected: usize,
    },
}

/// Accepts a count: finite, zero or more, at most 2^53. Fractions are welcome: sampled counts have them.
pub(super) fn count(what: &'static str, value: f64) -> Result<f64, EvidenceError> {
    if !value.is_finite() {
        return Err(EvidenceError::NotFinite { what, value });
    }
    if value < 0.0 {
        return Err(EvidenceError::Negative { what, value });
    }
    within(what, value, 0.0, LARGEST_COUNT)
}

/// Accepts a number of a closed range.
pub(super) fn within(
    what: &'static str,
    value: f64,
    low: f64,
    high: f64,
) -> Result<f64, EvidenceError> {
    if !value.is_finite() {
        return Err(EvidenceError::NotFinite { what, value });
    }
    if !(low..=high).contains(&value) {
        return Err(EvidenceError::OutOfRange { what, value, low, high });
    }
    Ok(value)
}

/// Accepts events that can have happened among so many requests.
pub(super) fn events_among(events: f64, exposure: f64) -> Result<(), EvidenceError> {
    if events > exposure {
        return Err(EvidenceError::EventsExceedExposure { events, exposure });
    }
    Ok(())
}

/// Accepts a dispersion: how many events come at once, on average; at least one.
pub(super) fn dispersion(value: f64) -> Result<f64, EvidenceError> {
    within("dispersion", value, 1.0, 1e6)
}

/// Accepts a probability of error that a test can be held to.
pub(super) fn level(value: f64) -> Result<f64, EvidenceError> {
    within("level", value, 1e-300, 1.0)
}
