//! The anchors, against the libraries they are known from.

use serde_json::{Value, json};
use tidegate_trials::anchors::betting::{Combine, Hedge, hedged_betting_cs, hedged_capital};
use tidegate_trials::anchors::bounded_means;
use tidegate_trials::anchors::calibrators::{Calibrator, p_to_e};
use tidegate_trials::anchors::counts::multinomial_dirichlet;
use tidegate_trials::anchors::effects;
use tidegate_trials::anchors::group_sequential::{Spending, lan_demets_bounds, peeking_inflation};
use tidegate_trials::anchors::mixtures::{
    BetaBinomialMixture, GammaExponentialMixture, GammaPoissonMixture, Mixture, NormalMixture,
};
use tidegate_trials::anchors::proportions::{
    BetaPrior, bernoulli_cs_howard, beta_binomial_cs, beta_binomial_log_e,
};
use tidegate_trials::anchors::quantiles::{Quantile, quantile_ab_p_value, quantile_cs_fixed};
use tidegate_trials::anchors::sprt::{
    Errors, NormalMean, Verdict, msprt_normal, wald_sprt_bernoulli,
};
use tidegate_trials::anchors::stitching::{
    Epochs, double_stitching, empirical_process_lil, poly_stitching,
};
use tidegate_trials::anchors::vendors::{ArmMoments, gavi_z_bound, statsig_z_bound};
use tidegate_trials::anchors::{Interval, Sides};

use crate::vectors::{Case, Table, check, numbers, written as output, written_all as outputs};

/// Methods that serve for comparison.
pub(crate) const TABLE: Table = &[
    ("anytime_valid_t", anytime_valid_t),
    ("asymptotic_cs_margin", asymptotic_cs_margin),
    ("bernoulli_cs_howard", bernoulli_howard),
    ("beta_binomial_cs", beta_binomial_sequence),
    ("beta_binomial_log_e", beta_binomial_evidence),
    ("beta_binomial_mixture", beta_binomial_mixture),
    ("conjugate_empirical_bernstein_lower", conjugate_empirical_bernstein),
    ("double_stitching", double_stitched),
    ("empirical_bernstein_cs", empirical_bernstein),
    ("empirical_process_lil", empirical_process),
    ("gamma_exponential_mixture", gamma_exponential_mixture),
    ("gamma_poisson_mixture", gamma_poisson_mixture),
    ("gavi_z_bound", gavi),
    ("hedged_betting_cs", hedged_betting),
    ("hedged_capital", hedged),
    ("hoeffding_cs", hoeffding),
    ("lan_demets_bounds", lan_demets),
    ("msprt_normal", msprt),
    ("multinomial_dirichlet", multinomial),
    ("normal_mixture", normal_mixture),
    ("normal_mixture_on_effect", normal_mixture_on_effect),
    ("p_to_e", calibrated),
    ("peeking_inflation", peeking),
    ("poly_stitching", poly_stitched),
    ("quantile_ab_p_value", quantile_ab),
    ("quantile_cs_fixed", quantile_sequence),
    ("statsig_z_bound", statsig),
    ("wald_sprt_bernoulli", wald),
];

#[test]
fn every_anchor_gives_the_numbers_of_an_independent_implementation() {
    check(TABLE);
}

fn sides(case: &Case) -> Sides {
    if case.flag("one_sided") { Sides::One } else { Sides::Two }
}

fn mixture(case: &Case, mixture: &impl Mixture) -> Value {
    let (s, v) = (case.number("s"), case.number("v"));
    json!({
        "bound": output(mixture.bound(v, case.number("alpha"))),
        "log_mixture_at_s": output(mixture.log_value(s, v)),
    })
}

fn interval(interval: Interval) -> Value {
    json!({ "low": output(interval.low), "high": output(interval.high) })
}

fn intervals(case: &Case, sequence: &[Interval]) -> Value {
    let chosen = case.at(sequence);
    json!({
        "low": outputs(chosen.iter().map(|interval| interval.low)),
        "high": outputs(chosen.iter().map(|interval| interval.high)),
    })
}

fn epochs(case: &Case) -> Epochs {
    Epochs { s: case.number("s"), eta: case.number("eta") }
}

fn quantile(case: &Case) -> Quantile {
    Quantile {
        probability: case.number("quantile"),
        t_opt: case.number("t_opt"),
        alpha_opt: case.number("alpha_opt"),
    }
}

