//! How long it takes to show that a good candidate is no worse.

use tidegate_core::health::{
    Compare,
    sequential::{self, Line},
};

use super::{HOUR, Session, markdown};
use crate::{
    contest::{self, Before, Contestant, Ends, Stop},
    figures::{Delays, Rate, ended},
    goals::Goals,
    scenario::Scenario,
    telemetry::Errors,
};

const RUNS: u32 = 3_000;

/// Looks of a run: long enough for the slow ones.
const LOOKS: u32 = 120;

const BETA: f64 = 0.05;

const MARGINS: [f64; 3] = [1.5, 2.0, 3.0];

/// Medians aimed at with a margin of 2, one look more allowed.
const AIMS: [(&str, u16); 3] =
    [("1000 rps, 10 %", 3), ("100 rps, 10 %", 23), ("100 rps, 50 %", 11)];

fn traffics() -> [(&'static str, f64, f64, f64); 6] {
    [
        ("1000 rps, 10 %", 1000.0, 0.1, 0.001),
        ("1000 rps, 50 %", 1000.0, 0.5, 0.001),
        ("100 rps, 10 %", 100.0, 0.1, 0.001),
        ("100 rps, 50 %", 100.0, 0.5, 0.001),
        ("20 rps, 10 %, base 0.5 %", 20.0, 0.1, 0.005),
        ("20 rps, 50 %, base 0.5 %", 20.0, 0.5, 0.005),
    ]
}

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let mut rows = Vec::new();
    for (name, rps, share, base) in traffics() {
        for margin in MARGINS {
            // "Regressed" is exactly as bad as the margin: showing it to be better is an error.
            let worse = base * margin;
            let scenario = Scenario { name, rps, share, base, worse, onset: 0 };
            rows.push(row(session, &scenario, margin, goals));
        }
    }
    let head = [
        "traffic",
        "margin",
        "bound",
        "median",
        "95th",
        "median if dispersion were known to be 1",
        "shown in 60 looks %",
        "false promotions at the margin %",
    ];
    String::from(
        "## Promotion\n\nLooks until a candidate that is equal was shown to be below the margin, beta \
         0.05, over 120 looks; errors 0.1 % unless said otherwise. The bound is what no test can beat on \
         average.\n\n",
    ) + &markdown(head, rows)
}

fn row(session: Session, scenario: &Scenario, margin: f64, goals: &mut Goals) -> [String; 8] {
    let compare =
        Compare { margin: Some(margin), negligible: 0.0, beta: BETA, ..Compare::default() };
    let stops = vec![Stop::Shown(BETA)];
    let learnt = Contestant { stops, ..Contestant::failing("", compare) };
    let single = Contestant {
        before: Before::Single,
        stops: learnt.stops.clone(),
        ..Contestant::failing("", compare)
    };
    let field = [learnt, single];
    let scene = format!("promotion, {} x{margin}", scenario.name);
    let errors = Errors::of(scenario);
    let held = |healthy| {
        let trial = session.trial(&scene, healthy, RUNS, LOOKS);
        contest::hold(trial, &errors, &field)
    };
    let (equal, at_margin) = (held(true), held(false));
    let [delays, known] = [0, 1].map(|nth: usize| Delays::of(&equal[nth][0], 0));
    let equal: &Ends = &equal[0][0];
    let (traffic, line) = (scenario.traffic(), Line::Ratio(margin));
    let bound = sequential::fewest_looks(&traffic, line, scenario.base, BETA).unwrap_or(f64::NAN);
    let aim = AIMS.iter().find(|(name, _)| *name == scenario.name && margin == 2.0);
    let show = |delays: &Delays, share| {
        delays.quantile(share).map_or(format!("> {LOOKS}"), |looks| looks.to_string())
    };
    let shown = Rate {
        hits: equal.iter().flatten().filter(|end| u32::from(**end) <= HOUR).count() as u32,
        runs: equal.len() as u32,
    };
    [
        scenario.name.to_owned(),
        format!("x{margin}"),
        format!("{bound:.1}"),
        match aim {
            Some((_, median)) => goals.looks(&format!("{scene}, median"), &delays, 0.5, median + 1),
            None => show(&delays, 0.5),
        },
        show(&delays, 0.95),
        show(&known, 0.5),
        format!("{:.1}", shown.share() * 100.0),
        goals.rate(&format!("{scene}, false promotions"), ended(&at_margin[0][0]), 0.05),
    ]
}
