//! What would keep routes of Lattice from carrying a rollout. It writes nothing.

use aws_sdk_vpclattice::types::TargetGroupStatus;
use tidegate_core::{Obstacle, ObstacleKind, Revisions, Target, Weight};

use super::{GET_TARGET_GROUP, LatticeRoute, LatticeRoutes, READS};
use crate::{
    place::Arms,
    preflight::{no_arms, obstacle, unfit},
};

impl LatticeRoutes {
    pub(super) async fn obstacles(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        let arms = match self.arms(target, revisions).await {
            Ok(arms) => arms,
            Err(error) => return vec![no_arms(target, &error)],
        };
        let mut found = Vec::new();
        for route in self.routes.iter() {
            found.extend(self.of_route(route, &arms, weights).await);
        }
        for group in arms.all() {
            found.extend(self.of_group(group).await);
        }
        found
    }

    async fn of_route(
        &self,
        route: &LatticeRoute,
        arms: &Arms,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        let subject = route.to_string();
        match self.read(route, &format!("read {route}")).await {
            Ok(targets) => unfit(&subject, &targets, arms, weights, self.scale()),
            Err(error) => vec![obstacle(subject, &error)],
        }
    }

    async fn of_group(&self, id: &str) -> Option<Obstacle> {
        let subject = format!("target group {id}");
        let action = format!("read {subject}");
        let request = self.client.get_target_group().target_group_identifier(id).send();
        let group = match self.channel.send(GET_TARGET_GROUP, READS, &action, request).await {
            Ok(group) => group,
            Err(error) => return Some(obstacle(subject, &error)),
        };
        if group.status() != Some(&TargetGroupStatus::Active) {
            let status = group.status().map_or("unknown", TargetGroupStatus::as_str);
            let what = format!("is not active but {status}");
            return Some(Obstacle::new(ObstacleKind::Unsuitable, subject, what));
        }
        let check = group.config().and_then(|config| config.health_check());
        let unchecked = check.is_some_and(|check| check.enabled() == Some(false));
        let what = "is not checked for health: traffic goes to its targets in whatever state";
        unchecked.then(|| Obstacle::new(ObstacleKind::HealthChecks, subject, what))
    }
}
