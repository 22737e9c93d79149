//! The control state of one run of a plan, and what can be asked of it.
//!
//! Small, without floats, looks, text or plan: what a record holds after each transition. The
//! transitions are in `table`; this file must not decide anything.

mod backward;
mod canonical;
mod due;
mod forward;
mod gate;
mod lane;
mod phase;
mod platform;
mod reads;
mod survey;
mod table;
mod trigger;
mod turn;

use serde::{Deserialize, Serialize};

pub use canonical::CANONICAL_CLOCK;
pub use phase::*;
pub use reads::{ReadKind, Reads, WaitingOn};

use crate::{
    Action, Arm, CalendarState, Identity, IndexSet, Move, MoveId, Plan, PlatformSeen, RolloutId,
    Rule, Seq, Span, Timestamp, Weight, World,
    decision::{Decision, Evidence},
    event::Event,
    next_move::NEVER,
    record::{deadline, is_default},
};

/// The control state of one run of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    pub(crate) identity: Identity,
    /// Sequence number of the record that holds this state.
    pub(crate) seq: Seq,
    /// When that record was made; time never runs backwards from here.
    pub(crate) clock: Timestamp,
    pub(crate) phase: Phase,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) holds: Holds,
    /// There was no stable arm when it was opened.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) first: bool,
    /// A person opened all remaining gates.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) promoted: bool,
    /// A person accepted the candidate as it is: guards are recorded, not acted on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) accepted: bool,
    /// Whether the point of no return lies behind.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) no_return: bool,
    /// A newer rollout that waits for this one to end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) successor: Option<RolloutId>,
    pub(crate) world: World,
    /// The move whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) call: Option<Outstanding>,
    /// When something was last sent: an observation begun before is never used.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) sent: Timestamp,
    /// When an acknowledged shift has been unseen for too long.
    #[serde(default = "deadline::never", skip_serializing_if = "deadline::is_never")]
    pub(crate) confirm_by: Timestamp,
    /// When an arm whose traffic was last seen to end is drained.
    #[serde(default, with = "deadline", skip_serializing_if = "is_default")]
    pub(crate) drained: Timestamp,
    /// When the state alone, without any event, allows something more.
    #[serde(default = "deadline::never", skip_serializing_if = "deadline::is_never")]
    pub(crate) wake: Timestamp,
    /// Checks that a verdict was given on since they last had no answer: no gate opens before each
    /// guard is among them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) judged: IndexSet,
    /// Guards without an answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) lacking: IndexSet,
    /// Checks that say the evidence can not be trusted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) distrusted: IndexSet,
    /// When guards have been without an answer for too long.
    #[serde(default = "deadline::never", skip_serializing_if = "deadline::is_never")]
    pub(crate) lack_by: Timestamp,
    /// Shifts sent again because they were never seen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) reasserted: u8,
    /// Corrections of somebody else's changes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) corrections: u8,
    /// By how much deadlines of this phase were moved because the target took no more calls.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) throttled: Span,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) calendar: Option<CalendarState>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) platform: PlatformTrack,
}

/// A move whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outstanding {
    /// The move as it was last sent.
    pub sent: Move,
    /// What is known of it.
    pub state: CallState,
    /// Attempts that were throttled: they count towards no limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub throttled: u8,
    /// Until when an attempt before the last one may still land; long ago if none may.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lands_by: Timestamp,
    /// The weight that was asked for before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: Weight,
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Sent; not answered.
    InFlight {
        /// When its outcome counts as unknown.
        by: Timestamp,
    },
    /// To be sent again.
    BackOff {
        /// When.
        until: Timestamp,
    },
    /// Outcome unknown; nothing else is sent before it can no longer land.
    Settling {
        /// When it can no longer land.
        until: Timestamp,
    },
    /// Outcome unknown, and to be learnt by reading: the version of a class-1 target, the tag of a
    /// class-4 one.
    LookUp,
}

/// What is known of a platform that sets the pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlatformTrack {
    /// What it was last told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub told: PlatformTold,
    /// The tag of the deployment that is looked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tag: Option<MoveId>,
    /// What it was last seen to do.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seen: Option<PlatformSeen>,
}

impl PlatformTrack {
    /// The arm whose revision the deployment that is looked for deploys.
    #[must_use]
    pub const fn arm(&self) -> Arm {
        match self.told {
            PlatformTold::Redeploy => Arm::Stable,
            PlatformTold::Nothing | PlatformTold::Start | PlatformTold::Stop => Arm::Candidate,
        }
    }
}

/// What a platform was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformTold {
    /// Nothing.
    #[default]
    Nothing,
    /// To deploy the candidate.
    Start,
    /// To go back.
    Stop,
    /// To deploy the previous revision again.
    Redeploy,
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

