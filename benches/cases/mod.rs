//! What is measured: a canary of three steps, each with a gate of ten looks by a threshold judge,
//! in a fair world of ten replicas and a hundred requests a second.

use tidegate_core::{Plan, PlanSpec};
use tidegate_mock::WorldSpec;

/// The canary, judged by a line at its gates (0); by a guard, too, which takes as many looks again (1); or
/// by the recommended judge, as both (2).
pub(crate) fn canary(world: &WorldSpec, judged: u8) -> Plan {
    let line = serde_json::json!({ "threshold": { "max": 0.02, "looks": 10, "failure_limit": 1 } });
    let check = match judged {
        0 | 1 => serde_json::json!({ "metric": "error_rate", "judge": line }),
        _ => serde_json::json!({ "metric": "error_rate" }),
    };
    let guards = if judged == 0 { vec![] } else { vec!["errors"] };
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
