//! Mixture supermartingales and the curved boundaries they give: confidence sequences for sums.
//!
//! All from Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
//! Annals of Statistics 49 (2021); propositions are numbered as the authors' software, `confseq`, quotes them.
//!
//! A process is a sum `s` of centred observations with its intrinsic time `v`, which is the variance it has gathered.
//! For each small `lambda`, `exp(lambda s - psi(lambda) v)` is a supermartingale. Mixing over `lambda` keeps that, and
//! by Ville's inequality the mixture ever exceeds `1/alpha` with a probability of at most `alpha`.

use statrs::function::gamma::{checked_gamma_lr, checked_gamma_ur};

use super::Sides;
use super::search::crossing;
use super::special::{ln_beta, ln_beta_lower, ln_normal_below};

/// A mixture supermartingale: evidence that a sum is too large for its intrinsic time.
pub trait Mixture {
    /// Logarithm of the mixture at the sum `s` and the intrinsic time `v > 0`.
    fn log_value(&self, s: f64, v: f64) -> f64;

    /// The largest sum that can occur at intrinsic time `v`.
    fn largest_sum(&self, _v: f64) -> f64 {
        f64::INFINITY
    }

    /// The sum that is ever exceeded with probability `alpha` at most.
    ///
    /// Where even the largest sum is not evidence enough, it is that sum.
    fn bound(&self, v: f64, alpha: f64) -> f64 {
        let is_evidence = |s: f64| self.log_value(s, v) > -alpha.ln();
        let largest = self.largest_sum(v);
        if largest.is_finite() {
            return if is_evidence(largest) {
                crossing(0.0, largest, is_evidence)
            } else {
                largest
            };
        }
        /// From 1 on, this many doublings reach any sum that means something.
        const DOUBLINGS: usize = 100;
        let beyond = std::iter::successors(Some(v.max(1.0)), |s| Some(2.0 * s))
            .take(DOUBLINGS)
            .find(|s| is_evidence(*s));
        beyond.map_or(f64::INFINITY, |high| crossing(0.0, high, is_evidence))
    }
}

/// The mixture precision that is about best at intrinsic time `v_opt` for level `alpha_opt`.
///
/// `rho = v / (2 ln(1/a) + ln(1 + 2 ln(1/a)))` with `a` the level, doubled when one-sided: what `confseq` uses in place
/// of the exact optimum, which needs Lambert's W (Howard et al. 2021, section 3.5).
pub fn best_rho(v_opt: f64, alpha_opt: f64, sides: Sides) -> f64 {
    let level = match sides {
        Sides::One => 2.0 * alpha_opt,
        Sides::Two => alpha_opt,
    };
    let nats = -2.0 * level.ln();
    v_opt / (nats + nats.ln_1p())
}

/// Normal mixture (Robbins 1970; Howard et al. 2021, Propositions 4 and 5): for sub-Gaussian sums.
#[derive(Clone, Copy, Debug)]
pub struct NormalMixture {
    rho: f64,
    sides: Sides,
}

impl NormalMixture {
    /// Tuned for intrinsic time `v_opt` at level `alpha_opt`. One-sided mixes over a half-normal distribution.
    pub fn new(v_opt: f64, alpha_opt: f64, sides: Sides) -> Self {
        Self { rho: best_rho(v_opt, alpha_opt, sides), sides }
    }
}

impl Mixture for NormalMixture {
    /// `ln(rho/(v+rho))/2 + s^2/(2(v+rho))`; one-sided adds `ln 2 + ln Phi(s/sqrt(v+rho))`.
    fn log_value(&self, s: f64, v: f64) -> f64 {
        let width = v + self.rho;
        let two_sided = 0.5 * (self.rho / width).ln() + s * s / (2.0 * width);
        match self.sides {
            Sides::One => two_sided + 2.0_f64.ln() + ln_normal_below(s / width.sqrt()),
            Sides::Two => two_sided,
        }
    }
}

/// Gamma-exponential mixture (Howard et al. 2021, Proposition 8): for sub-exponential sums of scale `c > 0`.
#[derive(Clone, Copy, Debug)]
pub struct GammaExponentialMixture {
    rho: f64,
    c: f64,
    ln_norm: f64,
}

impl GammaExponentialMixture {
    /// Tuned for intrinsic time `v_opt` at level `alpha_opt`.
    pub fn new(v_opt: f64, alpha_opt: f64, c: f64) -> Self {
        let rho = best_rho(v_opt, alpha_opt, Sides::One);
        let shape = rho / (c * c);
        let ln_norm = shape * shape.ln() - libm::lgamma(shape) - ln_share_below(shape, shape);
        Self { rho, c, ln_norm }
    }
}

