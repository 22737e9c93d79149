//! Reference vectors of classical tests and intervals: those that reports show, and those that are
//! here for comparison.

use serde_json::Value;
use tidegate_core::health::describe::{
    Interval, KsMethod, Moments, Proportion, Tail, Variance, chi_square, jensen_shannon,
    kolmogorov_smirnov, newcombe_difference, two_proportion_z, welch_t, wilson_interval,
};
use tidegate_trials::anchors::classical::{
    PoissonMethod, RankMethod, agresti_coull, binomial_test, chi_square_fit, clopper_pearson,
    fisher_exact, g_test, hodges_lehmann, jeffreys, kl_divergence, mann_whitney_u, percentile_r7,
    poisson_two_rates,
};

use crate::vectors::{Case, Outputs, Table, check, named, written};

/// What reports show.
pub(crate) const SHOWN: Table = &[
    ("chi2_contingency", chi2_contingency),
    ("jensen_shannon", jensen_shannon_case),
    ("ks_two_sample", ks_two_sample),
    ("newcombe_difference", newcombe),
    ("two_proportion_z", two_proportions),
    ("welch_t", welch),
    ("wilson_interval", |case| {
        interval(wilson_interval(proportion(case, "k", "n"), alpha(case)).unwrap())
    }),
];

/// What is here for comparison.
pub(crate) const COMPARED: Table = &[
    ("agresti_coull_interval", |case| interval(with_counts(case, agresti_coull))),
    ("binomial_test", binomial),
    ("chi2_goodness_of_fit", goodness_of_fit),
    ("clopper_pearson_interval", |case| interval(with_counts(case, clopper_pearson))),
    ("fisher_exact", fisher),
    ("g_test", g),
    ("hodges_lehmann", |case| {
        named([("shift", written(hodges_lehmann(&case.list("x"), &case.list("y"))))])
    }),
    ("jeffreys_interval", |case| interval(with_counts(case, jeffreys))),
    ("kl_divergence", kullback_leibler),
    ("mann_whitney_u", mann_whitney),
    ("percentile_r7", |case| {
        named([("value", written(percentile_r7(&case.list("x"), case.number("percentile"))))])
    }),
    ("poisson_two_rates", poisson),
];

#[test]
fn what_reports_show_is_what_independent_libraries_say() {
    check(SHOWN);
}

#[test]
fn classical_anchors_are_what_independent_libraries_say() {
    check(COMPARED);
}

fn alpha(case: &Case) -> f64 {
    case.number("alpha")
}

fn proportion(case: &Case, events: &str, trials: &str) -> Proportion {
    Proportion { events: case.number(events), trials: case.number(trials) }
}

fn with_counts(case: &Case, of: fn(f64, f64, f64) -> Interval) -> Interval {
    of(case.number("k"), case.number("n"), alpha(case))
}

fn interval(interval: Interval) -> Outputs {
    named([("low", written(interval.low)), ("high", written(interval.high))])
}

fn tail(case: &Case) -> Tail {
    match case.word("alternative") {
        "two-sided" => Tail::TwoSided,
        "greater" | "larger" => Tail::Greater,
        "less" | "smaller" => Tail::Less,
        other => panic!("no alternative {other}"),
    }
}

fn newcombe(case: &Case) -> Outputs {
    let (first, second) = (proportion(case, "k1", "n1"), proportion(case, "k0", "n0"));
    interval(newcombe_difference(first, second, alpha(case)).unwrap())
}

fn two_proportions(case: &Case) -> Outputs {
    let (first, second) = (proportion(case, "k1", "n1"), proportion(case, "k0", "n0"));
    let variance = if case.flag("pooled") { Variance::Pooled } else { Variance::Unpooled };
    let null = case.number("null_difference");
    let test = two_proportion_z(first, second, null, variance, tail(case)).unwrap();
    named([("z", written(test.z)), ("p", written(test.p))])
}

