//! Reference vectors of what `tidegate-core` ships.

use serde_json::Value;
use tidegate_core::health::sequential::{
    Grid, MinuteProcess, Side, SplitTest, StartMass, e_benjamini_hochberg, weighted_mean,
};

use crate::vectors::{Case, Outputs, Table, check, written, written_all};

/// Methods of the judges.
pub(crate) const TABLE: Table = &[
    ("merge_evalues", merge_evalues),
    ("split_eprocess", split_eprocess),
    ("t_mixture_one_sided", t_mixture_one_sided),
];

#[test]
fn the_judges_numbers_are_those_of_independent_libraries() {
    check(TABLE);
}

fn grid(case: &Case) -> Grid {
    let (low, high) = (case.number("grid_low"), case.number("grid_high"));
    Grid::log_spaced(low, high, case.whole("grid_points")).unwrap()
}

/// The schedule that a list of start masses comes from.
fn schedule(masses: &[f64]) -> StartMass {
    let looks = masses.get(1).map_or(0.0, |second| 1.0 + 0.5 / second);
    let planned = StartMass::Planned { looks: looks.round() as u32 };
    let matches = |schedule: &StartMass| {
        let given = (1..).map(|t| schedule.at(t));
        masses.iter().zip(given).all(|(mass, given)| (mass - given).abs() < 1e-12)
    };
    [StartMass::AtOnce, StartMass::Unplanned, planned].into_iter().find(matches).unwrap()
}

fn split_eprocess(case: &Case) -> Outputs {
    let side = match case.word("side") {
        "above" => Side::Above,
        "below" => Side::Below,
        side => panic!("no side {side}"),
    };
    assert_eq!(case.word("weights"), "uniform");
    let test = SplitTest::new(side, case.number("null_ratio")).unwrap();
    let test = test.with_grid(grid(case)).with_start(schedule(&case.list("start_mass")));
    let mut process = test.with_dispersion(case.number("dispersion")).unwrap().begin();
    let (e1, e0) = (case.list("events_canary"), case.list("events_baseline"));
    let (x1, x0) = (case.list("exposure_canary"), case.list("exposure_baseline"));
    let looks = (0..e1.len()).map(|t| process.look(e1[t], e0[t], x1[t], x0[t]).unwrap());
    vec![("log_e", written_all(looks))]
}

fn t_mixture_one_sided(case: &Case) -> Outputs {
    assert_eq!(case.list("g"), [0.04, 0.25, 1.0, 4.0]);
    let mut process = MinuteProcess::new();
    let looks = case.list("y").into_iter().map(|y| process.look(y).unwrap());
    vec![("log_e", written_all(looks))]
}

fn merge_evalues(case: &Case) -> Outputs {
    let alpha = case.number("alpha");
    let logs: Vec<f64> = case.list("e").into_iter().map(f64::ln).collect();
    let weighted: Vec<_> = case.list("weights").into_iter().zip(logs.iter().copied()).collect();
    let mean = weighted_mean(&weighted).unwrap();
    let e_bh = e_benjamini_hochberg(&logs, alpha).unwrap();
    vec![
        ("mean", written(mean.exp())),
        ("rejects", Value::from(mean >= -alpha.ln())),
        ("product", written(logs.iter().sum::<f64>().exp())),
        ("e_bh", Value::from(e_bh)),
    ]
}
