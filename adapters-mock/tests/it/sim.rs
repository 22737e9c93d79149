//! Whole rollouts of the real core over a simulated fleet.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_core::{Plan, PlanSpec, Span, Weight};
use tidegate_mock::{
    WorldSpec,
    sim::{End, Run, Sim},
    strategies,
};

fn canary() -> PlanSpec {
    serde_json::from_value(serde_json::json!({
        "target": "checkout",
        "owner": "payments-oncall",
        "strategy": { "canary": { "steps": [
            { "weight": "5%", "gate": { "bake": "10m", "checks": ["errors"] } },
            { "weight": "25%", "gate": { "bake": "10m", "checks": ["errors"] } },
            { "weight": "50%", "gate": { "bake": "10m", "checks": ["errors"] } },
        ] } },
        "checks": { "errors": {
            "metric": "error_rate",
            "judge": { "threshold": { "max": 0.02, "looks": 10, "failure_limit": 1 } },
        } },
        "guards": ["errors"],
    }))
    .unwrap()
}

fn run(spec: PlanSpec, world: WorldSpec, seed: u64) -> (Plan, Run) {
    let plan = Plan::compile(spec, &world.capabilities()).unwrap();
    let run = Sim::new(plan.clone(), world, &BTreeMap::new()).unwrap().run(seed);
    (plan, run)
}

#[track_caller]
fn sound(plan: &Plan, run: &Run) {
    let story = || run.lines(plan).join("\n");
    assert!(run.violation.is_none(), "{}\n{}", run.violation.as_ref().unwrap(), story());
    assert!(run.end != End::OutOfTime, "ran out of time in {}\n{}", run.phase(), story());
}

#[test]
fn a_good_release_is_promoted() {
    let (plan, run) = run(canary(), WorldSpec::good(), 1);
    sound(&plan, &run);
    assert!(run.completed(), "{}", run.lines(&plan).join("\n"));
}

#[test]
fn a_bad_release_is_rolled_back_at_its_first_weight() {
    let (plan, run) = run(canary(), WorldSpec::bad(), 1);
    sound(&plan, &run);
    assert!(run.rolled_back(), "{}", run.lines(&plan).join("\n"));
    assert_eq!(run.peak, Weight::percent(5));
    assert!(run.turned_back.unwrap() < Span::minutes(5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_rollout_in_any_world_breaks_an_invariant(
        spec in strategies::plans(),
        world in strategies::faulty_worlds(),
        script in strategies::command_scripts(),
        seed in 0_u64..1_000,
    ) {
        let plan = Plan::compile(spec, &world.capabilities()).unwrap();
        let sim = Sim::new(plan.clone(), world, &BTreeMap::new()).unwrap();
        let run = sim.with_script(script).run(seed);
        let story = || run.lines(&plan).join("\n");
        prop_assert!(run.violation.is_none(), "{}\n{}", run.violation.as_ref().unwrap(), story());
        prop_assert!(run.end != End::OutOfTime, "out of time in {}\n{}", run.phase(), story());
    }
}
