//! Ten metrics, one verdict.

use tidegate_core::{
    CheckIndex, Look, Role,
    health::{Compare, Judge, Judging, Panel, Seat, Verdict},
};

use super::{HOUR, Session, markdown};
use crate::{
    contest::{self, Ends},
    draws::Draws,
    figures::{Delays, ended},
    goals::Goals,
    scenario::C,
    telemetry::{Errors, Telemetry},
};

const RUNS: (u32, u32) = (5_000, 2_000);

const METRICS: u8 = 10;

const ALPHA: f64 = 0.05;

/// Median of scenario C alone, one look more for nine other metrics, and one of slack.
const MEDIAN: u16 = 3 + 1 + 1;

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    // The first metric alone regresses; its weight is an equal one, or half of all.
    let rows = [("equal weights", 0.1), ("half the weight on the one that regresses", 0.5)];
    let rows = rows.map(|(name, weight)| {
        let held = |healthy, runs| -> Ends {
            let scene = format!("ten metrics, {name}");
            let trial = session.trial(&scene, healthy, runs, HOUR);
            contest::parallel(trial, |mut draws| one(healthy, weight, &mut draws))
        };
        let (healthy, regressed) = (held(true, RUNS.0), held(false, RUNS.1));
        let delays = Delays::of(&regressed, 0);
        [
            name.to_owned(),
            goals.rate(&format!("ten metrics, {name}, false aborts"), ended(&healthy), ALPHA),
            goals.looks(&format!("ten metrics, {name}, median"), &delays, 0.5, MEDIAN),
            delays.quantile(0.95).map_or("–".to_owned(), |looks| looks.to_string()),
        ]
    });
    let head = ["weights", "false aborts %", "median", "95th"];
    String::from(
        "## Ten metrics, one verdict\n\nTen independent rates as in scenario C, of which the first \
         regresses, weighed on one panel at alpha 0.05.\n\n",
    ) + &markdown(head, rows)
}

/// When one rollout ended.
fn one(healthy: bool, weight: f64, draws: &mut Draws) -> Option<u16> {
    let errors = Errors::of(&C);
    let judge = Compare { alpha: ALPHA, ..Compare::default() };
    let rest = (1.0 - weight) / f64::from(METRICS - 1);
    let seats = (0..METRICS)
        .map(|nth| Seat { check: CheckIndex(nth), weight: if nth == 0 { weight } else { rest } });
    let mut panel = Panel::new(ALPHA, seats.collect());
    let mut metrics: Vec<(CheckIndex, Box<dyn Judging>, Vec<Look>)> = (0..METRICS)
        .map(|nth| {
            let judging = judge.begin_after(&errors.before(draws));
            let good = healthy || nth > 0;
            (CheckIndex(nth), judging, errors.during(HOUR, good, draws))
        })
        .collect();
    (0..HOUR as usize).find_map(|nth| {
        let mut failed = false;
        for (check, judging, looks) in &mut metrics {
            let judgement = judging.look(looks.get(nth)?);
            failed |= panel.weigh(*check, Role::Guard, judgement).1.verdict == Verdict::Fail;
        }
        failed.then_some(nth as u16 + 1)
    })
}
