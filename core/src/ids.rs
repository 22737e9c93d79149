//! Names and numbers that identify things. Nothing here is random; ids are given or derived.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The name of the thing being released: a service. One rollout of it is active at a time.
    Target
}
text_id! {
    /// One version of a target, opaque to the core: a task definition, a digest, a function version.
    Revision
}
text_id! {
    /// What a target says of its own state so that a later write can be conditional on it: an
    /// ETag, a revision id. Opaque; read with an observation, sent back with a class-1 move.
    Version
}
text_id! {
    /// Who gave a command: a person, a rota, another system.
    Actor
}

/// The number of a rollout, unique in its journal and rising.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RolloutId(pub u64);

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// How many rollouts a target has had, this one included. The journal gives it out when a rollout
/// is opened, so an order of (generation, epoch, sequence) is an order over all moves of a target.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// Another generation of the same rank, whose moves have other identities: the number drawn takes
    /// the upper half.
    pub(crate) const fn set_back(&mut self, drawn: u32) {
        self.0 = ((drawn as u64) << 32) | (self.0 & 0xffff_ffff);
    }
}

/// Which engine wrote: raised by every claim, so that an older writer can be refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// One run of an engine, as a journal lists it. Two runs of one process are two engines.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EngineId(pub u64);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

/// The position of a record in its rollout's journal; rises by exactly one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The number of a command in its rollout's inbox, so that one given twice is carried out once.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// What identifies a rollout wherever its moves go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The rollout.
    pub rollout: RolloutId,
    /// Its place among the rollouts of its target.
    pub generation: Generation,
}

/// What identifies a move. Derived, and kept across retries, so that it can serve as a client
/// token; [`Call::token`](crate::ports::Call::token) adds the target and the route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MoveId {
    /// The rollout that makes the move.
    pub of: Identity,
    /// The record that holds its intent.
    pub seq: Seq,
}

impl fmt::Display for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of.rollout, self.seq.0)
    }
}
