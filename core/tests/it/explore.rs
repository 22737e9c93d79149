//! Every reachable state of small plans: no invariant broken, no state stuck.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use crate::fixtures::*;
use tidegate_core::{
    AmountSpec, CanaryStepSpec, Capabilities, GateSpec, OnDeadline, PhaseName, Plan, PlanSpec,
    Rule, SafetyClass, Supersede, Weight, World,
    explore::{Report, Scope, explore},
};

/// A world in which nothing goes wrong.
pub(crate) const CALM: Scope = Scope::CALM;

fn explored(name: &str, plan: &Plan, world: &World, scope: &Scope) -> Report {
    #[expect(clippy::disallowed_methods, reason = "a test says how long it took")]
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
    report
}

/// The suite for mutation testing, under ten seconds: every plan and corner, less of each kind of
/// trouble. It does not reach every rule, so the rules page is left to the full suite.
fn quick() -> bool {
    std::env::var_os("TIDEGATE_QUICK").is_some()
}

/// The scopes that every plan is explored with: each kind of trouble alone, and with
/// `TIDEGATE_DEEP` also deeper, and in pairs.
fn scopes() -> Vec<(&'static str, Scope)> {
    if quick() {
        return vec![
            ("commands", Scope { commands: 1, ..CALM }),
            ("verdicts", Scope { verdicts: 1, ..CALM }),
            ("late landings", Scope { crashes: 1, lates: 1, ..CALM }),
            ("faults", Scope { faults: 1, ..CALM }),
            ("drifts", Scope { drifts: 1, ..CALM }),
            ("shortages", Scope { shortages: 1, ..CALM }),
            ("clock", Scope { clock_steps: 1, ..CALM }),
            ("set back", Scope { set_backs: 1, ..CALM }),
            ("throttled", Scope { throttles: 1, ..CALM }),
        ];
    }
    let mut scopes = vec![
        ("commands", Scope { commands: 2, ..CALM }),
        ("verdicts", Scope { verdicts: 1, commands: 1, ..CALM }),
        ("faults", Scope { faults: 1, lates: 1, ..CALM }),
        ("crashes", Scope { crashes: 1, lates: 1, ..CALM }),
        ("drifts", Scope { drifts: 2, ..CALM }),
        ("shortages", Scope { shortages: 1, ..CALM }),
        ("resizes", Scope { resizes: 1, ..CALM }),
        ("clock", Scope { clock_steps: 1, ..CALM }),
        ("set back", Scope { set_backs: 1, commands: 1, ..CALM }),
        ("throttled", Scope { throttles: 1, ..CALM }),
    ];
    if std::env::var_os("TIDEGATE_DEEP").is_some() {
        scopes.extend([
            ("more verdicts", Scope { verdicts: 2, commands: 1, ..CALM }),
            ("more faults", Scope { faults: 2, lates: 1, ..CALM }),
            ("more crashes", Scope { crashes: 2, lates: 2, ..CALM }),
            ("more shortages", Scope { shortages: 2, ..CALM }),
            ("aborted and late", Scope { faults: 1, lates: 1, commands: 1, ..CALM }),
            ("crashed and drifted", Scope { crashes: 1, lates: 1, drifts: 1, ..CALM }),
            ("failed and crashed", Scope { verdicts: 1, crashes: 1, lates: 1, ..CALM }),
            ("clock and commands", Scope { clock_steps: 1, commands: 1, ..CALM }),
            (
                "set back and late",
                Scope {
                    set_backs: 1,
                    crashes: 1,
                    lates: 1,
                    commands: 1,
                    limit: 12_000_000,
                    ..CALM
                },
            ),
            ("throttled and faults", Scope { throttles: 2, faults: 1, ..CALM }),
            ("throttled and commands", Scope { throttles: 1, commands: 1, ..CALM }),
            (
                "set back and faults",
                Scope { set_backs: 1, faults: 1, commands: 2, limit: 12_000_000, ..CALM },
            ),
        ]);
    }
    scopes
}

/// One plan and the world it starts from.
pub(crate) type Case = (Plan, World);

