//! What is measured: a canary of three steps, each with a gate of ten looks by a threshold judge,
//! in a fair world of ten replicas and a hundred requests a second.

use tidegate_core::{Plan, PlanSpec};
use tidegate_mock::WorldSpec;

/// The canary; with a guard it takes as many looks again.
pub(crate) fn canary(world: &WorldSpec, guarded: bool) -> Plan {
    let step = |weight: &str| serde_json::json!({ "weight": weight, "gate": { "bake": "10m", "checks": ["errors"] } });
    let spec = serde_json::json!({
        "target": "checkout",
        "owner": "payments-oncall",
        "strategy": { "canary": { "steps": [step("5%"), step("25%"), step("50%")] } },
        "checks": { "errors": {
            "metric": "error_rate",
            "judge": { "threshold": { "max": 0.02, "looks": 10, "failure_limit": 1 } },
        } },
        "guards": if guarded { vec!["errors"] } else { vec![] },
    });
    let spec: PlanSpec = serde_json::from_value(spec).expect("the plan is well written");
    Plan::compile(spec, &world.capabilities()).expect("the world has what the plan asks for")
}
