//! What a blue/green means: a preview, the new side at full size, a switch, and a last look.

use super::{
    BlueGreenSpec, Demand, Gate, Goal, KeyPath, PreviewSpec, Stage, StrategyKind,
    compile::Compiler,
    gates::Evidence,
    problem::{Lack, ProblemKind},
};
use crate::{Extra, Weight};

/// The stages of a blue/green, 100 % at the end.
pub(super) fn stages(
    spec: &BlueGreenSpec,
    at: &KeyPath,
    compiler: &mut Compiler<'_>,
) -> Vec<Stage> {
    let routerless = !compiler.has_router();
    let lack = Lack::Router(StrategyKind::BlueGreen);
    compiler.problems.add_if(routerless, at, lack.into());
    let mut stages = Vec::with_capacity(spec.steps.len() + 3);
    if let Some(preview) = &spec.preview {
        stages.push(self::preview(preview, &at.key("preview"), compiler));
    }
    let test = compiler.caps.test_traffic && spec.preview.is_some();
    let extra = Extra { test, ..Compiler::NO_EXTRA };
    let evidence = Evidence::at(Weight::ZERO, extra);
    let gate = compiler.gate(&spec.before, evidence, &at.key("before"));
    let goal = goal(Weight::ZERO, Weight::FULL, extra);
    stages.push(compiler.stage("before the switch".to_owned(), goal, gate));
    stages.extend(switch(spec, at, compiler));
    stages
}

fn preview(spec: &PreviewSpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> Stage {
    compiler.problems.add_if(!compiler.caps.test_traffic, at, Lack::TestTraffic.into());
    let none = spec.capacity == Weight::ZERO;
    compiler.problems.add_if(none, &at.key("capacity"), ProblemKind::ZeroWeight);
    let gate = compiler.gate(&spec.gate, Evidence::Tests, &at.key("gate"));
    let extra = Extra { test: true, ..Compiler::NO_EXTRA };
    compiler.stage("preview".to_owned(), goal(Weight::ZERO, spec.capacity, extra), gate)
}

/// The steps of the switch, and 100 % with the last gate.
fn switch(spec: &BlueGreenSpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> Vec<Stage> {
    let mut stages = Vec::with_capacity(spec.steps.len() + 1);
    let mut before = Weight::ZERO;
    for (index, step) in spec.steps.iter().enumerate() {
        let at = at.key("steps").item(index);
        compiler.rising(step.weight, before, &at.key("weight"));
        compiler.no_mix(step.weight, &at.key("weight"));
        before = step.weight;
        let evidence = Evidence::at(step.weight, Compiler::NO_EXTRA);
        let gate = compiler.gate(&step.gate, evidence, &at.key("gate"));
        stages.push(switched(step.weight, gate, compiler));
    }
    let after = compiler.gate(&spec.after, Evidence::CandidateAlone, &at.key("after"));
    if before != Weight::FULL {
        stages.push(switched(Weight::FULL, after, compiler));
    } else if !spec.after.is_default() {
        let gated = spec.steps.last().is_some_and(|step| !step.gate.is_default());
        compiler.problems.add_if(gated, &at.key("after"), ProblemKind::TwoFinalGates);
        if let Some(last) = stages.last_mut() {
            last.gate = after;
        }
    }
    stages
}

fn switched(weight: Weight, gate: Gate, compiler: &Compiler<'_>) -> Stage {
    let goal = goal(weight, Weight::FULL, Compiler::NO_EXTRA);
    compiler.stage(weight.to_string(), goal, gate)
}

/// The new side at a size and a weight; the old one as it was.
const fn goal(weight: Weight, size: Weight, extra: Extra) -> Goal {
    Goal {
        weight: Some(weight),
        extra,
        candidate: Demand::Share { share: size, minimum: 1 },
        stable: Demand::Keep,
    }
}
