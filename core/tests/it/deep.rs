//! The explorations that take minutes unless optimised: whole plans, with failing, late and
//! ambiguous effects, commands at any time and up to two crashes.
//!
//! Run by `TIDEGATE_DEEP=1 cargo test --release -p tidegate-core --test it deep -- --nocapture`.
//! Without the variable the test says what it leaves out.

use crate::{
    explore::{CALM, Case},
    fixtures::*,
};
use tidegate_core::{
    AmountSpec, SafetyClass,
    explore::{Scope, explore},
};

fn cases() -> Vec<(&'static str, Case)> {
    let caps = routed(SafetyClass::BareSet);
    let five = rolling_spec(AmountSpec::Count(1), AmountSpec::Count(0));
    vec![
        ("a ten-stage canary", (compile(ten_stages(), &caps), at_rest(&caps, 10))),
        ("a four-stage blue/green", (compile(blue_green_spec(), &caps), at_rest(&caps, 4))),
        ("a rolling of five batches", (compile(five, &routerless()), at_rest(&routerless(), 5))),
    ]
}

#[test]
fn deep_no_state_of_whole_plans_breaks_an_invariant_or_is_stuck() {
    let scope = Scope { faults: 1, lates: 1, crashes: 2, commands: 1, limit: 20_000_000, ..CALM };
    let deep = std::env::var_os("TIDEGATE_DEEP").is_some();
    for (name, (plan, world)) in cases() {
        if !deep {
            eprintln!("left out: {name} [{scope}]; set TIDEGATE_DEEP=1 to explore it");
            continue;
        }
        #[expect(clippy::disallowed_methods, reason = "a test says how long it took")]
        let began = std::time::Instant::now();
        let report = explore(&plan, &world, &scope);
        let seconds = began.elapsed().as_secs_f64();
        eprintln!(
            "{name}: {} states, {} edges, {} ignored events, {} rules, {seconds:.1} s [{scope}]",
            report.states,
            report.edges,
            report.ignored,
            report.rules.len(),
        );
        assert!(report.violation.is_none(), "{name}:\n{}", report.violation.unwrap());
        assert!(report.complete, "{name}: gave up after {} states", report.states);
    }
}
