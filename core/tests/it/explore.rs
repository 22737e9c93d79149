//! Every reachable state of small plans: no invariant broken, no state stuck.

use std::collections::BTreeMap;

use crate::fixtures::*;
use tidegate_core::{
    AmountSpec, Plan, PlanSpec, SafetyClass, Supersede, World,
    explore::{Report, Scope, explore},
};

/// A world in which nothing goes wrong.
const CALM: Scope = Scope {
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
    limit: 2_000_000,
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

/// The scopes that every plan is explored with: each kind of trouble alone and deep, and pairs of
/// them once each.
fn scopes() -> Vec<(&'static str, Scope)> {
    vec![
        ("commands", Scope { commands: 2, ..CALM }),
        ("verdicts", Scope { verdicts: 2, commands: 1, ..CALM }),
        ("faults", Scope { faults: 2, lates: 1, ..CALM }),
        ("crashes", Scope { crashes: 2, lates: 2, ..CALM }),
        ("drifts", Scope { drifts: 2, ..CALM }),
        ("shortages", Scope { shortages: 2, ..CALM }),
        ("aborted and late", Scope { faults: 1, lates: 1, commands: 1, ..CALM }),
        ("crashed and drifted", Scope { crashes: 1, lates: 1, drifts: 1, ..CALM }),
        ("failed and crashed", Scope { verdicts: 1, crashes: 1, lates: 1, ..CALM }),
        ("clock", Scope { clock_steps: 1, commands: 1, ..CALM }),
    ]
}

pub(crate) fn plans() -> BTreeMap<&'static str, (Plan, World)> {
    let mut plans = BTreeMap::new();
    let mut add = |name, spec: PlanSpec, caps: &tidegate_core::Capabilities, full| {
        plans.insert(name, (compile(spec, caps), at_rest(caps, full)));
    };
    let short = || canary_spec(vec![step(20, gate()), step(60, gate())]);
    for (name, class) in [
        ("canary, compare-and-set", SafetyClass::CompareAndSet),
        ("canary, token", SafetyClass::Token),
        ("canary, bare set", SafetyClass::BareSet),
    ] {
        add(name, short(), &routed(class), 4);
    }
    add("blue/green", blue_green_spec(), &routed(SafetyClass::BareSet), 4);
    let (one, none) = (AmountSpec::Count(1), AmountSpec::Count(0));
    add("rolling, surge", rolling_spec(one, none), &routerless(), 3);
    add("rolling, unavailable", rolling_spec(none, one), &routerless(), 3);
    add("rolling, router", rolling_spec(one, none), &routed(SafetyClass::BareSet), 2);
    add("platform", platform_spec(), &platform(), 4);
    let _ = Supersede::Queue;
    plans
}

#[test]
fn no_state_of_small_plans_breaks_an_invariant_or_is_stuck() {
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, (plan, world)) in plans() {
        for (scope_name, scope) in scopes() {
            let name = format!("{name}: {scope_name}");
            if name.contains(&only) {
                holds(&name, &plan, &world, &scope);
            }
        }
    }
}
