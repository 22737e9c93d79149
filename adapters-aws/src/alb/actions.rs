//! The actions of a rule or listener, with other weights and nothing else changed. Pure.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple,
};
use tidegate_core::Span;

use crate::weights::Weighed;

/// Why a list of actions can not carry a rollout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsuitable {
    #[error("it forwards nothing: its actions are {0:?}")]
    NoForward(Vec<String>),
    #[error("it has an action {0:?}, which this version does not know and would lose")]
    UnknownAction(String),
    #[error("a target group of it has no ARN")]
    NoArn,
    #[error("target group {arn} has weight {weight}")]
    BadWeight { arn: String, weight: i32 },
}

/// The part of the actions that divides traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forward {
    position: usize,
    /// Its target groups and their weights, in order.
    pub(super) targets: Vec<Weighed>,
    /// How long a client stays with the target group it was sent to first; absent if it does not.
    pub(super) sticky: Option<Span>,
}

/// Finds what divides traffic. An action that the SDK has no name for may have members that it has no
/// names for either, and would come back without them: such a list is left alone.
pub(super) fn forward(actions: &[Action]) -> Result<Forward, Unsuitable> {
    let kinds = || actions.iter().filter_map(Action::r#type);
    if let Some(unknown) = kinds().find(|kind| !is_known(kind)) {
        return Err(Unsuitable::UnknownAction(unknown.as_str().to_owned()));
    }
    let position = actions.iter().position(|one| one.r#type() == Some(&ActionTypeEnum::Forward));
    let names = || kinds().map(|kind| kind.as_str().to_owned()).collect();
    let position = position.ok_or_else(|| Unsuitable::NoForward(names()))?;
    let action = &actions[position];
    let config = action.forward_config();
    let stickiness = config.and_then(ForwardActionConfig::target_group_stickiness_config);
    let sticky = stickiness.filter(|one| one.enabled() == Some(true));
    let seconds = sticky.map(|one| one.duration_seconds().unwrap_or_default());
    Ok(Forward {
        position,
        targets: targets(action)?,
        sticky: seconds.map(|one| Span::seconds(u64::try_from(one).unwrap_or_default())),
    })
}

fn is_known(kind: &ActionTypeEnum) -> bool {
    ActionTypeEnum::values().contains(&kind.as_str())
}

fn targets(action: &Action) -> Result<Vec<Weighed>, Unsuitable> {
    let groups =
        action.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    if groups.is_empty() {
        let arn = action.target_group_arn().ok_or(Unsuitable::NoArn)?;
        return Ok(vec![Weighed { place: arn.to_owned(), weight: 1 }]);
    }
    groups.iter().map(|group| weighed(group, groups.len() == 1)).collect()
}

/// A group that is alone gets everything, whatever its number.
fn weighed(group: &TargetGroupTuple, alone: bool) -> Result<Weighed, Unsuitable> {
    let arn = group.target_group_arn().ok_or(Unsuitable::NoArn)?;
    let weight = group.weight().unwrap_or(1);
    let bad = |_| Unsuitable::BadWeight { arn: arn.to_owned(), weight };
    let weight = u32::try_from(weight).map_err(bad)?;
    Ok(Weighed { place: arn.to_owned(), weight: if alone { weight.max(1) } else { weight } })
}

/// The same actions with these weights.
pub(super) fn with_weights(
    actions: &[Action],
    forward: &Forward,
    targets: &[Weighed],
) -> Vec<Action> {
    let mut actions: Vec<_> = actions.iter().cloned().map(sendable).collect();
    if let Some(action) = actions.get_mut(forward.position) {
        let config = action.forward_config.take();
        let stickiness = config.and_then(|config| config.target_group_stickiness_config);
        let tuple = |one: &Weighed| {
            let weight = i32::try_from(one.weight).unwrap_or(i32::MAX);
            TargetGroupTuple::builder().target_group_arn(&one.place).weight(weight).build()
        };
        let config = ForwardActionConfig::builder()
            .set_target_groups(Some(targets.iter().map(tuple).collect()))
            .set_target_group_stickiness_config(stickiness)
            .build();
        action.forward_config = Some(config);
        // Of both forms at once, AWS accepts one group only.
        action.target_group_arn = None;
    }
    actions
}

/// What AWS answers leaves the secret of an OIDC client out, and takes its absence for an error unless
/// told that the present one stays.
fn sendable(mut action: Action) -> Action {
    if let Some(oidc) = &mut action.authenticate_oidc_config
        && oidc.client_secret.is_none()
    {
        oidc.use_existing_client_secret = Some(true);
    }
    action
}

/// The actions in the form in which two lists can be compared: what was sent, and what came back.
pub(super) fn comparable(actions: &[Action]) -> Vec<Action> {
    let mut actions: Vec<_> = actions.to_vec();
    actions.sort_by_key(|action| action.order);
    for action in &mut actions {
        action.order = None;
        if let Some(oidc) = &mut action.authenticate_oidc_config {
            oidc.client_secret = None;
            oidc.use_existing_client_secret = None;
        }
        if action.r#type() == Some(&ActionTypeEnum::Forward) {
            action.target_group_arn = None;
            plain_stickiness(action);
        }
    }
    actions
}

/// "Not sticky" is said in three ways.
fn plain_stickiness(action: &mut Action) {
    if let Some(config) = &mut action.forward_config {
        let stickiness = &mut config.target_group_stickiness_config;
        if stickiness.as_ref().is_some_and(|one| one.enabled() != Some(true)) {
            *stickiness = None;
        }
    }
}