fn hedge(case: &Case) -> Hedge {
    Hedge {
        alpha: case.number("alpha"),
        theta: case.number("theta"),
        trunc_scale: case.number("trunc_scale"),
    }
}

fn anytime_valid_t(case: &Case) -> Value {
    let log_e = effects::anytime_valid_t(
        case.number("t_squared"),
        case.number("nu"),
        case.number("n"),
        case.number("g"),
    );
    json!({ "log_e": output(log_e) })
}

fn asymptotic_cs_margin(case: &Case) -> Value {
    let (t, sd) = (case.number("t"), case.number("sd"));
    let got = effects::asymptotic_cs_margin(t, sd, case.number("alpha"), case.number("t_opt"));
    json!({ "rho2": output(got.rho2), "margin": output(got.margin) })
}

fn bernoulli_howard(case: &Case) -> Value {
    let (t_opt, alpha_opt) = (case.number("t_opt"), case.number("alpha_opt"));
    interval(bernoulli_cs_howard(
        case.number("k"),
        case.number("n"),
        case.number("alpha"),
        t_opt,
        alpha_opt,
    ))
}

fn beta_binomial_sequence(case: &Case) -> Value {
    let prior = case.list("prior");
    let prior = BetaPrior { a: prior[0], b: prior[1] };
    intervals(case, &beta_binomial_cs(&case.list("x"), case.number("alpha"), prior))
}

fn beta_binomial_evidence(case: &Case) -> Value {
    let prior = BetaPrior { a: case.number("a"), b: case.number("b") };
    json!({ "log_e": output(beta_binomial_log_e(case.number("k"), case.number("n"), case.number("p0"), prior)) })
}

fn beta_binomial_mixture(case: &Case) -> Value {
    let (g, h) = (case.number("g"), case.number("h"));
    let tuned =
        BetaBinomialMixture::new(case.number("v_opt"), case.number("alpha_opt"), g, h, sides(case));
    mixture(case, &tuned)
}

fn conjugate_empirical_bernstein(case: &Case) -> Value {
    let (alpha, v_opt) = (case.number("alpha_argument"), case.number("v_opt"));
    let low = bounded_means::conjugate_empirical_bernstein_lower(&case.list("x"), alpha, v_opt);
    json!({ "low": outputs(case.at(&low)) })
}

fn double_stitched(case: &Case) -> Value {
    let (quantile, t, t_opt) = (case.number("quantile"), case.number("t"), case.number("t_opt"));
    let bound = double_stitching(
        quantile,
        t,
        t_opt,
        case.number("alpha"),
        case.number("delta"),
        epochs(case),
    );
    json!({ "bound": output(bound) })
}

fn empirical_bernstein(case: &Case) -> Value {
    let (alpha, truncation) = (case.number("alpha"), case.number("truncation"));
    intervals(case, &bounded_means::empirical_bernstein_cs(&case.list("x"), alpha, truncation))
}

fn empirical_process(case: &Case) -> Value {
    let (t, t_min) = (case.number("t"), case.number("t_min"));
    json!({ "bound": output(empirical_process_lil(t, t_min, case.number("alpha"), case.number("A"))) })
}

fn gamma_exponential_mixture(case: &Case) -> Value {
    let (v_opt, alpha_opt) = (case.number("v_opt"), case.number("alpha_opt"));
    mixture(case, &GammaExponentialMixture::new(v_opt, alpha_opt, case.number("c")))
}

fn gamma_poisson_mixture(case: &Case) -> Value {
    let (v_opt, alpha_opt) = (case.number("v_opt"), case.number("alpha_opt"));
    mixture(case, &GammaPoissonMixture::new(v_opt, alpha_opt, case.number("c")))
}

fn gavi(case: &Case) -> Value {
    let got = gavi_z_bound(case.number("n"), case.number("n_tune"), case.number("alpha"));
    json!({ "rho": output(got.tuning), "z": output(got.z) })
}

fn hedged_betting(case: &Case) -> Value {
    assert!(!case.flag("running_intersection"), "{}: not implemented", case.id);
    intervals(case, &hedged_betting_cs(&case.list("x"), hedge(case), case.whole("breaks")))
}

fn hedged(case: &Case) -> Value {
    let combine = if case.word("combine") == "max" { Combine::Max } else { Combine::Sum };
    let log_capital = hedged_capital(&case.list("x"), case.number("m"), hedge(case), combine);
    json!({ "log_capital": outputs(case.at(&log_capital)) })
}

