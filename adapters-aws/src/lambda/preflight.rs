//! What would keep an alias from carrying a rollout. It writes nothing.

use tidegate_core::{Arm, FailureKind, Obstacle, ObstacleKind, Revisions, Target};

use super::{
    LambdaAlias,
    traffic::{arms, targets},
    version,
};
use crate::preflight::{no_arms, obstacle};

impl LambdaAlias {
    /// Of the alias.
    pub(super) async fn obstacles(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        let subject = format!("alias {} of function {}", self.alias, self.function);
        let action = format!("read {subject}");
        let arms = match arms(revisions, &action) {
            Ok(arms) => arms,
            Err(error) => return vec![no_arms(target, &error)],
        };
        let read = async {
            let found = self.read_alias(&action).await?;
            targets(found.function_version(), found.routing_config(), &action)
        };
        match read.await {
            Ok(targets) => {
                let others = targets.iter().filter(|one| one.weight > 0 && !arms.has(&one.place));
                let what = |version: &str| {
                    format!("sends traffic to version {version}, which is neither arm's")
                };
                let told = |version| {
                    Obstacle::new(ObstacleKind::NotAtRest, subject.as_str(), what(version))
                };
                others.map(|other| told(&other.place)).collect()
            }
            Err(error) => vec![obstacle(subject, &error)],
        }
    }

    /// Of the versions.
    pub(super) async fn obstacles_of_versions(&self, revisions: &Revisions) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for arm in [Arm::Stable, Arm::Candidate] {
            let Some(revision) = revisions.of(arm) else { continue };
            // What is no version at all was found of the alias.
            let Ok(version) = version(revision, "read a version") else { continue };
            found.extend(self.of_version(version, arm).await);
        }
        found
    }

    async fn of_version(&self, version: &str, arm: Arm) -> Option<Obstacle> {
        let subject = format!("version {version} of function {}", self.function);
        let action = format!("read {subject}");
        if let Err(error) = self.ready(version, &action).await {
            return Some(match (&error.source, error.kind) {
                (Some(why), FailureKind::Retryable) if !why.is::<crate::AwsError>() => {
                    Obstacle::new(
                        ObstacleKind::Unsuitable,
                        subject,
                        format!("can not serve: {why}"),
                    )
                }
                _ => obstacle(subject, &error),
            });
        }
        if !self.provisioned || arm == Arm::Candidate {
            return None;
        }
        match self.provisioned_units(version, &action).await {
            Ok(units) if units.asked > 0 => None,
            Ok(_) => {
                let what = "has no provisioned concurrency to take the full size from";
                Some(Obstacle::new(ObstacleKind::Unsuitable, subject, what))
            }
            Err(error) => Some(obstacle(subject, &error)),
        }
    }
}
