//! Reference vectors of what `tidegate-core` ships; where a case has a figure more, that figure is an anchor's.

use serde_json::Value;
use tidegate_core::health::sequential::{
    ArmCounts, ClassProcess, Dispersion, Grid, Margin, MinuteProcess, Rates, Side, Spending,
    SpendingTest, SplitTest, StartMass, TrafficProcess, dispersion_of_series, population_stability,
    weighted_mean,
};
use tidegate_trials::anchors::{discoveries::e_benjamini_hochberg, slices::dispersion_of_slices};

use crate::vectors::{Case, Outputs, Table, check, named, written, written_all};

/// Methods of the judges.
pub(crate) const TABLE: Table = &[
    ("convex_null_two_proportions", convex_null_two_proportions),
    ("dispersion_split", dispersion_split),
    ("dispersion_von_neumann", dispersion_von_neumann),
    ("exact_conditional_spending", exact_conditional_spending),
    ("merge_evalues", merge_evalues),
    ("psi", psi),
    ("sample_ratio_eprocess", sample_ratio_eprocess),
    ("split_eprocess", split_eprocess),
    ("t_mixture_one_sided", t_mixture_one_sided),
    ("two_sample_multinomial", two_sample_multinomial),
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
    named([("log_e", written_all(looks))])
}

fn t_mixture_one_sided(case: &Case) -> Outputs {
    assert_eq!(case.list("g"), [0.04, 0.25, 1.0, 4.0]);
    let mut process = MinuteProcess::new();
    let looks = case.list("y").into_iter().map(|y| process.look(y).unwrap());
    named([("log_e", written_all(looks))])
}

fn merge_evalues(case: &Case) -> Outputs {
    let alpha = case.number("alpha");
    let logs: Vec<f64> = case.list("e").into_iter().map(f64::ln).collect();
    let weighted: Vec<_> = case.list("weights").into_iter().zip(logs.iter().copied()).collect();
    let mean = weighted_mean(&weighted).unwrap();
    let e_bh = e_benjamini_hochberg(&logs, alpha);
    named([
        ("mean", written(mean.exp())),
        ("rejects", Value::from(mean >= -alpha.ln())),
        ("product", written(logs.iter().sum::<f64>().exp())),
        ("e_bh", Value::from(e_bh)),
    ])
}

fn sample_ratio_eprocess(case: &Case) -> Outputs {
    assert_eq!(grid(case), Grid::log_spaced(1.02, 8.0, 24).unwrap(), "the judge's own grid");
    let mut process = TrafficProcess::new(case.number("tolerance"), 1.0).unwrap();
    let (mut above, mut below, mut both) = (vec![], vec![], vec![]);
    for (one, zero) in case.list("requests_canary").iter().zip(case.list("requests_baseline")) {
        both.push(process.look(*one, zero, case.number("asked_weight")).unwrap());
        above.push(process.log_evidence_above());
        below.push(process.log_evidence_below());
    }
    named([
        ("log_e_above", written_all(above)),
        ("log_e_below", written_all(below)),
        ("log_e", written_all(both)),
    ])
}

fn convex_null_two_proportions(case: &Case) -> Outputs {
    let null = case.value("null");
    let margin = null["difference"].as_f64().map(Margin::Difference);
    let margin = margin.or_else(|| null["ratio"].as_f64().map(Margin::Ratio)).unwrap();
    let alternative =
        Rates { rate1: case.number("alternative_p1"), rate0: case.number("alternative_p0") };
    let (requests1, requests0) = (case.number("n1"), case.number("n0"));
    let projected = margin.project(Side::Above, alternative, requests1, requests0);
    let (events1, events0) = (case.number("k1"), case.number("k0"));
    let look = ArmCounts { events1, requests1, events0, requests0 };
    named([
        ("projected_p1", written(projected.rate1)),
        ("projected_p0", written(projected.rate0)),
        ("log_e", written(look.log_likelihood_ratio(alternative, projected))),
    ])
}

fn two_sample_multinomial(case: &Case) -> Outputs {
    let (canary, baseline) = (case.rows("canary"), case.rows("baseline"));
    let kappa = case.number("kappa");
    let mut process = ClassProcess::with_smoothing(canary[0].len(), kappa).unwrap();
    let looks = canary.iter().zip(&baseline).map(|(one, zero)| process.look(one, zero).unwrap());
    named([("log_e", written_all(looks))])
}

fn exact_conditional_spending(case: &Case) -> Outputs {
    let spending = match case.word("spending") {
        "sqrt" => Spending::Power(0.5),
        "linear" => Spending::Power(1.0),
        "pocock" => Spending::Pocock,
        other => panic!("no spending {other}"),
    };
    let mut test =
        SpendingTest::new(case.number("alpha"), case.whole("horizon"), spending).unwrap();
    let mut looks = Vec::new();
    let events = case.list("events_canary").into_iter().zip(case.list("events_total"));
    for ((canary, total), share) in events.zip(case.list("share")) {
        let look = test.look(canary as u32, (total - canary) as u32, share).unwrap();
        looks.push(look);
        if look.rejects {
            break;
        }
    }
    named([
        ("critical_count", looks.iter().map(|look| Value::from(look.critical)).collect()),
        ("spent", written_all(looks.iter().map(|look| look.spent))),
        ("rejects", looks.iter().map(|look| Value::from(look.rejects)).collect()),
    ])
}

fn psi(case: &Case) -> Outputs {
    assert!(!case.flag("renormalise"));
    let (actual, expected) = (case.list("actual"), case.list("expected"));
    let stability = population_stability(&actual, &expected, case.number("floor"));
    let stability = stability.unwrap().unwrap();
    named([("psi", written(stability.index)), ("null_bias", written(stability.null_bias))])
}

fn dispersion_von_neumann(case: &Case) -> Outputs {
    let measured = dispersion_of_series(&case.list("counts")).unwrap();
    dispersion(case, measured)
}

fn dispersion_split(case: &Case) -> Outputs {
    let measured = dispersion_of_slices(&case.rows("counts"));
    dispersion(case, measured.map(|raw| Dispersion { raw }))
}

/// The floor is the one of the product; where nothing could be measured it is all there is.
fn dispersion(case: &Case, measured: Option<Dispersion>) -> Outputs {
    assert_eq!(case.number("floor"), 1.0);
    let measured = measured.unwrap_or(Dispersion { raw: 0.0 });
    named([("raw", written(measured.raw)), ("dispersion", written(measured.factor()))])
}
