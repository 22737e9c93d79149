//! Every method of the reference vectors is answered by exactly one runner.

use std::collections::BTreeMap;

use crate::{TABLES, runner, vectors::cases};

/// Cases in the file.
const CASES: usize = 286;

/// Methods without a runner in this table yet. A table that brings one takes it off this list.
const PENDING: &[&str] = &[
    "anytime_valid_t",
    "asymptotic_cs_margin",
    "bernoulli_cs_howard",
    "beta_binomial_cs",
    "beta_binomial_log_e",
    "beta_binomial_mixture",
    "conjugate_empirical_bernstein_lower",
    "double_stitching",
    "empirical_bernstein_cs",
    "empirical_process_lil",
    "gamma_exponential_mixture",
    "gamma_poisson_mixture",
    "gavi_z_bound",
    "hedged_betting_cs",
    "hedged_capital",
    "hoeffding_cs",
    "lan_demets_bounds",
    "msprt_normal",
    "multinomial_dirichlet",
    "normal_mixture",
    "normal_mixture_on_effect",
    "p_to_e",
    "peeking_inflation",
    "poly_stitching",
    "quantile_ab_p_value",
    "quantile_cs_fixed",
    "statsig_z_bound",
    "wald_sprt_bernoulli",
];

#[test]
fn every_case_has_a_runner_or_is_known_to_wait_for_one() {
    let mut counts = BTreeMap::<String, usize>::new();
    for case in cases() {
        *counts.entry(case.method).or_default() += 1;
    }
    for method in counts.keys() {
        let tables = TABLES.iter().filter(|table| table.iter().any(|(name, _)| name == method));
        assert!(tables.count() <= 1, "{method} has several runners");
        let pending = PENDING.contains(&method.as_str());
        assert!(runner(method).is_some() != pending, "{method}: pending is {pending}");
    }
    let checked = counts.iter().filter(|(method, _)| runner(method).is_some());
    let checked: usize = checked.map(|(_, count)| count).sum();
    println!("{checked} of {CASES} cases have a runner");
    assert_eq!(counts.values().sum::<usize>(), CASES);
}
