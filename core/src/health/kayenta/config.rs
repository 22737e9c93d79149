//! What is asked of one metric: the keys of Kayenta's `analysisConfigurations.canary`, by their names.

use serde::{Deserialize, Serialize};

/// Which way a metric must not move. Kayenta's `direction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up is bad: errors, latency.
    Increase,
    /// Down is bad: success rate, throughput.
    Decrease,
    /// Both are. Kayenta's default, and what it takes an unknown word for.
    #[default]
    Either,
}

/// What becomes of a missing point. Kayenta's `nanStrategy`; it knows no other, in particular no mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NanStrategy {
    /// It is left out, on its own side only. Kayenta's default.
    #[default]
    Remove,
    /// It counts as zero: for counters whose source is silent when nothing happened.
    Replace,
}

/// What becomes of points far from the others, each side by itself. Kayenta's `outliers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outliers {
    /// They stay. Kayenta's default.
    #[default]
    Keep,
    /// They go: what is beyond `factor` interquartile ranges from the quartiles *and* beyond the first
    /// or the 99th percentile. Errors in fewer than one point of a hundred vanish with them.
    Remove {
        /// Interquartile ranges, more than zero. Kayenta's `outlierFactor`.
        factor: f64,
    },
}

impl Outliers {
    /// Removal with Kayenta's factor of 3.
    #[must_use]
    pub const fn remove() -> Self {
        Self::Remove { factor: 3.0 }
    }
}

/// How large a shift is, beside being certain. Kayenta's `effectSize.measure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The candidate's mean over the baseline's; undefined when one of them is zero, and then no
    /// shift is excused for being small. Kayenta's default.
    #[default]
    MeanRatio,
    /// `cles`: the share of pairs in which the candidate's value is the larger, equal ones counting
    /// half (Vargha and Delaney 2000). A half says no difference.
    CommonLanguage,
}

/// What effect makes a shift count, and what makes it critical. Kayenta's `effectSize`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// How it is measured.
    pub measure: Measure,
    /// A shift up counts from here.
    pub allowed_increase: f64,
    /// A shift down counts down from here.
    pub allowed_decrease: f64,
    /// A shift up of a critical metric is critical from here.
    pub critical_increase: f64,
    /// A shift down of a critical metric is critical down from here.
    pub critical_decrease: f64,
}

impl Effect {
    /// The mean ratio, at Kayenta's defaults: every certain shift counts.
    #[must_use]
    pub const fn mean_ratio() -> Self {
        Self::with(Measure::MeanRatio, 1.0)
    }

    /// The common-language effect size, at Kayenta's defaults: every certain shift counts.
    #[must_use]
    pub const fn common_language() -> Self {
        Self::with(Measure::CommonLanguage, 0.5)
    }

    /// Every certain shift counts, by this measure.
    #[must_use]
    pub const fn by(measure: Measure) -> Self {
        match measure {
            Measure::MeanRatio => Self::mean_ratio(),
            Measure::CommonLanguage => Self::common_language(),
        }
    }

    const fn with(measure: Measure, all: f64) -> Self {
        Self {
            measure,
            allowed_increase: all,
            allowed_decrease: all,
            critical_increase: all,
            critical_decrease: all,
        }
    }
}

impl Default for Effect {
    fn default() -> Self {
        Self::mean_ratio()
    }
}

/// How the ends of the interval are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roots {
    /// Exactly, in any unit: they are differences of a candidate's and a baseline's value. Where most
    /// of those are zero, as with rare errors, the interval ends at zero and no shift is shown; a judge
    /// of counts is for those. Kayenta sees some by the error of its search: 35 points of a hundred
    /// above zero against ten, at 60 points a side, in half of 2 000 simulated runs.
    #[default]
    Exact,
    /// To within 1e-4 of the metric's unit, as Kayenta: for comparison. An error rate written as a
    /// fraction is mostly smaller than that; write it in percent.
    Brent,
}

/// What is asked of one metric. The default is Kayenta's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Which way is bad.
    pub direction: Direction,
    /// What becomes of missing points.
    pub nan: NanStrategy,
    /// What becomes of outliers.
    pub outliers: Outliers,
    /// What effect a shift must have.
    pub effect: Effect,
    /// Whether this metric alone fails the canary. Kayenta's `critical`.
    pub critical: bool,
    /// Whether a metric without data counts as a failed one. Kayenta's `mustHaveData`; a critical
    /// metric without data fails the canary as it is.
    pub must_have_data: bool,
    /// How much of the estimated shift its interval must exceed, 0 or more. 0.25 in Kayenta, where it
    /// can not be set.
    pub tolerance: f64,
    /// The interval's confidence, in (0, 1). 0.98 in Kayenta, where it can not be set.
    pub confidence: f64,
    /// How the interval is found.
    pub roots: Roots,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            direction: Direction::Either,
            nan: NanStrategy::Remove,
            outliers: Outliers::Keep,
            effect: Effect::mean_ratio(),
            critical: false,
            must_have_data: false,
            tolerance: 0.25,
            confidence: 0.98,
            roots: Roots::Exact,
        }
    }
}

/// Why a metric can not be asked for so.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A number that must be finite and not negative.
    #[error("{0} is {1}; expected a finite number of zero or more")]
    Negative(&'static str, f64),
    /// A confidence that is not between 0 and 1.
    #[error("confidence is {0}; expected a number between 0 and 1")]
    Confidence(f64),
    /// An outlier factor that is not more than 0.
    #[error("outlier factor is {0}; expected a finite number above zero")]
    Factor(f64),
    /// A judge that asks for no looks would pass on nothing; one that judges every zero looks, never.
    #[error("{0} is 0; expected at least 1")]
    Zero(&'static str),
    /// A judge that looks back over fewer looks than it needs.
    #[error("looks back over {lookback} looks; expected at least the {looks} that a pass needs")]
    Lookback {
        /// Looks taken into account.
        lookback: u32,
        /// Looks before a pass.
        looks: u32,
    },
}

impl Config {
    /// Whether all numbers can be compared with. [`classify`](super::classify) asks this itself, and
    /// says [`Error`](super::Label::Error) where they can not.
    ///
    /// # Errors
    /// The first number that can not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let effect = &self.effect;
        for (name, number) in [
            ("tolerance", self.tolerance),
            ("allowed increase", effect.allowed_increase),
            ("allowed decrease", effect.allowed_decrease),
            ("critical increase", effect.critical_increase),
            ("critical decrease", effect.critical_decrease),
        ] {
            if !(number.is_finite() && number >= 0.0) {
                return Err(ConfigError::Negative(name, number));
            }
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(ConfigError::Confidence(self.confidence));
        }
        match self.outliers {
            Outliers::Remove { factor } if !(factor.is_finite() && factor > 0.0) => {
                Err(ConfigError::Factor(factor))
            }
            Outliers::Remove { .. } | Outliers::Keep => Ok(()),
        }
    }
}
