//! What would keep routes of load balancers from carrying a rollout. It writes nothing.

use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use tidegate_core::{Obstacle, ObstacleKind, PortError, Revisions, Target, Weight};

use super::{AlbRoute, AlbRoutes, actions::forward, api};
use crate::{
    place::Arms,
    port::incomplete,
    preflight::{no_arms, no_carrier, obstacle, unfit},
};

impl AlbRoutes {
    pub(super) async fn obstacles(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        let arms = match Arms::find(&*self.placement, target, revisions).await {
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

    async fn of_route(&self, route: &AlbRoute, arms: &Arms, weights: &[Weight]) -> Vec<Obstacle> {
        let subject = route.to_string();
        let action = format!("read {route}");
        let actions = match self.read(route, &action).await {
            Ok(actions) => actions,
            Err(error) => return vec![obstacle(subject, &error)],
        };
        let found = match forward(&actions) {
            Ok(found) => found,
            Err(why) => return vec![no_carrier(&subject, why)],
        };
        let sticky = self.refuse_stickiness(&found, &action).err();
        let sticky = sticky.and_then(|error| error.source).map(|why| {
            let what = format!("is sticky: {why}; turn it off, or wait it out");
            Obstacle::new(ObstacleKind::Stickiness, subject.as_str(), what)
        });
        let unfit = unfit(&subject, &found.targets, arms, weights, self.scale());
        sticky.into_iter().chain(unfit).collect()
    }

    async fn of_group(&self, arn: &str) -> Option<Obstacle> {
        let subject = format!("target group {arn}");
        let group = match self.group(arn).await {
            Ok(group) => group,
            Err(error) => return Some(obstacle(subject, &error)),
        };
        let unchecked = group.health_check_enabled() == Some(false);
        let what = "is not checked for health, so that its targets never count as healthy";
        (unchecked && self.options.healthy_targets > 0)
            .then(|| Obstacle::new(ObstacleKind::HealthChecks, subject, what))
    }

    async fn group(&self, arn: &str) -> Result<TargetGroup, PortError> {
        let action = format!("read target group {arn}");
        let request = self.client.describe_target_groups().target_group_arns(arn).send();
        let sent = self.channel.send(api::DESCRIBE_TARGET_GROUPS, api::READS, &action, request);
        let mut groups = sent.await?.target_groups.unwrap_or_default().into_iter();
        let group = groups.find(|group| group.target_group_arn() == Some(arn));
        group.ok_or_else(|| incomplete(&action, "it is not in the answer"))
    }
}
