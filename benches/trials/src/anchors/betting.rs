//! Betting on and against a mean (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
//! Journal of the Royal Statistical Society B 86, 2024).
//!
//! Two gamblers bet on the observations, which lie in [0, 1]: one that the mean is above `m`, one that it is below.
//! If the mean is `m`, neither gets rich.

use super::Interval;

/// How two gamblers' capitals become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The larger of the two.
    Max,
    /// Their sum.
    Sum,
}

/// How the gamblers play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// Level for which the bets are tuned.
    pub alpha: f64,
    /// Share of the capital that bets upwards, in (0, 1); usually 1/2.
    pub theta: f64,
    /// Share of its capital that a gambler risks at most, in (0, 1]; usually 1/2.
    pub trunc_scale: f64,
}

/// Logarithm of the hedged capital against the mean `m`, after each observation.
///
/// `K+-(m) = prod(1 +- lambda_i (x_i - m))`, where `lambda_i` is a bet that depends on earlier observations only, for
/// level `theta alpha` upwards and `(1 - theta) alpha` downwards. It is cut at `trunc_scale/m` upwards and
/// `trunc_scale/(1-m)` downwards; the capitals are weighed with `theta` and `1 - theta`.
pub fn hedged_capital(x: &[f64], m: f64, hedge: Hedge, combine: Combine) -> Vec<f64> {
    let bets = HedgedBets::new(x, hedge);
    bets.log_capital(x, m, combine)
}

/// Confidence sequence for the mean after each observation: the means against which nobody got rich.
///
/// The means tried are `0, 1/cells, .., 1`; the interval goes one cell beyond the outermost
/// that are kept. Where none is kept it says nothing.
pub fn hedged_betting_cs(x: &[f64], hedge: Hedge, cells: u32) -> Vec<Interval> {
    let bets = HedgedBets::new(x, hedge);
    let width = 1.0 / f64::from(cells);
    let mut kept: Vec<Option<Interval>> = vec![None; x.len()];
    for cell in 0..=cells {
        let m = f64::from(cell) * width;
        for (kept, log_capital) in kept.iter_mut().zip(bets.log_capital(x, m, Combine::Max)) {
            if log_capital <= -hedge.alpha.ln() {
                let low = kept.map_or(m, |interval| interval.low);
                *kept = Some(Interval { low, high: m });
            }
        }
    }
    let widened = |kept: Option<Interval>| {
        let Interval { low, high } = kept.unwrap_or(Interval { low: 0.0, high: 1.0 });
        Interval { low: (low - width).max(0.0), high: (high + width).min(1.0) }
    };
    kept.into_iter().map(widened).collect()
}

/// Bets that depend on earlier observations only, the paper's plug-in bets.
///
/// `sqrt(2 ln(1/alpha) / (s2 i ln(1+i)))`, where `s2` is the variance so far, and both mean and variance start as if one
/// observation had been seen with mean 1/2 and variance 1/4.
pub(super) fn predictable_bets(x: &[f64], alpha: f64) -> Vec<f64> {
    let (mut sum, mut squares) = (0.5, 0.25);
    let bet = |(index, observed): (usize, &f64)| {
        let i = (index + 1) as f64;
        let variance = squares / i;
        sum += observed;
        let mean = (sum / (i + 1.0)).min(1.0);
        squares += (observed - mean).powi(2);
        (-2.0 * alpha.ln() / (i * i.ln_1p() * variance)).sqrt()
    };
    x.iter().enumerate().map(bet).collect()
}

/// The bets of both gamblers before they are cut for a mean.
struct HedgedBets {
    upwards: Vec<f64>,
    downwards: Vec<f64>,
    hedge: Hedge,
}

impl HedgedBets {
    fn new(x: &[f64], hedge: Hedge) -> Self {
        let upwards = predictable_bets(x, hedge.theta * hedge.alpha);
        let downwards = predictable_bets(x, (1.0 - hedge.theta) * hedge.alpha);
        Self { upwards, downwards, hedge }
    }

    fn log_capital(&self, x: &[f64], m: f64, combine: Combine) -> Vec<f64> {
        let Hedge { theta, trunc_scale, .. } = self.hedge;
        let (mut ln_up, mut ln_down) = (theta.ln(), (-theta).ln_1p());
        let after = |((observed, up), down): ((&f64, &f64), &f64)| {
            ln_up += (up.min(trunc_scale / m) * (observed - m)).ln_1p();
            ln_down += (-down.min(trunc_scale / (1.0 - m)) * (observed - m)).ln_1p();
            match combine {
                Combine::Max => ln_up.max(ln_down),
                Combine::Sum => ln_sum(ln_up, ln_down),
            }
        };
        x.iter().zip(&self.upwards).zip(&self.downwards).map(after).collect()
    }
}

/// `ln(exp(a) + exp(b))` without overflow.
fn ln_sum(a: f64, b: f64) -> f64 {
    let (larger, smaller) = (a.max(b), a.min(b));
    if smaller == f64::NEG_INFINITY { larger } else { larger + (smaller - larger).exp().ln_1p() }
}
