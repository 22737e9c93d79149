//! Boundaries stitched from straight lines: they grow like the law of the iterated logarithm, and have closed forms.

use super::search::{crossing, minimum};
use super::special::zeta;

/// How epochs are laid out and alpha is divided among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epochs {
    /// Alpha of the epoch `k` is proportional to `k^-s`; `s > 1`, usually 1.4.
    pub s: f64,
    /// Each epoch is this many times as long as the one before; more than 1, usually 2.
    pub eta: f64,
}

impl Epochs {
    /// `(eta^(1/4) + eta^(-1/4)) / sqrt 2`: what a straight line loses on the curve within an epoch.
    fn k1(self) -> f64 {
        (self.eta.powf(0.25) + self.eta.powf(-0.25)) / 2.0_f64.sqrt()
    }

    /// `(sqrt eta + 1) / 2`: the same for the heavier tail of a sub-gamma process.
    fn k2(self) -> f64 {
        f64::midpoint(self.eta.sqrt(), 1.0)
    }

    /// `sqrt(k1^2 v l + (k2 c l)^2) + k2 c l`: the boundary at intrinsic time `v` when `ell` is due, for scale `c`.
    fn boundary(self, v: f64, ell: f64, c: f64) -> f64 {
        let tail = self.k2() * c * ell;
        (self.k1().powi(2) * v * ell + tail * tail).sqrt() + tail
    }
}

/// Polynomial stitching for a sub-gamma process of scale `c` (Howard, Ramdas, McAuliffe and Sekhon 2021, Theorem 1).
///
/// `sqrt(k1^2 v l + k2^2 c^2 l^2) + k2 c l` with `l = s ln ln(eta v/v_min) + ln(zeta(s)/(alpha ln^s eta))`. Intrinsic
/// times below `v_min` count as `v_min`.
pub fn poly_stitching(v: f64, v_min: f64, alpha: f64, c: f64, epochs: Epochs) -> f64 {
    let Epochs { s, eta } = epochs;
    let time = v.max(v_min);
    let ell = s * (eta * time / v_min).ln().ln() + (zeta(s) / (alpha * eta.ln().powf(s))).ln();
    epochs.boundary(time, ell, c)
}

/// For every quantile at once and every time: by how much the count below a quantile departs from `quantile * t`.
///
/// Double stitching over times and quantiles (Howard and Ramdas, "Sequential estimation of quantiles with applications
/// to A/B testing and best-arm identification", Bernoulli 28, 2022, Theorem 3). `t_opt` is the time from which on the
/// boundary is tight (a whole number), `delta > 0` is the fineness of the grid of quantiles, usually 1/2.
pub fn double_stitching(
    quantile: f64,
    t: f64,
    t_opt: f64,
    alpha: f64,
    delta: f64,
    epochs: Epochs,
) -> f64 {
    let Epochs { s, eta } = epochs;
    let time = t.max(t_opt);
    let logit = (quantile / (1.0 - quantile)).ln();
    let nearest = if quantile >= 0.5 {
        quantile
    } else {
        let shifted = logit + 2.0 * delta * (t_opt * eta / time).sqrt();
        (1.0 / (1.0 + (-shifted).exp())).min(0.5)
    };
    let variance = nearest * (1.0 - nearest);
    let grid_index = (time / t_opt).sqrt() * logit.abs() / (2.0 * delta) + 1.0;
    let all = 2.0 * zeta(s) * (2.0 * zeta(s) + 1.0);
    let ell = s * (eta * time / t_opt).ln().ln()
        + s * grid_index.ln()
        + (all / (alpha * eta.ln().powf(s))).ln();
    let scale = (1.0 - 2.0 * quantile) / 3.0;
    delta * (eta * time * variance / t_opt).sqrt() + epochs.boundary(variance * time, ell, scale)
}

/// For every time from `t_min` on: by how much an empirical distribution function is off anywhere.
///
/// `A sqrt((ln(1 + ln(t/t_min)) + C)/t)` with the least `C` for which the level holds (Howard and Ramdas 2022,
/// Theorem 2). `a > 1/sqrt 2`, usually 0.85; infinite before `t_min >= 1`.
pub fn empirical_process_lil(t: f64, t_min: f64, alpha: f64, a: f64) -> f64 {
    if t < t_min {
        return f64::INFINITY;
    }
    a * (((t / t_min).ln().ln_1p() + least_constant(alpha, a)) / t).sqrt()
}

/// The least `C` with which [`empirical_process_lil`] is exceeded with probability `alpha` at most.
fn least_constant(alpha: f64, a: f64) -> f64 {
    /// `exp(-C)` bounds the probability roughly; no double is as small as what this leaves.
    const LARGEST: f64 = 1000.0;
    crossing(0.0, LARGEST, |c| crossing_probability(c, a) < alpha)
}

/// Bound on the probability that [`empirical_process_lil`] with the constant `c` is ever exceeded.
///
/// `4 exp(-g C) (1 + 1/((g-1) ln eta))` with `g = 2/eta (A - sqrt(2(eta-1)/C))^2`, at the best `eta > 1` with `g > 1`.
fn crossing_probability(c: f64, a: f64) -> f64 {
    let largest_eta =
        crossing(1.0, 2.0 * a * a, |eta| (eta / 2.0).sqrt() + (2.0 * (eta - 1.0) / c).sqrt() > a);
    let probability = |eta: f64| {
        let g = 2.0 / eta * (a - (2.0 * (eta - 1.0) / c).sqrt()).powi(2);
        if g <= 1.0 {
            f64::INFINITY
        } else {
            4.0 * (-g * c).exp() * (1.0 + 1.0 / ((g - 1.0) * eta.ln()))
        }
    };
    minimum(1.0, largest_eta, probability).1
}
