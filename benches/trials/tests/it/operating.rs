//! The most important goals of `docs/judges.md`, on few runs: a judge that is broken fails here.
//!
//! Limits are wider than the goals by what chance does with so few runs, so that what fails is wrong and
//! not unlucky. The seed is fixed, so it does not fail by turns either.

use std::num::NonZeroUsize;

use tidegate_core::health::{Compare, Method};
use tidegate_trials::{
    contest::{self, Contestant, Ends, Stop, Trial},
    figures::{Delays, ended},
    scenario::{A, C, SCENARIOS, Scenario},
    tables::{HOUR, LEVELS},
    telemetry::{Errors, Shares, Telemetry},
};

fn trial(scene: &str, healthy: bool, runs: u32) -> Trial<'_> {
    let threads = NonZeroUsize::new(2).unwrap();
    Trial { seed: 7, threads, scene, healthy, runs, looks: HOUR }
}

/// When runs ended for one judge, at its first stop.
fn ends(trial: Trial<'_>, telemetry: &dyn Telemetry, judge: Contestant) -> Ends {
    contest::hold(trial, telemetry, &[judge]).remove(0).remove(0)
}

fn recommended(alpha: f64) -> Contestant {
    Contestant::failing("recommended", Compare { alpha, ..Compare::default() })
}

fn spending() -> Contestant {
    let method = Method::Spending;
    Contestant::failing("spending", Compare { method, alpha: 0.05, ..Compare::default() })
}

fn false_aborts(scene: &str, runs: u32, errors: Errors, judge: Contestant) -> f64 {
    ended(&ends(trial(scene, true, runs), &errors, judge)).share()
}

#[test]
fn a_good_release_is_seldom_rolled_back() {
    for (alpha, most) in [(0.05, 0.03), (0.01, 0.01)] {
        for scenario in [A, C] {
            let errors = Errors::of(&scenario);
            let share = false_aborts(scenario.name, 2_000, errors, recommended(alpha));
            assert!(share < most, "{} at {alpha}: {share}", scenario.name);
        }
    }
}

#[test]
fn a_regression_is_found_in_as_many_looks_as_aimed_at() {
    let aims = [1, 4, 3, 25, 5, 2, 3, 1, 5, 10];
    for (scenario, aim) in SCENARIOS.iter().zip(aims) {
        let trial = trial(scenario.name, false, 400);
        let found = ends(trial, &Errors::of(scenario), recommended(0.05));
        let median = Delays::of(&found, scenario.onset).quantile(0.5);
        let slack = if scenario.name == "D" { 2 } else { 1 };
        assert!(median.is_some_and(|looks| looks <= aim + slack), "{}: {median:?}", scenario.name);
    }
}

#[test]
fn ramps_drift_and_bursts_do_not_fool_it() {
    let ramp = Errors { shares: Shares::Ramp, ..Errors::of(&A) };
    let drift = Errors { drift: 4.0, ..ramp };
    let bursts = Errors { burst: 3.0, ..Errors::of(&A) };
    let both = Errors { burst: 3.0, ..drift };
    let conditions = [("ramp", ramp), ("drift", drift), ("bursts", bursts), ("both", both)];
    for (name, errors) in conditions {
        let share = false_aborts(name, 1_000, errors, recommended(0.05));
        assert!(share < 0.055, "{name}: {share}");
    }
    // What the simulator calls bursts is strong enough to fool a judge that takes them for single.
    let naive = Contestant::single_events("naive", &[0.05]);
    assert!(false_aborts("bursts", 200, bursts, naive) > 0.7);
}

#[test]
fn a_release_that_is_worse_is_found_although_the_base_rate_falls() {
    let worse = Scenario { worse: A.base * 1.5, ..A };
    let errors = Errors { shares: Shares::Ramp, drift: 0.25, ..Errors::of(&worse) };
    let found = ended(&ends(trial("falling", false, 200), &errors, recommended(0.05)));
    assert!(found.share() > 0.9, "{}", found.share());
}

#[test]
fn exact_spending_uses_its_alpha_and_is_quicker() {
    let share = false_aborts("C", 2_000, Errors::of(&C), spending());
    assert!((0.035..0.065).contains(&share), "{share}");
    let mean = |judge| Delays::of(&ends(trial("C", false, 500), &Errors::of(&C), judge), 0).mean();
    let (spending, recommended) = (mean(spending()), mean(recommended(0.05)));
    assert!(spending < 2.8 && spending < recommended, "{spending} and {recommended}");
}

#[test]
fn a_good_release_is_shown_to_be_good_and_one_at_the_margin_is_not() {
    let at_margin = Scenario { worse: C.base * 2.0, ..C };
    let compare = Compare { negligible: 0.0, ..Compare::default() };
    let shown = |healthy, runs| {
        let stops = vec![Stop::Shown(compare.beta)];
        let judge = Contestant { stops, ..Contestant::failing("", compare) };
        ends(trial("promotion", healthy, runs), &Errors::of(&at_margin), judge)
    };
    let median = Delays::of(&shown(true, 300), 0).quantile(0.5);
    assert!(median.is_some_and(|looks| (15..=28).contains(&looks)), "{median:?}");
    let falsely = ended(&shown(false, 1_000)).share();
    assert!(falsely < 0.05, "{falsely}");
}

#[test]
fn a_level_read_off_the_evidence_is_where_a_judge_of_that_level_fails() {
    let errors = Errors::of(&C);
    for alpha in LEVELS {
        let levels = Contestant::levels("", Compare::default(), &[alpha]);
        let read_off = ends(trial("C", false, 200), &errors, levels);
        assert_eq!(read_off, ends(trial("C", false, 200), &errors, recommended(alpha)));
    }
}

#[test]
fn runs_are_the_same_on_any_number_of_threads() {
    let on = |threads| {
        let threads = NonZeroUsize::new(threads).unwrap();
        ends(Trial { threads, ..trial("C", false, 50) }, &Errors::of(&C), recommended(0.05))
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}