impl Mixture for GammaExponentialMixture {
    /// With `a = (v+rho)/c^2` and `x = (cs+v+rho)/c^2`: the norm, plus `ln Gamma(a) + ln P(a, x) - a ln x + (cs+v)/c^2`.
    fn log_value(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let shape = (v + self.rho) / square;
        let time = (self.c * s + v) / square;
        let x = time + self.rho / square;
        self.ln_norm + libm::lgamma(shape) + ln_share_below(shape, x) - shape * x.ln() + time
    }
}

/// Gamma-Poisson mixture (Howard et al. 2021, Proposition 9): for sub-Poisson sums of scale `c > 0`.
#[derive(Clone, Copy, Debug)]
pub struct GammaPoissonMixture {
    rho: f64,
    c: f64,
    ln_norm: f64,
}

impl GammaPoissonMixture {
    /// Tuned for intrinsic time `v_opt` at level `alpha_opt`.
    pub fn new(v_opt: f64, alpha_opt: f64, c: f64) -> Self {
        let rho = best_rho(v_opt, alpha_opt, Sides::One);
        let shape = rho / (c * c);
        let ln_norm = shape * shape.ln() - libm::lgamma(shape) - ln_share_above(shape, shape);
        Self { rho, c, ln_norm }
    }
}

impl Mixture for GammaPoissonMixture {
    /// With `x = (v+rho)/c^2` and `a = s/c + x`: the norm, plus `ln Gamma(a) + ln Q(a, x) - a ln x + v/c^2`.
    fn log_value(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let x = (v + self.rho) / square;
        let shape = s / self.c + x;
        self.ln_norm + libm::lgamma(shape) + ln_share_above(shape, x) - shape * x.ln() + v / square
    }
}

/// Beta-binomial mixture (Howard et al. 2021, Propositions 6 and 7): for sub-Bernoulli sums.
///
/// An observation is at most `h` above and `g` below its mean, as is a coin of probability `g/(g+h)`.
#[derive(Clone, Copy, Debug)]
pub struct BetaBinomialMixture {
    r: f64,
    g: f64,
    h: f64,
    sides: Sides,
    ln_norm: f64,
}

impl BetaBinomialMixture {
    /// Tuned for intrinsic time `v_opt` at level `alpha_opt`; `g, h > 0`.
    pub fn new(v_opt: f64, alpha_opt: f64, g: f64, h: f64, sides: Sides) -> Self {
        /// What is left of the prior, in units of `g h`, where `v_opt` asks for less than none.
        const LEAST_PRIOR: f64 = 1e-3;
        let r = (best_rho(v_opt, alpha_opt, sides) - g * h).max(LEAST_PRIOR * g * h);
        let mut mixture = Self { r, g, h, sides, ln_norm: 0.0 };
        mixture.ln_norm = mixture.ln_integral(0.0, 0.0);
        mixture
    }

    /// Logarithm of the mixed likelihood, up to factors that are outside of the integral.
    fn ln_integral(&self, s: f64, v: f64) -> f64 {
        let Self { r, g, h, .. } = *self;
        let below = (r + v - g * s) / (g * (g + h));
        let above = (r + v + h * s) / (h * (g + h));
        match self.sides {
            Sides::One => ln_beta_lower(below, above, h / (g + h)),
            Sides::Two => ln_beta(below, above),
        }
    }
}

impl Mixture for BetaBinomialMixture {
    fn log_value(&self, s: f64, v: f64) -> f64 {
        let Self { g, h, .. } = *self;
        let span = g + h;
        let ln_outside = v / (g * h) * span.ln()
            - (v + h * s) / (h * span) * g.ln()
            - (v - g * s) / (g * span) * h.ln();
        ln_outside + self.ln_integral(s, v) - self.ln_norm
    }

    fn largest_sum(&self, v: f64) -> f64 {
        v / self.g
    }
}

/// `ln P(a, x)`: logarithm of the probability that a gamma variable of shape `a` is below `x`.
fn ln_share_below(a: f64, x: f64) -> f64 {
    checked_gamma_lr(a, x).map_or(f64::NAN, f64::ln)
}

/// `ln Q(a, x)`: logarithm of the probability that a gamma variable of shape `a` is above `x`.
fn ln_share_above(a: f64, x: f64) -> f64 {
    checked_gamma_ur(a, x).map_or(f64::NAN, f64::ln)
}
