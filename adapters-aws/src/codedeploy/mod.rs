//! A CodeDeploy deployment group: deployments of ECS services, Lambda functions and servers, which
//! CodeDeploy carries out at its own pace.
//!
//! What a caller should know:
//!
//! - `CreateDeployment` takes no client token, so starting is class 4. Each deployment carries the
//!   move's [`Call::token`](tidegate_core::Call::token) as its description; before one is created, and
//!   whenever the outcome is unknown, all of the group's deployments are looked through for it.
//! - A look-up that could not be finished is an error. Only one that went through every page, and
//!   through what the group names as its last, says that there is no such deployment.
//! - Where the group stops a replacement that nobody continues ([`Setup::ready_wait`]), traffic is held
//!   until the plan's gate opens. Between steps CodeDeploy can not be held.
//! - The way back is always CodeDeploy's own: a deployment with an id of its own, which is followed.
//!   Exactly one may call for it ([`RollbackOwner`]).
//! - Traffic is read from the deployment's targets, never from its status, and is not ours to set.
//! - Somebody else's deployment of the rollout's own time, in whose place ours is or would come, is
//!   reported as [foreign](tidegate_core::PlatformSeen::Foreign); ours is then no success.
//! - Deployments that were created longer ago than [`CodeDeployOptions::looks_back`] are not seen.

mod actions;
mod artifact;
pub mod config;
mod group;
mod lookup;
mod others;
mod preflight;
mod state;
mod targets;
mod traffic;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use aws_sdk_codedeploy::Client;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_types::DateTime;
use tidegate_core::{PortError, Span};

pub(crate) use artifact::sha256;
pub use artifact::{Artifact, Artifacts, BundleType, ByTable};
pub use group::{Compute, Problem, Problems, Setup};
pub use preflight::obstacles;

use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    error::{
        Class::{self, Later, Refused},
        Effect, Operation,
    },
    limiter::Quota,
};

/// Who calls for the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackOwner {
    /// The engine, which tells CodeDeploy to stop and go back. A group that goes back or stops by
    /// itself is refused.
    #[default]
    Engine,
    /// The group as well, by its own events and alarms. What it does is followed and reported.
    Group,
}

/// How a group is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDeployOptions {
    /// Who calls for the way back.
    pub rollback: RollbackOwner,
    /// How far back deployments are looked for: longer than any rollout lives.
    pub looks_back: Span,
    /// Pages of a listing that are read at most; a longer one is an incomplete look-up.
    pub pages: u16,
    /// How long after a deployment has stopped its rollback may still be unnamed.
    pub rollback_shows: Span,
    /// How far the engine's clock may be ahead of AWS's. Somebody else's deployment that was created
    /// within this time before a rollout was opened is taken for one of the rollout's time.
    pub clock_skew: Span,
    /// How long CodeDeploy may take from its word to the data plane.
    pub propagation: Span,
    /// How long the old side may get requests after its weight is zero.
    pub drain: Span,
}

impl Default for CodeDeployOptions {
    /// Thirty days: an ECS deployment may wait five days, and stay another two. A listing of 50 pages
    /// has thousands of deployments. Two minutes for a rollback to be named, for AWS states none. Half
    /// a minute between clocks, for AWS refuses requests of clocks that are five minutes off. A minute
    /// for weights, and the five that a target group drains by default.
    fn default() -> Self {
        Self {
            rollback: RollbackOwner::Engine,
            looks_back: Span::hours(30 * 24),
            pages: 50,
            rollback_shows: Span::minutes(2),
            clock_skew: Span::seconds(30),
            propagation: Span::minutes(1),
            drain: Span::minutes(5),
        }
    }
}

/// A deployment group, by its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupName {
    /// The application.
    pub application: String,
    /// The group in it.
    pub group: String,
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.group)
    }
}

/// One deployment group: a platform that sets its own pace, and the traffic it moves.
#[derive(Clone, Debug)]
pub struct CodeDeploy {
    client: Bounded<Client>,
    channel: Channel,
    name: GroupName,
    artifacts: Arc<dyn Artifacts>,
    setup: Setup,
    options: CodeDeployOptions,
    known: Arc<Mutex<HashMap<String, lookup::Known>>>,
    time: SharedTimeSource,
}

