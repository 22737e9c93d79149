//! What the engine needs from the outside, as traits. Adapters implement them; nothing here does.
//!
//! All of them take `&self`, are object safe, and are called concurrently. A call that changes
//! something is a *request*: it returns when the target has acknowledged it, not when it is done.
//! Each trait has a conformance suite in `tidegate-mock` that runs against any implementation.

use std::{error::Error as StdError, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Arm, Capabilities, CapacityKind, CheckIndex, Command, CommandId, Epoch, Extra,
    Generation, HookAnswer, Identity, Look, MoveId, Operation, Plan, PlatformAbility, PlatformSeen,
    Revision, Role, RolloutId, RoutingKind, SeenCapacity, Seq, Span, Split, Target, Timestamp,
    Version, WaitPoint, Window, World,
    decision::Decision,
    record::{Head, Record},
};

/// The two revisions of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Revisions {
    /// What serves; absent on a first deployment.
    pub stable: Option<Revision>,
    /// What comes in.
    pub candidate: Revision,
}

impl Revisions {
    /// The revision of an arm.
    #[must_use]
    pub const fn of(&self, arm: Arm) -> Option<&Revision> {
        match arm {
            Arm::Stable => self.stable.as_ref(),
            Arm::Candidate => Some(&self.candidate),
        }
    }
}

/// What goes with every call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The thing being released.
    pub target: Target,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The move this call carries out.
    pub id: MoveId,
    /// Which sending of it.
    pub attempt: u8,
    /// Who writes; not part of the identity.
    pub epoch: Epoch,
    /// The route, where a target has several: they are called one after another, in fixed order.
    pub route: u8,
}

impl Call {
    /// The client token or tag: the same for every attempt, unique over all moves of all rollouts
    /// of one journal.
    #[must_use]
    pub fn token(&self) -> String {
        let MoveId { of: Identity { rollout, generation }, seq } = self.id;
        format!("{}-{}-{}-{}-{}", self.target, generation.0, rollout.0, seq.0, self.route)
    }
}

/// How a call failed, as far as what to do next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It certainly did not happen, and may work later: throttling, a refused connection.
    Retryable,
    /// It certainly did not happen, and never will: no permission, no such thing.
    Permanent,
    /// It may have happened: a time-out, a lost answer.
    Ambiguous,
    /// Class 1: the version sent is no longer the target's; nothing was changed.
    Conflict,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Ambiguous => "outcome unknown",
            Self::Conflict => "version conflict",
        })
    }
}

/// A failed call of a port.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} ({kind})")]
pub struct PortError {
    /// What to do next depends on this alone.
    pub kind: FailureKind,
    /// What was tried, as a verb phrase: "shift traffic of checkout".
    pub action: String,
    /// What the platform said.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl PortError {
    /// A failure of `action`, without more to say.
    #[must_use]
    pub fn new(kind: FailureKind, action: impl Into<String>) -> Self {
        Self { kind, action: action.into(), source: None }
    }

    /// With what the platform said.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// What a traffic shifter can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficAbility {
    /// How traffic reaches the arms.
    pub routing: RoutingKind,
    /// How safe a shift is.
    pub shift: Operation,
    /// Whether requests can be copied.
    pub mirror: bool,
    /// Whether test traffic can be set.
    pub test_traffic: bool,
    /// Time until an acknowledged shift is normally seen.
    pub propagation: Span,
    /// How long an arm may get requests after its weight is zero.
    pub drain: Span,
    /// How many routes there are; at least one.
    pub routes: u8,
}

/// One route as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteReading {
    /// Its split, as the data plane has it.
    pub split: Split,
    /// What it says of its own state, where the target has such a thing.
    pub version: Option<Version>,
}

/// Traffic as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficReading {
    /// All routes, in their fixed order.
    pub routes: Vec<RouteReading>,
    /// Copies and tests; absent where the target has neither.
    pub extra: Option<Extra>,
}

/// Sets and reads the split of traffic.
///
/// An implementation sets absolutely, keeps everything else of the route as it was, and reads back
/// what the data plane has rather than what was written.
#[async_trait]
pub trait TrafficShifter: fmt::Debug + Send + Sync {
    /// What it can do. Constant.
    fn ability(&self) -> TrafficAbility;

    /// Reads every route.
    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError>;

    /// Divides what both arms get on the route `call.route`; `to` has no share for anything else, and
    /// whatever belongs to somebody else stays as it is ([`Split::of_arms`] reads it back). A class-1 target is sent `version`, captured when
    /// the move was decided, and answers [`FailureKind::Conflict`] when it is no longer that.
    async fn shift(
        &self,
        call: &Call,
        to: Split,
        version: Option<&Version>,
    ) -> Result<(), PortError>;

    /// Sets the share of copied requests and test traffic, on all routes.
    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError>;
}

/// What deployment actions can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployAbility {
    /// How capacity is expressed.
    pub capacity: CapacityKind,
    /// Names of the zones; at most [`Capabilities::MAX_ZONES`].
    pub zones: Vec<String>,
    /// How safe provisioning, scaling and retiring are.
    pub scale: Operation,
    /// What a platform that sets its own pace offers.
    pub platform: Option<PlatformAbility>,
}

