//! What would keep a rollout from going as planned, found by reading before its first move.
//!
//! It must not know how anything is found: adapters look, each for what it knows of its own platform.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing in the way of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Obstacle {
    /// What kind of thing.
    pub kind: ObstacleKind,
    /// What it is about, as a person finds it: "rule arn:…", "group shop/checkout".
    pub subject: String,
    /// What is wrong with it, and what would be right: a clause that goes on after the subject.
    pub what: String,
}

/// The kinds of things in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObstacleKind {
    /// It is not there.
    Missing,
    /// It is there, and is not what the adapter can work with.
    Unsuitable,
    /// The weights of the plan can not be set on it.
    Weights,
    /// Clients stay where they are, whatever the weights say.
    Stickiness,
    /// Something else drives it.
    Controller,
    /// It is in the middle of something that passes by itself: somebody's deployment, traffic of a revision
    /// that is neither arm's, an alarm that fires.
    NotAtRest,
    /// Nobody checks the health of what would get traffic.
    HealthChecks,
    /// It may not be read, or not be changed.
    Permission,
    /// Two would call for the way back.
    RollbackOwners,
    /// It could not be read, so that nothing is known of it.
    Unreadable,
}

impl ObstacleKind {
    /// In words, as it stands before a subject.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unsuitable => "unsuitable",
            Self::Weights => "weights",
            Self::Stickiness => "stickiness",
            Self::Controller => "another controller",
            Self::NotAtRest => "not at rest",
            Self::HealthChecks => "no health checks",
            Self::Permission => "permission",
            Self::RollbackOwners => "owners of rollback",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether another rollout of the target that is under way may be what causes it, so that it is no
    /// reason to refuse one that would come behind.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::NotAtRest | Self::Weights)
    }
}

impl Obstacle {
    /// One thing in the way.
    #[must_use]
    pub fn new(kind: ObstacleKind, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), what: what.into() }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.kind.name(), self.subject, self.what)
    }
}