impl CodeDeploy {
    /// The group of this name, as it is set up now: what it is able to do follows from that. It is
    /// read again before each start, and must not have changed.
    ///
    /// # Errors
    /// When it can not be read, or what is found does not allow to be driven by an engine
    /// ([`Problems`], all of them, as the source).
    pub async fn open(
        client: &Client,
        account: &Account,
        name: GroupName,
        artifacts: Arc<dyn Artifacts>,
        options: CodeDeployOptions,
    ) -> Result<Self, PortError> {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let time = client.config().time_source().unwrap_or_default();
        let client = bounded_client!(Client, client, account);
        let setup = group::read(&client, &channel, &name, options.rollback).await?;
        let known = Arc::default();
        Ok(Self { client, channel, name, artifacts, setup, options, known, time })
    }

    /// How the group was set up when it was opened.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    fn now(&self) -> DateTime {
        self.time.now().into()
    }
}

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "codedeploy", name, effect, refusals: REFUSALS }
}

const CREATE: Operation = operation("CreateDeployment", Effect::Writes);
const STOP: Operation = operation("StopDeployment", Effect::Writes);
const CONTINUE: Operation = operation("ContinueDeployment", Effect::Writes);
const LIST: Operation = operation("ListDeployments", Effect::Reads);
const BATCH_GET: Operation = operation("BatchGetDeployments", Effect::Reads);
const LIST_TARGETS: Operation = operation("ListDeploymentTargets", Effect::Reads);
const BATCH_GET_TARGETS: Operation = operation("BatchGetDeploymentTargets", Effect::Reads);
const GET_GROUP: Operation = operation("GetDeploymentGroup", Effect::Reads);

/// AWS documents no rates for CodeDeploy; these stay below what its consoles and pipelines ask.
const READS: Quota = Quota { family: "read", burst: 20, per_second: 8 };
/// See [`READS`].
const WRITES: Quota = Quota { family: "write", burst: 3, per_second: 1 };

/// The 4xx errors that the model names for these operations; throttling is known to all.
const REFUSALS: &[(&str, Class)] = &[
    ("ApplicationDoesNotExistException", Refused),
    ("BatchLimitExceededException", Refused),
    (COMPLETED, Refused),
    ("DeploymentConfigDoesNotExistException", Refused),
    ("DeploymentDoesNotExistException", Refused),
    ("DeploymentGroupDoesNotExistException", Refused),
    (NOT_READY, Refused),
    // One deployment a group at a time; or too many in the account.
    (LIMIT, Later),
    (NOT_STARTED, Later),
    ("DescriptionTooLongException", Refused),
    ("InvalidAutoRollbackConfigException", Refused),
    ("InvalidComputePlatformException", Refused),
    ("InvalidDeploymentConfigNameException", Refused),
    ("InvalidDeploymentIdException", Refused),
    (NOT_AT_WAIT, Refused),
    ("InvalidEcsServiceException", Refused),
    ("InvalidInputException", Refused),
    ("InvalidLoadBalancerInfoException", Refused),
    ("InvalidRevisionException", Refused),
    ("InvalidRoleException", Refused),
    ("InvalidTrafficRoutingConfigurationException", Refused),
    ("RevisionDoesNotExistException", Refused),
    ("RevisionRequiredException", Refused),
    ("UnsupportedActionForDeploymentTypeException", Refused),
];
/// It is over already.
const COMPLETED: &str = "DeploymentAlreadyCompletedException";
/// It waits no longer, or not yet.
const NOT_READY: &str = "DeploymentIsNotInReadyStateException";
/// It is in a state that nothing can be continued in.
const NOT_AT_WAIT: &str = "InvalidDeploymentStatusException";
/// Another deployment holds the group.
const LIMIT: &str = "DeploymentLimitExceededException";
/// It has no targets yet.
const NOT_STARTED: &str = "DeploymentNotStartedException";
