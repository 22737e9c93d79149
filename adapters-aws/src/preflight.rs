//! What a failed reading says of what is in a rollout's way. It must not know any service.

use std::{error::Error as StdError, fmt::Display, iter::successors};

use tidegate_core::{FailureKind, Obstacle, ObstacleKind, PortError, Target, Weight};

use crate::{
    error::{AwsError, Class},
    place::Arms,
    weights::{Scale, Unfit, Weighed, divide},
};

/// What a failed reading of `subject` says of it: that it is not there, that it may not be read, that it
/// is not what it should be, or that nothing is known of it.
#[must_use]
pub fn obstacle(subject: impl Into<String>, error: &PortError) -> Obstacle {
    let source = error.source.as_deref().map(|source| source as &(dyn StdError + 'static));
    // A failure that several share stands before what failed.
    let mut behind = successors(source, |&error| error.source());
    let Some(aws) = behind.find_map(|error| error.downcast_ref::<AwsError>()) else {
        let kind = match error.kind {
            FailureKind::Permanent => ObstacleKind::Unsuitable,
            _ => ObstacleKind::Unreadable,
        };
        let why = source.map_or_else(|| error.to_string(), ToString::to_string);
        return Obstacle::new(kind, subject, format!("can not be used: {why}"));
    };
    let code = aws.code.as_deref().unwrap_or_default();
    if aws.class == Class::Refused && is_missing(code) {
        return Obstacle::new(ObstacleKind::Missing, subject, format!("does not exist ({code})"));
    }
    if aws.class == Class::Refused && is_denied(code) {
        let what =
            format!("may not be read: {}:{} was refused ({code})", aws.service, aws.operation);
        return Obstacle::new(ObstacleKind::Permission, subject, what);
    }
    Obstacle::new(ObstacleKind::Unreadable, subject, format!("could not be read: {aws}"))
}

/// Services name what is not there in two ways.
fn is_missing(code: &str) -> bool {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    name.ends_with("NotFound") || name.ends_with("DoesNotExist")
}

fn is_denied(code: &str) -> bool {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    matches!(name, "AccessDenied" | "Forbidden" | "NotAuthorized" | "UnauthorizedOperation")
}

/// That the arms of a target can not be told.
pub(crate) fn no_arms(target: &Target, error: &PortError) -> Obstacle {
    obstacle(format!("the arms of {target}"), error)
}

/// That a route is not of a kind that has arms.
pub(crate) fn no_carrier(subject: &str, why: impl Display) -> Obstacle {
    let what = format!("can not carry a rollout: {why}");
    Obstacle::new(ObstacleKind::Unsuitable, subject, what)
}

/// The weights that a route can not be given.
pub(crate) fn unfit(
    subject: &str,
    targets: &[Weighed],
    arms: &Arms,
    weights: &[Weight],
    scale: Scale,
) -> Vec<Obstacle> {
    let failed = |weight: &Weight| divide(targets, arms, *weight, scale).err();
    let told = |why: Unfit| {
        Obstacle::new(ObstacleKind::Weights, subject, format!("can not be set as planned: {why}"))
    };
    weights.iter().filter_map(failed).map(told).collect()
}
