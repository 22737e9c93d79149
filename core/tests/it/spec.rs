//! Plans as people write them: what is left out comes back, and what is written stays as it is.

use serde_json::{Value, json};
use tidegate_core::{PlanSpec, StrategySpec};

/// Reads a plan and writes it again.
#[track_caller]
fn rewritten(written: &Value) -> Value {
    let spec: PlanSpec = serde_json::from_value(written.clone()).unwrap();
    serde_json::to_value(spec).unwrap()
}

fn around(strategy: Value) -> Value {
    json!({"target": "shop", "owner": "ada", "strategy": strategy, "policy": {}, "calendar": {}})
}

#[test]
fn what_is_not_written_is_not_written_again() {
    let canary =
        json!({"steps": [{"weight": "5%"}], "minimum_replicas": 1, "shrink_stable": false});
    for strategy in [
        json!({"canary": canary}),
        json!({"blue_green": {}}),
        json!({"blue_green": {"preview": {"capacity": "100%"}, "steps": [{"weight": "50%"}]}}),
        json!({"rolling": {"zones_one_by_one": false, "gates": {}}}),
    ] {
        assert_eq!(rewritten(&around(strategy.clone())), around(strategy));
    }
}

#[test]
fn defaults_come_back_where_nothing_is_written() {
    let bare = json!({"target": "shop", "owner": "ada", "strategy": {"canary": {"steps": []}}});
    let spec: PlanSpec = serde_json::from_value(bare).unwrap();
    assert!(spec.checks.is_empty() && spec.guards.is_empty() && spec.evidence.is_default());
    let StrategySpec::Canary(canary) = &spec.strategy else { panic!("no canary") };
    assert_eq!((canary.minimum_replicas, canary.shrink_stable), (1, false));
    let bare = json!({"metric": "errors"});
    let check: tidegate_core::CheckSpec = serde_json::from_value(bare).unwrap();
    assert_eq!(check, tidegate_core::CheckSpec::new("errors", Default::default()));
}

fn full_gate() -> Value {
    json!({
        "bake": "5m", "checks": ["errors"], "approval": true, "hooks": ["smoke"],
        "allowed_hours": true, "deadline": {"within": "1h", "then": "roll_back"},
    })
}

#[test]
fn every_key_of_a_strategy_is_kept_as_it_is_written() {
    let gate = full_gate();
    let step = json!({"weight": "5%", "capacity": "12.5%", "mirror": "10%", "gate": gate});
    let switch = json!({"weight": "50%", "gate": gate});
    for strategy in [
        json!({"canary": {"steps": [step], "minimum_replicas": 2, "shrink_stable": true}}),
        json!({"canary": {
            "steps": [{"weight": "5%"}], "minimum_replicas": 1, "shrink_stable": false,
            "platform": {"ready": gate, "step": gate, "termination": gate},
        }}),
        json!({"blue_green": {
            "preview": {"capacity": "20%", "gate": gate}, "before": gate, "steps": [switch],
            "after": gate,
        }}),
        json!({"rolling": {
            "max_surge": 1, "max_unavailable": "25%", "zones_one_by_one": true,
            "gates": {"each_batch": gate},
        }}),
        json!({"rolling": {
            "minimum_healthy": "75%", "zones_one_by_one": false,
            "gates": {"at": [{"share": "50%", "gate": gate}]},
        }}),
    ] {
        assert_eq!(rewritten(&around(strategy.clone())), around(strategy));
    }
}

#[test]
fn every_key_beside_the_strategy_is_kept_as_it_is_written() {
    let hold = json!({"within": "4m", "then": "hold"});
    let written = json!({
        "target": "shop",
        "owner": "ada",
        "strategy": {"blue_green": {}},
        "checks": {"errors": {
            "metric": "error_ratio", "judge": {"threshold": {"max_ratio": 1.5, "looks": 3}},
            "baseline": "history", "window": "2m", "every": "1m", "on_fail": "hold",
            "lack": hold, "twin": "other",
        }},
        "hooks": {"smoke": {"time_limit": "5s", "every": "10s"}},
        "guards": ["errors"],
        "policy": {
            "keep_warm": "1h", "drain": "2m", "start": hold, "progress": hold, "confirm": "1m",
            "rollback": "9m", "attempts": 3, "back_off": "2s", "drift_corrections": 1,
            "observe_every": "5s", "supersede": "queue", "incompatible": true, "redeploy": true,
        },
        "calendar": {
            "zone": "Europe/Berlin",
            "allowed": [{"days": ["mon", "fri"], "from": "09:00", "to": "17:00"}],
            "freezes": [{"from": "2026-12-20", "to": "2026-12-27"}],
        },
    });
    assert_eq!(rewritten(&written), written);
}

#[test]
fn a_bake_of_no_time_is_left_out_and_any_other_is_not() {
    let with = |bake: &str| {
        let gate = json!({"bake": bake, "approval": true});
        rewritten(&around(json!({"blue_green": {"before": gate}})))
    };
    let gate = |plan: Value| plan["strategy"]["blue_green"]["before"].clone();
    assert_eq!(gate(with("0s")), json!({"approval": true}));
    assert_eq!(gate(with("1ms")), json!({"bake": "1ms", "approval": true}));
}

#[test]
fn amounts_are_counts_or_shares_and_nothing_else() {
    let surge = |amount: Value| {
        let rolling = json!({"rolling": {"max_surge": amount}});
        serde_json::from_value::<PlanSpec>(around(rolling)).map_err(|error| error.to_string())
    };
    for good in [json!(3), json!("3"), json!("25%"), json!(" 25 % ")] {
        assert!(surge(good.clone()).is_ok(), "{good}");
    }
    for (bad, says) in [
        (json!(-1), "-1 units are below zero"),
        (json!(5_000_000_000_u64), "5000000000 units are more than any fleet has"),
        (json!(0.5), "a count such as 1, or a share such as 25%"),
        (json!("many"), "is not a weight"),
        (json!(true), "a count such as 1, or a share such as 25%"),
    ] {
        let error = surge(bad).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn unknown_keys_are_errors_at_every_depth() {
    for strategy in [
        json!({"canary": {"steps": [{"weight": "5%", "wieght": "6%"}]}}),
        json!({"blue_green": {"before": {"bakes": "5m"}}}),
        json!({"rolling": {"gates": {"each": {}}}}),
        json!({"recreate": {}}),
    ] {
        let error = serde_json::from_value::<PlanSpec>(around(strategy)).unwrap_err().to_string();
        assert!(error.contains("unknown"), "{error}");
    }
}
