//! Sequential probability ratio tests.

/// Where a sequential test stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The null hypothesis is rejected.
    Reject,
    /// The null hypothesis is accepted.
    Accept,
    /// More observations are needed.
    Continue,
}

/// The errors that a sequential test may make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Tolerated probability of rejecting a true null hypothesis.
    pub alpha: f64,
    /// Tolerated probability of accepting a false one.
    pub beta: f64,
}

/// State of Wald's test after some observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprt {
    /// Logarithm of the likelihood ratio of the alternative to the null hypothesis.
    pub llr: f64,
    /// At this and above, the null hypothesis is rejected: `ln((1-beta)/alpha)`.
    pub upper: f64,
    /// At this and below, it is accepted: `ln(beta/(1-alpha))`.
    pub lower: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// Wald's test of the proportion `p0` against `p1`, after `k` successes in `n` (Wald 1945).
///
/// `llr = k ln(p1/p0) + (n-k) ln((1-p1)/(1-p0))`; both proportions in (0, 1).
pub fn wald_sprt_bernoulli(k: f64, n: f64, p0: f64, p1: f64, errors: Errors) -> Sprt {
    let llr = k * (p1 / p0).ln() + (n - k) * ((-p1).ln_1p() - (-p0).ln_1p());
    let upper = ((1.0 - errors.beta) / errors.alpha).ln();
    let lower = (errors.beta / (1.0 - errors.alpha)).ln();
    let verdict = if llr >= upper {
        Verdict::Reject
    } else if llr <= lower {
        Verdict::Accept
    } else {
        Verdict::Continue
    };
    Sprt { llr, upper, lower, verdict }
}

/// A normal mean, and what else it might be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalMean {
    /// The mean under the null hypothesis.
    pub theta0: f64,
    /// Known standard deviation of one observation.
    pub sigma: f64,
    /// Standard deviation of the mean under the alternative, around `theta0`.
    pub tau: f64,
}

/// Mixture sequential probability ratio test of a normal mean: `log_e` after each observation.
///
/// Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70 (2022):
/// `ln(sigma^2/(sigma^2 + n tau^2))/2 + n^2 tau^2 (mean - theta0)^2 / (2 sigma^2 (sigma^2 + n tau^2))`.
pub fn msprt_normal(x: &[f64], mean: NormalMean) -> Vec<f64> {
    let (sigma2, tau2) = (mean.sigma.powi(2), mean.tau.powi(2));
    let mut sum = 0.0;
    let after = |(index, observed): (usize, &f64)| {
        sum += observed - mean.theta0;
        let spread = sigma2 + (index + 1) as f64 * tau2;
        0.5 * (sigma2 / spread).ln() + tau2 * sum * sum / (2.0 * sigma2 * spread)
    };
    x.iter().enumerate().map(after).collect()
}
