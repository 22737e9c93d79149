//! What a canary means: one stage a weight, or one stage for a platform that walks by itself.

use super::{
    CanarySpec, CanaryStepSpec, Demand, Gate, Goal, KeyPath, Pace, PlatformSpec, Stage,
    compile::Compiler,
    gates::Evidence,
    problem::{Lack, ProblemKind},
};
use crate::{CapacityKind, Extra, Weight};

/// The stages of a canary, 100 % at the end.
pub(super) fn stages(spec: &CanarySpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> Vec<Stage> {
    let at_steps = at.key("steps");
    compiler.problems.add_if(spec.steps.is_empty(), &at_steps, ProblemKind::NoSteps);
    if let Some(platform) = &spec.platform {
        expected_steps(spec, at, compiler);
        return vec![handed_over(platform, &at.key("platform"), compiler)];
    }
    let elastic = compiler.caps.capacity == CapacityKind::Elastic;
    let steerless = elastic && !compiler.has_router();
    compiler.problems.add_if(steerless, at, Lack::Steering.into());
    // Where traffic follows capacity, both arms serve from the first new replica on.
    let mixes = compiler.policy.incompatible && !compiler.has_router();
    compiler.problems.add_if(mixes, at, ProblemKind::Mixes);
    let mut stages = Vec::with_capacity(spec.steps.len() + 1);
    let mut before = Weight::ZERO;
    for (index, step) in spec.steps.iter().enumerate() {
        let at = at_steps.item(index);
        compiler.rising(step.weight, before, &at.key("weight"));
        compiler.no_mix(step.weight, &at.key("weight"));
        before = step.weight;
        stages.push(self::step(spec, step, &at, compiler));
    }
    if before != Weight::FULL {
        let goal = goal(spec, Weight::FULL, None, Compiler::NO_EXTRA, compiler);
        stages.push(compiler.stage(Weight::FULL.to_string(), goal, Gate::OPEN));
    }
    stages
}

fn step(
    spec: &CanarySpec,
    step: &CanaryStepSpec,
    at: &KeyPath,
    compiler: &mut Compiler<'_>,
) -> Stage {
    if let Some(capacity) = step.capacity {
        let (place, weight) = (at.key("capacity"), step.weight);
        let apart = !compiler.has_router() && capacity != weight;
        compiler.problems.add_if(apart, &place, ProblemKind::CapacityIsWeight(weight));
        let short = capacity < weight && !apart;
        let problem = ProblemKind::CapacityBelowWeight { capacity, weight };
        compiler.problems.add_if(short, &place, problem);
    }
    if step.mirror.is_some() {
        let place = at.key("mirror");
        compiler.problems.add_if(!compiler.caps.mirror, &place, Lack::Mirror.into());
        compiler.problems.add_if(compiler.policy.incompatible, &place, ProblemKind::Mixes);
    }
    let extra = Extra { mirror: step.mirror.unwrap_or_default(), test: false };
    let gate = compiler.gate(&step.gate, Evidence::at(step.weight, extra), &at.key("gate"));
    let goal = goal(spec, step.weight, step.capacity, extra, compiler);
    compiler.stage(step.weight.to_string(), goal, gate)
}

/// The world at a weight: capacity for it, and stable as it was or as large as its own share.
fn goal(
    spec: &CanarySpec,
    weight: Weight,
    capacity: Option<Weight>,
    extra: Extra,
    compiler: &Compiler<'_>,
) -> Goal {
    let minimum = spec.minimum_replicas;
    let rest = weight.rest();
    let stable = if !compiler.has_router() {
        // The weight is reached by capacity, so stable has exactly what is left.
        Demand::Share { share: rest, minimum: 0 }
    } else if spec.shrink_stable {
        Demand::Share { share: rest, minimum }
    } else {
        Demand::Keep
    };
    let share = capacity.unwrap_or(weight).max(weight);
    Goal {
        weight: compiler.routed(weight),
        extra,
        candidate: Demand::Share { share, minimum },
        stable,
    }
}

/// Steps that a platform walks say only what it is expected to do, so all else in them is a mistake.
fn expected_steps(spec: &CanarySpec, at: &KeyPath, compiler: &mut Compiler<'_>) {
    let mut before = Weight::ZERO;
    let ours =
        [("minimum_replicas", spec.minimum_replicas != 1), ("shrink_stable", spec.shrink_stable)];
    for (key, written) in ours {
        compiler.problems.add_if(written, &at.key(key), ProblemKind::PlatformDecides);
    }
    for (index, step) in spec.steps.iter().enumerate() {
        let at = at.key("steps").item(index);
        compiler.rising(step.weight, before, &at.key("weight"));
        compiler.no_mix(step.weight, &at.key("weight"));
        before = step.weight;
        let ours = [
            ("capacity", step.capacity.is_some()),
            ("mirror", step.mirror.is_some()),
            ("gate", !step.gate.is_default()),
        ];
        for (key, written) in ours {
            compiler.problems.add_if(written, &at.key(key), ProblemKind::PlatformDecides);
        }
    }
}

/// The one stage of a plan whose pace a platform sets.
fn handed_over(spec: &PlatformSpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> Stage {
    match compiler.caps.platform {
        None => compiler.problems.add(at, Lack::Platform),
        Some(platform) => {
            let goes_on = platform.continues_on_expiry;
            compiler.problems.add_if(goes_on, at, ProblemKind::ContinuesOnExpiry);
            let keep_warm = compiler.policy.keep_warm;
            if let Some(after) = platform.terminates_after.filter(|after| *after < keep_warm) {
                let at = KeyPath::of("policy").key("keep_warm");
                compiler.problems.add(&at, ProblemKind::TerminatesEarly { after, keep_warm });
            }
        }
    }
    let test = if compiler.caps.test_traffic { Evidence::Tests } else { Evidence::Nothing };
    let waits = [
        compiler.gate(&spec.ready, test, &at.key("ready")),
        compiler.gate(&spec.step, Evidence::Both, &at.key("step")),
        compiler.gate(&spec.termination, Evidence::CandidateAlone, &at.key("termination")),
    ];
    let goal = Goal {
        weight: compiler.routed(Weight::FULL),
        extra: Compiler::NO_EXTRA,
        candidate: Demand::Keep,
        stable: Demand::Keep,
    };
    let stage = compiler.stage("handed over".to_owned(), goal, Gate::OPEN);
    Stage { pace: Pace::Platform { waits }, ..stage }
}
