//! The explorer, over every state of a three-step canary with a failing, late or lost call and a
//! command at any time: events a second on two threads, and new states a second on one.
//!
//! An event is one that the environment tells the machine: a transition, which the explorer applies
//! twice and checks against every invariant, or an ignored event, which it checks too.

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use tidegate_core::{
    Capabilities, Operation, Plan, PlanSpec, SafetyClass, Span, World,
    explore::{Report, Scope, explore, explore_on_one_thread},
    rollout::CANONICAL_CLOCK,
};

/// Every bound is a second or two, so that the states are finite and few.
fn capabilities() -> Capabilities {
    let (late_bound, time_limit) = (Span::seconds(2), Span::seconds(1));
    let operation = Operation { class: SafetyClass::BareSet, late_bound, time_limit };
    Capabilities {
        shift: operation,
        scale: operation,
        propagation: Span::ZERO,
        metric_lag: Span::ZERO,
        drain: Span::seconds(1),
        ..Capabilities::routed()
    }
}

fn canary(caps: &Capabilities) -> Plan {
    let within = |seconds: &str, then: &str| serde_json::json!({ "within": seconds, "then": then });
    let step = |weight: &str| {
        let gate = serde_json::json!({ "checks": ["errors"], "deadline": within("4s", "ask") });
        serde_json::json!({ "weight": weight, "gate": gate })
    };
    let spec = serde_json::json!({
        "target": "checkout",
        "owner": "payments-oncall",
        "strategy": { "canary": { "steps": [step("5%"), step("25%"), step("50%")] } },
        "checks": { "errors": {
            "metric": "error_rate",
            "judge": { "threshold": { "max": 0.02 } },
            "window": "1s",
            "lack": within("2s", "ask"),
        } },
        "guards": ["errors"],
        "policy": {
            "keep_warm": "1s",
            "drain": "1s",
            "start": within("4s", "ask"),
            "progress": within("4s", "roll_back"),
            "confirm": "1s",
            "rollback": "8s",
            "attempts": 2,
            "back_off": "1s",
            "drift_corrections": 1,
            "observe_every": "1s",
        },
    });
    let spec: PlanSpec = serde_json::from_value(spec).expect("the plan is well written");
    Plan::compile(spec, caps).expect("the target has what the plan asks for")
}

fn scope() -> Scope {
    Scope { crashes: 0, drifts: 0, shortages: 0, verdicts: 0, ..Scope::default() }
}

fn count(n: usize) -> Throughput {
    Throughput::Elements(u64::try_from(n).unwrap_or(u64::MAX))
}

type Explore = fn(&Plan, &World, &Scope) -> Report;

fn main() {
    let caps = capabilities();
    let (plan, scope) = (canary(&caps), scope());
    let world = World::at_rest(&caps, 4, CANONICAL_CLOCK);
    let found = explore(&plan, &world, &scope);
    assert!(found.complete && found.violation.is_none(), "the exploration is whole");
    println!("{} states, {} transitions, {} ignored", found.states, found.edges, found.ignored);
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("explore");
    let timed = |group: &mut BenchmarkGroup<'_, WallTime>, name, n, explore: Explore| {
        group.throughput(count(n));
        group.bench_function(name, |bencher| bencher.iter(|| explore(&plan, &world, &scope)));
    };
    timed(&mut group, "two threads, every event", found.edges + found.ignored, explore);
    timed(&mut group, "two threads, transitions", found.edges, explore);
    timed(&mut group, "one thread, new states", found.states, explore_on_one_thread);
    group.finish();
    criterion.final_summary();
}
