//! What a deployment's targets say of traffic: how much its own revision serves, and how much the one
//! before. It must not know which of them is an arm.

use aws_sdk_codedeploy::types::{
    DeploymentTarget, EcsTarget, EcsTaskSet, InstanceTarget, LifecycleEvent, LifecycleEventStatus,
    TargetLabel, TargetStatus,
};
use aws_smithy_types::DateTime;
use tidegate_core::PortError;

use super::{BATCH_GET_TARGETS, CodeDeploy, LIST_TARGETS, NOT_STARTED, READS};
use crate::{error::code_of, port::incomplete};

/// The most targets one request may ask for.
const BATCH: usize = 25;

/// What a part of the traffic is served by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The revision that this deployment brings.
    New,
    /// What was there before.
    Old,
    /// In between: a host that is being changed, or could not be.
    Between,
}

/// A part of the traffic. Parts are compared with each other only.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) side: Side,
    pub(super) weight: u32,
    /// The task set, where it is one: it keeps its name through a rollback.
    pub(super) task_set: Option<String>,
}

impl CodeDeploy {
    /// All targets of a deployment; none before it has begun.
    pub(super) async fn targets(
        &self,
        id: &str,
        action: &str,
    ) -> Result<Vec<DeploymentTarget>, PortError> {
        let ids = match self.target_ids(id, action).await {
            Err(error) if code_of(&error) == Some(NOT_STARTED) => return Ok(Vec::new()),
            ids => ids?,
        };
        let mut targets = Vec::new();
        for batch in ids.chunks(BATCH) {
            let request = self.client.batch_get_deployment_targets().deployment_id(id);
            let request = request.set_target_ids(Some(batch.to_vec())).send();
            let reply = self.channel.send(BATCH_GET_TARGETS, READS, action, request).await?;
            let read = reply.deployment_targets.unwrap_or_default();
            if read.len() != batch.len() {
                let why = format!("{} targets were asked for, {} read", batch.len(), read.len());
                return Err(incomplete(action, why));
            }
            targets.extend(read);
        }
        Ok(targets)
    }

    async fn target_ids(&self, id: &str, action: &str) -> Result<Vec<String>, PortError> {
        let mut ids = Vec::new();
        let mut token = None;
        for _ in 0..self.options.pages {
            let request = self.client.list_deployment_targets().deployment_id(id);
            let request = request.set_next_token(token).send();
            let reply = self.channel.send(LIST_TARGETS, READS, action, request).await?;
            ids.extend(reply.target_ids.unwrap_or_default());
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(ids);
            }
        }
        Err(incomplete(
            action,
            format!("deployment {id} has more than {} pages", self.options.pages),
        ))
    }
}

/// The parts of the traffic that the targets serve.
pub(super) fn parts(targets: &[DeploymentTarget]) -> Vec<Part> {
    targets.iter().flat_map(of_target).collect()
}

fn of_target(target: &DeploymentTarget) -> Vec<Part> {
    if let Some(ecs) = target.ecs_target() {
        return ecs.task_sets_info().iter().filter_map(of_task_set).collect();
    }
    if let Some(info) = target.lambda_target().and_then(|lambda| lambda.lambda_function_info()) {
        let new = hundredths(info.target_version_weight());
        let old = 10_000_u32.saturating_sub(new);
        return vec![part(Side::New, new), part(Side::Old, old)];
    }
    target.instance_target().map(of_host).into_iter().collect()
}

const fn part(side: Side, weight: u32) -> Part {
    Part { side, weight, task_set: None }
}

fn of_task_set(set: &EcsTaskSet) -> Option<Part> {
    let side = match set.task_set_label()? {
        TargetLabel::Green => Side::New,
        TargetLabel::Blue => Side::Old,
        _ => Side::Between,
    };
    let task_set = set.identifer().map(ToOwned::to_owned);
    Some(Part { side, weight: hundredths(set.traffic_weight()), task_set })
}

