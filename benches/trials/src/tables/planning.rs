//! What planning says a judge needs, beside what it takes.

use tidegate_core::health::{
    Compare,
    sequential::{self, Line, Onset, Stretch},
};

use super::{Session, markdown};
use crate::{
    contest::{self, Contestant},
    figures::Delays,
    goals::Goals,
    scenario::{SCENARIOS, Scenario},
    telemetry::Errors,
};

/// Enough that the mean of the slowest is known to a third of a percent.
const RUNS: u32 = 20_000;

/// Long enough for every run to end: a mean over those that end in an hour would be too small.
const LOOKS: u32 = 600;

const ALPHA: f64 = 0.05;

/// How far the mean may be off.
const TOLERANCE: f64 = 0.15;

/// When the regression sets in, in looks: at once, in the middle of the hour that is planned for (which
/// makes C scenario I), and after it.
const ONSETS: [u32; 3] = [0, 30, 90];

/// The recommended judge stakes half of its capital on single events.
const BY_EVENTS: f64 = 0.5;

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let single = || Contestant::single_events("", &[ALPHA]);
    let recommended = || Contestant::levels("", Compare::default(), &[ALPHA]);
    let by_events = rows("by single events", session, single, ALPHA, goals);
    let by_both = rows("recommended", session, recommended, ALPHA * BY_EVENTS, goals);
    let head = ["", "sets in at once", "after 30 looks", "after 90 looks"];
    format!(
        "## What planning promises\n\nLooks that are planned with, by `sequential::expected_looks`, / mean \
         looks of simulated runs, every one followed to its end, and by how much the first is off the second. \
         Two judges at alpha {ALPHA}, sixty looks planned: after 90 no new capital enters any more. The \
         formula is told when the regression sets in; C after 30 looks is scenario I. Of the recommended \
         judge it is told that half of the capital is bet on single events, so that evidence by these must \
         be twice as much.\n\n### By single events\n\n{}\n### The recommended judge\n\n{}",
        markdown(head, by_events),
        markdown(head, by_both)
    )
}

/// Each scenario, with its regression at each onset. Runs that ended before it count nowhere.
fn rows(
    name: &str,
    session: Session,
    judge: impl Fn() -> Contestant,
    level: f64,
    goals: &mut Goals,
) -> Vec<[String; 4]> {
    let scenarios = SCENARIOS.iter().filter(|scenario| scenario.onset == 0);
    let mut row = |scenario: &Scenario| {
        let cells = ONSETS.map(|onset| {
            let (planned, mean) = both(session, &Scenario { onset, ..*scenario }, judge(), level);
            let what = format!("{} after {onset} looks, planned, {name}", scenario.name);
            let near = goals.near(&what, planned, mean, TOLERANCE);
            format!("{planned:.2} / {mean:.2}: {near}")
        });
        let [at_once, midway, after] = cells;
        [scenario.name.to_owned(), at_once, midway, after]
    };
    scenarios.map(&mut row).collect()
}

/// Looks from the start of the regression: as planned with this level, and their simulated mean.
fn both(session: Session, scenario: &Scenario, judge: Contestant, level: f64) -> (f64, f64) {
    let scene = match scenario.onset {
        0 => scenario.name.to_owned(),
        onset => format!("{} after {onset}", scenario.name),
    };
    let trial = session.trial(&scene, false, RUNS, LOOKS);
    let held = contest::hold(trial, &Errors::of(scenario), &[judge]);
    let delays = Delays::of(&held[0][0], scenario.onset);
    let traffic = scenario.traffic();
    let good = [Stretch { traffic, looks: scenario.onset }];
    let onset = Onset { planned_looks: Compare::default().planned_looks, good: &good };
    let line = Line::Ratio(1.0);
    let planned = sequential::expected_looks(&traffic, line, scenario.worse, level, &onset);
    (planned.unwrap_or(f64::NAN), delays.mean())
}
