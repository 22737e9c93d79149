//! What would keep a deployment group from being driven. It writes nothing.

use tidegate_core::{Arm, Obstacle, ObstacleKind, PortError, Revisions, Target};

use super::{CodeDeploy, GroupName, Problem, Problems, group};
use crate::preflight::obstacle;

/// What is in the way where a group could not be [opened](CodeDeploy::open).
#[must_use]
pub fn obstacles(name: &GroupName, error: &PortError) -> Vec<Obstacle> {
    let subject = format!("deployment group {name}");
    match error.source.as_ref().and_then(|source| source.downcast_ref::<Problems>()) {
        Some(Problems { problems, .. }) => {
            let told = |problem: &Problem| {
                Obstacle::new(
                    kind(problem),
                    subject.as_str(),
                    format!("can not be driven: {problem}"),
                )
            };
            problems.iter().map(told).collect()
        }
        None => vec![obstacle(subject, error)],
    }
}

const fn kind(problem: &Problem) -> ObstacleKind {
    match problem {
        Problem::TwoOwners(_) | Problem::AlarmsStop(_) => ObstacleKind::RollbackOwners,
        Problem::Compute(_) | Problem::Changed { .. } => ObstacleKind::Unsuitable,
    }
}

impl CodeDeploy {
    pub(super) async fn obstacles(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        let mut found = Vec::new();
        let owner = self.options.rollback;
        match group::read(&self.client, &self.channel, &self.name, owner).await {
            Ok(_) => found.extend(self.held(target).await),
            Err(error) => found.extend(obstacles(&self.name, &error)),
        }
        for arm in [Arm::Stable, Arm::Candidate] {
            let Some(revision) = revisions.of(arm) else { continue };
            if let Err(error) = self.artifacts.artifact(target, revision).await {
                found.push(obstacle(format!("the artifact of revision {revision}"), &error));
            }
        }
        found
    }

    /// Whether somebody else's deployment holds the group.
    async fn held(&self, target: &Target) -> Option<Obstacle> {
        let subject = format!("deployment group {}", self.name);
        match self.look_through(&format!("look for deployments of {target}")).await {
            Ok(found) => found.live().map(|id| {
                let what = format!("is held by deployment {id}, which is under way");
                Obstacle::new(ObstacleKind::NotAtRest, subject, what)
            }),
            Err(error) => Some(obstacle(subject, &error)),
        }
    }
}
