//! Sequential bounds as products for experimentation document them, in units of the standard error.

use super::Sides;
use super::special::normal_upper_quantile;

/// A bound in units of the standard error, and what the product tuned for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZBound {
    /// The tuning: Eppo's `rho`, Statsig's `tau`.
    pub tuning: f64,
    /// The estimate differs from nothing when it is more standard errors away than this.
    pub z: f64,
}

/// Two-sided bound of Eppo and GrowthBook ("GAVI", generalised always-valid inference) at a total sample of `n`.
///
/// After Howard et al. (2021), as Eppo documents it: `sqrt((n+rho)/n ln((n+rho)/(rho alpha^2)))` with
/// `rho = N/(ln ln(e/alpha^2) - 2 ln alpha)` for a sample `N = n_tune` at which it is tightest.
pub fn gavi_z_bound(n: f64, n_tune: f64, alpha: f64) -> ZBound {
    let nats = -2.0 * alpha.ln();
    let rho = n_tune / (nats.ln_1p() + nats);
    let z = ((n + rho) / n * (((n + rho) / rho).ln() + nats)).sqrt();
    ZBound { tuning: rho, z }
}

/// What is known of one arm's metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmMoments {
    /// Number of units.
    pub n: f64,
    /// Variance of one unit.
    pub variance: f64,
}

/// Bound of Statsig's sequential testing, as documented (a mixture sequential probability ratio test).
///
/// `sqrt((V+tau)/tau (-2 ln a - ln(V/(V+tau))))` with `V = v1/n1 + v0/n0`, `tau = z_a^2 (v1+v0)/(n1+n0)` and
/// `a = alpha/2` two-sided, `alpha` one-sided. `tau` shrinks as fast as `V`, so that the bound stays the same at every
/// sample size: it is crossed some day.
pub fn statsig_z_bound(
    treated: ArmMoments,
    control: ArmMoments,
    alpha: f64,
    sides: Sides,
) -> ZBound {
    let level = match sides {
        Sides::One => alpha,
        Sides::Two => alpha / 2.0,
    };
    let v = treated.variance / treated.n + control.variance / control.n;
    let z_level = normal_upper_quantile(level);
    let tau = z_level * z_level * (treated.variance + control.variance) / (treated.n + control.n);
    let z = ((v + tau) / tau * (-2.0 * level.ln() - (v / (v + tau)).ln())).sqrt();
    ZBound { tuning: tau, z }
}