/// Provisions, scales, observes and retires revisions; drives a platform that sets its own pace.
///
/// Repeating a call with the same [`Call::token`] does nothing more. Scaling down removes units
/// that are not ready before ready ones.
#[async_trait]
pub trait DeploymentActions: fmt::Debug + Send + Sync {
    /// What it can do. Constant.
    fn ability(&self) -> DeployAbility;

    /// Counts both arms, and the full size the target wants.
    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<SeenCapacity, PortError>;

    /// Makes the arm's revision exist with so many units, in one zone or in all.
    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError>;

    /// Gives the arm so many units, in one zone or in all.
    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError>;

    /// Removes the arm. An arm that is gone already is no error.
    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError>;

    /// Starts the platform's deployment, tagged with [`Call::token`].
    async fn start(&self, call: &Call) -> Result<(), PortError> {
        Err(unsupported(call, "start a platform's deployment"))
    }

    /// Lets a wait point go. Releasing one that has gone already is no error.
    async fn release(&self, call: &Call, wait: WaitPoint) -> Result<(), PortError> {
        let _ = wait;
        Err(unsupported(call, "release a platform's wait point"))
    }

    /// Tells the platform to go back.
    async fn stop(&self, call: &Call) -> Result<(), PortError> {
        Err(unsupported(call, "stop a platform's deployment"))
    }

    /// Deploys the previous revision again.
    async fn redeploy(&self, call: &Call) -> Result<(), PortError> {
        Err(unsupported(call, "redeploy the previous revision"))
    }

    /// Looks the deployment up by its tag. An incomplete look-up is an error, never
    /// [`PlatformSeen::Absent`].
    async fn platform(&self, target: &Target, tag: &str) -> Result<PlatformSeen, PortError> {
        let _ = tag;
        let action = format!("look up a platform's deployment of {target}");
        Err(PortError::new(FailureKind::Permanent, action).because("not supported by this adapter"))
    }
}

fn unsupported(call: &Call, what: &str) -> PortError {
    let action = format!("{what} of {}", call.target);
    PortError::new(FailureKind::Permanent, action).because("not supported by this adapter")
}

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// The thing being released.
    pub target: Target,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The metric, by the name the plan uses.
    pub metric: String,
    /// The window. The adapter may align it, and says so in the look it returns.
    pub window: Window,
}

/// Measures. Returns raw numbers, never a judgement.
///
/// An implementation says how complete the window is and never invents a zero: an arm without data
/// is absent from the look.
#[async_trait]
pub trait HealthMetrics: fmt::Debug + Send + Sync {
    /// Time until a window's measurements are complete.
    fn lag(&self) -> Span;

    /// Measures both arms over one window.
    async fn look(&self, query: &Query) -> Result<Look, PortError>;
}

/// Asks something outside before a gate opens.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync {
    /// One asking. The engine bounds it with the plan's time limit.
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError>;
}

/// What a hook is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The hook's name in the plan.
    pub hook: String,
    /// The thing being released.
    pub target: Target,
    /// The rollout.
    pub rollout: RolloutId,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The stage whose gate asks.
    pub stage: String,
}

/// Is told of every decision once its record is durable. Called from a task of its own with a
/// bounded queue, so that a slow observer loses notices and never holds up a rollout.
pub trait Observer: fmt::Debug + Send + Sync {
    /// One decision.
    fn decided(&self, notice: &Notice);
}

/// A decision, with where it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The thing being released.
    pub target: Target,
    /// The rollout.
    pub rollout: RolloutId,
    /// The record that holds the decision.
    pub seq: Seq,
    /// The decision.
    pub decision: Decision,
    /// The decision as a sentence.
    pub sentence: String,
}

/// Counts the commits of one rollout's row: what a compare-and-swap compares.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RowVersion(pub u64);

/// Identifies one try of a commit, so that a lost answer can be read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub u64);

/// A rollout to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The plan; names the target.
    pub plan: Plan,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The world as found: what a rollback restores.
    pub found: World,
    /// Rollout time.
    pub at: Timestamp,
    /// The active rollout that this one is to follow, and who says so. The journal puts the
    /// command to supersede into that rollout's inbox in the same commit.
    pub after: Option<(RolloutId, Actor)>,
}

/// What a claim gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// What every append of this claim must carry.
    pub epoch: Epoch,
    /// The row as it stands.
    pub version: RowVersion,
    /// Record 0.
    pub head: Head,
    /// The last record; absent when nothing followed record 0.
    pub last: Option<Record>,
    /// Commands not yet consumed, in the order they were submitted.
    pub inbox: Vec<Command>,
}

