//! What happens to a rollout: the only inputs of the machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Actor, ArmCapacity, Capabilities, CheckIndex, CommandId, Extra, GateRef, HookIndex, MoveId,
    RolloutId, SeenTraffic, Span, Timestamp, Verdict, Versions, World,
    health::{Reading, Window},
    record::{deadline, is_default},
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A person or a system gave a command.
    Command(Command),
    /// A call of the move lane ended, or its fate is unknown.
    Answered(Answer),
    /// The world was read.
    Observed(Box<Observation>),
    /// A judge looked at evidence.
    Judged(Judged),
    /// A hook answered, or failed to.
    HookAnswered {
        /// Which hook.
        hook: HookIndex,
        /// What it said.
        answer: HookAnswer,
    },
    /// The calendar was read: see [`Plan::calendar_at`](crate::Plan::calendar_at).
    CalendarRead(CalendarState),
    /// The rollout that this one was waiting for is over.
    Freed {
        /// The world it left.
        world: Box<World>,
        /// Whether the revision that this rollout names as stable is the one that serves. Which one
        /// does depends on how the rollout before ended, and nobody knew when this one was opened.
        stable_serves: bool,
    },
    /// [`Rollout::next_deadline`](crate::Rollout::next_deadline) has come.
    DeadlineReached,
    /// Nothing could be read of the target for some time, because it takes no more calls for now.
    ReadsThrottled {
        /// How long, up to now.
        lost: Span,
    },
    /// Rollout time disagreed with the clock it is vouched by and was moved.
    ClockStepped {
        /// By how many milliseconds; every stored instant moves with it.
        by_ms: i64,
    },
    /// The journal was set back to an earlier state, from a backup or a standby that lagged: what was
    /// decided and sent since the last record is not known.
    SetBack {
        /// A number drawn when that was noticed. It becomes part of the rollout's generation, so that
        /// no move has the identity of one that was lost.
        drawn: u32,
    },
}

/// A command, with who gave it and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// So that one given twice is carried out once.
    pub id: CommandId,
    /// Who.
    pub actor: Actor,
    /// Why, in the actor's words; may be empty.
    pub reason: String,
    /// What.
    pub order: Order,
}

/// What is commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin.
    Start,
    /// Go no further until resumed. Guards are still judged, and a rollback still happens.
    Pause,
    /// Lift every hold that a person may lift.
    Resume,
    /// Approve the gate named.
    Approve(GateRef),
    /// Refuse the gate named: roll back.
    Deny(GateRef),
    /// Open the gate named without waiting for it.
    Promote(GateRef),
    /// Walk every remaining weight with gates skipped; guards and readiness are kept.
    PromoteFull,
    /// Go back.
    Abort,
    /// Out of `Halted`: try the rollback again.
    Retry,
    /// Out of `Halted`: take the candidate as it is.
    Accept,
    /// Out of `Halted`: leave the world as it is, and say so.
    GiveUp,
    /// A newer revision has been opened as another rollout of the same target.
    Supersede {
        /// The newer rollout.
        by: RolloutId,
    },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Pause => f.write_str("pause"),
            Self::Resume => f.write_str("resume"),
            Self::Approve(gate) => write!(f, "approve {gate}"),
            Self::Deny(gate) => write!(f, "deny {gate}"),
            Self::Promote(gate) => write!(f, "promote {gate}"),
            Self::PromoteFull => f.write_str("promote-full"),
            Self::Abort => f.write_str("abort"),
            Self::Retry => f.write_str("retry"),
            Self::Accept => f.write_str("accept"),
            Self::GiveUp => f.write_str("give up"),
            Self::Supersede { by } => write!(f, "supersede by {by}"),
        }
    }
}

/// The answer to one attempt of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// The move.
    pub id: MoveId,
    /// The attempt.
    pub attempt: u8,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target acknowledged the request. Completion is observed, never assumed.
    Accepted,
    /// It certainly did not happen, and may work later.
    Retryable,
    /// It certainly did not happen: the target takes no more calls for now.
    Throttled,
    /// It certainly did not happen, and never will.
    Permanent,
    /// It may have happened: a time-out, a lost answer, a crash in between.
    Ambiguous,
    /// Class 1: the version sent is no longer the target's; nothing was changed.
    Conflict,
}