/// A host in place has one revision or the other. With replacements, a green one serves once traffic
/// was allowed to it, and a blue one until it was blocked.
fn of_host(host: &InstanceTarget) -> Part {
    let done = |event| is_done(host.lifecycle_events(), event);
    match (host.instance_label(), host.status()) {
        (Some(TargetLabel::Green), _) => part(Side::New, u32::from(done("AllowTraffic"))),
        (Some(TargetLabel::Blue), _) => part(Side::Old, u32::from(!done("BlockTraffic"))),
        (_, Some(TargetStatus::Succeeded)) => part(Side::New, 1),
        (_, Some(TargetStatus::Pending | TargetStatus::Skipped)) => part(Side::Old, 1),
        _ => part(Side::Between, 1),
    }
}

fn is_done(events: &[LifecycleEvent], name: &str) -> bool {
    events.iter().any(|event| {
        let succeeded = event.status() == Some(&LifecycleEventStatus::Succeeded);
        succeeded && event.lifecycle_event_name() == Some(name)
    })
}

/// When the last lifecycle event of any target ended: whatever the deployment waits for now, it has
/// waited for since.
pub(super) fn last_event(targets: &[DeploymentTarget]) -> Option<DateTime> {
    let events = |target: &DeploymentTarget| {
        let ecs = target.ecs_target().map(EcsTarget::lifecycle_events);
        let lambda = target.lambda_target().map(|lambda| lambda.lifecycle_events());
        let host = target.instance_target().map(InstanceTarget::lifecycle_events);
        let all = ecs.or(lambda).or(host).unwrap_or_default();
        all.iter().filter_map(|event| event.end_time().copied()).max()
    };
    targets.iter().filter_map(events).max()
}

/// A percentage in hundredths of a percent; what is no percentage is nothing or all.
fn hundredths(percent: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10 000")]
    let part = (percent.clamp(0.0, 100.0) * 100.0).round() as u32;
    part
}

#[cfg(test)]
mod tests {
    use aws_sdk_codedeploy::types::{DeploymentTargetType, LambdaFunctionInfo, LambdaTarget};

    use super::*;

    fn host(label: Option<TargetLabel>, status: TargetStatus, done: &str) -> DeploymentTarget {
        let event = LifecycleEvent::builder().lifecycle_event_name(done);
        let event = event.status(LifecycleEventStatus::Succeeded).build();
        let host = InstanceTarget::builder().set_instance_label(label).status(status);
        let host = host.lifecycle_events(event).build();
        let kind = DeploymentTargetType::InstanceTarget;
        DeploymentTarget::builder().deployment_target_type(kind).instance_target(host).build()
    }

    #[test]
    fn a_host_in_place_counts_for_what_is_on_it() {
        for (status, side) in [
            (TargetStatus::Succeeded, Side::New),
            (TargetStatus::Pending, Side::Old),
            (TargetStatus::Skipped, Side::Old),
            (TargetStatus::InProgress, Side::Between),
            (TargetStatus::Failed, Side::Between),
            (TargetStatus::from("novel-status"), Side::Between),
        ] {
            let told = format!("{status:?}");
            assert_eq!(parts(&[host(None, status, "Install")]), [part(side, 1)], "{told}");
        }
    }

    #[test]
    fn a_replacement_serves_from_allowing_and_an_original_until_blocking() {
        for (label, event, wanted) in [
            (TargetLabel::Green, "Install", part(Side::New, 0)),
            (TargetLabel::Green, "AllowTraffic", part(Side::New, 1)),
            (TargetLabel::Blue, "BeforeBlockTraffic", part(Side::Old, 1)),
            (TargetLabel::Blue, "BlockTraffic", part(Side::Old, 0)),
        ] {
            let host = host(Some(label), TargetStatus::InProgress, event);
            assert_eq!(parts(&[host]), [wanted], "{event}");
        }
    }

    #[test]
    fn the_weight_of_a_function_s_version_is_a_percentage() {
        let info = LambdaFunctionInfo::builder().target_version_weight(12.5).build();
        let lambda = LambdaTarget::builder().lambda_function_info(info).build();
        let kind = DeploymentTargetType::LambdaTarget;
        let target = DeploymentTarget::builder().deployment_target_type(kind).lambda_target(lambda);
        let wanted = [part(Side::New, 1_250), part(Side::Old, 8_750)];
        assert_eq!(parts(&[target.build()]), wanted);
    }
}