pub(crate) fn plans() -> BTreeMap<&'static str, Case> {
    let mut plans = BTreeMap::new();
    let mut add = |name, spec: PlanSpec, caps: &Capabilities, full| {
        plans.insert(name, (compile(spec, caps), at_rest(caps, full)));
    };
    let short = || canary_spec(vec![step(20, gate()), step(60, gate())]);
    let shortest = || canary_spec(vec![step(50, gate())]);
    let bare = routed(SafetyClass::BareSet);
    add("canary, compare-and-set", short(), &routed(SafetyClass::CompareAndSet), 4);
    add("canary, token", shortest(), &routed(SafetyClass::Token), 4);
    add("canary, bare set", shortest(), &bare, 4);
    add("canary, without router", shortest(), &routerless(), 4);
    add("canary, shrinking stable", shrinking(shortest()), &bare, 2);
    add("canary, elastic", short(), &elastic(), 1);
    add("blue/green", blue_green_spec(), &bare, 4);
    add("blue/green, incompatible", at_once(blue_green_spec()), &bare, 4);
    let (one, none) = (AmountSpec::Count(1), AmountSpec::Count(0));
    add("rolling, surge", rolling_spec(one, none), &routerless(), 3);
    add("rolling, unavailable", rolling_spec(none, one), &routerless(), 3);
    add("rolling, router", rolling_spec(one, none), &bare, 1);
    add("rolling, minimum healthy", minimum_healthy_spec(AmountSpec::Count(1)), &routerless(), 3);
    add("platform", platform_spec(), &platform(), 4);
    add("platform, redeploying", redeploying(platform_spec()), &platform(), 4);
    plans
}

/// Plans for the corners: each with the scope that reaches into it.
pub(crate) fn corners() -> BTreeMap<&'static str, (Case, Scope)> {
    let caps = routed(SafetyClass::BareSet);
    let short = |gate| canary_spec(vec![step(50, gate)]);
    let mut corners = BTreeMap::new();
    let mut add = |name, spec: PlanSpec, scope: Scope| {
        corners.insert(name, ((compile(spec, &caps), at_rest(&caps, 2)), scope));
    };
    let hooked = GateSpec { hooks: vec!["smoke".into()], approval: true, ..gate() };
    let interfered = Scope { crashes: 1, drifts: 1, ..CALM };
    let mirrored =
        canary_spec(vec![CanaryStepSpec { mirror: Some(Weight::percent(10)), ..step(50, gate()) }]);
    add("a mirror beside the canary", mirrored, interfered);
    add("hooks and approval", short(hooked), Scope { verdicts: 2, commands: 2, ..CALM });
    let guarded = |guard: &str| PlanSpec { guards: vec![guard.into()], ..short(gate()) };
    add("a guard that rolls back for lack", guarded("strict"), Scope { verdicts: 2, ..CALM });
    let landing = Scope { faults: 1, crashes: 1, lates: 1, ..CALM };
    add("capacity that lands late", short(gate()), landing);
    let distrusted = Scope { verdicts: 2, commands: 1, ..CALM };
    add("a guard that holds", guarded("ratio"), distrusted);
    for (name, then) in [
        ("deadlines that hold", OnDeadline::Hold),
        ("deadlines that ask", OnDeadline::Ask),
        ("deadlines that roll back", OnDeadline::RollBack),
    ] {
        let checked =
            GateSpec { checks: vec!["strict".into()], deadline: deadline(then), ..gate() };
        let mut spec = short(checked);
        spec.policy.progress = deadline(then);
        spec.policy.start = deadline(then);
        spec.checks.get_mut("errors").unwrap().lack = deadline(then);
        add(name, spec, Scope { verdicts: 1, commands: 1, ..CALM });
    }
    let frozen = Scope { freezes: 2, commands: 1, ..CALM };
    add("freezes", with_freeze(short(gate())), frozen);
    for (name, how) in [
        ("superseded, replaced", Supersede::Replace),
        ("superseded, queued", Supersede::Queue),
        ("superseded, refused", Supersede::Refuse),
    ] {
        let scope = Scope { behind: true, commands: 2, ..CALM };
        add(name, superseding(short(gate()), how), scope);
    }
    let first = (compile(short(gate()), &caps), World::empty(&caps, 2, NOW));
    let scope = Scope { verdicts: 1, commands: 1, faults: 1, ..CALM };
    corners.insert("a first deployment", (first, scope));
    let zoned = zoned();
    let plan = compile(zone_by_zone(), &zoned);
    let world = World::at_rest_in_zones(&zoned, &[2, 1], NOW);
    corners.insert("zone by zone", ((plan, world), Scope { commands: 1, crashes: 1, ..CALM }));
    corners
}

