//! What would keep task sets from carrying a rollout. It writes nothing.

use aws_sdk_ecs::types::TaskSet;
use tidegate_core::{Arm, Obstacle, ObstacleKind, PortError, Revisions, Target};

use super::{
    Problem, TaskSets,
    sets::{Found, only},
};
use crate::{
    ecs::{ServiceName, problems, task_definition::Definitions},
    place::Arms,
    preflight::{no_arms, obstacle},
};

/// What is in the way where the task sets of a service could not be [opened](TaskSets::open).
#[must_use]
pub fn obstacles(name: &ServiceName, error: &PortError) -> Vec<Obstacle> {
    problems::obstacles(name, error, kind)
}

const fn kind(problem: &Problem) -> ObstacleKind {
    match problem {
        Problem::Controller(_) => ObstacleKind::Controller,
        Problem::Status(_) => ObstacleKind::Unsuitable,
    }
}

/// An arm as it is looked at: its task definition, and its target group, where both are known.
#[derive(Clone, Copy, Debug)]
struct Looked<'a> {
    arm: Arm,
    definition: &'a str,
    group: Option<&'a str>,
}

impl TaskSets {
    pub(super) async fn obstacles(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        let action = format!("look at service {}", self.name);
        let (found, mut all) = match self.read(&action).await {
            Ok(found) => (Some(found), Vec::new()),
            Err(error) => (None, obstacles(&self.name, &error)),
        };
        let both = match Definitions::of(revisions, &action) {
            Ok(both) => both,
            Err(error) => {
                all.push(obstacle("the revisions", &error));
                return all;
            }
        };
        let groups = match &self.blueprint.balanced {
            Some(balanced) => match Arms::find(&*balanced.groups, target, revisions).await {
                Ok(groups) => Some(groups),
                Err(error) => {
                    all.push(no_arms(target, &error));
                    None
                }
            },
            None => None,
        };
        all.extend(found.iter().flat_map(|found| self.of_service(found, &both)));
        for arm in [Arm::Stable, Arm::Candidate] {
            let Some(definition) = both.get(arm) else { continue };
            let group = groups.as_ref().and_then(|groups| groups.of(arm));
            let looked = Looked { arm, definition, group };
            let sets = found.as_ref().map(|found| only(found.of(&both, arm), &action));
            all.extend(self.of_arm(looked, sets).await);
        }
        all
    }

    fn of_service(&self, found: &Found, both: &Definitions) -> Vec<Obstacle> {
        let told = |what| self.unsuitable(what);
        let mut all = Vec::new();
        if found.full == 0 {
            all.push(told("wants no tasks, of which an arm could be given a share".to_owned()));
        }
        let serving = found.primary().map(|set| set.task_definition().unwrap_or_default());
        // That none is says nothing: so it is after a first deployment.
        if let Some(serving) = serving.filter(|one| both.arm(one) != Some(Arm::Stable)) {
            let expected = both.get(Arm::Stable).unwrap_or("none, since no stable is named");
            let what = format!("has the primary task set of {serving}; expected {expected}");
            all.push(Obstacle::new(ObstacleKind::NotAtRest, self.subject(), what));
        }
        all
    }

    async fn of_arm(
        &self,
        looked: Looked<'_>,
        sets: Option<Result<Option<&TaskSet>, PortError>>,
    ) -> Vec<Obstacle> {
        let Looked { arm, definition, .. } = looked;
        match sets {
            Some(Err(error)) => vec![obstacle(self.subject(), &error)],
            Some(Ok(Some(set))) => self.misplaced(looked, set).into_iter().collect(),
            Some(Ok(None)) if arm == Arm::Stable => {
                let subject = format!("the task set of {definition}, {arm}");
                let what = format!("does not exist in service {}", self.name);
                vec![Obstacle::new(ObstacleKind::Missing, subject, what)]
            }
            // It has to be made, or may have to be.
            Some(Ok(None)) => self.of_definition(definition).await,
            None if arm == Arm::Candidate => self.of_definition(definition).await,
            None => Vec::new(),
        }
    }

    /// A set behind another target group than the one that its arm's traffic goes to.
    fn misplaced(&self, looked: Looked<'_>, set: &TaskSet) -> Option<Obstacle> {
        let Looked { arm, definition, group } = looked;
        let group = group?;
        let behind: Vec<_> =
            set.load_balancers().iter().filter_map(|one| one.target_group_arn()).collect();
        let is = match behind[..] {
            [] => "no target group".to_owned(),
            _ => behind.join(", "),
        };
        let what = format!(
            "has a task set of {definition} behind {is}; expected {group}, where {arm} is served"
        );
        (!behind.contains(&group)).then(|| self.unsuitable(what))
    }

    fn subject(&self) -> String {
        format!("service {}", self.name)
    }

    fn unsuitable(&self, what: String) -> Obstacle {
        Obstacle::new(ObstacleKind::Unsuitable, self.subject(), what)
    }
}
