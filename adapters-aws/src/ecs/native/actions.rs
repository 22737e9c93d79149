//! The service as a platform: start, release, stop, redeploy, look up. It must not know phases.

use std::sync::PoisonError;

use async_trait::async_trait;
use aws_sdk_ecs::types::{DeploymentLifecycleHookAction, Service, StopServiceDeploymentStopType};
use tidegate_core::{
    Arm, Call, CapacityKind, DeployAbility, DeploymentActions, FailureKind, Obstacle,
    PlatformAbility, PlatformSeen, PortError, Revisions, SafetyClass, SeenCapacity, Sought, Span,
    Target, Wait,
};

use super::{
    EcsService, Problem,
    lookup::{Found, Listed},
    setup,
    state::waiting,
};
use crate::{
    ecs::{Problems, api, task_definition::Definitions},
    pause::jittered,
    platform::{elastic, not_ours},
    port::{refused, unsuitable},
};

/// Between an update of unknown outcome and the look that follows it.
const SECOND_LOOK: Span = Span::seconds(2);

#[async_trait]
impl DeploymentActions for EcsService {
    fn ability(&self) -> DeployAbility {
        let limits = self.channel.limits();
        // A look-up before and one after, and the update. A look-up is the service, a listing, a
        // deployment and revisions.
        let start = limits.operation(SafetyClass::BareCreate, 10, SECOND_LOOK.plus(SECOND_LOOK));
        let control = limits.operation(SafetyClass::BareSet, 7, Span::ZERO);
        DeployAbility {
            capacity: CapacityKind::Elastic,
            zones: Vec::new(),
            scale: control,
            platform: Some(PlatformAbility {
                start,
                control,
                can_hold: false,
                continues_on_expiry: self.setup.goes_on(),
                terminates_after: self.setup.terminates_after(),
            }),
        }
    }

    /// The deployment brings what it needs: capacity is its affair.
    async fn observe(&self, _: &Target, revisions: &Revisions) -> Result<SeenCapacity, PortError> {
        Ok(elastic(revisions))
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        _: u32,
        _: Option<u8>,
    ) -> Result<(), PortError> {
        Err(not_ours("provision", call, arm))
    }

    async fn scale(&self, call: &Call, arm: Arm, _: u32, _: Option<u8>) -> Result<(), PortError> {
        Err(not_ours("scale", call, arm))
    }

    /// The candidate goes with its deployment, which is told to go back. The old side is removed by the
    /// deployment that replaces it.
    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        match arm {
            Arm::Candidate => self.stop(call).await,
            Arm::Stable => Err(not_ours("retire", call, arm)),
        }
    }

    async fn start(&self, call: &Call) -> Result<(), PortError> {
        self.deploy(call, Arm::Candidate, &format!("start a deployment of {}", call.target)).await
    }

    async fn release(&self, call: &Call, wait: Wait) -> Result<(), PortError> {
        let action = format!("release wait point {wait} of {}", call.target);
        let found = self.look_through(&action).await?;
        let Some(live) = self.live_candidate(&found, call, &action).await? else { return Ok(()) };
        let Some(hook) = self.hook(live, wait, &action).await? else { return Ok(()) };
        let request = self.client.continue_service_deployment();
        let request = request.service_deployment_arn(&live.arn).hook_id(hook);
        let request = request.action(DeploymentLifecycleHookAction::Continue).send();
        let outcome = self.channel.send(api::CONTINUE, api::WRITES, &action, request).await;
        let Err(error) = outcome else { return Ok(()) };
        // What was read before may be old; what is read after a refusal is not.
        let refused = error.kind == FailureKind::Permanent;
        if refused && matches!(self.hook(live, wait, &action).await, Ok(None)) {
            return Ok(());
        }
        Err(error)
    }

    async fn stop(&self, call: &Call) -> Result<(), PortError> {
        let action = format!("stop the deployment of {}, and go back", call.target);
        let found = self.look_through(&action).await?;
        let live = self.live_candidate(&found, call, &action).await?;
        let Some(live) = live.filter(|live| live.goes_forward()) else { return Ok(()) };
        let request = self.client.stop_service_deployment().service_deployment_arn(&live.arn);
        let request = request.stop_type(StopServiceDeploymentStopType::Rollback).send();
        let outcome = self.channel.send(api::STOP, api::WRITES, &action, request).await;
        let Err(error) = outcome else { return Ok(()) };
        if error.kind != FailureKind::Ambiguous
            && let Ok(found) = self.look_through(&action).await
            && !found.all.iter().any(|one| one.arn == live.arn && one.goes_forward())
        {
            return Ok(());
        }
        Err(error)
    }

    async fn redeploy(&self, call: &Call) -> Result<(), PortError> {
        let action = format!("redeploy the previous revision of {}", call.target);
        self.deploy(call, Arm::Stable, &action).await
    }

    async fn platform(&self, sought: &Sought) -> Result<PlatformSeen, PortError> {
        let action = format!("look up the deployment of {} in {}", sought.target, self.name);
        let found = self.look_through(&action).await?;
        self.seen(&found, sought, &action).await
    }

    async fn preflight(&self, _: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        self.obstacles(revisions).await
    }
}

