//! Kayenta's Mann-Whitney judge against a port of it.

use serde_json::json;
use tidegate_core::health::kayenta::{
    Classified, Config, Direction, Effect, Interval, Roots, classify,
};

use crate::vectors::{Case, Outputs, Table, cases, check, named};

pub(crate) const TABLE: Table = &[("kayenta_mann_whitney", mann_whitney)];

#[test]
fn kayenta_s_judge_gives_what_a_port_of_it_gives() {
    check(TABLE);
}

fn mann_whitney(case: &Case) -> Outputs {
    assert_eq!(case.number("root_tolerance"), 1e-4);
    let found = classified(case, Roots::Brent);
    let Interval { low, high, estimate } = found.interval.unwrap();
    named([
        ("ci_low", json!(low)),
        ("ci_high", json!(high)),
        ("estimate", json!(estimate)),
        ("mean_ratio", json!(found.mean_ratio)),
        ("classification", json!(found.label.to_string())),
    ])
}

fn classified(case: &Case, roots: Roots) -> Classified {
    let effect = Effect {
        allowed_increase: case.number("allowed_increase"),
        allowed_decrease: case.number("allowed_decrease"),
        ..Effect::mean_ratio()
    };
    let config = Config {
        direction: match case.word("direction") {
            "increase" => Direction::Increase,
            "decrease" => Direction::Decrease,
            _ => Direction::Either,
        },
        effect,
        tolerance: case.number("tolerance"),
        confidence: case.number("confidence"),
        roots,
        ..Config::default()
    };
    classify(&config, &case.list("control"), &case.list("experiment"))
}

/// R's root search, whose tolerance is Kayenta's, ends within 2e-4 of Kayenta's intervals; so do exact
/// ones.
#[test]
fn exact_intervals_are_those_of_the_search_to_within_its_tolerance() {
    for case in cases().iter().filter(|case| case.method == "kayenta_mann_whitney") {
        let [exact, searched] =
            [Roots::Exact, Roots::Brent].map(|roots| classified(case, roots).interval.unwrap());
        for (exact, searched) in [(exact.low, searched.low), (exact.high, searched.high)] {
            assert!((exact - searched).abs() <= 2e-4, "{}: {exact}, {searched}", case.id);
        }
    }
}
