//! Looks more often than once a minute.

use tidegate_core::health::Compare;

use super::{LEVELS, Session, markdown};
use crate::{
    contest::{self, Contestant},
    figures::{Delays, ended},
    goals::Goals,
    scenario::A,
    telemetry::Errors,
};

const RUNS: (u32, u32) = (20_000, 5_000);

/// Of a minute.
const LOOKS_A_MINUTE: u32 = 6;

/// Median and 95th percentile: 20 and 50 seconds.
const AIM: (u16, u16) = (2, 5);

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let looks = 60 * LOOKS_A_MINUTE;
    let compare = Compare { planned_looks: looks, ..Compare::default() };
    let field = [Contestant::levels("", compare, &LEVELS)];
    let errors = Errors { requests: A.rps * 10.0, ..Errors::of(&A) };
    let held = |healthy, runs| {
        contest::hold(session.trial("A every 10 s", healthy, runs, looks), &errors, &field)
    };
    let (healthy, regressed) = (held(true, RUNS.0), held(false, RUNS.1));
    let rows = [0, 1].map(|level| {
        let alpha = LEVELS[level];
        let delays = Delays::of(&regressed[0][level], 0);
        let rate = ended(&healthy[0][level]);
        let what = |figure| format!("A every 10 s at {alpha}, {figure}");
        let quantile = |share| delays.quantile(share).map_or(0, |looks| looks);
        [
            format!("{alpha}"),
            goals.rate(&what("false aborts"), rate, [0.02, 0.005][level]),
            match level {
                0 => goals.looks(&what("median"), &delays, 0.5, AIM.0),
                _ => quantile(0.5).to_string(),
            },
            match level {
                0 => goals.looks(&what("95th"), &delays, 0.95, AIM.1),
                _ => quantile(0.95).to_string(),
            },
        ]
    });
    let head = ["alpha", "false aborts %", "median, looks", "95th, looks"];
    String::from("## Scenario A with a look every ten seconds\n\nOver an hour of 360 looks.\n\n")
        + &markdown(head, rows)
}
