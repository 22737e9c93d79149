//! The plans of scripts, by name: those that are explored, and some with more in them.

use crate::{explore, fixtures::*};
use tidegate_core::{
    AmountSpec, CanaryStepSpec, Capabilities, DeadlineSpec, GateSpec, HoursSpec, OnDeadline, Plan,
    PlanSpec, PlatformSpec, RollingGateSpec, RollingGatesSpec, SafetyClass, StrategySpec,
    Supersede, Weight, World,
};

/// The plan of this name, and the world it starts from. `first …` is a first deployment of it.
pub(super) fn named(name: &str) -> Option<(Plan, World)> {
    if let Some(name) = name.strip_prefix("first ") {
        let (plan, world) = named(name)?;
        let empty = World::empty(plan.capabilities(), world.full, NOW);
        return Some((plan, empty));
    }
    if let Some(case) = explore::plans().remove(name) {
        return Some(case);
    }
    if let Some((case, _)) = explore::corners().remove(name) {
        return Some(case);
    }
    let bare = routed(SafetyClass::BareSet);
    let (spec, caps, full) = match name {
        "gates of every kind" => (gates_of_every_kind(), bare, 4),
        "patient, token" => (patient(), routed(SafetyClass::Token), 4),
        "patient, bare set" => (patient(), bare, 4),
        "allowed hours" => (allowed_hours(), bare, 2),
        "mirror alone" => (mirror_alone(), bare, 4),
        "platform, rolling back" => (platform_with(OnDeadline::RollBack), platform(), 4),
        "platform, holding" => (platform_with(OnDeadline::Hold), platform(), 4),
        "platform, freezes" => (with_freeze(platform_spec()), platform(), 4),
        "platform, token" => (platform_spec(), platform_of(SafetyClass::Token), 4),
        "rolling, shares" => (rolling_shares(), routerless(), 4),
        "rolling, router of four" => {
            (rolling_spec(AmountSpec::Count(2), AmountSpec::Count(1)), bare, 4)
        }
        "two guards" => (two_guards(), bare, 2),
        "a guard at the gate" => (guard_at_the_gate(), bare, 2),
        "guard with twin" => (guard_with_twin(), bare, 2),
        "redeploy, halted" => {
            (superseding(redeploying(platform_spec()), Supersede::Queue), platform(), 4)
        }
        _ => return None,
    };
    let world = at_rest(&caps, full);
    Some((compile(spec, &caps), world))
}

/// A canary with a bake, a check, an approval and a hook, one gate after another.
fn gates_of_every_kind() -> PlanSpec {
    let baked = GateSpec { bake: S(3), checks: vec!["errors".into()], ..gate() };
    let hooked = GateSpec { hooks: vec!["smoke".into()], approval: true, ..gate() };
    let strict = GateSpec { bake: S(2), deadline: deadline(OnDeadline::RollBack), ..gate() };
    canary_spec(vec![step(20, baked), step(60, hooked), step(100, strict)])
}

/// Four attempts, and time enough for them.
fn patient() -> PlanSpec {
    let mut spec = canary_spec(vec![step(50, gate())]);
    spec.policy.attempts = Some(4);
    spec.policy.progress = Some(DeadlineSpec { within: S(60), then: OnDeadline::Ask });
    spec.policy.rollback = Some(S(60));
    spec
}

fn allowed_hours() -> PlanSpec {
    let mut spec = canary_spec(vec![step(50, GateSpec { allowed_hours: true, ..gate() })]);
    let day = HoursSpec { days: Vec::new(), from: "09:00".into(), to: "17:00".into() };
    spec.calendar.allowed = vec![day];
    spec
}

/// Copies of requests, then all traffic.
fn mirror_alone() -> PlanSpec {
    let copied = CanaryStepSpec { mirror: Some(Weight::percent(10)), ..step(20, gate()) };
    let more = CanaryStepSpec { mirror: Some(Weight::percent(30)), ..step(40, gate()) };
    canary_spec(vec![copied, more])
}

fn platform_with(then: OnDeadline) -> PlanSpec {
    let mut spec = platform_spec();
    let gate = || GateSpec { approval: true, deadline: deadline(then), ..GateSpec::default() };
    if let StrategySpec::Canary(canary) = &mut spec.strategy {
        canary.platform = Some(PlatformSpec {
            ready: gate(),
            step: GateSpec { hooks: vec!["smoke".into()], checks: vec!["errors".into()], ..gate() },
            termination: GateSpec { bake: S(2), ..gate() },
        });
    }
    spec.policy.progress = deadline(then);
    spec
}

fn platform_of(class: SafetyClass) -> Capabilities {
    let mut caps = platform();
    if let Some(platform) = &mut caps.platform {
        platform.start.class = class;
        platform.control.class = class;
    }
    caps
}

fn rolling_shares() -> PlanSpec {
    let mut spec = rolling_spec(AmountSpec::Count(1), AmountSpec::Count(0));
    if let StrategySpec::Rolling(rolling) = &mut spec.strategy {
        let gate = GateSpec { checks: vec!["errors".into()], ..gate() };
        let at = vec![RollingGateSpec { share: Weight::percent(50), gate }];
        rolling.gates = RollingGatesSpec { each_batch: None, at };
    }
    spec
}

fn two_guards() -> PlanSpec {
    let mut spec = canary_spec(vec![step(50, gate())]);
    spec.guards = vec!["errors".into(), "ratio".into(), "strict".into()];
    spec.checks.get_mut("ratio").unwrap().lack =
        Some(DeadlineSpec { within: S(1), then: OnDeadline::Hold });
    spec.checks.get_mut("strict").unwrap().lack =
        Some(DeadlineSpec { within: S(3), then: OnDeadline::RollBack });
    spec
}

/// A check that holds, as a guard and at a gate with another one.
fn guard_at_the_gate() -> PlanSpec {
    let checks = vec!["ratio".into(), "errors".into()];
    let mut spec = canary_spec(vec![step(50, GateSpec { checks, ..gate() })]);
    spec.guards = vec!["ratio".into()];
    spec
}

/// A guard that compares with stable, and gives way to another at 100 %.
fn guard_with_twin() -> PlanSpec {
    use tidegate_core::{Baseline, CheckSpec, JudgeSpec, ThresholdSpec};
    let mut spec = canary_spec(vec![step(50, gate())]);
    let line = ThresholdSpec { max_ratio: Some(1.5), ..ThresholdSpec::default() };
    let compared = CheckSpec {
        baseline: Some(Baseline::Concurrent),
        window: S(1),
        twin: Some("errors".into()),
        ..CheckSpec::new("latency", JudgeSpec::Threshold(line))
    };
    spec.checks.insert("latency".to_owned(), compared);
    spec.guards = vec!["latency".into()];
    spec
}
