//! Calls that outlive their callers, for each class of effect: with its stated assumption no terminal
//! state disagrees with the world; with the assumption broken the disagreement is found and said.

use crate::{
    explore::{CALM, Case},
    fixtures::*,
};
use tidegate_core::{
    Capabilities, SafetyClass,
    explore::{Report, Scope, explore},
};

/// Lost answers and crashes, with calls that land late, and people who abort.
const LATE: Scope = Scope { faults: 1, lates: 2, crashes: 1, commands: 1, ..CALM };

fn late(case: &Case, scope: Scope) -> Report {
    let report = explore(&case.0, &case.1, &scope);
    eprintln!("{} states, {} edges, {:?}", report.states, report.edges, report.outcomes);
    report
}

fn canary(caps: &Capabilities, full: u32) -> Case {
    (compile(canary_spec(vec![step(50, gate())]), caps), at_rest(caps, full))
}

#[track_caller]
fn holds(case: &Case, scope: Scope) {
    let report = late(case, scope);
    assert!(report.violation.is_none(), "{}", report.violation.unwrap());
    assert!(report.complete);
}

#[track_caller]
fn said(case: &Case, scope: Scope) {
    let report = late(case, Scope { beyond_late_bound: true, ..scope });
    let found = report.violation.expect("calls beyond their bound went unnoticed");
    assert_eq!(found.violation.number, 10, "{found}");
    assert!(found.violation.what.contains("may still land"), "{found}");
}

#[test]
fn class_1_needs_no_late_bound_because_a_conditional_write_orders() {
    let case = canary(&elastic(), 1);
    holds(&case, LATE);
    // A person who accepts the candidate after a rollback that could not be finished leaves its last
    // write unanswered; that decision alone rests on the bound.
    let unattended = Scope { commands: 0, verdicts: 1, ..LATE };
    holds(&case, Scope { beyond_late_bound: true, ..unattended });
}

#[test]
fn class_2_agrees_with_the_world_while_calls_end_within_their_bound() {
    let case = canary(&routed(SafetyClass::Token), 1);
    let scope = Scope { crashes: 0, ..LATE };
    holds(&case, scope);
    said(&case, scope);
}

#[test]
fn class_3_agrees_with_the_world_while_calls_end_within_their_bound() {
    let case = canary(&routed(SafetyClass::BareSet), 1);
    let scope = Scope { crashes: 0, ..LATE };
    holds(&case, scope);
    said(&case, scope);
}

#[test]
fn class_4_creates_once_while_calls_end_within_their_bound() {
    let case = (compile(platform_spec(), &platform()), at_rest(&platform(), 1));
    holds(&case, LATE);
    let beyond = late(&case, Scope { beyond_late_bound: true, ..LATE });
    let found = beyond.violation.expect("calls beyond their bound went unnoticed");
    assert_eq!(found.violation.number, 10, "{found}");
}
