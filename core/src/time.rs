//! Rollout time: instants and lengths in whole milliseconds.
//!
//! This file must not know any clock. Time is an argument of everything in this crate; what a
//! [`Timestamp`] is counted from (and how it goes on across a restart) is the engine's affair.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant of rollout time, in milliseconds since the Unix epoch.
///
/// Rollout time is an anchor plus monotonic elapsed time, so it never steps; a disagreement with
/// the store's clock arrives as [`Event::ClockStepped`](crate::Event::ClockStepped). Zero means
/// "long ago": it is what a field that was never set holds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The latest instant; an unset deadline compares as later than every real one.
    pub const MAX: Self = Self(u64::MAX);

    /// This instant moved later by `span`, saturating.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Time elapsed from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The last whole multiple of `grid`, counted from zero, that is not later; the instant itself
    /// where the grid is zero.
    #[must_use]
    pub const fn floor(self, grid: Span) -> Self {
        if grid.0 == 0 { self } else { Self(self.0 - self.0 % grid.0) }
    }

    /// The first whole multiple of `grid`, counted from zero, that is not earlier, saturating; the
    /// instant itself where the grid is zero.
    #[must_use]
    pub const fn ceil(self, grid: Span) -> Self {
        if grid.0 == 0 { self } else { Self(self.0.div_ceil(grid.0).saturating_mul(grid.0)) }
    }

    /// This instant moved by `by_ms` milliseconds (negative moves it earlier), saturating.
    #[must_use]
    pub fn moved(self, by_ms: i64) -> Self {
        Self(self.0.saturating_add_signed(by_ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
            Some(instant) => write!(f, "{instant:.0}"),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A length of time in milliseconds. In files it is written with units: `30s`, `10m`, `1h 30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    #[must_use]
    pub const fn seconds(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(n: u64) -> Self {
        Self::seconds(n.saturating_mul(60))
    }

    /// So many hours.
    #[must_use]
    pub const fn hours(n: u64) -> Self {
        Self::minutes(n.saturating_mul(60))
    }

    /// The length as the standard library writes it.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// The sum, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// A bare number; its unit would be a guess.
    #[error("duration {0:?} has no unit; write it as {0}s, {0}m or {0}h")]
    NoUnit(String),
    /// A length below zero.
    #[error("duration {0:?} is negative; expected zero or more")]
    Negative(String),
    /// Not a duration at all, or one no millisecond count holds.
    #[error("{text:?} is not a duration ({reason}); expected for example 30s, 10m or 1h 30m")]
    Malformed {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let trimmed = text.trim();
        if !trimmed.is_empty() && trimmed.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(SpanError::NoUnit(trimmed.to_owned()));
        }
        let parsed: jiff::SignedDuration = trimmed.parse().map_err(|_| SpanError::Malformed {
            text: text.to_owned(),
            reason: "its units are h, m, s and ms; a day is 24h".to_owned(),
        })?;
        if parsed.is_negative() {
            return Err(SpanError::Negative(text.to_owned()));
        }
        u64::try_from(parsed.as_millis()).map(Self).map_err(|_| SpanError::Malformed {
            text: text.to_owned(),
            reason: "longer than a millisecond count holds".to_owned(),
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
        let mut rest = self.0;
        let mut gap = "";
        for (unit, size) in units {
            if rest >= size {
                write!(f, "{gap}{}{unit}", rest / size)?;
                rest %= size;
                gap = " ";
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl de::Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, such as 30s, 10m or 1h 30m")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
        Err(E::custom(SpanError::NoUnit(number.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Span, E> {
        Err(E::custom(SpanError::NoUnit(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Span, E> {
        Err(E::custom(SpanError::NoUnit(number.to_string())))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time with its unit, such as 30s, 10m or 1h 30m.",
            "examples": ["30s", "10m", "1h 30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_are_printed() {
        for text in ["0s", "30s", "10m", "1h 30m", "2h 3m 4s 5ms"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn instants_are_aligned_to_a_grid_downwards_and_upwards() {
        let minute = Span::minutes(1);
        let on = |ms| (Timestamp(ms).floor(minute).0, Timestamp(ms).ceil(minute).0);
        assert_eq!(on(0), (0, 0));
        assert_eq!(on(59_999), (0, 60_000));
        assert_eq!(on(60_000), (60_000, 60_000));
        assert_eq!(on(60_001), (60_000, 120_000));
        assert_eq!(Timestamp(7).floor(Span::ZERO), Timestamp(7));
        assert_eq!(Timestamp(7).ceil(Span::ZERO), Timestamp(7));
        assert_eq!(Timestamp::MAX.ceil(minute), Timestamp::MAX);
    }

    #[test]
    fn a_duration_without_unit_or_below_zero_is_refused_with_what_was_expected() {
        assert_eq!("600".parse::<Span>(), Err(SpanError::NoUnit("600".into())));
        assert_eq!("-3m".parse::<Span>(), Err(SpanError::Negative("-3m".into())));
        let error = "soon".parse::<Span>().unwrap_err().to_string();
        assert!(error.contains("expected for example 30s"), "{error}");
    }
}
