//! Traffic as ECS has divided it. It is read here; ECS moves it.

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Service, ServiceCurrentRevisionSummary, ServiceDeployment, ServiceRevisionSummary,
};
use tidegate_core::{
    Arm, Call, Extra, PortError, Revisions, RouteReading, SafetyClass, Span, Split, Target,
    TrafficAbility, TrafficReading, TrafficShifter, Version, Weight,
};

use super::{EcsOptions, EcsService};
use crate::{
    ecs::task_definition::Definitions,
    place::Arms,
    port::{refused, unsuitable},
    router::{BASIS_POINT, Times, ability, copies_unsupported},
    weights::{Weighed, split},
};

#[async_trait]
impl TrafficShifter for EcsService {
    fn ability(&self) -> TrafficAbility {
        // Every shift is refused; readings get as long. A look-up, a deployment, and revisions.
        let shift = self.channel.limits().operation(SafetyClass::BareSet, 6, Span::ZERO);
        let EcsOptions { propagation, drain, .. } = self.options;
        // Weights of ECS are multiples of a tenth of a percent, and tasks of anything.
        ability(BASIS_POINT, shift, 1, Times { propagation, drain })
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the traffic of {target} by service {}", self.name);
        let both = Definitions::of(revisions, &action)?;
        let found = self.look_through(&action).await?;
        let shares = match found.live() {
            Some(live) => under_way(&self.deployment(&live.arn, &action).await?),
            None => at_rest(&found.service),
        };
        let weighed = match shares.as_slice() {
            // Nothing but one moves traffic, whether or not any task of it runs.
            [] | [_] => self.alone(&found.service, &both, &action).await?,
            several => self.by_arm(several, &both, &action).await?,
        };
        let split = match split(&weighed, &places(&both)) {
            Ok(split) => split,
            // Nothing runs: whatever comes finds nobody of the candidate's.
            Err(_) if weighed.iter().all(|one| one.weight == 0) => Split::candidate(Weight::ZERO),
            Err(why) => return Err(unsuitable(&action, why)),
        };
        Ok(TrafficReading { routes: vec![RouteReading { split, version: None }], extra: None })
    }

    async fn shift(&self, call: &Call, _: Split, _: Option<&Version>) -> Result<(), PortError> {
        let action = format!("shift traffic of {} by service {}", call.target, self.name);
        Err(refused(&action, "ECS moves traffic at its own pace; hand the stage over to it"))
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        copies_unsupported(call, to)
    }
}

/// What one service revision gets.
struct Share {
    revision: String,
    weight: u32,
}

/// As a deployment that is under way divides it: by its weights, or by running tasks if it has none.
fn under_way(info: &ServiceDeployment) -> Vec<Share> {
    let all = || info.source_service_revisions().iter().chain(info.target_service_revision());
    let weighted = all().any(|one| one.requested_production_traffic_weight().is_some());
    let share = |one: &ServiceRevisionSummary| {
        let weight = match one.requested_production_traffic_weight() {
            Some(percent) => hundredths(percent),
            None if weighted => 0,
            None => count(one.running_task_count()),
        };
        Some(Share { revision: one.arn()?.to_owned(), weight })
    };
    all().filter_map(share).collect()
}

/// As a service at rest divides it: by running tasks.
fn at_rest(service: &Service) -> Vec<Share> {
    let all = service.current_service_revisions().iter();
    let share = |one: &ServiceCurrentRevisionSummary| {
        Some(Share { revision: one.arn()?.to_owned(), weight: count(one.running_task_count()) })
    };
    all.filter_map(share).collect()
}

fn count(tasks: i32) -> u32 {
    u32::try_from(tasks).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage, clamped to its range"
)]
fn hundredths(percent: f64) -> u32 {
    (percent.clamp(0.0, 100.0) * 100.0).round() as u32
}

impl EcsService {
    /// All of it for what serves alone.
    async fn alone(
        &self,
        service: &Service,
        both: &Definitions,
        action: &str,
    ) -> Result<Vec<Weighed>, PortError> {
        let serving = self.serving(service, action).await?;
        Ok(weighed(serving.iter().map(|definition| (both.arm(definition), 1))))
    }

    async fn by_arm(
        &self,
        shares: &[Share],
        both: &Definitions,
        action: &str,
    ) -> Result<Vec<Weighed>, PortError> {
        let revisions: Vec<_> = shares.iter().map(|share| share.revision.as_str()).collect();
        let definitions = self.definitions(&revisions, action).await?;
        let arms = definitions.iter().map(|definition| both.arm(definition));
        Ok(weighed(arms.zip(shares.iter().map(|share| share.weight))))
    }
}

/// One weight an arm, and one for what is neither's.
fn weighed(parts: impl Iterator<Item = (Option<Arm>, u32)>) -> Vec<Weighed> {
    let parts: Vec<_> = parts.collect();
    let of = |arm| parts.iter().filter(|(whose, _)| *whose == arm).map(|(_, weight)| weight).sum();
    let all = [Some(Arm::Stable), Some(Arm::Candidate), None].into_iter();
    all.map(|arm| Weighed { place: place(arm).to_owned(), weight: of(arm) }).collect()
}

const fn place(arm: Option<Arm>) -> &'static str {
    match arm {
        Some(Arm::Stable) => "stable",
        Some(Arm::Candidate) => "candidate",
        None => "other",
    }
}

fn places(both: &Definitions) -> Arms {
    let stable = both.get(Arm::Stable).map(|_| place(Some(Arm::Stable)).to_owned());
    Arms { stable, candidate: place(Some(Arm::Candidate)).to_owned() }
}
