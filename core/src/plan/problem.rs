//! What can be wrong with a plan that reads well: each problem with its place and what was expected.
//!
//! This file must not know files: a place is a path of keys, and a loader turns it into a line.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CalendarError, StrategyKind};
use crate::{
    Span, Weight,
    health::{ThresholdError, kayenta::ConfigError},
};

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// A key of a map.
    Key(String),
    /// An item of a list, from zero.
    Item(usize),
}

/// A place in a plan: `strategy.canary.steps[2].weight`. Empty for the plan as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyPath(pub Vec<Segment>);

impl KeyPath {
    /// The path that begins with this key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self::default().key(key)
    }

    /// The place under `key`.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The `index`-th item, from zero.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.with(Segment::Item(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for KeyPath {
    /// Keys joined with dots, items in brackets; a key that holds anything else than letters,
    /// digits, `-` and `_` is quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Item(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    f.write_str(if at > 0 { "." } else { "" })?;
                    if !key.is_empty() && key.chars().all(plain) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// One thing that is wrong with a plan, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{path}{}{what}", if .path.0.is_empty() { "" } else { ": " })]
pub struct Problem {
    /// Where.
    pub path: KeyPath,
    /// What, and what was expected.
    pub what: ProblemKind,
}

/// Everything that is wrong with a plan, each with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanErrors(pub Vec<Problem>);

impl std::error::Error for PlanErrors {}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the plan has one problem:")?,
            n => write!(f, "the plan has {n} problems:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// The list of problems while a plan is compiled: nothing stops at the first one.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl ProblemKind {
    pub(super) const fn number(found: f64, expected: &'static str) -> Self {
        Self::Number { found, expected }
    }
}

impl Problems {
    pub(super) fn add(&mut self, path: &KeyPath, what: impl Into<ProblemKind>) {
        self.0.push(Problem { path: path.clone(), what: what.into() });
    }

    pub(super) fn add_if(&mut self, wrong: bool, path: &KeyPath, what: ProblemKind) {
        if wrong {
            self.add(path, what);
        }
    }
}

/// What a reference in a plan can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A key of `checks`.
    Check,
    /// A key of `hooks`.
    Hook,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "check",
            Self::Hook => "hook",
        })
    }
}

/// What the adapters of a target lack for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// No router with weights.
    #[error("this target has no router with weights, which {0} needs")]
    Router(StrategyKind),
    /// Neither a router nor capacity to steer by.
    #[error(
        "this target has neither a router nor replicas that could be counted, so no weight can be reached"
    )]
    Steering,
    /// Capacity that grows by itself.
    #[error("this target's capacity is elastic; expected one that is counted or a percentage")]
    Capacity,
    /// No copies of requests.
    #[error("this target can not copy requests to the candidate; expected no mirror")]
    Mirror,
    /// No test traffic.
    #[error("this target has no test traffic; expected no preview")]
    TestTraffic,
    /// No platform that sets the pace.
    #[error("this target has no platform that could set the pace")]
    Platform,
    /// Nothing that deploys an old revision again.
    #[error("only a platform can redeploy, and this target has none; expected redeploy: false")]
    Redeploy,
}

