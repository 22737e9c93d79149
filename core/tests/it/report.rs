//! Plans as a person reads them: golden texts, and what is warned of exactly where it applies.

use crate::{drift, fixtures};
use serde_json::{Value, json};
use tidegate_core::health::sequential::{
    Line, Onset, Stretch, Traffic, expected_looks, fewest_looks, smallest_detectable_rate,
    smallest_provable_margin,
};
use tidegate_core::{Capabilities, Plan, PlanReport, PlatformAbility, SafetyClass};

fn report(spec: Value, caps: &Capabilities) -> String {
    let spec = serde_json::from_value(spec).unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::compile(spec, caps).unwrap_or_else(|errors| panic!("{errors}"));
    PlanReport::of(&plan).to_string()
}

/// A plan around a strategy, with a check of each kind.
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
            "served": {
                "metric": "ok", "baseline": "history", "judge": {"threshold": {"min_ratio": 0.9}},
                "lack": {"within": "3m", "then": "hold"},
            },
            "up": {"metric": "up", "judge": {"threshold": {"min": 1.0}}},
            "split": {"metric": "requests", "judge": {"share": {}}},
            "own": {"metric": "cost", "judge": {"custom": "cost"}},
        },
        "hooks": {"smoke": {}},
    })
}

fn same(name: &str, text: &str) {
    drift::same(&format!("core/tests/reports/{name}.txt"), text);
}

#[test]
fn a_canary_reads_as_its_golden_report() {
    let gate = json!({
        "bake": "5m", "checks": ["latency"], "approval": true, "hooks": ["smoke"],
        "allowed_hours": true, "deadline": {"within": "2h", "then": "roll_back"},
    });
    let mut spec =
        around(json!({"canary": {"minimum_replicas": 2, "shrink_stable": true, "steps": [
            {"weight": "5%", "capacity": "10%", "mirror": "20%", "gate": gate},
            {"weight": "50%"},
        ]}}));
    spec["guards"] = json!(["latency", "served", "split", "own"]);
    spec["calendar"] = json!({
        "zone": "Europe/Berlin", "allowed": [{"from": "09:00", "to": "17:00"}],
    });
    same("canary", &report(spec, &Capabilities::routed()));
}

#[test]
fn a_blue_green_reads_as_its_golden_report() {
    let mut spec = around(json!({"blue_green": {
        "preview": {"capacity": "20%", "gate": {"checks": ["errors"]}},
        "before": {"approval": true},
        "after": {"bake": "10m", "checks": ["up"]},
    }}));
    spec["guards"] = json!(["errors"]);
    spec["policy"] = json!({"incompatible": true, "supersede": "queue", "keep_warm": "1h"});
    let caps = Capabilities::routed();
    let token = tidegate_core::Operation { class: SafetyClass::Token, ..caps.shift };
    let ordered = tidegate_core::Operation { class: SafetyClass::CompareAndSet, ..caps.shift };
    same("blue_green", &report(spec, &Capabilities { shift: ordered, scale: token, ..caps }));
}

#[test]
fn a_rolling_replacement_reads_as_its_golden_report() {
    let mut spec = around(json!({"rolling": {
        "minimum_healthy": "75%",
        "gates": {"at": [{"share": "30%", "gate": {"checks": ["errors"], "bake": "1m"}}]},
    }}));
    spec["policy"] = json!({"keep_warm": "5m", "supersede": "refuse"});
    same("rolling", &report(spec, &Capabilities::routerless()));
}

fn handed_over(can_hold: bool) -> Capabilities {
    let caps = Capabilities::routed();
    let start = tidegate_core::Operation { class: SafetyClass::BareCreate, ..caps.scale };
    let platform = PlatformAbility {
        start,
        control: caps.scale,
        can_hold,
        continues_on_expiry: false,
        terminates_after: None,
    };
    Capabilities { platform: Some(platform), ..caps }
}

#[test]
fn a_platforms_plan_reads_as_its_golden_report() {
    let mut spec = around(json!({"canary": {
        "steps": [{"weight": "10%"}],
        "platform": {"step": {"checks": ["latency"]}, "termination": {"approval": true}},
    }}));
    spec["policy"] = json!({"redeploy": true});
    same("platform", &report(spec, &handed_over(false)));
}

