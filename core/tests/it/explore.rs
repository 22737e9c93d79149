//! Every reachable state of small plans: no invariant broken, no state stuck.

use crate::fixtures::*;
use tidegate_core::{
    AmountSpec, Plan, SafetyClass, World,
    explore::{Report, Scope, explore},
};

#[track_caller]
pub(crate) fn holds(name: &str, plan: &Plan, world: &World, scope: &Scope) -> Report {
    let began = std::time::Instant::now();
    let report = explore(plan, world, scope);
    eprintln!(
        "{name}: {} states, {} edges, {} ignored, {:?} [{scope}] {:?}",
        report.states,
        report.edges,
        report.ignored,
        report.outcomes,
        began.elapsed()
    );
    if let Some(counterexample) = &report.violation {
        panic!("{name}:\n{counterexample}");
    }
    assert!(report.complete, "{name}: gave up after {} states", report.states);
    report
}

const QUIET: Scope = Scope {
    faults: 0,
    lates: 0,
    crashes: 0,
    commands: 0,
    drifts: 0,
    shortages: 0,
    verdicts: 0,
    freezes: 0,
    clock_steps: 0,
    beyond_late_bound: false,
    limit: 3_000_000,
};

#[test]
fn a_canary_with_nothing_going_wrong_always_completes() {
    let caps = routed(SafetyClass::BareSet);
    let plan = compile(ten_stages(), &caps);
    holds("canary quiet", &plan, &at_rest(&caps, 4), &Scope { commands: 1, ..QUIET });
}