/// Everything that is explored here, once for all tests that look at it.
fn reports() -> &'static BTreeMap<String, Report> {
    static REPORTS: OnceLock<BTreeMap<String, Report>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let only = std::env::var("ONLY").unwrap_or_default();
        let mut reports = BTreeMap::new();
        for (name, (plan, world)) in plans() {
            for (scope_name, scope) in scopes() {
                let name = format!("{name}: {scope_name}");
                if name.contains(&only) {
                    let report = explored(&name, &plan, &world, &scope);
                    reports.insert(name, report);
                }
            }
        }
        for (name, ((plan, world), scope)) in corners() {
            if name.contains(&only) {
                reports.insert(name.to_owned(), explored(name, &plan, &world, &scope));
            }
        }
        reports
    })
}

#[test]
fn no_state_of_small_plans_breaks_an_invariant_or_is_stuck() {
    for (name, report) in reports() {
        if let Some(counterexample) = &report.violation {
            panic!("{name}:\n{counterexample}");
        }
        assert!(report.complete, "{name}: gave up after {} states", report.states);
    }
}

#[test]
fn every_plan_has_a_way_to_completion_and_one_back() {
    for (name, report) in reports() {
        let reached = |phase| report.outcomes.contains_key(&phase);
        // The first blue/green waits for an approval, which is a command.
        let attended = report.scope.commands > 0 || !name.starts_with("blue/green:");
        assert!(reached(PhaseName::Completed) || !attended, "{name}: never completes");
        let back = reached(PhaseName::RolledBack) || reached(PhaseName::NeverStarted);
        assert!(back, "{name}: never goes back");
    }
}

#[test]
fn the_rules_page_is_what_the_explorations_reach_and_they_reach_every_rule() {
    let mut reached: BTreeMap<Rule, BTreeSet<(PhaseName, PhaseName)>> = BTreeMap::new();
    // The row that opens a rollout is no transition.
    reached.entry(Rule::Opened).or_default().insert((PhaseName::Pending, PhaseName::Pending));
    for report in reports().values() {
        for (rule, phases) in &report.rules {
            reached.entry(*rule).or_default().extend(phases);
        }
    }
    if quick() {
        eprintln!("left out: the rules page; unset TIDEGATE_QUICK to compare it");
        return;
    }
    let missed: Vec<_> = Rule::ALL.iter().filter(|rule| !reached.contains_key(rule)).collect();
    assert!(missed.is_empty(), "no exploration reaches {missed:?}");
    // Deeper explorations meet more ways from phase to phase; the page is that of the usual depth.
    if std::env::var_os("TIDEGATE_DEEP").is_none() {
        crate::drift::same("docs/rules.md", &rules_page(&reached));
    }
}

fn rules_page(reached: &BTreeMap<Rule, BTreeSet<(PhaseName, PhaseName)>>) -> String {
    let mut page = String::from(
        "# Rules\n\nThe transition table: one row a rule, with the phases that explorations saw it leave and \
         enter.\nGenerated by `UPDATE=1 cargo test -p tidegate-core --test it rules_page`; a test fails when it \
         differs.\n\n| rule | what it says | from → to |\n| --- | --- | --- |\n",
    );
    for rule in Rule::ALL {
        let Some(phases) = reached.get(rule) else { continue };
        let mut ways: BTreeMap<PhaseName, Vec<String>> = BTreeMap::new();
        for (from, to) in phases {
            ways.entry(*to).or_default().push(from.to_string());
        }
        let ways: Vec<_> =
            ways.iter().map(|(to, from)| format!("{} → {to}", from.join(", "))).collect();
        page.push_str(&format!("| `{rule}` | {} | {} |\n", rule.sentence(), ways.join("; ")));
    }
    page
}