/// What is wrong, and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A text that says nothing.
    #[error("is empty; expected {0}")]
    Empty(&'static str),
    /// A target's name that does not fit into a client token.
    #[error("{0:?} is no target name; expected 1 to 64 letters, digits, '.', '_' or '-'")]
    TargetName(String),
    /// A length of time of zero where zero would hang or spin.
    #[error("is a zero that would hang; expected more than 0s")]
    ZeroSpan,
    /// A time between two looks that is too short to be meant.
    #[error("{0} is too often; expected 1s or more")]
    TooOften(Span),
    /// Windows that overlap, of a judge that adds looks up.
    #[error(
        "looks at {window} taken every {every} overlap, and this judge would count what they share more than once; expected {window} or more, or a window of {every} or less"
    )]
    Overlap {
        /// From one look to the next, as written.
        every: Span,
        /// The length of a look.
        window: Span,
    },
    /// Observations so far apart that what was done could not be seen in time.
    #[error(
        "{found} is too seldom: by then what was done has to be seen; expected {most} or less, the shorter of policy.progress and of policy.confirm with the target's propagation time"
    )]
    Seldom {
        /// What was written.
        found: Span,
        /// The most that is allowed.
        most: Span,
    },
    /// A rollback that is given up before one call of it could be known to have failed.
    #[error(
        "{found} is over before one call on the way back is known to have happened or not; expected {least} or more: the target's time limit, late bound and propagation time, and one observation"
    )]
    RollbackTooShort {
        /// What was written.
        found: Span,
        /// The least that is allowed.
        least: Span,
    },
    /// A number outside its range.
    #[error("{found} is out of range; expected {least} to {most}")]
    OutOfRange {
        /// What was written.
        found: u64,
        /// The least that is allowed.
        least: u64,
        /// The most that is allowed.
        most: u64,
    },
    /// A name that nothing has.
    #[error("unknown {what} {name:?}; {known}")]
    Unknown {
        /// What kind of name.
        what: Named,
        /// The name.
        name: String,
        /// What it could have been.
        known: Known,
    },
    /// A name listed twice.
    #[error("{what} {name:?} is listed twice; expected once")]
    Twice {
        /// What kind of name.
        what: Named,
        /// The name.
        name: String,
    },
    /// A number that is out of its range, or not a number.
    #[error("{found} is out of range; expected {expected}")]
    Number {
        /// What was written.
        found: f64,
        /// Its range, in words.
        expected: &'static str,
    },
    /// A key that something else asks for.
    #[error("is missing; expected it with {0}")]
    Needed(&'static str),
    /// A key without what it belongs to.
    #[error("has no effect here; expected it only with {0}")]
    OnlyWith(&'static str),
    /// A check written out under a name that another check has.
    #[error(
        "another check is called {0:?} and differs; expected one of them under checks, by a name of its own"
    )]
    TwoChecks(String),
    /// More than a plan holds.
    #[error("{found} {what}s are too many; expected at most {most}")]
    TooMany {
        /// Of what.
        what: Named,
        /// So many.
        found: usize,
        /// So many are allowed.
        most: usize,
    },
    /// Something the target's adapters can not do.
    #[error(transparent)]
    Lacks(#[from] Lack),
    /// A list of steps without a step.
    #[error("has no steps; expected at least one, such as - weight: 5%")]
    NoSteps,
    /// A weight or share of zero.
    #[error("is 0 %; expected more than 0 %")]
    ZeroWeight,
    /// A weight that does not rise.
    #[error("{found} does not rise; expected more than the {before} before it")]
    NotRising {
        /// What was written.
        found: Weight,
        /// What stood before it.
        before: Weight,
    },
    /// A weight the router can not be set to.
    #[error("{found} is off the target's grid; expected a multiple of {grid}")]
    OffGrid {
        /// What was written.
        found: Weight,
        /// The router's smallest step.
        grid: Weight,
    },
    /// Capacity that does not carry its traffic.
    #[error(
        "{capacity} of capacity does not carry {weight} of traffic; expected at least {weight}"
    )]
    CapacityBelowWeight {
        /// What was written.
        capacity: Weight,
        /// What it must carry.
        weight: Weight,
    },
    /// Capacity apart from weight, where traffic follows capacity.
    #[error(
        "traffic follows capacity on this target; expected no capacity apart from the weight {0}"
    )]
    CapacityIsWeight(Weight),
    /// A step that says how, although a platform does it.
    #[error("has no effect where a platform sets the pace; expected it to be left out")]
    PlatformDecides,
    /// A platform that would go on without us.
    #[error(
        "the platform continues a wait point by itself when it expires, so no gate would hold; expected a platform that stops"
    )]
    ContinuesOnExpiry,
    /// A platform that ends the keep-warm time early.
    #[error(
        "the platform terminates the old revision {after} after success; expected keep_warm of at most that, found {keep_warm}"
    )]
    TerminatesEarly {
        /// When the platform terminates it.
        after: Span,
        /// How long it should be kept.
        keep_warm: Span,
    },
    /// A mix of revisions in a plan that forbids one.
    #[error(
        "both revisions would carry traffic, but policy.incompatible forbids that; expected a switch from 0 % to 100 % at once"
    )]
    Mixes,
    /// A gate at 100 % written twice.
    #[error(
        "the last step is 100 % and has a gate of its own; expected either that gate or this one"
    )]
    TwoFinalGates,
    /// Both ways of writing a batch.
    #[error("minimum_healthy excludes max_surge and max_unavailable; expected one or the other")]
    TwoBatchSizes,
    /// A batch of nothing.
    #[error(
        "max_surge and max_unavailable are both zero, so nothing could be replaced; expected one above zero"
    )]
    NoBatch,
    /// A batch of nothing, in the other words.
    #[error(
        "all units must stay healthy and none is added, so nothing could be replaced; expected less than 100 %"
    )]
    AllHealthy,
    /// Both ways of placing gates.
    #[error("gates.each_batch excludes gates.at; expected one or the other")]
    TwoGatePlaces,
    /// Gates at shares of the whole, where zones are taken one by one.
    #[error("gates at shares do not go with zones_one_by_one; expected gates.each_batch")]
    SharesAndZones,
    /// Zones that the target has not, or too many.
    #[error("the target has {0} zones; expected 2 to {max}", max = crate::Capabilities::MAX_ZONES)]
    Zones(usize),
    /// A bound of a threshold that is missing or written twice.
    #[error("{0} bounds are given; expected exactly one of max, min, max_ratio, min_ratio")]
    Bounds(usize),
    /// A relative bound without anything to compare with.
    #[error("a ratio compares with nothing here; expected baseline: concurrent or history")]
    RatioWithoutBaseline,
    /// A baseline that the bound never looks at.
    #[error(
        "the threshold is a fixed number and never looks at a baseline; expected baseline: fixed, or max_ratio or min_ratio"
    )]
    BaselineUnused,
    /// A threshold that can not be built.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// A judge of Kayenta's that can not be built.
    #[error(transparent)]
    Kayenta(#[from] ConfigError),
    /// A gate that waits for a check that only reports.
    #[error("check {0:?} is a dry run, which never passes; expected one that decides")]
    DryRun(String),
    /// A twin that is the check itself.
    #[error("a check can not be its own twin; expected another check")]
    OwnTwin,
    /// A twin that needs an arm that is not there.
    #[error(
        "twin {0:?} takes over where stable is gone; expected one with baseline: fixed or history"
    )]
    TwinNotFixed(String),
    /// A gate for allowed hours in a plan that declares none.
    #[error("no allowed hours are declared; expected calendar.allowed")]
    NoHours,
    /// A check of a candidate that nothing reaches.
    #[error(
        "check {0:?} would wait for ever: the candidate has no traffic here; expected a preview, a mirror or a weight"
    )]
    NoTraffic(String),
    /// A comparison with an arm that gets nothing.
    #[error(
        "check {check:?} compares both arms, but {missing} has no traffic here; expected a check with another baseline"
    )]
    OneArm {
        /// The check.
        check: String,
        /// The arm that has no traffic.
        missing: crate::Arm,
    },
    /// The same, at a gate that also stands after the last batch.
    #[error(
        "check {0:?} compares both arms, but after the last batch stable has no traffic; expected a check with another baseline, or gates.at below 100 %"
    )]
    OneArmAtLast(String),
    /// A time, a date or a zone that can not be read.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

/// The names that could have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known(pub Vec<String>);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none are declared");
        }
        write!(f, "expected one of {}", self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_file_and_quotes_what_would_be_ambiguous() {
        let path = KeyPath::of("strategy").key("canary").key("steps").item(2).key("weight");
        assert_eq!(path.to_string(), "strategy.canary.steps[2].weight");
        assert_eq!(KeyPath::of("checks").key("p 99.9").to_string(), r#"checks."p 99.9""#);
    }

    #[test]
    fn a_problem_names_its_place_and_a_list_counts_them() {
        let problem = Problem { path: KeyPath::of("owner"), what: ProblemKind::Empty("a name") };
        assert_eq!(problem.to_string(), "owner: is empty; expected a name");
        let all = PlanErrors(vec![problem.clone(), problem]).to_string();
        assert!(all.starts_with("the plan has 2 problems:\n  owner"), "{all}");
    }
}
