//! What written plans compile to, and what is said of those that do not.

use serde_json::{Value, json};
use tidegate_core::{
    BatchSize, Batches, Capabilities, CapacityKind, Demand, Pace, Plan, PlanErrors, PlanReport,
    PlanSpec, RoutingKind, Span, Stage, Weight,
};

const S: fn(u64) -> Span = Span::seconds;

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

/// Each problem of each bad plan: what was changed, the place it names, and what it says.
struct Bad {
    claim: &'static str,
    /// Where in [`around`] something else is put: a JSON pointer.
    put: &'static str,
    value: Value,
    says: &'static str,
}

fn bad(claim: &'static str, put: &'static str, value: Value, says: &'static str) -> Bad {
    Bad { claim, put, value, says }
}

/// Puts `value` at a JSON pointer, making the last key.
fn put(spec: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
    match parent {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
}

/// Asserts that each plan has exactly one problem, and that it reads as expected.
fn each_is_one_problem(strategy: &Value, caps: &Capabilities, table: Vec<Bad>) {
    for Bad { claim, put: pointer, value, says } in table {
        let mut spec = around(strategy.clone());
        put(&mut spec, pointer, value);
        let errors = match compile(&spec, caps) {
            Ok(_) => panic!("{claim}: compiled"),
            Err(PlanErrors(errors)) => errors,
        };
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{claim}: {texts:#?}");
        assert!(texts[0].contains(says), "{claim}: {} does not say {says}", texts[0]);
    }
}

fn canary() -> Value {
    json!({"canary": {"steps": [{"weight": "5%"}, {"weight": "50%"}]}})
}

fn rolling() -> Value {
    json!({"rolling": {"gates": {}}})
}

fn blue_green() -> Value {
    json!({"blue_green": {"preview": {}}})
}

fn overlapping(judge: &str) -> Value {
    json!({"metric": "m", "window": "10m", "every": "10s", "judge": {judge: {}}})
}

const OVERLAP: &str = "checks.errors.every: looks at 10m taken every 10s overlap, and this judge would \
    count what they share more than once; expected 10m or more, or a window of 10s or less";

#[test]
fn windows_may_overlap_where_each_is_looked_at_by_itself_and_may_lie_apart_anywhere() {
    let line = json!({"threshold": {"max": 0.1}});
    let own = json!({"custom": "mine"});
    let compare = json!({"compare": {}});
    for (judge, every) in [(line, "10s"), (own, "10s"), (compare, "11m")] {
        let mut spec = around(canary());
        let check = json!({"metric": "m", "window": "10m", "every": every, "judge": judge});
        put(&mut spec, "/checks/errors", check);
        compile(&spec, &Capabilities::routed()).unwrap_or_else(|errors| panic!("{errors}"));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one problem a row")]
fn what_is_wrong_beside_the_strategy_is_named_with_its_place() {
    let relative = json!({"metric": "m", "judge": {"threshold": {"max_ratio": 1.1}}});
    let compared =
        json!({"metric": "m", "baseline": "concurrent", "judge": {"threshold": {"max": 1.0}}});
    let table = vec![
        bad("no target", "/target", json!(""), "target: \"\" is no target name"),
        bad("a target with a space", "/target", json!("my shop"), "1 to 64 letters"),
        bad("a long target", "/target", json!("x".repeat(65)), "1 to 64 letters"),
        bad("no owner", "/owner", json!(" "), "owner: is empty"),
        bad(
            "an unknown guard",
            "/guards",
            json!(["erors"]),
            "guards[0]: unknown check \"erors\"; expected one of errors, latency",
        ),
        bad(
            "a guard twice",
            "/guards",
            json!(["errors", "errors"]),
            "guards[1]: check \"errors\" is listed twice",
        ),
        bad("no metric", "/checks/errors/metric", json!(""), "checks.errors.metric: is empty"),
        bad(
            "no window",
            "/checks/errors/window",
            json!("0s"),
            "checks.errors.window: is a zero that would hang",
        ),
        bad(
            "no time between looks",
            "/checks/errors/every",
            json!("0s"),
            "checks.errors.every: is a zero",
        ),
        bad("looks too often", "/checks/errors/every", json!("10ms"), "10ms is too often"),
        bad(
            "a comparison of windows that overlap",
            "/checks/errors",
            overlapping("compare"),
            OVERLAP,
        ),
        bad("a share of windows that overlap", "/checks/errors", overlapping("share"), OVERLAP),
        bad("ranks of windows that overlap", "/checks/errors", overlapping("kayenta"), OVERLAP),
        bad(
            "no bound",
            "/checks/errors/judge",
            json!({"threshold": {}}),
            "judge.threshold: 0 bounds",
        ),
        bad(
            "two bounds",
            "/checks/errors/judge",
            json!({"threshold": {"max": 1.0, "min": 0.5}}),
            "2 bounds are given",
        ),
        bad(
            "a negative limit",
            "/checks/errors/judge",
            json!({"threshold": {"max": -1.0}}),
            "threshold.max: limit -1 is not",
        ),
        bad(
            "no looks",
            "/checks/errors/judge/threshold/looks",
            json!(0),
            "looks: a threshold over zero looks",
        ),
        bad(
            "a nameless judge",
            "/checks/errors/judge",
            json!({"custom": ""}),
            "judge.custom: is empty",
        ),
        bad(
            "a ratio of nothing",
            "/checks/other",
            relative,
            "checks.other.baseline: a ratio compares with nothing",
        ),
        bad("a baseline unused", "/checks/other", compared, "never looks at a baseline"),
        bad(
            "an unknown twin",
            "/checks/latency/twin",
            json!("p50"),
            "checks.latency.twin: unknown check \"p50\"; expected one of errors",
        ),
        bad("its own twin", "/checks/latency/twin", json!("latency"), "its own twin"),
        bad(
            "a twin that compares",
            "/checks/errors/twin",
            json!("latency"),
            "expected one with baseline: fixed",
        ),
        bad(
            "no time for a verdict",
            "/checks/errors/lack",
            json!({"within": "0s", "then": "ask"}),
            "checks.errors.lack.within: is a zero",
        ),
        bad(
            "no time for a hook",
            "/hooks/smoke/time_limit",
            json!("0s"),
            "hooks.smoke.time_limit: is a zero",
        ),
        bad(
            "a hook without rest",
            "/hooks/smoke/every",
            json!("0s"),
            "hooks.smoke.every: is a zero",
        ),
        bad(
            "an unknown zone",
            "/calendar",
            json!({"zone": "Mars/Base"}),
            "calendar.zone: unknown time zone",
        ),
    ];
    each_is_one_problem(&canary(), &Capabilities::routed(), table);
}

/// A target where one call may take this long, and land this much later.
fn slow(time_limit: u64, late_bound: u64) -> Capabilities {
    let mut caps = Capabilities::routed();
    (caps.shift.time_limit, caps.shift.late_bound) = (S(time_limit), S(late_bound));
    caps
}

#[test]
fn limits_that_are_not_written_are_long_enough_for_the_target() {
    let plan = compiled(canary(), &slow(600, 600));
    assert_eq!(plan.policy().rollback, S(1_200 + 5 + 10));
    let mut spec = around(canary());
    spec["policy"] = json!({"confirm": "2s"});
    assert_eq!(compile(&spec, &Capabilities::routed()).unwrap().policy().observe_every, S(7));
}

#[test]
fn a_rollback_outlasts_what_its_own_calls_may_take_and_no_others() {
    let shortest = |strategy: Value, caps: &Capabilities| {
        let spec: PlanSpec = serde_json::from_value(around(strategy)).unwrap();
        spec.shortest_rollback(caps)
    };
    let around_a_call = S(5 + 10);
    assert_eq!(shortest(canary(), &slow(90, 30)), S(120).plus(around_a_call));
    // Capacity goes back by another operation, and an elastic one by none.
    assert_eq!(shortest(canary(), &slow(1, 1)), S(75).plus(around_a_call));
    let elastic = Capabilities { capacity: CapacityKind::Elastic, ..slow(1, 1) };
    assert_eq!(shortest(canary(), &elastic), S(2).plus(around_a_call));
    let routerless = Capabilities { routing: RoutingKind::FollowsCapacity, ..slow(900, 900) };
    assert_eq!(shortest(rolling(), &routerless), S(75).plus(around_a_call));
    let mut paced = slow(900, 900);
    paced.platform = Some(tidegate_core::PlatformAbility {
        start: paced.shift,
        control: slow(3, 4).shift,
        can_hold: false,
        continues_on_expiry: false,
        terminates_after: None,
    });
    let handed = json!({"canary": {"steps": [{"weight": "10%"}], "platform": {}}});
    assert_eq!(shortest(handed, &paced), S(7).plus(around_a_call));
}

#[test]
fn limits_that_nothing_could_keep_are_refused() {
    let table = vec![
        bad(
            "a rollback that is over before its first call",
            "/policy",
            json!({"rollback": "1s"}),
            "policy.rollback: 1s is over before one call on the way back is known to have happened or \
             not; expected 1m 30s or more",
        ),
        bad(
            "looks at the world further apart than a shift may stay unseen",
            "/policy",
            json!({"observe_every": "24h"}),
            "policy.observe_every: 24h is too seldom: by then what was done has to be seen; expected \
             1m 5s or less",
        ),
        bad(
            "looks at the world further apart than a stage may take",
            "/policy",
            json!({"observe_every": "30s", "progress": {"within": "20s", "then": "ask"}}),
            "policy.observe_every: 30s is too seldom: by then what was done has to be seen; expected \
             20s or less",
        ),
    ];
    each_is_one_problem(&canary(), &Capabilities::routed(), table);
}

#[test]
fn a_policy_that_would_hang_is_refused() {
    let never = json!({"within": "0s", "then": "hold"});
    let table = vec![
        bad(
            "no time to start",
            "/policy",
            json!({"start": never}),
            "policy.start.within: is a zero",
        ),
        bad(
            "no time to progress",
            "/policy",
            json!({"progress": never}),
            "policy.progress.within: is a zero",
        ),
        bad("no time to confirm", "/policy", json!({"confirm": "0s"}), "policy.confirm: is a zero"),
        bad(
            "no time to go back",
            "/policy",
            json!({"rollback": "0s"}),
            "policy.rollback: is a zero",
        ),
        bad(
            "no rest between attempts",
            "/policy",
            json!({"back_off": "0s"}),
            "policy.back_off: is a zero",
        ),
        bad(
            "no rest between looks",
            "/policy",
            json!({"observe_every": "0s"}),
            "policy.observe_every: is a zero",
        ),
        bad(
            "no attempt",
            "/policy",
            json!({"attempts": 0}),
            "policy.attempts: 0 is out of range; expected 1 to 10",
        ),
        bad(
            "too many attempts",
            "/policy",
            json!({"attempts": 11}),
            "policy.attempts: 11 is out of range",
        ),
        bad(
            "nothing to redeploy with",
            "/policy",
            json!({"redeploy": true}),
            "policy.redeploy: only a platform can redeploy",
        ),
        bad(
            "a mix",
            "/policy",
            json!({"incompatible": true, "keep_warm": "0s"}),
            "both revisions would carry traffic",
        ),
    ];
    let lone = json!({"canary": {"steps": [{"weight": "50%"}]}});
    each_is_one_problem(&lone, &Capabilities::routed(), table);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one problem a row")]
fn a_canary_that_can_not_be_walked_is_refused() {
    let first = "/strategy/canary/steps/0";
    let gate = |gate: Value| json!({"weight": "5%", "gate": gate});
    let last = json!([{"weight": "100%", "gate": {"checks": ["latency"]}}]);
    let table = vec![
        bad("no steps", "/strategy/canary/steps", json!([]), "strategy.canary.steps: has no steps"),
        bad("a weight of zero", first, json!({"weight": "0%"}), "steps[0].weight: is 0 %"),
        bad(
            "a falling weight",
            first,
            json!({"weight": "60%"}),
            "steps[1].weight: 50 % does not rise; expected more than the 60 %",
        ),
        bad(
            "a repeated weight",
            first,
            json!({"weight": "50%"}),
            "steps[1].weight: 50 % does not rise",
        ),
        bad(
            "a weight off the grid",
            first,
            json!({"weight": "2.5%"}),
            "2.5 % is off the target's grid; expected a multiple of 1 %",
        ),
        bad(
            "too little capacity",
            first,
            json!({"weight": "5%", "capacity": "4%"}),
            "steps[0].capacity: 4 % of capacity does not carry 5 %",
        ),
        bad(
            "an unknown check",
            first,
            gate(json!({"checks": ["x"]})),
            "steps[0].gate.checks[0]: unknown check \"x\"",
        ),
        bad(
            "a check twice",
            first,
            gate(json!({"checks": ["errors", "errors"]})),
            "gate.checks[1]: check \"errors\" is listed twice",
        ),
        bad(
            "an unknown hook",
            first,
            gate(json!({"hooks": ["x"]})),
            "gate.hooks[0]: unknown hook \"x\"; expected one of smoke",
        ),
        bad(
            "a hook twice",
            first,
            gate(json!({"hooks": ["smoke", "smoke"]})),
            "hook \"smoke\" is listed twice",
        ),
        bad(
            "hours without hours",
            first,
            gate(json!({"allowed_hours": true})),
            "gate.allowed_hours: no allowed hours",
        ),
        bad(
            "no time for a gate",
            first,
            gate(json!({"deadline": {"within": "0s", "then": "ask"}})),
            "gate.deadline.within: is a zero",
        ),
        bad(
            "a comparison at 100 %",
            "/strategy/canary/steps",
            last,
            "compares both arms, but stable has no traffic here",
        ),
        bad(
            "a platform nobody has",
            "/strategy/canary/platform",
            json!({}),
            "strategy.canary.platform: this target has no platform",
        ),
    ];
    each_is_one_problem(&canary(), &Capabilities::routed(), table);
}

#[test]
fn a_canary_is_refused_what_the_target_can_not_do() {
    let first = "/strategy/canary/steps/0";
    let table = vec![
        bad(
            "no mirror",
            first,
            json!({"weight": "5%", "mirror": "5%"}),
            "steps[0].mirror: this target can not copy",
        ),
        bad(
            "capacity is weight",
            first,
            json!({"weight": "5%", "capacity": "9%"}),
            "steps[0].capacity: traffic follows capacity",
        ),
    ];
    each_is_one_problem(&canary(), &Capabilities::routerless(), table);
    let elastic = Capabilities {
        capacity: tidegate_core::CapacityKind::Elastic,
        ..Capabilities::routerless()
    };
    let table =
        vec![bad("nothing to steer by", "/guards", json!([]), "neither a router nor replicas")];
    each_is_one_problem(&canary(), &elastic, table);
    let table = vec![bad(
        "no batches",
        "/guards",
        json!([]),
        "strategy.rolling: this target's capacity is elastic",
    )];
    each_is_one_problem(&rolling(), &elastic, table);
    let mix = vec![bad(
        "a mix",
        "/policy",
        json!({"incompatible": true}),
        "strategy.canary: both revisions",
    )];
    let at_once = json!({"canary": {"steps": [{"weight": "100%"}]}});
    each_is_one_problem(&at_once, &Capabilities::routerless(), mix);
}

/// A target with a platform in front of it.
fn with_platform(
    continues_on_expiry: bool,
    terminates_after: Option<tidegate_core::Span>,
) -> Capabilities {
    let caps = Capabilities::routed();
    let platform = tidegate_core::PlatformAbility {
        start: caps.scale,
        control: caps.scale,
        can_hold: false,
        continues_on_expiry,
        terminates_after,
    };
    Capabilities { platform: Some(platform), ..caps }
}

#[test]
fn a_platform_that_would_go_on_without_us_is_refused() {
    let strategy = json!({"canary": {"steps": [{"weight": "10%"}], "platform": {}}});
    let first = "/strategy/canary/steps/0";
    let at = |at: &str, check: &str| json!({at: {"checks": [check]}});
    let table = vec![
        bad(
            "a gate of our own",
            first,
            json!({"weight": "5%", "gate": {"bake": "1m"}}),
            "steps[0].gate: has no effect where a platform",
        ),
        bad(
            "capacity of our own",
            first,
            json!({"weight": "5%", "capacity": "9%"}),
            "steps[0].capacity: has no effect",
        ),
        bad(
            "a mirror of our own",
            first,
            json!({"weight": "5%", "mirror": "9%"}),
            "steps[0].mirror: has no effect",
        ),
        bad(
            "replicas of our own",
            "/strategy/canary/minimum_replicas",
            json!(2),
            "minimum_replicas: has no effect",
        ),
        bad(
            "a comparison before traffic",
            "/strategy/canary/platform",
            at("ready", "latency"),
            "platform.ready.checks[0]: check \"latency\" compares",
        ),
        bad(
            "a comparison after it",
            "/strategy/canary/platform",
            at("termination", "latency"),
            "stable has no traffic",
        ),
    ];
    each_is_one_problem(&strategy, &with_platform(false, None), table);
    let table = vec![bad("it goes on", "/guards", json!([]), "platform: the platform continues")];
    each_is_one_problem(&strategy, &with_platform(true, None), table);
    let five = Some(tidegate_core::Span::minutes(5));
    let table = vec![bad(
        "it terminates",
        "/guards",
        json!([]),
        "policy.keep_warm: the platform terminates",
    )];
    each_is_one_problem(&strategy, &with_platform(false, five), table);
}

#[test]
fn a_blue_green_that_can_not_be_switched_is_refused() {
    let steps = "/strategy/blue_green/steps";
    let compares = json!({"checks": ["latency"]});
    let twice = json!({"blue_green": {
        "steps": [{"weight": "100%", "gate": {"bake": "1m"}}],
        "after": {"bake": "2m"},
    }});
    let table = vec![
        bad(
            "a preview of nothing",
            "/strategy/blue_green/preview",
            json!({"capacity": "0%"}),
            "preview.capacity: is 0 %",
        ),
        bad(
            "a falling step",
            steps,
            json!([{"weight": "50%"}, {"weight": "20%"}]),
            "steps[1].weight: 20 % does not rise",
        ),
        bad("two last gates", "/strategy", twice, "blue_green.after: the last step is 100 %"),
        bad(
            "a comparison of tests",
            "/strategy/blue_green/before",
            compares.clone(),
            "before.checks[0]: check \"latency\" compares both arms, but candidate",
        ),
        bad(
            "a comparison after all",
            "/strategy/blue_green/after",
            compares,
            "after.checks[0]: check \"latency\" compares both arms, but stable",
        ),
        bad(
            "nothing to check",
            "/strategy",
            json!({"blue_green": {"before": {"checks": ["errors"]}}}),
            "before.checks[0]: check \"errors\" would wait for ever",
        ),
    ];
    each_is_one_problem(&blue_green(), &Capabilities::routed(), table);
    let untested = Capabilities { test_traffic: false, ..Capabilities::routed() };
    let table =
        vec![bad("no tests", "/guards", json!([]), "preview: this target has no test traffic")];
    each_is_one_problem(&blue_green(), &untested, table);
    let table = vec![bad(
        "no router",
        "/strategy",
        json!({"blue_green": {}}),
        "no router with weights, which blue/green needs",
    )];
    each_is_one_problem(&blue_green(), &Capabilities::routerless(), table);
}

#[test]
fn a_rolling_replacement_that_can_not_be_batched_is_refused() {
    let place = "/strategy/rolling";
    let gate = |share: &str| json!({"share": share, "gate": {"bake": "1m"}});
    let compares = json!({"checks": ["latency"]});
    let table = vec![
        bad(
            "no batch",
            place,
            json!({"max_surge": 0, "max_unavailable": "0%"}),
            "nothing could be replaced",
        ),
        bad(
            "two sizes",
            place,
            json!({"max_surge": 1, "minimum_healthy": 1}),
            "minimum_healthy: minimum_healthy excludes",
        ),
        bad(
            "all healthy",
            place,
            json!({"minimum_healthy": "100%"}),
            "all units must stay healthy",
        ),
        bad(
            "two places",
            place,
            json!({"gates": {"each_batch": {}, "at": [gate("5%")]}}),
            "gates: gates.each_batch excludes",
        ),
        bad(
            "a share of zero",
            place,
            json!({"gates": {"at": [gate("0%")]}}),
            "gates.at[0].share: is 0 %",
        ),
        bad(
            "a falling share",
            place,
            json!({"gates": {"at": [gate("50%"), gate("20%")]}}),
            "gates.at[1].share: 20 % does not rise",
        ),
        bad(
            "a comparison after each",
            place,
            json!({"gates": {"each_batch": compares}}),
            "each_batch.checks[0]: check \"latency\" compares",
        ),
        bad(
            "a comparison at 100 %",
            place,
            json!({"gates": {"at": [{"share": "100%", "gate": compares}]}}),
            "stable has no traffic",
        ),
        bad(
            "no zones",
            place,
            json!({"zones_one_by_one": true}),
            "zones_one_by_one: the target has 0 zones; expected 2 to 6",
        ),
        bad("a mix", "/policy", json!({"incompatible": true}), "strategy.rolling: both revisions"),
    ];
    each_is_one_problem(&rolling(), &Capabilities::routerless(), table);
    let zones = ["a", "b"].map(ToOwned::to_owned).to_vec();
    let caps = Capabilities { zones, ..Capabilities::routerless() };
    let both = json!({"zones_one_by_one": true, "gates": {"at": [gate("50%")]}});
    let table =
        vec![bad("shares and zones", place, both, "gates.at: gates at shares do not go with")];
    each_is_one_problem(&rolling(), &caps, table);
}

#[test]
fn stopping_everything_first_is_a_rolling_plan_even_for_incompatible_revisions() {
    let mut spec = around(json!({"rolling": {"max_surge": 0, "max_unavailable": "100%"}}));
    spec["policy"] = json!({"incompatible": true});
    assert!(compile(&spec, &Capabilities::routerless()).is_ok());
}

#[test]
fn more_checks_and_hooks_than_a_set_holds_are_refused() {
    let mut spec = around(canary());
    for index in 0..20 {
        spec["checks"][format!("c{index}")] = spec["checks"]["errors"].clone();
        spec["hooks"][format!("h{index}")] = json!({});
    }
    let text = compile(&spec, &Capabilities::routed()).unwrap_err().to_string();
    assert!(text.contains("checks: 22 checks are too many; expected at most 16"), "{text}");
    assert!(text.contains("hooks: 21 hooks are too many"), "{text}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut spec = around(json!({"canary": {"steps": [
        {"weight": "60%", "gate": {"checks": ["nope"]}},
        {"weight": "2.5%", "capacity": "1%"},
    ]}}));
    spec["owner"] = json!("");
    spec["policy"] = json!({"attempts": 0, "rollback": "0s"});
    let PlanErrors(problems) = compile(&spec, &Capabilities::routed()).unwrap_err();
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn a_policy_has_its_documented_defaults_and_the_targets_own_times() {
    use tidegate_core::{Deadline, OnDeadline, Span, Supersede};
    let policy = *compiled(canary(), &Capabilities::routed()).policy();
    assert_eq!(policy.keep_warm, Span::minutes(10));
    assert_eq!(policy.drain, Span::seconds(60), "the target's own drain time");
    assert_eq!(policy.confirm, Span::seconds(65), "a minute on top of the propagation");
    assert_eq!(policy.start, Deadline { within: Span::hours(24), then: OnDeadline::Ask });
    assert_eq!((policy.rollback, policy.back_off), (Span::minutes(15), Span::seconds(2)));
    assert_eq!((policy.attempts, policy.drift_corrections), (5, 3));
    assert_eq!((policy.observe_every, policy.supersede), (Span::seconds(10), Supersede::Replace));
    let stage = &compiled(canary(), &Capabilities::routed()).stages(false)[0].clone();
    assert_eq!(stage.deadline, Deadline { within: Span::minutes(10), then: OnDeadline::RollBack });
    assert_eq!(stage.gate.deadline, Deadline { within: Span::hours(1), then: OnDeadline::Ask });
    let mut spec = around(canary());
    spec["calendar"] = json!({"allowed": [{"from": "09:00", "to": "17:00"}]});
    spec["strategy"]["canary"]["steps"][0]["gate"] = json!({"allowed_hours": true});
    let gate = compile(&spec, &Capabilities::routed()).unwrap().stages(false)[0].gate;
    assert_eq!(
        gate.deadline,
        Deadline { within: Span::hours(192), then: OnDeadline::Ask },
        "hours come again"
    );
}

#[test]
fn a_plan_reads_back_from_what_it_is_stored_as() {
    let mut spec = around(canary());
    spec["calendar"] =
        json!({"zone": "Europe/Berlin", "allowed": [{"from": "09:00", "to": "17:00"}]});
    let plan = compile(&spec, &Capabilities::routed()).unwrap();
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
}

fn report(spec: &Value, caps: &Capabilities) -> String {
    let plan = compile(spec, caps).unwrap_or_else(|errors| panic!("{errors}"));
    PlanReport::of(&plan).to_string()
}

#[test]
fn the_report_says_what_happens_how_safe_it_is_and_what_to_mind() {
    let mut spec = around(json!({"canary": {"steps": [
        {"weight": "5%", "gate": {"bake": "5m", "checks": ["latency"], "approval": true}},
    ]}}));
    spec["guards"] = json!(["latency"]);
    let text = report(&spec, &Capabilities::routed());
    for expected in [
        "canary plan for shop, owned by team-shop",
        "1. 5 %: 5 % of traffic, candidate at 5 % of full size",
        "gate: bake 5m, pass latency, approval of team-shop; else after 1h ask",
        "latency: p99 at most 1.2 times of stable's at the same time, every 1m",
        "traffic moves are class 3 (bare set): safe while calls end within 1m 15s",
        "check errors is used by no gate and no guard",
        "guard latency compares both arms and has no twin: unguarded from 100 % on",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn a_twin_guards_at_100_percent_and_counts_as_used() {
    let mut spec = around(canary());
    spec["guards"] = json!(["latency"]);
    spec["checks"]["latency"]["twin"] = json!("errors");
    let text = report(&spec, &Capabilities::routed());
    assert!(!text.contains("unguarded") && !text.contains("used by no"), "{text}");
}

#[test]
fn a_plan_without_checks_is_reported_as_unguarded_stage_by_stage() {
    let text = report(&around(canary()), &Capabilities::routed());
    assert!(text.contains("stage \"5 %\" is unguarded"), "{text}");
    assert!(text.contains("stage \"100 %\" is unguarded"), "{text}");
}

#[test]
fn a_gate_that_is_over_before_its_checks_is_reported() {
    let mut spec = around(json!({"canary": {"steps": [{"weight": "5%", "gate": {
        "checks": ["errors"], "deadline": {"within": "5m", "then": "ask"},
    }}]}}));
    spec["checks"]["errors"]["judge"]["threshold"]["looks"] = json!(10);
    let text = report(&spec, &Capabilities::routed());
    assert!(text.contains("check errors needs 10m 30s at least, but the gate waits 5m"), "{text}");
}

#[test]
fn a_switch_of_incompatible_revisions_states_what_propagation_mixes() {
    let mut spec = around(blue_green());
    spec["policy"] = json!({"incompatible": true});
    let text = report(&spec, &Capabilities::routed());
    assert!(text.contains("while a switch spreads (5s) both answer"), "{text}");
}

#[test]
fn incompatible_revisions_are_never_mirrored() {
    let mut spec = around(json!({"canary": {"steps": [{"weight": "100%", "mirror": "5%"}]}}));
    spec["policy"] = json!({"incompatible": true});
    let text = compile(&spec, &Capabilities::routed()).unwrap_err().to_string();
    assert!(text.contains("steps[0].mirror: both revisions would carry traffic"), "{text}");
}

#[test]
fn a_first_deployment_waits_for_no_check_that_nothing_feeds() {
    let strategy = json!({"blue_green": {"after": {"checks": ["errors"], "approval": true}}});
    let caps = Capabilities { test_traffic: false, ..Capabilities::routed() };
    let provision = compiled(strategy.clone(), &caps).stages(true)[0].clone();
    assert!(provision.gate.checks.is_empty() && provision.gate.approval);
    let text = report(&around(strategy), &caps);
    assert!(text.contains("a first deployment takes traffic without a check"), "{text}");
}

#[test]
fn a_check_of_copies_is_no_problem_beside_a_weight_of_zero() {
    let mirrored = json!({"weight": "0%", "mirror": "10%", "gate": {"checks": ["latency"]}});
    let table = vec![bad(
        "copies reach both arms",
        "/strategy/canary/steps/0",
        mirrored,
        "steps[0].weight: is 0 %",
    )];
    each_is_one_problem(&canary(), &Capabilities::routed(), table);
}

#[test]
fn only_stopping_everything_at_once_never_mixes() {
    let mixes = |rolling: Value| {
        let mut spec = around(json!({"rolling": rolling}));
        spec["policy"] = json!({"incompatible": true});
        match compile(&spec, &Capabilities::routerless()) {
            Ok(_) => false,
            Err(errors) => {
                assert!(errors.to_string().contains("both revisions would carry traffic"));
                true
            }
        }
    };
    let at = |share: &str| json!({"at": [{"share": share, "gate": {"bake": "1m"}}]});
    let all = |gates: Value| json!({"max_surge": 0, "max_unavailable": "100%", "gates": gates});
    assert!(!mixes(all(json!({}))) && !mixes(all(at("100%"))));
    assert!(mixes(all(at("99%"))));
    assert!(!mixes(json!({"minimum_healthy": 0})) && mixes(json!({"minimum_healthy": 1})));
    assert!(mixes(json!({"max_surge": 1, "max_unavailable": "100%"})));
    assert!(mixes(json!({"max_surge": 0, "max_unavailable": "99%"})));
}

#[test]
fn what_a_plan_was_compiled_from_can_be_asked_of_it() {
    use tidegate_core::{CheckIndex, StrategyKind};
    let plan = compiled(canary(), &Capabilities::routed());
    assert_eq!((plan.target().as_str(), plan.owner()), ("shop", "team-shop"));
    assert_eq!((plan.strategy(), plan.hooks().len()), (StrategyKind::Canary, 1));
    let names: Vec<_> = plan.checks().iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["errors", "latency"]);
    assert_eq!(plan.check(CheckIndex(1)).map(|check| check.metric.as_str()), Some("p99"));
    assert!(plan.check(CheckIndex(2)).is_none());
    assert_eq!(*plan.capabilities(), Capabilities::routed());
    assert!(plan.calendar().is_empty() && !plan.is_platform_paced());
}