impl EcsService {
    /// Has the service deploy an arm's task definition, unless it does already. One request, which
    /// names nothing else, and nobody repeats it.
    async fn deploy(&self, call: &Call, arm: Arm, action: &str) -> Result<(), PortError> {
        let both = Definitions::of(&call.revisions, action)?;
        let definition = both.get(arm).ok_or_else(|| refused(action, "there is none"))?;
        let found = self.look_through(action).await?;
        if self.is_deployed(&found, &both, call, arm, action).await? {
            self.remember(&call.token());
            return Ok(());
        }
        self.is_as_opened(&found, action)?;
        let request = self.client.update_service().cluster(&self.name.cluster);
        let request = request.service(&self.name.service).task_definition(definition).send();
        match self.channel.send(api::UPDATE_SERVICE, api::WRITES, action, request).await {
            Ok(_) => {}
            Err(error) if error.kind == FailureKind::Ambiguous => {
                self.look_again(&both, arm, error, action).await?;
            }
            Err(error) => return Err(error),
        }
        self.remember(&call.token());
        Ok(())
    }

    /// Whether a deployment of the arm's task definition is under way, or was for this very move.
    async fn is_deployed(
        &self,
        found: &Found,
        both: &Definitions,
        call: &Call,
        arm: Arm,
        action: &str,
    ) -> Result<bool, PortError> {
        if let Some(live) = found.live() {
            let ours = both.arm(&self.definition(live, action).await?) == Some(arm);
            if ours && live.goes_forward() {
                return Ok(true);
            }
            let why = format!("deployment {} of service {} is under way", live.arn, self.name);
            return Err(PortError::new(FailureKind::Retryable, action).because(why));
        }
        if self.is_remembered(&call.token()) {
            return Ok(true);
        }
        self.replaces(&found.service, both, arm, action).await.map(|()| false)
    }

    /// Refuses an arm that serves already, and to replace what is neither arm's.
    pub(super) async fn replaces(
        &self,
        service: &Service,
        both: &Definitions,
        arm: Arm,
        action: &str,
    ) -> Result<(), PortError> {
        let serving = self.serving(service, action).await?;
        let is = |definition: &String, arm| both.arm(definition) == Some(arm);
        if !serving.is_empty() && serving.iter().all(|one| is(one, arm)) {
            let why =
                format!("{} serves already, and nothing would be deployed", serving.join(", "));
            return Err(refused(action, why));
        }
        let stranger = serving.iter().find(|one| both.arm(one).is_none());
        match stranger.filter(|_| both.get(Arm::Stable).is_some()) {
            Some(other) => Err(refused(action, format!("{other} serves, which is neither arm's"))),
            None => Ok(()),
        }
    }

    /// Whether an update of unknown outcome has happened after all. Where this look fails too, or finds
    /// nothing, the first failure stands: the deployment may yet appear.
    async fn look_again(
        &self,
        both: &Definitions,
        arm: Arm,
        failed: PortError,
        action: &str,
    ) -> Result<(), PortError> {
        tokio::time::sleep(jittered(SECOND_LOOK)).await;
        let Ok(found) = self.look_through(action).await else { return Err(failed) };
        let Some(live) = found.live() else { return Err(failed) };
        match self.definition(live, action).await {
            Ok(definition) if both.arm(&definition) == Some(arm) => Ok(()),
            _ => Err(failed),
        }
    }

    fn is_as_opened(&self, found: &Found, action: &str) -> Result<(), PortError> {
        let owner = self.options.rollback;
        let now = setup::read(&found.service, &self.name, owner, action)?;
        if now == self.setup {
            return Ok(());
        }
        let (before, now) = (Box::new(self.setup.clone()), Box::new(now));
        let problems = vec![Problem::Changed { before, now }];
        Err(unsuitable(action, Problems { service: self.name.clone(), problems }))
    }

    /// The deployment that is under way, if it deploys the candidate. Nobody else's is touched.
    async fn live_candidate<'a>(
        &self,
        found: &'a Found,
        call: &Call,
        action: &str,
    ) -> Result<Option<&'a Listed>, PortError> {
        let both = Definitions::of(&call.revisions, action)?;
        let Some(live) = found.live() else { return Ok(None) };
        let arm = both.arm(&self.definition(live, action).await?);
        Ok(Some(live).filter(|_| arm == Some(Arm::Candidate)))
    }

    /// The hook of a wait, while it is that which waits.
    async fn hook(
        &self,
        live: &Listed,
        wait: Wait,
        action: &str,
    ) -> Result<Option<String>, PortError> {
        let waits = waiting(&self.deployment(&live.arn, action).await?, action)?;
        Ok(waits.filter(|now| now.wait.id == wait.id).map(|now| now.hook))
    }

    pub(super) fn remember(&self, token: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.insert(token.to_owned());
    }

    fn is_remembered(&self, token: &str) -> bool {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).contains(token)
    }
}