#[test]
fn what_a_platform_can_do_is_not_warned_of() {
    let spec = || around(json!({"canary": {"steps": [{"weight": "10%"}], "platform": {}}}));
    let can_not = "the platform can not hold";
    assert!(report(spec(), &handed_over(false)).contains(can_not));
    assert!(!report(spec(), &handed_over(true)).contains(can_not));
    // Its calls concern only a plan that makes some.
    let ours = || around(json!({"canary": {"steps": [{"weight": "10%"}]}}));
    assert!(!report(ours(), &handed_over(true)).contains("starting a deployment"));
    let mut redeploying = ours();
    redeploying["policy"] = json!({"redeploy": true});
    assert!(report(redeploying, &handed_over(true)).contains("starting a deployment is class 4"));
}

#[test]
fn what_happens_to_newer_revisions_is_said_of_each_way() {
    for (how, says) in [
        ("replace", "a newer revision: replaces this one, which goes back"),
        ("queue", "a newer revision: waits until this one is over"),
        ("refuse", "a newer revision: is refused"),
    ] {
        let mut spec = around(json!({"canary": {"steps": [{"weight": "10%"}]}}));
        spec["policy"] = json!({"supersede": how});
        assert!(report(spec, &Capabilities::routed()).contains(says), "{how}");
    }
}

#[test]
fn a_gate_is_hurried_only_when_its_checks_need_longer_than_it_waits() {
    let says = |within: &str, bake: &str| {
        let gate = json!({
            "checks": ["errors"], "bake": bake, "deadline": {"within": within, "then": "ask"},
        });
        let mut spec = around(json!({"canary": {"steps": [{"weight": "5%", "gate": gate}]}}));
        // Three looks of a minute and half a minute of lag.
        spec["checks"]["errors"]["judge"]["threshold"]["looks"] = json!(3);
        report(spec, &Capabilities::routed()).contains("check errors needs 3m 30s at least")
    };
    assert!(!says("3m 30s", "0s") && !says("30s", "3m"), "just enough is enough");
    assert!(says("3m 29s", "0s") && says("29s", "3m"));
}

#[test]
fn a_keep_warm_time_is_cold_only_when_nothing_is_left_to_keep() {
    let cold = "keeps nothing warm";
    let spec = |strategy: Value, keep_warm: &str| {
        let mut spec = around(strategy);
        spec["policy"] = json!({"keep_warm": keep_warm});
        spec
    };
    let shrinking = |minimum: u32| {
        let steps = json!([{"weight": "50%"}]);
        json!({"canary": {"steps": steps, "shrink_stable": true, "minimum_replicas": minimum}})
    };
    let routed = Capabilities::routed();
    assert!(report(spec(json!({"rolling": {}}), "5m"), &routed).contains(cold));
    assert!(!report(spec(json!({"rolling": {}}), "0s"), &routed).contains(cold));
    assert!(!report(spec(shrinking(1), "5m"), &routed).contains(cold), "one unit is left");
    assert!(report(spec(shrinking(0), "5m"), &routed).contains(cold));
    let whole = json!({"canary": {"steps": [{"weight": "50%"}]}});
    assert!(!report(spec(whole, "5m"), &routed).contains(cold), "stable stays as it was");
}

#[test]
fn a_plan_with_nothing_to_mind_has_no_warnings() {
    let mut spec = around(json!({"canary": {"steps": [
        {"weight": "50%"},
        {"weight": "100%", "gate": {"checks": ["errors"]}},
    ]}}));
    spec["checks"] = json!({"errors": spec["checks"]["errors"]});
    spec["guards"] = json!(["errors"]);
    let text = report(spec, &Capabilities::routed());
    assert!(!text.contains("warnings"), "{text}");
}

#[test]
fn a_stage_without_traffic_needs_no_guard() {
    let spec = around(json!({"blue_green": {"steps": [{"weight": "50%"}]}}));
    let text = report(spec, &Capabilities::routed());
    assert!(!text.contains("stage \"before the switch\" is unguarded"), "{text}");
    assert!(text.contains("stage \"50 %\" is unguarded"), "{text}");
}

/// What is foreseen of a canary of two steps and all, with a check of a usual rate of 0.1 %.
fn foreseen(judge: Value, gate_within: &str) -> Value {
    let gate = json!({
        "checks": ["errors"], "bake": "10m", "deadline": {"within": gate_within, "then": "ask"},
    });
    let spec = json!({
        "target": "shop",
        "owner": "team-shop",
        "strategy": {"canary": {"steps": [
            {"weight": "5%", "gate": gate}, {"weight": "10%", "gate": gate}, {"weight": "100%"},
        ]}},
        "checks": {"errors": {"metric": "errors", "usual": 0.001, "judge": {"compare": judge}}},
        "evidence": {"requests_per_minute": 6000, "alpha": 0.05},
    });
    let plan =
        Plan::compile(serde_json::from_value(spec).unwrap(), &Capabilities::routed()).unwrap();
    serde_json::to_value(PlanReport::of(&plan)).unwrap()
}