fn welch(case: &Case) -> Outputs {
    let moments = |mean: &str, deviation: &str, samples: &str| Moments {
        mean: case.number(mean),
        deviation: case.number(deviation),
        samples: case.number(samples),
    };
    let (first, second) = (moments("mean1", "sd1", "n1"), moments("mean0", "sd0", "n0"));
    let test = welch_t(first, second, tail(case), case.number("ci_level")).unwrap();
    named([
        ("t", written(test.t)),
        ("df", written(test.degrees)),
        ("p", written(test.p)),
        ("ci_low", written(test.difference.low)),
        ("ci_high", written(test.difference.high)),
    ])
}

fn ks_two_sample(case: &Case) -> Outputs {
    let method = match case.word("method") {
        "exact" => KsMethod::Exact,
        "asymp" => KsMethod::Asymptotic,
        other => panic!("no method {other}"),
    };
    let test = kolmogorov_smirnov(&case.list("x"), &case.list("y"), tail(case), method).unwrap();
    named([("d", written(test.distance)), ("p", written(test.p))])
}

fn chi2_contingency(case: &Case) -> Outputs {
    let table = case.rows("table");
    let rows: Vec<&[f64]> = table.iter().map(Vec::as_slice).collect();
    let test = chi_square(&rows, case.flag("yates")).unwrap();
    named([
        ("statistic", written(test.statistic)),
        ("p", written(test.p)),
        ("dof", Value::from(test.degrees)),
    ])
}

fn jensen_shannon_case(case: &Case) -> Outputs {
    let divergence = jensen_shannon(&case.list("p"), &case.list("q")).unwrap();
    named([
        ("divergence_nats", written(divergence.nats)),
        ("divergence_bits", written(divergence.bits())),
        ("distance_nats", written(divergence.distance())),
    ])
}

fn kullback_leibler(case: &Case) -> Outputs {
    let (p, q) = (case.list("p"), case.list("q"));
    named([
        ("kl_nats", written(kl_divergence(&p, &q))),
        ("reverse_kl_nats", written(kl_divergence(&q, &p))),
    ])
}

fn binomial(case: &Case) -> Outputs {
    let (events, trials) = (case.whole("k").into(), case.whole("n").into());
    named([("p", written(binomial_test(events, trials, case.number("p0"), tail(case))))])
}

fn goodness_of_fit(case: &Case) -> Outputs {
    let fit = chi_square_fit(&case.list("observed"), &case.list("weights"));
    named([("statistic", written(fit.statistic)), ("p", written(fit.p))])
}

fn g(case: &Case) -> Outputs {
    let fit = g_test(&case.rows("table"));
    named([
        ("statistic", written(fit.statistic)),
        ("p", written(fit.p)),
        ("dof", Value::from(fit.degrees)),
    ])
}

fn fisher(case: &Case) -> Outputs {
    let rows = case.rows("table");
    let row = |row: &[f64]| [row[0] as u64, row[1] as u64];
    let (odds, p) = fisher_exact([row(&rows[0]), row(&rows[1])], tail(case));
    named([("odds_ratio", written(odds)), ("p", written(p))])
}

fn poisson(case: &Case) -> Outputs {
    let method = match case.word("method") {
        "exact-cond" => PoissonMethod::Conditional,
        "sqrt" => PoissonMethod::SquareRoot,
        "etest-score" => PoissonMethod::ScoreExact,
        other => panic!("no method {other}"),
    };
    assert_eq!(tail(case), Tail::Greater);
    let counts = [case.whole("count1").into(), case.whole("count0").into()];
    let exposures = [case.number("exposure1"), case.number("exposure0")];
    named([("p", written(poisson_two_rates(counts, exposures, case.number("null_ratio"), method)))])
}

fn mann_whitney(case: &Case) -> Outputs {
    let method = match case.word("method") {
        "exact" => RankMethod::Exact,
        "asymptotic" => RankMethod::Normal { continuity: case.flag("continuity") },
        other => panic!("no method {other}"),
    };
    let (u1, p) = mann_whitney_u(&case.list("x"), &case.list("y"), method, tail(case));
    named([("u1", written(u1)), ("p", written(p))])
}
