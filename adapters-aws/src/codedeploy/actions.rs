//! The group as a platform: start, release, stop, redeploy, look up. It must not know phases.

use async_trait::async_trait;
use aws_sdk_codedeploy::types::DeploymentWaitType;
use tidegate_core::{
    Arm, Call, CapacityKind, DeployAbility, DeploymentActions, FailureKind, Obstacle,
    PlatformAbility, PlatformSeen, PortError, Revisions, SafetyClass, SeenCapacity, Sought, Span,
    Target, Wait, WaitPoint,
};

use super::{
    COMPLETED, CONTINUE, CREATE, CodeDeploy, LIMIT, NOT_AT_WAIT, NOT_READY, Problem, Problems,
    RollbackOwner, STOP, WRITES, group,
};
use crate::{
    error::code_of,
    pause::jittered,
    platform::{elastic, not_ours, replacing_somebody_else_s},
    port::{refused, unsuitable},
};

/// The longest description that the API takes.
const DESCRIPTION: usize = 256;
/// Between a creation of unknown outcome and the look that follows it.
const SECOND_LOOK: Span = Span::seconds(2);

#[async_trait]
impl DeploymentActions for CodeDeploy {
    fn ability(&self) -> DeployAbility {
        let limits = self.channel.limits();
        // The group, a look-up before and one after, the creation; a look-up and the control. A look-up
        // is a few requests; one that takes longer counts as unknown.
        let start = limits.operation(SafetyClass::BareCreate, 10, SECOND_LOOK.plus(SECOND_LOOK));
        let control = limits.operation(SafetyClass::BareSet, 6, Span::ZERO);
        DeployAbility {
            capacity: CapacityKind::Elastic,
            zones: Vec::new(),
            scale: control,
            platform: Some(PlatformAbility {
                start,
                control,
                can_hold: false,
                // A group that goes on by itself has no wait point there: it never waits.
                continues_on_expiry: false,
                terminates_after: self.setup.terminates_after,
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

    /// The candidate goes with its deployment, which is told to go back. The old side is terminated by
    /// the deployment that replaces it, or kept as the group says.
    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        match arm {
            Arm::Candidate => self.stop(call).await,
            Arm::Stable => Err(not_ours("retire", call, arm)),
        }
    }

    async fn start(&self, call: &Call) -> Result<(), PortError> {
        self.create(call, Arm::Candidate, &format!("start a deployment of {}", call.target)).await
    }

    async fn release(&self, call: &Call, wait: Wait) -> Result<(), PortError> {
        let action = format!("release wait point {wait} of {}", call.target);
        let wait = match wait.point {
            WaitPoint::Ready => DeploymentWaitType::ReadyWait,
            WaitPoint::Termination => DeploymentWaitType::TerminationWait,
            WaitPoint::Step => return Err(refused(&action, "CodeDeploy does not wait at steps")),
        };
        let Some(id) = self.live_of_rollout(call, &action).await? else { return Ok(()) };
        let request = self.client.continue_deployment().deployment_id(id);
        let request = request.deployment_wait_type(wait).send();
        let outcome = self.channel.send(CONTINUE, WRITES, &action, request).await;
        // What was read before may be old; the refusal is not. It waits there no longer.
        unless_refused_with(&[COMPLETED, NOT_READY, NOT_AT_WAIT], outcome.map(drop))
    }

    async fn stop(&self, call: &Call) -> Result<(), PortError> {
        let action = format!("stop the deployment of {}, and go back", call.target);
        let Some(id) = self.live_of_rollout(call, &action).await? else { return Ok(()) };
        let request = self.client.stop_deployment().deployment_id(id);
        let request = request.auto_rollback_enabled(true).send();
        let outcome = self.channel.send(STOP, WRITES, &action, request).await;
        unless_refused_with(&[COMPLETED], outcome.map(drop))
    }

    async fn redeploy(&self, call: &Call) -> Result<(), PortError> {
        let action = format!("redeploy the previous revision of {}", call.target);
        self.create(call, Arm::Stable, &action).await
    }

    async fn platform(&self, sought: &Sought) -> Result<PlatformSeen, PortError> {
        let Sought { target, tag, .. } = sought;
        let action = format!("look up the deployment of {target} in group {}", self.name);
        let found = self.look_through(&action).await?;
        let ours = found.tagged(tag);
        let others = self.has_others(&found, sought, ours, &action).await?;
        let Some(id) = ours else {
            let foreign = others || found.live().is_some();
            return Ok(if foreign { PlatformSeen::Foreign } else { PlatformSeen::Absent });
        };
        let info = self.now_of(&found, id, &action).await?;
        let seen = self.state(&info, &action).await?;
        Ok(if others { replacing_somebody_else_s(seen) } else { seen })
    }

    async fn preflight(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        self.obstacles(target, revisions).await
    }
}

impl CodeDeploy {
    /// Creates the deployment of a move, unless there is one. One request, and nobody repeats it.
    async fn create(&self, call: &Call, arm: Arm, action: &str) -> Result<(), PortError> {
        let tag = call.token();
        if tag.len() > DESCRIPTION {
            let why = format!("its tag has {} characters, at most {DESCRIPTION} fit", tag.len());
            return Err(refused(action, why));
        }
        let revision = call.revisions.of(arm).ok_or_else(|| refused(action, "there is none"))?;
        let artifact = self.artifacts.artifact(&call.target, revision).await?;
        let found = self.look_through(action).await?;
        if found.tagged(&tag).is_some() {
            return Ok(());
        }
        if let Some(other) = found.live() {
            let why = format!("deployment {other} holds group {}", self.name);
            return Err(PortError::new(FailureKind::Retryable, action).because(why));
        }
        self.is_as_opened(action).await?;
        let request = self.client.create_deployment().application_name(&self.name.application);
        let request = request.deployment_group_name(&self.name.group).description(&tag);
        let request = request.revision(artifact.location()).send();
        match self.channel.send(CREATE, WRITES, action, request).await {
            Ok(_) => Ok(()),
            Err(error) if is_uncertain(&error) => self.look_again(&tag, error, action).await,
            Err(error) => Err(error),
        }
    }

    /// Whether a creation that failed has happened after all. Where this look fails too, or finds
    /// nothing, the first failure stands: the deployment may yet appear.
    async fn look_again(
        &self,
        tag: &str,
        failed: PortError,
        action: &str,
    ) -> Result<(), PortError> {
        if let Some(id) = named(&failed) {
            // The text is no identity: what it names is ours only if it carries our tag.
            if let Ok(info) = self.one(&id, action).await
                && info.description() == Some(tag)
            {
                return Ok(());
            }
        }
        tokio::time::sleep(jittered(SECOND_LOOK)).await;
        match self.look_through(action).await {
            Ok(found) if found.tagged(tag).is_some() => Ok(()),
            _ => Err(failed),
        }
    }

    async fn is_as_opened(&self, action: &str) -> Result<(), PortError> {
        let owner: RollbackOwner = self.options.rollback;
        let now = group::read(&self.client, &self.channel, &self.name, owner).await?;
        if now == self.setup {
            return Ok(());
        }
        let (before, now) = (Box::new(self.setup.clone()), Box::new(now));
        let problems = vec![Problem::Changed { before, now }];
        Err(unsuitable(action, Problems { group: self.name.clone(), problems }))
    }

    /// The deployment of a rollout's newest start, where it is not over. A call does not say which move
    /// started it, but every tag names its rollout.
    async fn live_of_rollout(
        &self,
        call: &Call,
        action: &str,
    ) -> Result<Option<String>, PortError> {
        let found = self.look_through(action).await?;
        let Some(id) = found.of_rollout(call) else { return Ok(None) };
        let info = self.now_of(&found, id, action).await?;
        Ok((!super::lookup::is_over(info.status())).then(|| id.to_owned()))
    }
}

/// Whether a creation that failed may have happened: its outcome is unknown, or something holds the
/// group that may be what an earlier one created.
fn is_uncertain(error: &PortError) -> bool {
    error.kind == FailureKind::Ambiguous || code_of(error) == Some(LIMIT)
}

/// The deployment that the text of a refusal names, if it names one: `d-` and capital letters or digits.
fn named(error: &PortError) -> Option<String> {
    let mut source = error.source.as_deref().map(|source| source as &dyn std::error::Error);
    while let Some(one) = source {
        let text = one.to_string();
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        if let Some(id) = words.find(|word| is_id(word)) {
            return Some(id.to_owned());
        }
        source = one.source();
    }
    None
}

fn is_id(word: &str) -> bool {
    let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    word.strip_prefix("d-").is_some_and(|rest| rest.len() >= 6 && rest.bytes().all(capital))
}

fn unless_refused_with(codes: &[&str], outcome: Result<(), PortError>) -> Result<(), PortError> {
    match outcome {
        Err(error) if code_of(&error).is_some_and(|code| codes.contains(&code)) => Ok(()),
        outcome => outcome,
    }
}
