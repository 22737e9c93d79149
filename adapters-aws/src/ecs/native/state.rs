//! A deployment's state as an engine understands it.

use aws_sdk_ecs::types::{
    DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType, Service, ServiceDeployment,
    ServiceDeploymentLifecycleStage, ServiceDeploymentStatus,
};
use sha2::{Digest, Sha256};
use tidegate_core::{Arm, PlatformSeen, PortError, Sought, Timestamp, Wait, WaitId, WaitPoint};

use super::{
    EcsService,
    lookup::{Found, Listed, timestamp},
};
use crate::{
    ecs::task_definition::Definitions, platform::replacing_somebody_else_s, port::incomplete,
};

/// A hook that waits to be answered.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Its id, as ECS has it.
    pub(super) hook: String,
    pub(super) wait: Wait,
    expires: Timestamp,
}

impl EcsService {
    /// What is seen of the deployment that is looked for.
    pub(super) async fn seen(
        &self,
        found: &Found,
        sought: &Sought,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        let both = Definitions::of(&sought.revisions, action)?;
        let mut since = self.since(found, sought.since);
        let mut later = Vec::new();
        while let Some(one) = since.next() {
            if both.arm(&self.definition(one, action).await?) == Some(sought.arm) {
                if later.iter().any(|other: &&Listed| other.is_live()) {
                    return Ok(PlatformSeen::Foreign);
                }
                self.remember(&sought.tag);
                let info = self.deployment(&one.arn, action).await?;
                let cut_short = since.next().is_some_and(|earlier| earlier.is_cut_short_by(one));
                let over_theirs = cut_short || self.comes_from_others(&info, &both, action).await?;
                let replaced = !later.is_empty();
                let seen = self.state(&info, &found.service, replaced, &both, action).await?;
                return Ok(if over_theirs { replacing_somebody_else_s(seen) } else { seen });
            }
            later.push(one);
        }
        let foreign = found.live().is_some();
        Ok(if foreign { PlatformSeen::Foreign } else { PlatformSeen::Absent })
    }

    /// Whether a deployment replaces what is neither arm's. None is asked for where that serves, so that
    /// it has come between the look and the request. A first deployment replaces whatever is there.
    async fn comes_from_others(
        &self,
        info: &ServiceDeployment,
        both: &Definitions,
        action: &str,
    ) -> Result<bool, PortError> {
        if both.get(Arm::Stable).is_none() {
            return Ok(false);
        }
        let sources = info.source_service_revisions().iter().filter_map(|one| one.arn());
        let definitions = self.definitions(&sources.collect::<Vec<_>>(), action).await?;
        Ok(definitions.iter().any(|definition| both.arm(definition).is_none()))
    }

    /// Deployments of the time of a rollout that was opened then, newest first.
    fn since<'a>(&self, found: &'a Found, opened: Timestamp) -> impl Iterator<Item = &'a Listed> {
        let from = Timestamp(opened.0.saturating_sub(self.options.clock_skew.0));
        let in_time = move |one: &&Listed| timestamp(&one.created).is_some_and(|at| at >= from);
        found.all.iter().filter(in_time)
    }

    async fn state(
        &self,
        info: &ServiceDeployment,
        service: &Service,
        replaced: bool,
        both: &Definitions,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        use ServiceDeploymentStatus as Status;
        match info.status() {
            Some(Status::Pending | Status::InProgress) => Ok(waiting(info, action)?
                .map_or(PlatformSeen::Running, |Waiting { wait, expires, .. }| {
                    PlatformSeen::AtWait { wait, expires }
                })),
            Some(
                Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress,
            ) => Ok(PlatformSeen::RollingBack),
            Some(Status::RollbackSuccessful) => Ok(PlatformSeen::RolledBack),
            Some(Status::RollbackFailed) => Ok(PlatformSeen::Failed),
            Some(Status::Successful) => Ok(succeeded(info, service, replaced)),
            Some(Status::Stopped) => self.stopped(service, both, action).await,
            status => {
                let status = status.map_or("no state", Status::as_str);
                let why = format!("the deployment is in {status}, which is not known here");
                Err(incomplete(action, why))
            }
        }
    }

    /// Stopped, and not by going back. Where only stable serves, nothing has to go back.
    async fn stopped(
        &self,
        service: &Service,
        both: &Definitions,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        let serving = self.serving(service, action).await?;
        let stable = |definition: &String| both.arm(definition) == Some(Arm::Stable);
        let nothing = serving.is_empty() && both.get(Arm::Stable).is_none();
        let back = nothing || (!serving.is_empty() && serving.iter().all(stable));
        Ok(if back { PlatformSeen::RolledBack } else { PlatformSeen::Failed })
    }

    /// The task definitions that serve: those of all current revisions.
    pub(super) async fn serving(
        &self,
        service: &Service,
        action: &str,
    ) -> Result<Vec<String>, PortError> {
        let revisions = service.current_service_revisions().iter();
        let revisions: Vec<_> = revisions.filter_map(|one| one.arn()).collect();
        if revisions.is_empty() {
            // A service that was never deployed since ECS keeps revisions has a task definition only.
            return Ok(service.task_definition().map(ToOwned::to_owned).into_iter().collect());
        }
        self.definitions(&revisions, action).await
    }
}