/// One commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The rollout.
    pub rollout: RolloutId,
    /// From the claim.
    pub epoch: Epoch,
    /// The row must still be at this version.
    pub version: RowVersion,
    /// Identifies this try.
    pub attempt: AttemptId,
    /// Records, their sequence numbers going on from the last one.
    pub records: Vec<Record>,
    /// Commands that these records consumed.
    pub consumed: Vec<CommandId>,
    /// When somebody has to look at this rollout again; `None` if only a command can move it.
    pub due: Option<Timestamp>,
    /// Whether the rollout is over: the target is free for another.
    pub over: bool,
}

/// A look as kept: evidence, apart from the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredLook {
    /// The rollout.
    pub rollout: RolloutId,
    /// The check it was taken for.
    pub check: CheckIndex,
    /// Which of its jobs.
    pub role: Role,
    /// Raised when a window is measured again; the highest counts.
    pub correction: u32,
    /// The look.
    pub look: Look,
}

/// Why a journal refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The target has an active rollout, and the opening does not follow it.
    #[error("target {target} has an active rollout, {active}")]
    Busy {
        /// The target.
        target: Target,
        /// Its active rollout.
        active: RolloutId,
    },
    /// There is no such rollout.
    #[error("there is no rollout {0} in the journal")]
    Unknown(RolloutId),
    /// A later claim exists: this writer must stop.
    #[error("rollout {rollout} was claimed with {current:?}; {stale:?} may not write any more")]
    StaleEpoch {
        /// The rollout.
        rollout: RolloutId,
        /// What the writer carries.
        stale: Epoch,
        /// What is in force.
        current: Epoch,
    },
    /// Somebody committed in between: reload, and apply again if the epoch is still ours.
    #[error("rollout {rollout} is at {current:?}, not at {expected:?}")]
    StaleVersion {
        /// The rollout.
        rollout: RolloutId,
        /// What the writer expected.
        expected: RowVersion,
        /// What is so.
        current: RowVersion,
    },
    /// The records do not go on from the last one.
    #[error("record {got:?} of rollout {rollout} does not follow; expected {expected:?}")]
    Gap {
        /// The rollout.
        rollout: RolloutId,
        /// The sequence number given.
        got: Seq,
        /// The one that would follow.
        expected: Seq,
    },
    /// It may have been committed: read back and compare attempts, never repeat blindly.
    #[error("the commit of rollout {0} may or may not have happened")]
    AnswerLost(RolloutId),
    /// The store can not be reached, or failed. Nothing was committed.
    #[error("the journal is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

/// Keeps records. Durable when it returns; refuses a stale writer.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync {
    /// Opens a rollout: gives it an id, the target's next generation, and record 0. Atomic per
    /// target: one active rollout, and at most one that waits behind it. A newer one that waits
    /// replaces the one that waited, which is closed without ever having started.
    ///
    /// # Errors
    /// [`JournalError::Busy`] when the target has an active rollout that `after` does not name.
    async fn open(&self, opening: Opening) -> Result<Head, JournalError>;

    /// Takes a rollout over at the version given: raises its epoch, so that no earlier claim can
    /// write. `None` takes it at whatever version it has.
    async fn claim(
        &self,
        rollout: RolloutId,
        at: Option<RowVersion>,
    ) -> Result<Claimed, JournalError>;

    /// Commits records, consumed commands and the next due time, all or nothing.
    ///
    /// # Errors
    /// [`JournalError::StaleEpoch`], [`JournalError::StaleVersion`], [`JournalError::Gap`] when it
    /// may not be; [`JournalError::AnswerLost`] when it may have been.
    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError>;

    /// Whether the commit that carried this attempt is in the journal: the version it made.
    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError>;

    /// Gives a claim up.
    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError>;

    /// Rollouts that are due at `now` or have unread commands, earliest first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RolloutId>, JournalError>;

    /// Record 0.
    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError>;

    /// Records from `from` on, in order.
    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError>;

    /// The active rollout of a target, and the one that waits behind it.
    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError>;

    /// Puts a command into a rollout's inbox. One whose id is there already, or was consumed, is
    /// not added again.
    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError>;

    /// Commands not yet consumed, in the order they were submitted.
    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError>;

    /// Appends looks to the evidence log. A look that is there already is not added again.
    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError>;

    /// The looks of one check in one role, by window, the highest correction of each.
    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError>;
}

/// Who holds a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Active {
    /// The rollout that may move it.
    pub rollout: RolloutId,
    /// How many rollouts the target has had.
    pub generation: Generation,
    /// The rollout that waits behind it.
    pub waiting: Option<RolloutId>,
}

impl Capabilities {
    /// What a set of adapters can do together.
    #[must_use]
    pub fn of(traffic: &TrafficAbility, deploy: &DeployAbility, metric_lag: Span) -> Self {
        Self {
            routing: traffic.routing,
            capacity: deploy.capacity,
            zones: deploy.zones.clone(),
            shift: traffic.shift,
            scale: deploy.scale,
            platform: deploy.platform,
            mirror: traffic.mirror,
            test_traffic: traffic.test_traffic,
            propagation: traffic.propagation,
            metric_lag,
            drain: traffic.drain,
        }
    }
}
