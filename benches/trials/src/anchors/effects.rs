//! An effect that is estimated with a known or estimated error: means, differences, regression coefficients.

use super::special::{lambert_w_lower, ln_normal_below};

/// Evidence of a normal mixture against "no effect", one-sided and two-sided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalEvidence {
    /// Against no effect in either direction.
    pub two_sided: f64,
    /// Against no effect upwards, by a half-normal mixture.
    pub one_sided: f64,
}

/// `log_e` of a normal mixture over the effect, which has standard deviation `tau` (Robbins 1970; Johari et al. 2022).
///
/// `z` is the estimate over its standard error, `information` is one over the square of that error. With
/// `K = 1 + tau^2 I` and `s = z sqrt(tau^2 I/K)`: `-ln(K)/2 + s^2/2`; one-sided adds `ln 2 + ln Phi(s)`.
pub fn normal_mixture_on_effect(z: f64, information: f64, tau: f64) -> NormalEvidence {
    let gained = tau * tau * information;
    let s = z * (gained / (1.0 + gained)).sqrt();
    let two_sided = -0.5 * gained.ln_1p() + 0.5 * s * s;
    NormalEvidence { two_sided, one_sided: two_sided + 2.0_f64.ln() + ln_normal_below(s) }
}

/// `log_e` of the anytime-valid t-test of one coefficient of a linear model.
///
/// Lindon, Ham, Tingley and Bojinov, "Anytime-valid linear models and regression adjusted causal inference in
/// randomized experiments" (arXiv 2210.08589). With `r = g/(g+n)`:
/// `ln(r)/2 + (nu+1)/2 (ln(1 + t^2/nu) - ln(1 + r t^2/nu))`. `nu` are the residual degrees of freedom after `n`
/// observations, `g > 0` is the precision of the mixture in observations.
pub fn anytime_valid_t(t_squared: f64, nu: f64, n: f64, g: f64) -> f64 {
    let r = g / (g + n);
    let ratio = t_squared / nu;
    0.5 * r.ln() + 0.5 * (nu + 1.0) * (ratio.ln_1p() - (r * ratio).ln_1p())
}

/// Half width of an asymptotic confidence sequence, and the tuning it had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsymptoticMargin {
    /// Squared scale of the mixture.
    pub rho2: f64,
    /// The running mean is off by more than this, at any late enough time, with probability `alpha` at most.
    pub margin: f64,
}

/// Asymptotic confidence sequence for a mean after `t` observations of standard deviation `sd`.
///
/// Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
/// sequences", Annals of Statistics 52 (2024): margin
/// `sd sqrt(2 (t rho^2 + 1) ln(sqrt(t rho^2 + 1)/alpha) / (t^2 rho^2))`, tightest at `t_opt` with
/// `rho^2 = (-W_{-1}(-alpha^2/e) - 1)/t_opt`.
pub fn asymptotic_cs_margin(t: f64, sd: f64, alpha: f64, t_opt: f64) -> AsymptoticMargin {
    let rho2 = (-lambert_w_lower(1.0 - 2.0 * alpha.ln()) - 1.0) / t_opt;
    let spread = t * rho2 + 1.0;
    let margin = sd * (2.0 * spread * (spread.sqrt() / alpha).ln() / (t * t * rho2)).sqrt();
    AsymptoticMargin { rho2, margin }
}