/// What a look of that plan sees with this share on the candidate.
fn traffic(candidate_share: f64) -> Traffic {
    Traffic { requests: 6_000.0, candidate_share, base_rate: 0.001, dispersion: 1.0 }
}

/// The number after the only occurrence of `before` in a line of the list that has all of `words`.
fn number_after(report: &Value, list: &str, words: &[&str], before: &str) -> f64 {
    let lines = report[list].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let mut fitting = lines.filter(|line| words.iter().all(|word| line.contains(word)));
    let line = fitting.next().unwrap_or_else(|| panic!("no line with {words:?}: {report:#}"));
    let rest = line.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {line}")).1;
    rest.split([' ', ',', 'm']).next().unwrap().parse().unwrap()
}

#[test]
fn what_a_step_is_said_to_see_is_what_the_formula_gives_for_a_regression_that_begins_with_it() {
    let good = [Stretch { traffic: traffic(0.05), looks: 10 }];
    let smallest = |share: f64, alpha: f64, good: &[Stretch]| {
        let (traffic, onset) = (traffic(share), Onset { planned_looks: 60, good });
        let rate = smallest_detectable_rate(&traffic, Line::Ratio(1.0), alpha, 10.0, &onset);
        rate.unwrap().unwrap() / 0.001
    };
    // The recommended judge bets half of its capital on single events.
    for (method, alpha) in [("recommended", 0.025), ("events", 0.05)] {
        let report = foreseen(json!({"method": method}), "2h");
        let seen = |of: &[&str]| number_after(&report, "sees", of, "sees a x");
        let first = seen(&["sees a x", " of 0.1 %, not less"]);
        let second = seen(&["sees a x", " of 0.1 % that begins with it, not less"]);
        assert!((first - smallest(0.05, alpha, &[])).abs() < 0.006, "{method}: {first}");
        assert!((second - smallest(0.1, alpha, &good)).abs() < 0.006, "{method}: {second}");
        let from_the_start = smallest(0.1, alpha, &[]);
        assert!(second > from_the_start + 0.1, "{method}: what was seen of a good one is a debt");
    }
}

#[test]
fn of_exact_spending_only_the_first_step_is_foreseen() {
    let report = foreseen(json!({"method": "spending"}), "2h");
    let sees = report["sees"].to_string();
    assert_eq!(sees.matches("sees a x").count(), 1, "{sees}");
    assert!(!sees.contains("begins with it"), "{sees}");
}

#[test]
fn what_a_gate_can_prove_in_time_and_what_no_test_could_is_said() {
    let traffic = traffic(0.05);
    let report = foreseen(json!({}), "10m");
    let line = ["within 20m", "as good to be below x"];
    let provable = number_after(&report, "sees", &line, "below x");
    let margin = smallest_provable_margin(&traffic, Line::Ratio(1.0), 0.05, 20.0);
    assert!((provable - margin.unwrap().unwrap()).abs() < 0.006, "{provable}");
    // Twice the rate, the default, is less than that: it takes longer than the gate waits.
    let warned = ["to show that the candidate is below x2 of 0.1 %, but the gate waits 20m"];
    let line = Line::Ratio(2.0);
    let takes = expected_looks(&traffic, line, 0.001, 0.05, &Onset::AT_ONCE).unwrap();
    let fewest = fewest_looks(&traffic, line, 0.001, 0.05).unwrap();
    assert_eq!(number_after(&report, "warnings", &warned, "takes some "), takes.ceil());
    assert_eq!(number_after(&report, "warnings", &warned, "no test less than "), fewest.ceil());
}

#[test]
fn a_report_serializes_for_programs_that_show_it() {
    let plan =
        fixtures::compile(fixtures::blue_green_spec(), &fixtures::routed(SafetyClass::Token));
    let report = serde_json::to_value(PlanReport::of(&plan)).unwrap();
    assert_eq!(report["strategy"], json!("blue_green"));
    assert_eq!(report["stages"][0]["name"], json!("preview"));
}
