//! What is measured: a canary of three steps, each with a gate of ten looks by a threshold judge,
//! in a fair world of ten replicas and a hundred requests a second.

use tidegate_core::{Plan, PlanSpec};
use tidegate_mock::WorldSpec;

/// The canary with a threshold judge; with a guard it takes as many looks again.
#[allow(dead_code, reason = "not every bench measures it")]
pub(crate) fn canary(world: &WorldSpec, guarded: bool) -> Plan {
    let line = serde_json::json!({ "threshold": { "max": 0.02, "looks": 10, "failure_limit": 1 } });
    let guards = if guarded { vec!["errors"] } else { vec![] };
    compiled(world, serde_json::json!({ "metric": "error_rate", "judge": line }), &guards)
}

/// The canary with the recommended judge, which makes its check a guard.
#[allow(dead_code, reason = "not every bench measures it")]
pub(crate) fn judged(world: &WorldSpec) -> Plan {
    compiled(world, serde_json::json!({ "metric": "error_rate" }), &[])
}

fn compiled(world: &WorldSpec, check: serde_json::Value, guards: &[&str]) -> Plan {
    let step = |weight: &str| serde_json::json!({ "weight": weight, "gate": { "bake": "10m", "checks": ["errors"] } });
    let spec = serde_json::json!({
        "target": "checkout",
        "owner": "payments-oncall",
        "strategy": { "canary": { "steps": [step("5%"), step("25%"), step("50%")] } },
        "checks": { "errors": check },
        "guards": guards,
    });
    let spec: PlanSpec = serde_json::from_value(spec).expect("the plan is well written");
    Plan::compile(spec, &world.capabilities()).expect("the world has what the plan asks for")
}
