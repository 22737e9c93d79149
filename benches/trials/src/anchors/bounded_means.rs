//! Means of observations in [0, 1]: confidence sequences with closed forms.

use super::Interval;
use super::betting::predictable_bets;
use super::mixtures::{GammaExponentialMixture, Mixture};

/// Predictable-mixture empirical Bernstein confidence sequence, after each observation.
///
/// Waudby-Smith and Ramdas (2024), Theorem 2: `(sum l x -+ (ln(2/alpha) + sum v psi(l)))/sum l` with
/// `v = (x - mean before)^2`, `psi(l) = -ln(1-l) - l`, and the bets `l` cut at `truncation` in (0, 1), usually 1/2. The
/// mean before the first observation is 0, as in the `confseq` package.
pub fn empirical_bernstein_cs(x: &[f64], alpha: f64, truncation: f64) -> Vec<Interval> {
    two_sided(x, |x| empirical_bernstein_lower(x, alpha / 2.0, truncation))
}

/// Predictable-mixture Hoeffding confidence sequence, after each observation.
///
/// Waudby-Smith and Ramdas (2024), section 3: as [`empirical_bernstein_cs`] with `v = 1`, `psi(l) = l^2/8` and
/// `l = min(sqrt(8 ln(2/alpha)/(i ln(1+i))), truncation)`; the truncation is usually 1.
pub fn hoeffding_cs(x: &[f64], alpha: f64, truncation: f64) -> Vec<Interval> {
    two_sided(x, |x| hoeffding_lower(x, alpha / 2.0, truncation))
}

/// Lower end of the conjugate-mixture empirical Bernstein confidence sequence, after each observation.
///
/// Howard, Ramdas, McAuliffe and Sekhon (2021), Theorem 4, with the gamma-exponential boundary for `c = 1`, tuned for
/// the sum of squares `v_opt`. The mean before the first observation is 1/2. Like the `confseq` package it computes at
/// `alpha/2` even though it has one side only: it errs with half the probability it was given.
pub fn conjugate_empirical_bernstein_lower(x: &[f64], alpha: f64, v_opt: f64) -> Vec<f64> {
    let level = alpha / 2.0;
    let mixture = GammaExponentialMixture::new(v_opt, level, 1.0);
    let (mut sum, mut squares, mut mean) = (0.0, 0.0, 0.5);
    let after = |(index, observed): (usize, &f64)| {
        let i = (index + 1) as f64;
        squares += (observed - mean).powi(2);
        sum += observed;
        mean = sum / i;
        (mean - mixture.bound(squares, level) / i).max(0.0)
    };
    x.iter().enumerate().map(after).collect()
}

/// Both ends from a method for the lower end: the upper one is the lower one of what is missing to 1.
fn two_sided(x: &[f64], lower: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Interval> {
    let missing: Vec<f64> = x.iter().map(|observed| 1.0 - observed).collect();
    lower(x)
        .into_iter()
        .zip(lower(&missing))
        .map(|(low, high)| Interval { low, high: 1.0 - high })
        .collect()
}

fn empirical_bernstein_lower(x: &[f64], alpha: f64, truncation: f64) -> Vec<f64> {
    let (mut sum, mut mean) = (0.0, 0.0);
    let step = |(index, (observed, bet)): (usize, (&f64, f64))| {
        let bet = bet.min(truncation);
        let cost = (observed - mean).powi(2) * (-(-bet).ln_1p() - bet);
        sum += observed;
        mean = sum / (index + 1) as f64;
        Step { observed: *observed, bet, cost }
    };
    let steps = x.iter().zip(predictable_bets(x, alpha)).enumerate().map(step);
    lower_end(steps, alpha)
}

fn hoeffding_lower(x: &[f64], alpha: f64, truncation: f64) -> Vec<f64> {
    let step = |(index, observed): (usize, &f64)| {
        let i = (index + 1) as f64;
        let bet = (-8.0 * alpha.ln() / (i * i.ln_1p())).sqrt().min(truncation);
        Step { observed: *observed, bet, cost: bet * bet / 8.0 }
    };
    lower_end(x.iter().enumerate().map(step), alpha)
}

/// One observation, the bet on it, and the price of that bet.
struct Step {
    observed: f64,
    bet: f64,
    cost: f64,
}

/// `(sum l x - ln(1/alpha) - sum of costs)/sum l` after each step, at least 0.
fn lower_end(steps: impl Iterator<Item = Step>, alpha: f64) -> Vec<f64> {
    let (mut weighted, mut bets, mut price) = (0.0, 0.0, -alpha.ln());
    let after = |step: Step| {
        weighted += step.bet * step.observed;
        bets += step.bet;
        price += step.cost;
        ((weighted - price) / bets).max(0.0)
    };
    steps.map(after).collect()
}
