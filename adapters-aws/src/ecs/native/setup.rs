//! How a service is set up, and what of that an engine can not live with.

use aws_sdk_ecs::types::{
    DeploymentConfiguration, DeploymentControllerType, DeploymentLifecycleHook,
    DeploymentLifecycleHookAction, DeploymentLifecycleHookTargetType, DeploymentStrategy, Service,
};
use tidegate_core::{PortError, Span};

use super::RollbackOwner;
use crate::{
    ecs::{Problems, ServiceName, inactive},
    port::unsuitable,
};

/// The stage of a deployment whose hooks run after the last shift.
const AFTER_SHIFTS: &str = "POST_PRODUCTION_TRAFFIC_SHIFT";

/// How ECS replaces tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Some at a time; each new task gets its share of traffic.
    Rolling,
    /// All at once, beside the old ones; then all traffic.
    BlueGreen,
    /// All at once, beside the old ones; then traffic in equal steps.
    Linear,
    /// All at once, beside the old ones; then a part of traffic, and the rest.
    Canary,
}

/// A hook that pauses a deployment until it is continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The lifecycle stages it pauses at, as ECS names them.
    pub stages: Vec<String>,
    /// What ECS does when nobody answers in time is to go on; otherwise it goes back.
    pub goes_on: bool,
}

/// How a service is set up, as far as a rollout depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How tasks are replaced.
    pub strategy: Strategy,
    /// Where deployments pause.
    pub pauses: Vec<Pause>,
    /// How long both sides run after the last shift, before the old one is removed.
    pub bake: Span,
    /// Whether a circuit breaker ends deployments whose tasks do not start.
    pub breaker: bool,
    /// Alarms that end deployments; none where there are none.
    pub alarms: Vec<String>,
}

/// Why a service can not be driven by an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else decides how it is deployed.
    #[error("its deployment controller is {0}, not ECS")]
    Controller(String),
    /// It is being deleted, or is deleted.
    #[error("it is {0}, not ACTIVE")]
    Status(String),
    /// A strategy that nobody here knows.
    #[error("its deployment strategy is {0:?}, which is not known here")]
    Strategy(String),
    /// Two owners of rollback.
    #[error(
        "its circuit breaker ends deployments by itself, and so does the engine; turn the breaker off, or name the service an owner of rollback"
    )]
    Breaker,
    /// Two owners of rollback.
    #[error(
        "its alarms {} end deployments by themselves, and so does the engine; turn them off, or name the service an owner of rollback",
        .0.join(", ")
    )]
    Alarms(Vec<String>),
    /// It is not what it was when it was opened.
    #[error("it was set up as {before:?} when it was opened, and is {now:?}")]
    Changed {
        /// When it was opened.
        before: Box<Setup>,
        /// Now.
        now: Box<Setup>,
    },
}

/// How a service is set up, if that can be lived with.
pub(super) fn read(
    service: &Service,
    name: &ServiceName,
    owner: RollbackOwner,
    action: &str,
) -> Result<Setup, PortError> {
    let configured = service.deployment_configuration();
    let setup = Setup::of(configured);
    let two_owners = setup.as_ref().map(|setup| setup.two_owners(owner)).unwrap_or_default();
    let status = inactive(service).map(Problem::Status);
    let problems = [controller(service), status, setup.as_ref().err().cloned()];
    let problems: Vec<_> = problems.into_iter().flatten().chain(two_owners).collect();
    match setup {
        Ok(setup) if problems.is_empty() => Ok(setup),
        _ => Err(unsuitable(action, Problems { service: name.clone(), problems })),
    }
}

fn controller(service: &Service) -> Option<Problem> {
    let controller = service.deployment_controller().map(|one| one.r#type());
    let other = controller.filter(|kind| **kind != DeploymentControllerType::Ecs)?;
    Some(Problem::Controller(other.as_str().to_owned()))
}

impl Setup {
    fn of(configured: Option<&DeploymentConfiguration>) -> Result<Self, Problem> {
        let strategy = match configured.and_then(DeploymentConfiguration::strategy) {
            None | Some(DeploymentStrategy::Rolling) => Strategy::Rolling,
            Some(DeploymentStrategy::BlueGreen) => Strategy::BlueGreen,
            Some(DeploymentStrategy::Linear) => Strategy::Linear,
            Some(DeploymentStrategy::Canary) => Strategy::Canary,
            Some(other) => return Err(Problem::Strategy(other.as_str().to_owned())),
        };
        let hooks = configured.map(DeploymentConfiguration::lifecycle_hooks).unwrap_or_default();
        let bake = configured.and_then(DeploymentConfiguration::bake_time_in_minutes);
        let breaker = configured.and_then(DeploymentConfiguration::deployment_circuit_breaker);
        let alarms = configured.and_then(DeploymentConfiguration::alarms);
        let alarms = alarms.filter(|alarms| alarms.enable());
        Ok(Self {
            strategy,
            pauses: hooks.iter().filter_map(pause).collect(),
            bake: Span::minutes(bake.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()),
            breaker: breaker.is_some_and(|breaker| breaker.enable()),
            alarms: alarms.map(|alarms| alarms.alarm_names().to_vec()).unwrap_or_default(),
        })
    }

    /// A breaker or alarms that do not go back still end the deployment, which then can not be told
    /// to go back any more.
    fn two_owners(&self, owner: RollbackOwner) -> Vec<Problem> {
        if owner == RollbackOwner::Service {
            return Vec::new();
        }
        let breaker = self.breaker.then_some(Problem::Breaker);
        let alarms = (!self.alarms.is_empty()).then(|| Problem::Alarms(self.alarms.clone()));
        breaker.into_iter().chain(alarms).collect()
    }

    /// Whether a pause that nobody answers goes on.
    pub(super) fn goes_on(&self) -> bool {
        self.pauses.iter().any(|pause| pause.goes_on)
    }

    /// How long after the last shift the old side is removed by itself; absent where a pause comes
    /// first. A rolling deployment has no old side left.
    pub(super) fn terminates_after(&self) -> Option<Span> {
        let asks = |pause: &Pause| pause.stages.iter().any(|stage| stage == AFTER_SHIFTS);
        match self.strategy {
            Strategy::Rolling => Some(Span::ZERO),
            _ if self.pauses.iter().any(asks) => None,
            _ => Some(self.bake),
        }
    }
}

fn pause(hook: &DeploymentLifecycleHook) -> Option<Pause> {
    let pauses = hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause);
    let on_timeout = hook.timeout_configuration().and_then(|timeout| timeout.action());
    // Going back is the default; a word that nobody here knows may mean anything.
    let goes_on = !matches!(on_timeout, None | Some(DeploymentLifecycleHookAction::Rollback));
    let stages = hook.lifecycle_stages().iter().map(|stage| stage.as_str().to_owned());
    pauses.then(|| Pause { stages: stages.collect(), goes_on })
}
