//! The control state of one run of a plan, and what can be asked of it.
//!
//! Small, without floats, looks, text or plan: what a record holds after each transition. The
//! transitions themselves are in `apply`; this module must not decide anything.

mod phase;

use serde::{Deserialize, Serialize};

pub use phase::*;

use crate::{
    Answer, CheckIndex, HookIndex, Identity, IndexSet, Move, Plan, Role, RolloutId, Seq, Timestamp,
    Verdict, World, decision::Decision, event::Event,
};

/// The control state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rollout {
    pub(crate) identity: Identity,
    pub(crate) seq: Seq,
    pub(crate) clock: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) world: World,
}

/// One transition: the next state, why, and what is to be sent.
#[must_use = "a step that is not journalled did not happen"]
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The next state; adopt it only once the record is durable.
    pub next: Rollout,
    /// Why.
    pub decision: Decision,
    /// What is to be sent, once the record is durable.
    pub intent: Option<Move>,
}
impl Rollout {
    /// open
    pub fn open(_: Identity, _: &Plan, _: &World, _: Timestamp) -> Step {
        todo!()
    }
    /// open after
    pub fn open_after(_: Identity, _: &Plan, _: &World, _: Timestamp, _: RolloutId) -> Step {
        todo!()
    }
}