fn hoeffding(case: &Case) -> Value {
    let (alpha, truncation) = (case.number("alpha"), case.number("truncation"));
    intervals(case, &bounded_means::hoeffding_cs(&case.list("x"), alpha, truncation))
}

fn lan_demets(case: &Case) -> Value {
    let spending = match case.word("spending") {
        "obf" => Spending::ObrienFleming,
        "pocock" => Spending::Pocock,
        _ => Spending::Power { phi: case.number("phi") },
    };
    json!({ "z": outputs(lan_demets_bounds(case.whole("looks"), case.number("alpha_one_sided"), spending)) })
}

fn msprt(case: &Case) -> Value {
    let mean = NormalMean {
        theta0: case.number("theta0"),
        sigma: case.number("sigma"),
        tau: case.number("tau"),
    };
    json!({ "log_e": outputs(case.at(&msprt_normal(&case.list("x"), mean))) })
}

fn multinomial(case: &Case) -> Value {
    let counts = case.value("counts_per_look").as_array().expect("looks");
    let looks: Vec<Vec<f64>> = counts.iter().map(numbers).collect();
    let got = multinomial_dirichlet(&looks, &case.list("theta0"), case.number("k"));
    json!({
        "log_e": outputs(got.iter().map(|look| look.log_e)),
        "sequential_p": outputs(got.iter().map(|look| look.sequential_p)),
    })
}

fn normal_mixture(case: &Case) -> Value {
    mixture(case, &NormalMixture::new(case.number("v_opt"), case.number("alpha_opt"), sides(case)))
}

fn normal_mixture_on_effect(case: &Case) -> Value {
    let got = effects::normal_mixture_on_effect(
        case.number("z"),
        case.number("information"),
        case.number("tau"),
    );
    json!({ "log_e_two_sided": output(got.two_sided), "log_e_one_sided": output(got.one_sided) })
}

fn calibrated(case: &Case) -> Value {
    let calibrator = match case.word("calibrator") {
        "averaged" => Calibrator::Averaged,
        _ => Calibrator::Power { kappa: case.number("kappa") },
    };
    json!({ "e": outputs(case.list("p").into_iter().map(|p| p_to_e(p, calibrator))) })
}

fn peeking(case: &Case) -> Value {
    let got = peeking_inflation(case.whole("looks"), case.number("alpha"));
    json!({ "two_sided": output(got.two_sided), "one_sided": output(got.one_sided) })
}

fn poly_stitched(case: &Case) -> Value {
    let (v, v_min) = (case.number("v"), case.number("v_min"));
    json!({ "bound": output(poly_stitching(v, v_min, case.number("alpha"), case.number("c"), epochs(case))) })
}

fn quantile_ab(case: &Case) -> Value {
    json!({ "p": output(quantile_ab_p_value(&case.list("a"), &case.list("b"), &quantile(case))) })
}

fn quantile_sequence(case: &Case) -> Value {
    let got = quantile_cs_fixed(&case.list("x"), &quantile(case), case.number("alpha"));
    json!({
        "lower_count_radius": output(got.lower_count_radius),
        "upper_count_radius": output(got.upper_count_radius),
        "low": output(got.interval.low),
        "high": output(got.interval.high),
    })
}

fn statsig(case: &Case) -> Value {
    let treated = ArmMoments { n: case.number("n_treat"), variance: case.number("var_treat") };
    let control = ArmMoments { n: case.number("n_control"), variance: case.number("var_control") };
    let sides = if case.flag("two_sided") { Sides::Two } else { Sides::One };
    let got = statsig_z_bound(treated, control, case.number("alpha"), sides);
    json!({ "tau": output(got.tuning), "z": output(got.z) })
}

fn wald(case: &Case) -> Value {
    let errors = Errors { alpha: case.number("alpha"), beta: case.number("beta") };
    let got = wald_sprt_bernoulli(
        case.number("k"),
        case.number("n"),
        case.number("p0"),
        case.number("p1"),
        errors,
    );
    let decision = match got.verdict {
        Verdict::Reject => "reject",
        Verdict::Accept => "accept",
        Verdict::Continue => "continue",
    };
    json!({
        "llr": output(got.llr),
        "upper": output(got.upper),
        "lower": output(got.lower),
        "decision": decision,
    })
}