/// What was read of the world. Parts that were not read, or not completely, are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When the reading *began*: a move sent after this makes it too old to be used.
    pub began: Timestamp,
    /// Weights of the data plane over all routes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub traffic: Option<SeenTraffic>,
    /// What the routes say of themselves, read with `traffic`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub versions: Option<Versions>,
    /// Copies and tests.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extra: Option<Extra>,
    /// Counts of capacity.
    #[serde(default, skip_serializing_if = "is_default")]
    pub capacity: Option<SeenCapacity>,
    /// The state of a platform's deployment.
    #[serde(default, skip_serializing_if = "is_default")]
    pub platform: Option<PlatformSeen>,
}

impl Observation {
    /// An observation of nothing, begun at `began`; fill in what was read.
    #[must_use]
    pub const fn begun(began: Timestamp) -> Self {
        Self { began, traffic: None, versions: None, extra: None, capacity: None, platform: None }
    }
}

/// Counts of capacity as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeenCapacity {
    /// Units that carry all the traffic.
    pub full: u32,
    /// The same by zone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub full_by_zone: [u32; Capabilities::MAX_ZONES],
    /// The stable arm.
    pub stable: ArmCapacity,
    /// The candidate.
    pub candidate: ArmCapacity,
}

/// A point where a platform waits to be told to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitPoint {
    /// Provisioned, before any production traffic.
    Ready,
    /// Between two steps of traffic.
    Step,
    /// After all traffic has moved, before the old side is terminated.
    Termination,
}

impl WaitPoint {
    /// All of them, in the order a platform reaches them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Step, Self::Termination];
}

impl fmt::Display for WaitPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Step => "step",
            Self::Termination => "termination",
        })
    }
}

/// Tells one wait from the next of the same kind: a number that the platform gives, or a digest of its
/// name for the wait.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WaitId(pub u64);

impl WaitId {
    /// Of a kind that a deployment comes to once at most.
    pub const ONLY: Self = Self(0);
}

/// A platform's wait: a gate stands before it, and it alone is released when that opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wait {
    /// Where.
    pub point: WaitPoint,
    /// Which, of those at that point.
    #[serde(default, skip_serializing_if = "is_default")]
    pub id: WaitId,
}

impl Wait {
    /// At a point that a deployment comes to once at most.
    #[must_use]
    pub const fn only(point: WaitPoint) -> Self {
        Self { point, id: WaitId::ONLY }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.point.fmt(f)
    }
}

/// The state of a platform's deployment, as the platform reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformSeen {
    /// A complete look-up found no deployment with our tag.
    Absent,
    /// Ours, under way. Its weight is in [`Observation::traffic`].
    Running,
    /// Ours, waiting to be released.
    AtWait {
        /// Which wait.
        wait: Wait,
        /// When the platform stops waiting; [`Timestamp::MAX`] if it never does.
        expires: Timestamp,
    },
    /// Ours, done.
    Succeeded,
    /// Going back, by its own rule or because it was told to.
    RollingBack,
    /// Gone back.
    RolledBack,
    /// Ended without going back.
    Failed,
    /// Stopped where it was.
    Stopped,
    /// A deployment that somebody else started holds the target, or was replaced by ours unknowingly.
    Foreign,
}

/// Which of a check's jobs looks and a verdict are for. Their evidence is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// All the time while the candidate has traffic.
    Guard,
    /// At a gate, only from windows that began after seen equalled wanted.
    Gate,
    /// What stable did before the rollout. Kept with the other looks and never judged.
    History,
}

/// A verdict, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The check.
    pub check: CheckIndex,
    /// Which of its jobs.
    pub role: Role,
    /// The verdict over all looks so far.
    pub verdict: Verdict,
    /// Whether the check's limit for looks without a usable answer has been passed.
    pub past_limit: bool,
    /// The window of the looks that were judged, first start to last end.
    pub window: Window,
    /// The numbers compared.
    pub reading: Reading,
}

/// What a hook said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookAnswer {
    /// Go on.
    Approved,
    /// Go back.
    Denied,
    /// Ask again later.
    Wait,
    /// No answer in time, or not a usable one. Never an approval.
    Failed,
}

/// What the calendar says at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CalendarState {
    /// Inside a freeze window: nothing goes forward.
    pub frozen: bool,
    /// Inside allowed hours: gates that ask for them may open.
    pub open: bool,
    /// The instant until which this stays so.
    #[serde(with = "deadline")]
    pub until: Timestamp,
}
