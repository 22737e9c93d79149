//! Traffic as the deployments of the group have left it. It is read here; CodeDeploy moves it.

use async_trait::async_trait;
use aws_sdk_codedeploy::types::{DeploymentInfo, RevisionLocation};
use tidegate_core::{
    Arm, Call, Extra, PortError, Revisions, RouteReading, SafetyClass, Span, Split, Target,
    TrafficAbility, TrafficReading, TrafficShifter, Version, Weight,
};

use super::{
    Artifact, CodeDeploy, CodeDeployOptions,
    lookup::Found,
    targets::{Part, Side, parts},
};
use crate::{
    place::Arms,
    port::{refused, unsuitable},
    router::{BASIS_POINT, Times, ability, copies_unsupported},
    weights::{Weighed, split},
};

#[async_trait]
impl TrafficShifter for CodeDeploy {
    fn ability(&self) -> TrafficAbility {
        // Every shift is refused; readings get as long. List, read, and two deployments' targets.
        let shift = self.channel.limits().operation(SafetyClass::BareSet, 8, Span::ZERO);
        let CodeDeployOptions { propagation, drain, .. } = self.options;
        ability(BASIS_POINT, shift, 1, Times { propagation, drain })
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the traffic of {target} by group {}", self.name);
        let found = self.look_through(&action).await?;
        let artifacts = Both::find(self, target, revisions).await?;
        let split = self.divided(&found, &artifacts, &action).await?;
        Ok(TrafficReading { routes: vec![RouteReading { split, version: None }], extra: None })
    }

    async fn shift(&self, call: &Call, _: Split, _: Option<&Version>) -> Result<(), PortError> {
        let action = format!("shift traffic of {} by group {}", call.target, self.name);
        Err(refused(&action, "CodeDeploy moves traffic at its own pace; hand the stage over to it"))
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        copies_unsupported(call, to)
    }
}

/// What is deployed for the arms.
#[derive(Debug)]
pub(super) struct Both {
    stable: Option<Artifact>,
    candidate: Artifact,
}

impl Both {
    pub(super) async fn find(
        group: &CodeDeploy,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<Self, PortError> {
        let stable = match &revisions.stable {
            Some(revision) => Some(group.artifacts.artifact(target, revision).await?),
            None => None,
        };
        let candidate = group.artifacts.artifact(target, &revisions.candidate).await?;
        if stable.as_ref() == Some(&candidate) {
            let action = format!("tell the arms of {target} apart");
            return Err(refused(&action, "the same is deployed for both"));
        }
        Ok(Self { stable, candidate })
    }

    /// Whose revision it is; neither's if absent.
    pub(super) fn arm(&self, revision: Option<&RevisionLocation>) -> Option<Arm> {
        let revision = revision?;
        if self.candidate.is(revision) {
            return Some(Arm::Candidate);
        }
        let stable = self.stable.as_ref().is_some_and(|stable| stable.is(revision));
        stable.then_some(Arm::Stable)
    }
}

impl CodeDeploy {
    /// How traffic is divided: as the newest deployment has it that has moved any. Without one nothing
    /// of the candidate was ever deployed here.
    async fn divided(&self, found: &Found, arms: &Both, action: &str) -> Result<Split, PortError> {
        for id in found.ids() {
            let parts = parts(&self.targets(id, action).await?);
            if parts.iter().all(|part| part.weight == 0) {
                continue;
            }
            let info = self.now_of(found, id, action).await?;
            let sides = self.sides(&info, arms, action).await?;
            let weighed = sides.weighed(&parts);
            return split(&weighed, &places(arms)).map_err(|why| unsuitable(action, why));
        }
        Ok(Split::candidate(Weight::ZERO))
    }

    /// Whose the two sides of a deployment are. One that goes back comes from what it takes back, and
    /// shares its task sets.
    async fn sides(
        &self,
        info: &DeploymentInfo,
        arms: &Both,
        action: &str,
    ) -> Result<Sides, PortError> {
        let new = arms.arm(info.revision());
        let undone = info.rollback_info().and_then(|of| of.rollback_triggering_deployment_id());
        let Some(undone) = undone else {
            let old = match (info.previous_revision(), new) {
                (Some(before), _) => arms.arm(Some(before)),
                (None, Some(arm)) => Some(arm.other()),
                (None, None) => None,
            };
            return Ok(Sides { new, old, task_sets: Vec::new() });
        };
        let old = arms.arm(self.one(undone, action).await?.revision());
        // Whatever it is called: it is what was there before.
        let new = new.or(old.map(Arm::other));
        let task_sets = parts(&self.targets(undone, action).await?);
        let task_sets = task_sets.into_iter().filter_map(|part| {
            let arm = if part.side == Side::New { old } else { new };
            Some((part.task_set?, arm))
        });
        Ok(Sides { new, old, task_sets: task_sets.collect() })
    }
}

/// Whose each side is; neither arm's if absent.
struct Sides {
    new: Option<Arm>,
    old: Option<Arm>,
    task_sets: Vec<(String, Option<Arm>)>,
}

impl Sides {
    /// One weight an arm, and one for what is neither's.
    fn weighed(&self, parts: &[Part]) -> Vec<Weighed> {
        let weight_of = |arm| {
            let parts = parts.iter().filter(|part| self.arm(part) == arm);
            parts.map(|part| part.weight).sum()
        };
        let all = [Some(Arm::Stable), Some(Arm::Candidate), None].into_iter();
        all.map(|arm| Weighed { place: place(arm).to_owned(), weight: weight_of(arm) }).collect()
    }

    fn arm(&self, part: &Part) -> Option<Arm> {
        let known = self.task_sets.iter().find(|(id, _)| part.task_set.as_ref() == Some(id));
        match (known, part.side) {
            (Some((_, arm)), _) => *arm,
            (None, Side::New) => self.new,
            (None, Side::Old) => self.old,
            // A host in between may serve whatever is worse.
            (None, Side::Between) if [self.new, self.old].contains(&Some(Arm::Candidate)) => {
                Some(Arm::Candidate)
            }
            (None, Side::Between) => self.new,
        }
    }
}

const fn place(arm: Option<Arm>) -> &'static str {
    match arm {
        Some(Arm::Stable) => "stable",
        Some(Arm::Candidate) => "candidate",
        None => "other",
    }
}

fn places(arms: &Both) -> Arms {
    let stable = arms.stable.as_ref().map(|_| place(Some(Arm::Stable)).to_owned());
    Arms { stable, candidate: place(Some(Arm::Candidate)).to_owned() }
}
