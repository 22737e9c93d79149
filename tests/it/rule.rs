//! What the README shows: a property test of a rollback rule, and a plan file.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate::{
    file::{Format, parse_plan},
    machine::Plan,
};
use tidegate_mock::{WorldSpec, sim::Sim, strategies};

/// One step at 10 %; errors above 2 % roll back.
const RULE: &[u8] = br#"
target: checkout
owner: payments-oncall
strategy: { canary: { steps: [{ weight: 10%, gate: { bake: 10m, checks: [errors] } }] } }
checks:
  errors: { metric: error_rate, window: 1m, judge: { threshold: { max: 0.02, looks: 5 } } }
guards: [errors]
"#;

fn plan(world: &WorldSpec) -> Plan {
    parse_plan(RULE, Format::Yaml, "rule.yaml", &world.capabilities()).unwrap()
}

proptest! {
    #[test]
    fn a_release_that_fails_one_request_in_ten_is_never_promoted(
        world in strategies::bad_worlds(10), seed in any::<u64>(),
    ) {
        let plan = plan(&world);
        let run = Sim::new(plan.clone(), world, &BTreeMap::new()).unwrap().run(seed);
        prop_assert!(!run.completed(), "{}", run.lines(&plan).join("\n"));
    }
}

#[test]
fn the_plan_that_the_readme_shows_is_one_for_the_world_of_its_program() {
    let readme = include_str!("../../README.md");
    let plan = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let world = WorldSpec::good();
    let plan = parse_plan(plan.as_bytes(), Format::Yaml, "checkout.yaml", &world.capabilities());
    let run = Sim::new(plan.unwrap(), world, &BTreeMap::new()).unwrap().run(42);
    assert!(run.completed());
}
