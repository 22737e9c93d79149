//! What goes wrong, as data: with calls, with measurements, behind our back, and in the engine.
//!
//! This file must not know how a fleet does any of it.

use serde::{Deserialize, Serialize};
use tidegate_core::{Arm, Span, Weight};

/// What a port can be asked for; what a fault is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Set the split of a route.
    Shift,
    /// Set mirror and test traffic.
    Mirror,
    /// Provision an arm.
    Provision,
    /// Scale an arm.
    Scale,
    /// Retire an arm.
    Retire,
    /// Start the platform's deployment.
    Start,
    /// Release a wait point.
    Release,
    /// Tell the platform to go back.
    Stop,
    /// Deploy the previous revision again.
    Redeploy,
    /// Read the routes.
    ReadTraffic,
    /// Count capacity.
    ReadCapacity,
    /// Look the platform's deployment up.
    ReadPlatform,
    /// Measure.
    Look,
}

impl Op {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Look as usize + 1;
}

/// One thing that goes wrong, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The operation it hits. Written `call`, because `on` is a boolean to some YAML readers.
    #[serde(rename = "call")]
    pub on: Op,
    /// Only the n-th call of that operation, from 1; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// Not before this time since the world began (for a look: the end of its window).
    #[serde(default)]
    pub from: Span,
    /// Not at or after this time; no end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Span>,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub wrong: Wrong,
}

impl Fault {
    /// On the n-th call of an operation.
    #[must_use]
    pub const fn nth(on: Op, nth: u32, wrong: Wrong) -> Self {
        Self { on, nth: Some(nth), from: Span::ZERO, to: None, wrong }
    }

    /// On every call of an operation.
    #[must_use]
    pub const fn always(on: Op, wrong: Wrong) -> Self {
        Self { on, nth: None, from: Span::ZERO, to: None, wrong }
    }

    /// On every call of an operation in a time range since the world began.
    #[must_use]
    pub const fn between(on: Op, from: Span, to: Span, wrong: Wrong) -> Self {
        Self { on, nth: None, from, to: Some(to), wrong }
    }

    /// Whether it hits the `count`-th call, `elapsed` after the world began.
    pub(crate) fn hits(&self, on: Op, count: u32, elapsed: Span) -> bool {
        self.on == on
            && self.nth.is_none_or(|nth| nth == count)
            && elapsed >= self.from
            && self.to.is_none_or(|to| elapsed < to)
    }
}

/// What goes wrong. The first group is for calls that change something, `refused` and `slow` also
/// for reads; the second is for looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wrong {
    /// No answer within the time limit. It takes effect so long after it was sent, or never.
    Slow {
        /// When, counted from the sending; never when absent.
        lands: Option<Span>,
    },
    /// The connection breaks at once. It takes effect so long after it was sent, or never.
    Late {
        /// When, counted from the sending; never when absent.
        lands: Option<Span>,
    },
    /// Done, but the answer is lost.
    LostAnswer,
    /// Not done, and said so.
    Refused {
        /// Whether it will never work.
        permanent: bool,
    },
    /// Not done, and said to be one call too many for now. In force by the time of the call, also for
    /// looks, which are taken again.
    Throttled,
    /// Acknowledged, but done only for this share of the replicas or routes.
    Partial {
        /// The share that is done.
        share: Weight,
    },
    /// Acknowledged, and nothing done.
    Lie,
    /// Done, and done again later, as a duplicated packet would.
    Twice {
        /// When again.
        after: Span,
    },
    /// Nothing is returned for the window, which is said to be complete.
    Gap,
    /// The values are not numbers.
    NaN,
    /// Every sample is counted twice.
    Duplicates,
    /// The arms' labels are swapped.
    Swapped,
    /// Events and values are zero whatever happened.
    Zeros,
    /// Measurements arrive so much later than declared.
    Lag {
        /// How much later.
        by: Span,
    },
}

/// Something that happens without us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// When, since the world began.
    pub at: Span,
    /// What.
    #[serde(rename = "do")]
    pub what: Happens,
}

/// What happens without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Happens {
    /// A person gives the newest revision this share on every route.
    PersonShifts {
        /// The share.
        to: Weight,
    },
    /// A person scales an arm: stable is the oldest revision there is, the candidate the newest.
    PersonScales {
        /// Which arm.
        arm: Arm,
        /// Units over all zones.
        units: u32,
    },
    /// The size that carries all the traffic changes, as an autoscaler does it.
    Resized {
        /// The new size, over all zones.
        size: u32,
    },
    /// Replicas of an arm crash and start again.
    ReplicasCrash {
        /// Which arm.
        arm: Arm,
        /// How many, over all zones.
        units: u32,
    },
    /// Somebody else starts a deployment on the platform, and it holds the target for a while.
    ForeignDeployment {
        /// How long.
        lasts: Span,
    },
}

/// Where the engine is to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashPoint {
    /// The port call, counted from 1 over all operations.
    pub call: u32,
    /// Whether the call gets through first.
    #[serde(default)]
    pub after: bool,
}
