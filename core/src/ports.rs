//! What the engine needs from the outside, as traits. Adapters implement them; nothing here does.
//! The journal, which is larger than the others, has its contract in [`journal`](crate::journal).
//!
//! All of them take `&self`, are object safe, and are called concurrently. A call that changes
//! something is a *request*: it returns when the target has acknowledged it, not when it is done.
//! Each trait has a conformance suite in `tidegate-mock` that runs against any implementation.

use std::{error::Error as StdError, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Arm, Capabilities, CapacityKind, Epoch, Extra, HookAnswer, Identity, Look, MoveId, Obstacle,
    ObstacleKind, Operation, PlatformAbility, PlatformSeen, Revision, RolloutId, RoutingKind,
    SeenCapacity, Seq, Span, Split, Target, Timestamp, Version, Wait, Weight, Window,
    decision::Decision,
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

    /// The one revision that both arms are named by. There is nothing to release then: what is given
    /// to the candidate and taken from stable would be given to and taken from the same thing.
    #[must_use]
    pub fn same(&self) -> Option<&Revision> {
        self.stable.as_ref().filter(|stable| **stable == self.candidate)
    }
}

/// What goes with every call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// It certainly did not happen, and may work later: a refused connection, a service that is down.
    Retryable,
    /// It certainly did not happen: the target takes no more calls for now. Says nothing of the call, of
    /// the target's health or of the revision: the call is made again later, and the time until then
    /// counts towards no limit.
    Throttled,
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
            Self::Throttled => "throttled",
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

    /// Everything that would keep these revisions from getting these weights, found by reading alone.
    /// What could not be read is an obstacle, too.
    async fn preflight(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        let _ = (target, revisions, weights);
        Vec::new()
    }
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

/// A platform's deployment that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sought {
    /// The thing being released.
    pub target: Target,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The arm whose revision it deploys: the candidate, or stable where the previous revision is
    /// deployed again.
    pub arm: Arm,
    /// [`Call::token`] of the move that started it.
    pub tag: String,
    /// When the rollout was opened: a deployment from before is another's. Rollout time.
    pub since: Timestamp,
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

    /// Lets this wait go, and no other at the same point. Releasing one that has gone already is no error.
    async fn release(&self, call: &Call, wait: Wait) -> Result<(), PortError> {
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

    /// Looks a deployment up: by its tag, or where the platform keeps none by what else is known of
    /// it. An incomplete look-up is an error, never [`PlatformSeen::Absent`].
    async fn platform(&self, sought: &Sought) -> Result<PlatformSeen, PortError> {
        let action = format!("look up a platform's deployment of {}", sought.target);
        Err(PortError::new(FailureKind::Permanent, action).because("not supported by this adapter"))
    }

    /// Everything that would keep these revisions from being deployed, found by reading alone. What
    /// could not be read is an obstacle, too.
    async fn preflight(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        let _ = (target, revisions);
        Vec::new()
    }
}

fn unsupported(call: &Call, what: &str) -> PortError {
    let action = format!("{what} of {}", call.target);
    PortError::new(FailureKind::Permanent, action).because("not supported by this adapter")
}

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Query {
    /// The thing being released.
    pub target: Target,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The metric, by the name the plan uses.
    pub metric: String,
    /// The window. The adapter may leave out what is not a whole period of its source at either end,
    /// and says so in the look it returns. A look at anything outside the window counts as failed.
    pub window: Window,
    /// When the rollout was opened: what was so before is not its doing.
    #[serde(default)]
    pub opened: Timestamp,
}

/// Measures. Returns raw numbers, never a judgement.
///
/// An implementation says how complete the window is and never invents a zero: an arm without data
/// is absent from the look.
#[async_trait]
pub trait HealthMetrics: fmt::Debug + Send + Sync {
    /// Time until a window's measurements are complete.
    fn lag(&self) -> Span;

    /// The grid that a metric's windows are to begin on, counted from the Unix epoch: a source that
    /// keeps numbers by the minute loses what lies in a part of one. Zero where any window is as good
    /// as another. Constant.
    fn grid(&self, metric: &str) -> Span {
        let _ = metric;
        Span::ZERO
    }

    /// Whether these metrics are fit for a rollout that is about to be opened: all of them known, and
    /// none that says already that something is wrong. Metrics without such a thing always are.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] with all that is wrong; any other when it could not be found out.
    async fn fit(
        &self,
        target: &Target,
        revisions: &Revisions,
        metrics: &[&str],
    ) -> Result<(), PortError> {
        let _ = (target, revisions, metrics);
        Ok(())
    }

    /// Measures both arms over one window.
    async fn look(&self, query: &Query) -> Result<Look, PortError>;

    /// Everything that would keep these metrics from being measured, found by reading alone: what
    /// [`Self::fit`] says, unless an adapter knows more.
    async fn preflight(
        &self,
        target: &Target,
        revisions: &Revisions,
        metrics: &[&str],
    ) -> Vec<Obstacle> {
        let Err(error) = self.fit(target, revisions, metrics).await else { return Vec::new() };
        let kind = match error.kind {
            FailureKind::Permanent => ObstacleKind::Unsuitable,
            _ => ObstacleKind::Unreadable,
        };
        let why = error.source.as_ref().map_or_else(|| error.to_string(), ToString::to_string);
        let subject = format!("the metrics of {target}");
        vec![Obstacle::new(kind, subject, format!("can not be used: {why}"))]
    }
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
