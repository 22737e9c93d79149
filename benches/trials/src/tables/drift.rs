//! Predictions that drift.

use tidegate_core::health::{Compare, Verdict};

use super::{Session, markdown};
use crate::{
    contest::Contestant,
    figures::{Delays, ended},
    goals::Goals,
    telemetry::Classes,
};

const RUNS: (u32, u32) = (5_000, 1_000);

/// Median aimed at for an index of 0.1, one look more allowed, and false alarms.
const AIM: (u16, f64) = (3, 0.01);

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let judge = |drift| {
        let compare = Compare { drift, alpha: 0.01, ..Compare::default() };
        Contestant::until(Verdict::Fail, "", compare)
    };
    let field = [judge(0.1), judge(0.05)];
    let rows = [0.05, 0.1, 0.2].map(|index| {
        let name = format!("drift by {index}");
        let classes = Classes::drifting(1_200.0, 0.1, index);
        let both = session.both(&name, RUNS, &classes, &field);
        let delays = [0, 1].map(|nth: usize| Delays::of(&both.regressed[nth][0], 0));
        let alarms = [0, 1].map(|nth: usize| ended(&both.healthy[nth][0]));
        let found = match index == 0.1 {
            true => goals.looks(&format!("{name}, median"), &delays[0], 0.5, AIM.0 + 1),
            false => delays[0].show(),
        };
        [
            format!("{index}"),
            goals.rate(&format!("{name}, false alarms"), alarms[0], AIM.1),
            found,
            goals.rate(&format!("{name}, lower limit, false alarms"), alarms[1], AIM.1),
            delays[1].show(),
        ]
    });
    let head = [
        "index of the drift",
        "limit 0.1 (default): false alarms %",
        "median / 95th",
        "limit 0.05: false alarms %",
        "median / 95th",
    ];
    String::from(
        "## Prediction drift\n\nDeciles of a score, 20 predictions per second, 10 % of them the \
         candidate's, tilted until the population stability index is as given; alpha 0.01. The judge \
         fails when there is evidence and the index so far, less its bias, is above its limit.\n\n",
    ) + &markdown(head, rows)
}