/// Succeeded, and still current: its revision alone serves. What was read of the service may be older
/// than what was read of the deployment, so that only another deployment proves that it serves no more.
fn succeeded(info: &ServiceDeployment, service: &Service, replaced: bool) -> PlatformSeen {
    let ours = info.target_service_revision().and_then(|revision| revision.arn());
    let serving = service.current_service_revisions();
    if serving.is_empty() && !replaced {
        return PlatformSeen::Succeeded;
    }
    let among = serving.iter().any(|one| one.arn() == ours);
    match among {
        true if serving.iter().all(|one| one.arn() == ours) => PlatformSeen::Succeeded,
        false if replaced => PlatformSeen::Failed,
        _ => PlatformSeen::Running,
    }
}

/// The hook at which a deployment waits to be continued, if it waits at one.
pub(super) fn waiting(
    info: &ServiceDeployment,
    action: &str,
) -> Result<Option<Waiting>, PortError> {
    let hooks = info.lifecycle_hook_details().iter();
    let mut waits = hooks.filter(|hook| {
        hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause)
            && hook.status() == Some(&DeploymentLifecycleHookStatus::AwaitingAction)
    });
    let Some(hook) = waits.next() else { return Ok(None) };
    let lacks = || incomplete(action, "a hook that waits lacks its id or its end");
    let deployment = info.service_deployment_arn().ok_or_else(lacks)?;
    let id = hook.hook_id().ok_or_else(lacks)?;
    let expires = hook.expires_at().and_then(timestamp).ok_or_else(lacks)?;
    let wait = Wait { point: wait_point(info), id: wait_id(deployment, id) };
    Ok(Some(Waiting { hook: id.to_owned(), wait, expires }))
}

/// A digest of the hook's name: ECS does not say that hooks of two deployments are named apart.
fn wait_id(deployment: &str, hook: &str) -> WaitId {
    let digest = Sha256::digest(format!("{deployment}\n{hook}"));
    WaitId(digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte)))
}

/// Where among the shifts of traffic a deployment waits. Weights say it; stages only where there are
/// none, since ECS has no word of its own for a hook before a shift.
fn wait_point(info: &ServiceDeployment) -> WaitPoint {
    use ServiceDeploymentLifecycleStage::{BakeTime, CleanUp, PostProductionTrafficShift};
    let target = info.target_service_revision();
    match target.and_then(|target| target.requested_production_traffic_weight()) {
        Some(weight) if weight >= 100.0 => WaitPoint::Termination,
        Some(weight) if weight > 0.0 => WaitPoint::Step,
        Some(_) => WaitPoint::Ready,
        None => match info.lifecycle_stage() {
            Some(PostProductionTrafficShift | BakeTime | CleanUp) => WaitPoint::Termination,
            _ => WaitPoint::Ready,
        },
    }
}
