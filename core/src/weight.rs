//! Traffic weights: integer basis points, so that sums are exact.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A share of traffic in basis points, 0 ..= 10 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// No traffic.
    pub const ZERO: Self = Self(0);
    /// All traffic.
    pub const FULL: Self = Self(10_000);

    /// A weight of so many basis points; `None` above 10 000.
    #[must_use]
    pub const fn basis_points(bp: u16) -> Option<Self> {
        if bp <= 10_000 { Some(Self(bp)) } else { None }
    }

    /// A weight of whole percent; everything above 100 is all traffic.
    #[must_use]
    pub const fn percent(percent: u16) -> Self {
        if percent >= 100 { Self::FULL } else { Self(percent * 100) }
    }

    /// The share `part` of `whole`, rounded down to the basis point; all of it when `whole` is zero.
    #[must_use]
    pub fn ratio(part: u32, whole: u32) -> Self {
        if part >= whole {
            return Self::FULL;
        }
        // part < whole, so the quotient is below 10 000 and fits.
        u16::try_from(u64::from(part) * 10_000 / u64::from(whole)).map_or(Self::FULL, Self)
    }

    /// The weight in basis points.
    #[must_use]
    pub const fn bp(self) -> u16 {
        self.0
    }

    /// What is left for the other arm.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(10_000 - self.0)
    }

    /// The largest multiple of `grid` that is not above this weight. All traffic stays all traffic.
    #[must_use]
    pub fn on_grid(self, grid: Self) -> Self {
        if self == Self::FULL || grid.0 <= 1 { self } else { Self(self.0 / grid.0 * grid.0) }
    }

    /// How many of `full` units carry this weight: the ceiling of weight × full.
    #[must_use]
    pub fn units_of(self, full: u32) -> u32 {
        let product = u64::from(self.0) * u64::from(full);
        u32::try_from(product.div_ceil(10_000)).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{} %", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02} %"),
        }
    }
}

/// Why a text is not a weight.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    /// Below 0 % or above 100 %.
    #[error("weight {0} is outside 0 % to 100 %")]
    OutOfRange(String),
    /// Finer than a hundredth of a percent.
    #[error("weight {0} is finer than 0.01 %")]
    TooFine(String),
    /// A bare number: percent, share or basis points would be a guess.
    #[error("weight {0} has no percent sign; write {0}% if you mean percent")]
    NoSign(String),
    /// Not a number with a percent sign.
    #[error("{0:?} is not a weight; expected a percentage such as 5% or 12.5%")]
    Malformed(String),
}

impl FromStr for Weight {
    type Err = WeightError;

    fn from_str(text: &str) -> Result<Self, WeightError> {
        let malformed = || WeightError::Malformed(text.to_owned());
        let Some(number) = text.trim().strip_suffix('%').map(str::trim) else {
            let bare = text.trim();
            return Err(match bare.parse::<f64>() {
                Ok(_) => WeightError::NoSign(bare.to_owned()),
                Err(_) => malformed(),
            });
        };
        if number.starts_with('-') && number[1..].chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(WeightError::OutOfRange(text.to_owned()));
        }
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return Err(malformed());
        }
        let part = part.trim_end_matches('0');
        if part.len() > 2 {
            return Err(WeightError::TooFine(text.to_owned()));
        }
        let out_of_range = |_| WeightError::OutOfRange(text.to_owned());
        let whole: u64 = whole.parse().map_err(out_of_range)?;
        let part: u64 = format!("{part:0<2}").parse().map_err(|_| malformed())?;
        let bp = whole.saturating_mul(100).saturating_add(part);
        u16::try_from(bp)
            .ok()
            .and_then(Self::basis_points)
            .ok_or_else(|| WeightError::OutOfRange(text.to_owned()))
    }
}

impl Serialize for Weight {
    /// `"12.5%"` for people, basis points in compact formats.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let text = self.to_string();
            serializer.collect_str(&text.replace(' ', ""))
        } else {
            serializer.serialize_u16(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(WeightVisitor)
        } else {
            let bp = u16::deserialize(deserializer)?;
            Self::basis_points(bp)
                .ok_or_else(|| de::Error::custom(WeightError::OutOfRange(format!("{bp} bp"))))
        }
    }
}

struct WeightVisitor;

