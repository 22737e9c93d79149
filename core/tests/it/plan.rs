//! What written plans compile to, and what is said of those that do not.

use serde_json::{Value, json};
use tidegate_core::{
    BatchSize, Batches, Capabilities, Demand, Pace, Plan, PlanErrors, Stage, Weight,
};

/// A plan around `strategy`, with one check a baseline.
fn around(strategy: Value) -> Value {
    json!({
        "target": "shop",
        "owner": "team-shop",
        "strategy": strategy,
        "checks": {
            "errors": {"metric": "error_ratio", "judge": {"threshold": {"max": 0.01}}},
            "latency": {
                "metric": "p99", "baseline": "concurrent",
                "judge": {"threshold": {"max_ratio": 1.2}},
            },
        },
        "hooks": {"smoke": {}},
    })
}

fn compile(spec: &Value, caps: &Capabilities) -> Result<Plan, PlanErrors> {
    Plan::compile(serde_json::from_value(spec.clone()).unwrap(), caps)
}

fn compiled(strategy: Value, caps: &Capabilities) -> Plan {
    compile(&around(strategy), caps).unwrap_or_else(|errors| panic!("{errors}"))
}

fn names(stages: &[Stage]) -> Vec<&str> {
    stages.iter().map(|stage| stage.name.as_str()).collect()
}

#[test]
fn a_canary_is_one_stage_a_weight_and_gets_its_100_percent() {
    let strategy = json!({"canary": {
        "minimum_replicas": 2,
        "steps": [
            {"weight": "5%", "capacity": "10%", "gate": {"bake": "5m", "checks": ["latency"]}},
            {"weight": "50%"},
        ],
    }});
    let plan = compiled(strategy, &Capabilities::routed());
    let stages = plan.stages(false);
    assert_eq!(names(stages), ["5 %", "50 %", "100 %"]);
    assert_eq!(stages[0].goal.weight, Some(Weight::percent(5)));
    let demand = Demand::Share { share: Weight::percent(10), minimum: 2 };
    assert_eq!(stages[0].goal.candidate, demand);
    assert_eq!(stages[1].goal.stable, Demand::Keep);
    assert!(stages[0].gate.checks.contains(1) && !stages[0].gate.checks.contains(0));
    assert!(stages[2].gate.is_open());
}

#[test]
fn a_canary_that_shrinks_stable_leaves_it_what_its_traffic_needs() {
    let strategy = json!({"canary": {"shrink_stable": true, "steps": [{"weight": "40%"}]}});
    let plan = compiled(strategy, &Capabilities::routed());
    let demand = Demand::Share { share: Weight::percent(60), minimum: 1 };
    assert_eq!(plan.stages(false)[0].goal.stable, demand);
}

#[test]
fn without_a_router_a_canary_reaches_its_weights_by_capacity() {
    let strategy = json!({"canary": {"steps": [{"weight": "33%"}]}});
    let plan = compiled(strategy, &Capabilities::routerless());
    let goal = plan.stages(false)[0].goal;
    assert_eq!(goal.weight, None);
    assert_eq!(goal.stable, Demand::Share { share: Weight::percent(67), minimum: 0 });
    assert_eq!(plan.stages(true).len(), 1);
}

#[test]
fn a_blue_green_is_preview_full_size_and_switch() {
    let strategy = json!({"blue_green": {
        "preview": {"capacity": "20%", "gate": {"checks": ["errors"]}},
        "before": {"approval": true, "hooks": ["smoke"]},
        "after": {"bake": "10m", "checks": ["errors"]},
    }});
    let plan = compiled(strategy, &Capabilities::routed());
    let stages = plan.stages(false);
    assert_eq!(names(stages), ["preview", "before the switch", "100 %"]);
    assert!(stages[0].goal.extra.test && stages[1].goal.extra.test && !stages[2].goal.extra.test);
    let full = Demand::Share { share: Weight::FULL, minimum: 1 };
    assert_eq!(stages[1].goal.candidate, full);
    assert!(stages[1].gate.approval && stages[1].gate.hooks.contains(0));
    assert_eq!(names(plan.stages(true)), ["first deployment", "100 %"]);
    assert!(plan.stages(true)[0].gate.checks.contains(0));
}

#[test]
fn a_rolling_replacement_is_one_stage_a_gate_and_the_rest() {
    let strategy = json!({"rolling": {
        "max_surge": 1,
        "gates": {"at": [{"share": "30%", "gate": {"checks": ["latency"]}}]},
    }});
    let plan = compiled(strategy, &Capabilities::routerless());
    assert_eq!(names(plan.stages(false)), ["30 %", "100 %"]);
    let Some(Batches { size: BatchSize::Surge { surge, unavailable }, gate_each, .. }) =
        plan.stages(false)[0].batches
    else {
        panic!("a rolling stage has batches of surge and unavailable");
    };
    assert_eq!((surge.up(10), unavailable.down(10), gate_each), (1, 2, false));
    assert!(plan.policy().keep_warm.is_zero());
}

#[test]
fn zones_are_taken_one_after_another_with_the_gate_of_each_batch() {
    let caps = Capabilities { zones: vec!["a".into(), "b".into()], ..Capabilities::routerless() };
    let strategy = json!({"rolling": {
        "minimum_healthy": "75%", "zones_one_by_one": true,
        "gates": {"each_batch": {"bake": "1m", "checks": ["errors"]}},
    }});
    let plan = compiled(strategy, &caps);
    assert_eq!(names(plan.stages(false)), ["zone a", "zone b"]);
    let batches = plan.stages(false)[1].batches.unwrap();
    assert_eq!((batches.zone, batches.gate_each), (Some(1), true));
}

#[test]
fn a_platform_takes_over_in_one_stage_with_the_gates_of_its_wait_points() {
    let mut caps = Capabilities::routed();
    caps.platform = Some(tidegate_core::PlatformAbility {
        start: caps.scale,
        control: caps.scale,
        can_hold: false,
        continues_on_expiry: false,
        terminates_after: None,
    });
    let strategy = json!({"canary": {
        "steps": [{"weight": "10%"}],
        "platform": {"step": {"checks": ["latency"]}, "termination": {"approval": true}},
    }});
    let plan = compiled(strategy, &caps);
    let Pace::Platform { waits } = plan.stages(false)[0].pace else { panic!("not handed over") };
    assert!(waits[0].is_open() && waits[1].checks.contains(1) && waits[2].approval);
    let Pace::Platform { waits } = plan.stages(true)[0].pace else { panic!("not handed over") };
    assert!(waits[1].checks.is_empty(), "a first deployment has nothing to compare with");
}
