//! One proportion, watched as coins fall: mixtures over what else it might be.

use super::Interval;
use super::Sides;
use super::mixtures::{BetaBinomialMixture, Mixture};
use super::search::crossing;
use super::special::ln_beta;

/// A beta distribution over the proportion; both parameters are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaPrior {
    /// Successes it is worth.
    pub a: f64,
    /// Failures it is worth.
    pub b: f64,
}

impl BetaPrior {
    /// Logarithm of the probability of one sequence of `n` coins with `k` successes.
    fn ln_marginal(self, k: f64, n: f64) -> f64 {
        ln_beta(self.a + k, self.b + n - k) - ln_beta(self.a, self.b)
    }
}

/// Bayes factor of a beta mixture against the proportion `p0`, after `k` successes in `n` (Ville 1939; Robbins 1970).
///
/// `ln B(a+k, b+n-k) - ln B(a,b) - k ln p0 - (n-k) ln(1-p0)`.
pub fn beta_binomial_log_e(k: f64, n: f64, p0: f64, prior: BetaPrior) -> f64 {
    prior.ln_marginal(k, n) - ln_likelihood(k, n, p0)
}

/// The proportions that [`beta_binomial_log_e`] does not reject, after each coin of `x`, which is zero or one.
///
/// Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon (2021). Each interval stands for itself: no running intersection
/// is taken.
pub fn beta_binomial_cs(x: &[f64], alpha: f64, prior: BetaPrior) -> Vec<Interval> {
    let mut successes = 0.0;
    let after = |(index, coin): (usize, &f64)| {
        successes += coin;
        not_rejected(successes, (index + 1) as f64, alpha, prior)
    };
    x.iter().enumerate().map(after).collect()
}

/// The proportions that the beta mixture does not reject after `k` successes in `n`.
fn not_rejected(k: f64, n: f64, alpha: f64, prior: BetaPrior) -> Interval {
    let needed = prior.ln_marginal(k, n) + alpha.ln();
    let possible = |p: f64| ln_likelihood(k, n, p) > needed;
    let share = k / n;
    Interval {
        low: if k > 0.0 { crossing(0.0, share, possible) } else { 0.0 },
        high: if k < n { crossing(share, 1.0, |p| !possible(p)) } else { 1.0 },
    }
}

/// Logarithm of the probability of one sequence of `n` coins with `k` successes; no coin of a kind costs nothing.
fn ln_likelihood(k: f64, n: f64, p: f64) -> f64 {
    let part =
        |count: f64, ln_probability: f64| if count == 0.0 { 0.0 } else { count * ln_probability };
    part(k, p.ln()) + part(n - k, (-p).ln_1p())
}

/// Confidence sequence for a proportion after `k` successes in `n`, by a mixture that is tuned anew for each candidate.
///
/// Every `p` is kept whose two-sided beta-binomial mixture with `g = p`, `h = 1-p`, tuned for `t_opt` coins at level
/// `alpha_opt`, stays below `1/alpha` (Howard, Ramdas, McAuliffe and Sekhon 2021, as in their software).
pub fn bernoulli_cs_howard(k: f64, n: f64, alpha: f64, t_opt: f64, alpha_opt: f64) -> Interval {
    let rejected = |p: f64| {
        let variance = p * (1.0 - p);
        let mixture = BetaBinomialMixture::new(variance * t_opt, alpha_opt, p, 1.0 - p, Sides::Two);
        mixture.log_value((k / n - p) * n, variance * n) > -alpha.ln()
    };
    let share = k / n;
    Interval {
        low: if k > 0.0 { crossing(0.0, share, |p| !rejected(p)) } else { 0.0 },
        high: if k < n { crossing(share, 1.0, rejected) } else { 1.0 },
    }
}
