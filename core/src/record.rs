//! What the journal keeps. A stored format: versioned, and read strictly.

use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, Epoch, Event, Identity, Move, Plan, Revisions, RolloutId, Seq, Timestamp, World,
    decision::Decision, rollout::Rollout,
};

/// The version of the stored format. Raised when a record written before could not be read, or
/// would be read differently.
pub const FORMAT: u16 = 1;

/// The version of the transition table. Records of another one are not replayed, only checked.
pub const LOGIC: u16 = 1;

/// Record 0: everything that stays the same for one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`] when it was written.
    pub format: u16,
    /// [`LOGIC`] when it was written.
    pub logic: u16,
    /// The rollout and its place among those of its target.
    pub identity: Identity,
    /// The compiled plan, with the capabilities it was compiled for.
    pub plan: Plan,
    /// The two revisions.
    pub revisions: Revisions,
    /// The world as found: what a rollback restores.
    pub found: World,
    /// When it was opened, in rollout time.
    pub at: Timestamp,
    /// The rollout it waits for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after: Option<RolloutId>,
    /// The rollout that it tries again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry_of: Option<RolloutId>,
}

impl Head {
    /// The state that record 0 stands for.
    pub fn open(&self) -> crate::rollout::Step {
        match self.after {
            None => Rollout::open(self.identity, &self.plan, &self.found, self.at),
            Some(before) => {
                Rollout::open_after(self.identity, &self.plan, &self.found, self.at, before)
            }
        }
    }
}

/// One transition: what happened, what was decided, what is to be sent, and the state after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`] when it was written.
    pub format: u16,
    /// Its position; rises by exactly one, from 1.
    pub seq: Seq,
    /// Who wrote it.
    pub epoch: Epoch,
    /// The try of the commit that wrote it.
    pub attempt: AttemptId,
    /// When, in rollout time.
    pub at: Timestamp,
    /// What happened; absent for the record that opens the rollout.
    #[serde(default, skip_serializing_if = "is_default")]
    pub event: Option<Event>,
    /// What was decided.
    pub decision: Decision,
    /// What is to be sent once this record is durable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub intent: Option<Move>,
    /// The control state after it.
    pub after: Rollout,
}

/// What serde asks of a field that is left out of a record where it says nothing, to keep records
/// small.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An instant that may be never, as it is stored: null where it is.
pub(crate) mod deadline {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::{Timestamp, next_move::NEVER};

    /// What a deadline is that is left out.
    pub(crate) const fn never() -> Timestamp {
        NEVER
    }

    /// Whether there is none.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(crate) fn is_never(at: &Timestamp) -> bool {
        *at == NEVER
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        (!is_never(at)).then_some(at).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(NEVER))
    }
}
