//! Counts of several kinds of events whose shares are asked about.

use super::special::ln_beta;

/// State of a sequential multinomial test after a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultinomialLook {
    /// Evidence against the shares.
    pub log_e: f64,
    /// Always-valid p-value: the least `min(1, exp(-log_e))` so far.
    pub sequential_p: f64,
}

/// Dirichlet-multinomial Bayes factor against the shares `theta0`, after each look.
///
/// Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, with the prior
/// `Dirichlet(k theta0)`. With `alpha_i = k theta0_i` and total counts `n_i`:
/// `sum lnG(alpha_i+n_i) - lnG(sum alpha + n) - sum lnG(alpha_i) + lnG(sum alpha) - sum n_i ln theta0_i`.
/// A look holds one count for each share; shares are positive and add up to 1.
pub fn multinomial_dirichlet(looks: &[Vec<f64>], theta0: &[f64], k: f64) -> Vec<MultinomialLook> {
    let mut totals = vec![0.0; theta0.len()];
    let mut sequential_p = 1.0_f64;
    let after = |look: &Vec<f64>| {
        for (total, count) in totals.iter_mut().zip(look) {
            *total += count;
        }
        let log_e = ln_bayes_factor(&totals, theta0, k);
        sequential_p = sequential_p.min((-log_e).exp());
        MultinomialLook { log_e, sequential_p }
    };
    looks.iter().map(after).collect()
}

/// The Bayes factor for total counts, share by share.
///
/// Written with the beta function of one share and all that come after it, which is the same as the formula with gamma
/// functions.
fn ln_bayes_factor(totals: &[f64], theta0: &[f64], k: f64) -> f64 {
    let mut prior_left = k * theta0.iter().sum::<f64>();
    let mut count_left: f64 = totals.iter().sum();
    let mut log_e = 0.0;
    for (index, (count, share)) in totals.iter().zip(theta0).enumerate() {
        let alpha = k * share;
        log_e -= count * share.ln();
        if index + 1 < theta0.len() {
            (prior_left, count_left) = (prior_left - alpha, count_left - count);
            log_e += ln_beta(alpha + count, prior_left + count_left) - ln_beta(alpha, prior_left);
        }
    }
    log_e
}