impl de::Visitor<'_> for WeightVisitor {
    type Value = Weight;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage such as 5% or 12.5%")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Weight, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Weight, E> {
        Err(E::custom(WeightError::NoSign(number.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Weight, E> {
        Err(E::custom(WeightError::NoSign(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Weight, E> {
        Err(E::custom(WeightError::NoSign(number.to_string())))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Weight {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$",
            "description": "A share of traffic or capacity, 0% to 100%, no finer than 0.01%.",
            "examples": ["5%", "12.5%"],
        })
    }
}

/// How traffic is divided. The three shares sum to exactly 10 000 basis points, by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSplit", into = "RawSplit")]
pub struct Split {
    candidate: Weight,
    other: Weight,
}

/// Shares that do not sum to 10 000 basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shares sum to {sum_bp} basis points, not to 10 000")]
pub struct SplitError {
    /// What they sum to.
    pub sum_bp: u32,
}

#[derive(Serialize, Deserialize)]
struct RawSplit {
    stable: Weight,
    candidate: Weight,
    other: Weight,
}

impl Split {
    /// All traffic to the stable arm.
    pub const STABLE: Self = Self { candidate: Weight::ZERO, other: Weight::ZERO };

    /// `candidate` to the candidate, the rest to stable.
    #[must_use]
    pub const fn candidate(candidate: Weight) -> Self {
        Self { candidate, other: Weight::ZERO }
    }

    /// A split read from somewhere, with a share that goes to neither arm.
    ///
    /// # Errors
    /// When the shares do not sum to all traffic.
    pub fn new(stable: Weight, candidate: Weight, other: Weight) -> Result<Self, SplitError> {
        let sum_bp = u32::from(stable.0) + u32::from(candidate.0) + u32::from(other.0);
        if sum_bp == 10_000 { Ok(Self { candidate, other }) } else { Err(SplitError { sum_bp }) }
    }

    /// The share of the stable arm.
    #[must_use]
    pub const fn stable(self) -> Weight {
        Weight(10_000 - self.candidate.0 - self.other.0)
    }

    /// The share of the candidate.
    #[must_use]
    pub const fn to_candidate(self) -> Weight {
        self.candidate
    }

    /// The candidate's share of what both arms get together, rounded to the nearest basis point.
    /// This is what a [`Shift`](crate::Action::Shift) sets, and what is seen of it.
    #[must_use]
    pub fn of_arms(self) -> Weight {
        let both = u32::from(10_000 - self.other.0);
        if both == 0 {
            return Weight::ZERO;
        }
        let rounded = (u32::from(self.candidate.0) * 10_000 + both / 2) / both;
        u16::try_from(rounded).map_or(Weight::FULL, Weight)
    }

    /// The share of anything else that hangs on the route.
    #[must_use]
    pub const fn other(self) -> Weight {
        self.other
    }
}

impl TryFrom<RawSplit> for Split {
    type Error = SplitError;

    fn try_from(raw: RawSplit) -> Result<Self, SplitError> {
        Self::new(raw.stable, raw.candidate, raw.other)
    }
}

impl From<Split> for RawSplit {
    fn from(split: Split) -> Self {
        Self { stable: split.stable(), candidate: split.candidate, other: split.other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_read_back_as_they_are_printed() {
        for text in ["0 %", "5 %", "12.5 %", "0.01 %", "100 %"] {
            assert_eq!(text.parse::<Weight>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn weights_that_would_be_a_guess_are_refused() {
        assert!(matches!("250%".parse::<Weight>(), Err(WeightError::OutOfRange(_))));
        assert!(matches!("-1%".parse::<Weight>(), Err(WeightError::OutOfRange(_))));
        assert!(matches!("0.001%".parse::<Weight>(), Err(WeightError::TooFine(_))));
        assert!(matches!("0.05".parse::<Weight>(), Err(WeightError::NoSign(_))));
        assert!(matches!("NaN%".parse::<Weight>(), Err(WeightError::Malformed(_))));
    }

    #[test]
    fn capacity_for_a_weight_is_the_ceiling() {
        assert_eq!(Weight::percent(5).units_of(10), 1);
        assert_eq!(Weight::percent(25).units_of(10), 3);
        assert_eq!(Weight::ZERO.units_of(10), 0);
        assert_eq!(Weight::FULL.units_of(10), 10);
    }

    #[test]
    fn shares_that_lose_a_basis_point_are_no_split() {
        let third = Weight(3_333);
        assert_eq!(Split::new(third, third, third), Err(SplitError { sum_bp: 9_999 }));
    }
}
