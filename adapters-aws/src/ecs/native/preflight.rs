//! What would keep a service from being driven. It writes nothing.

use tidegate_core::{Arm, Obstacle, ObstacleKind, PortError, Revisions};

use super::{EcsService, Problem, setup};
use crate::{
    ecs::{ServiceName, problems, task_definition::Definitions},
    preflight::obstacle,
};

/// What is in the way where a service could not be [opened](EcsService::open).
#[must_use]
pub fn obstacles(name: &ServiceName, error: &PortError) -> Vec<Obstacle> {
    problems::obstacles(name, error, kind)
}

const fn kind(problem: &Problem) -> ObstacleKind {
    match problem {
        Problem::Controller(_) => ObstacleKind::Controller,
        Problem::Breaker | Problem::Alarms(_) => ObstacleKind::RollbackOwners,
        Problem::Status(_) | Problem::Strategy(_) | Problem::Changed { .. } => {
            ObstacleKind::Unsuitable
        }
    }
}

impl EcsService {
    pub(super) async fn obstacles(&self, revisions: &Revisions) -> Vec<Obstacle> {
        let subject = format!("service {}", self.name);
        let action = format!("look at {subject}");
        let found = match self.look_through(&action).await {
            Ok(found) => found,
            Err(error) => return obstacles(&self.name, &error),
        };
        let mut all = Vec::new();
        if let Err(error) = setup::read(&found.service, &self.name, self.options.rollback, &action)
        {
            all.extend(obstacles(&self.name, &error));
        }
        if let Some(live) = found.live() {
            let what = format!("is held by deployment {}, which is under way", live.arn);
            all.push(Obstacle::new(ObstacleKind::NotAtRest, subject.as_str(), what));
        }
        match Definitions::of(revisions, &action) {
            Err(error) => all.push(obstacle("the revisions", &error)),
            // What serves in the middle of a deployment says nothing of what it leaves.
            Ok(_) if found.live().is_some() => {}
            Ok(both) => {
                let startable = self.replaces(&found.service, &both, Arm::Candidate, &action).await;
                all.extend(startable.err().map(|error| obstacle(subject, &error)));
            }
        }
        all
    }
}