/// Why an event made no transition. Never an exception: late, stale and out-of-turn events are
/// ordinary.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// The rollout is over.
    #[error("the rollout is over")]
    Terminal,
    /// An answer to a move that is no longer outstanding, or an observation from before the last
    /// move, or a verdict over windows from before the shift took effect.
    #[error("it speaks of something that has been overtaken")]
    Stale,
    /// It says what is so already.
    #[error("it changes nothing")]
    Unchanged,
    /// No deadline has come.
    #[error("no deadline has come")]
    Early,
    /// The command was given for another gate than the one the rollout stands before.
    #[error("the rollout does not stand before that gate")]
    NotThatGate,
    /// The phase has no row for it.
    #[error("it does not apply in this phase")]
    NotNow,
    /// The old revision is gone, and the plan declares no way to deploy it again.
    #[error("the point of no return is past, and the plan declares no redeployment")]
    PastNoReturn,
    /// The plan says no to newer revisions while a rollout runs.
    #[error("the plan refuses newer revisions while a rollout runs")]
    Refused,
    /// It names a check or a hook that the plan has not.
    #[error("the plan has no such check or hook")]
    Unknown,
}

impl Rollout {
    /// Opens a rollout of `plan` on the world as found. It waits for the order to start.
    pub fn open(id: Identity, plan: &Plan, found: &World, now: Timestamp) -> Step {
        Self::opening(id, plan, found, now, None)
    }

    /// Opens a rollout that begins only when the rollout `after` of the same target is over: see
    /// [`Event::Freed`].
    pub fn open_after(
        id: Identity,
        plan: &Plan,
        found: &World,
        now: Timestamp,
        after: RolloutId,
    ) -> Step {
        Self::opening(id, plan, found, now, Some(after))
    }

    fn opening(
        identity: Identity,
        plan: &Plan,
        found: &World,
        now: Timestamp,
        after: Option<RolloutId>,
    ) -> Step {
        let by = if after.is_some() { NEVER } else { now.after(plan.policy.start.within) };
        let next = Self {
            identity,
            seq: Seq(0),
            clock: now,
            phase: Phase::Pending { after, started: false, by },
            holds: Holds::NONE,
            first: found.is_empty(),
            promoted: false,
            accepted: false,
            no_return: false,
            successor: None,
            world: found.clone(),
            call: None,
            sent: Timestamp::default(),
            confirm_by: NEVER,
            drained: Timestamp::default(),
            wake: NEVER,
            judged: IndexSet::EMPTY,
            lacking: IndexSet::EMPTY,
            distrusted: IndexSet::EMPTY,
            lack_by: NEVER,
            reasserted: 0,
            corrections: 0,
            throttled: Span::ZERO,
            calendar: None,
            platform: PlatformTrack::default(),
        };
        let decision = Decision {
            rule: Rule::Opened,
            at: now,
            from: PhaseName::Pending,
            to: PhaseName::Pending,
            position: None,
            weight_from: found.traffic.asked,
            weight_to: found.traffic.asked,
            evidence: Evidence::State,
        };
        Step { next, decision, intent: None }
    }

    /// What `event` does at `now`: one transition, or the named reason for none.
    ///
    /// Pure and total: nothing is mutated, nothing panics. `now` earlier than the state's own clock
    /// counts as that clock.
    ///
    /// # Errors
    /// [`Ignored`], when the event makes no transition. The state is then as it was.
    pub fn apply(&self, plan: &Plan, now: Timestamp, event: &Event) -> Result<Step, Ignored> {
        table::apply(self, plan, now.max(self.clock), event)
    }

    /// The rollout, and its place among those of its target.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Sequence number of the record that holds this state.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// When that record was made.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Where it is.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What keeps it from going forward.
    #[must_use]
    pub const fn holds(&self) -> Holds {
        self.holds
    }

    /// The world as asked and seen.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The move whose outcome is not known yet.
    #[must_use]
    pub const fn outstanding(&self) -> Option<&Outstanding> {
        self.call.as_ref()
    }

    /// Whether this is a first deployment: there was no stable arm.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Whether the point of no return lies behind.
    #[must_use]
    pub const fn is_past_no_return(&self) -> bool {
        self.no_return
    }

    /// Whether a person opened all remaining gates.
    #[must_use]
    pub const fn is_promoted(&self) -> bool {
        self.promoted
    }

    /// Whether a person accepted the candidate as it is.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// An observation that began before this is not used: something was sent since, or what was
    /// read before no longer counts.
    #[must_use]
    pub const fn observations_from(&self) -> Timestamp {
        self.sent
    }

    /// By how much deadlines of this phase were moved because the target took no more calls.
    #[must_use]
    pub const fn throttled(&self) -> Span {
        self.throttled
    }

    /// A newer rollout that waits for this one to end.
    #[must_use]
    pub const fn successor(&self) -> Option<RolloutId> {
        self.successor
    }

    /// What is known of a platform that sets the pace.
    #[must_use]
    pub const fn platform(&self) -> &PlatformTrack {
        &self.platform
    }
}

impl Outstanding {
    /// What it is to do.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.sent.action
    }
}
