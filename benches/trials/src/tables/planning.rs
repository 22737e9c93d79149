//! What planning says a judge needs, beside what it takes.

use tidegate_core::health::sequential;

use super::{Session, markdown};
use crate::{
    contest::{self, Contestant, Stop},
    figures::Delays,
    goals::Goals,
    scenario::SCENARIOS,
    telemetry::Errors,
};

const RUNS: u32 = 5_000;

/// Long enough for every run to end: a mean over those that end in an hour would be too small.
const LOOKS: u32 = 600;

const ALPHA: f64 = 0.05;

/// How far the mean may be off.
const TOLERANCE: f64 = 0.15;

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let rows = SCENARIOS.iter().map(|scenario| {
        let field = [Contestant::single_events("", &[ALPHA])];
        let trial = session.trial(scenario.name, false, RUNS, LOOKS);
        let held = contest::hold(trial, &Errors::of(scenario), &field);
        debug_assert_eq!(field[0].stops, [Stop::Level(ALPHA)]);
        let delays = Delays::of(&held[0][0], scenario.onset);
        let gain = sequential::information_of_split(&scenario.traffic(), 1.0, scenario.ratio());
        let planned = gain.and_then(|gain| sequential::expected_looks(gain, ALPHA));
        let planned = planned.unwrap_or(f64::NAN);
        let what = format!("{}, planned looks against their mean", scenario.name);
        [
            scenario.name.to_owned(),
            format!("{planned:.2}"),
            format!("{:.2}", delays.mean()),
            goals.near(&what, planned, delays.mean(), TOLERANCE),
        ]
    });
    let rows: Vec<_> = rows.collect();
    String::from(
        "## What planning promises\n\nMean looks of the judge by single events at alpha 0.05, every \
         run followed to its end, beside `sequential::expected_looks`, from which a plan's warnings \
         are worked out. The formula is for a regression that is there from the start; that of I comes \
         after half an hour.\n\n",
    ) + &markdown(["", "planned", "simulated mean", "planned is off by"], rows)
}
