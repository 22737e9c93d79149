//! Confidence sequences and tests for quantiles (Howard and Ramdas, "Sequential estimation of quantiles with
//! applications to A/B testing and best-arm identification", Bernoulli 28, 2022).
//!
//! The number of observations below a quantile is a sum of coins, whatever their distribution: the beta-binomial
//! mixture bounds it, and the bound is read off as an order statistic.

use super::mixtures::{BetaBinomialMixture, Mixture};
use super::search::minimum;
use super::{Interval, Sides};

/// Which quantile, and for what the mixture is tuned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The probability below the quantile, in (0, 1).
    pub probability: f64,
    /// Number of observations at which to be tightest.
    pub t_opt: f64,
    /// Level at which to be tightest.
    pub alpha_opt: f64,
}

impl Quantile {
    /// The variance that `t` observations bring.
    fn intrinsic_time(&self, t: f64) -> f64 {
        self.probability * (1.0 - self.probability) * t
    }

    /// The mixture for counts below the quantile that are too large.
    fn counts_above(&self) -> BetaBinomialMixture {
        let Self { probability, t_opt, alpha_opt } = *self;
        BetaBinomialMixture::new(
            self.intrinsic_time(t_opt),
            alpha_opt,
            probability,
            1.0 - probability,
            Sides::Two,
        )
    }

    /// The mixture for counts below the quantile that are too small.
    fn counts_below(&self) -> BetaBinomialMixture {
        let Self { probability, t_opt, alpha_opt } = *self;
        BetaBinomialMixture::new(
            self.intrinsic_time(t_opt),
            alpha_opt,
            1.0 - probability,
            probability,
            Sides::Two,
        )
    }
}

/// How far the count below a quantile may be off, and the interval for the quantile that follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileSequence {
    /// By how much the count may fall short of `probability * t`.
    pub lower_count_radius: f64,
    /// By how much it may exceed it.
    pub upper_count_radius: f64,
    /// The order statistics at these counts; infinite where the sample does not reach.
    pub interval: Interval,
}

/// Confidence sequence for one quantile after the observations `x` (Howard and Ramdas 2022).
///
/// Where no count at all would be evidence, the bound is the largest observation and not infinity, as in the `confseq`
/// package.
pub fn quantile_cs_fixed(x: &[f64], quantile: &Quantile, alpha: f64) -> QuantileSequence {
    let t = x.len() as f64;
    let v = quantile.intrinsic_time(t);
    let lower_count_radius = quantile.counts_below().bound(v, alpha);
    let upper_count_radius = quantile.counts_above().bound(v, alpha);
    let sample = Sample::new(x);
    let low_rank = (t * (quantile.probability - lower_count_radius / t) + 1.0).floor();
    let high_rank = (t * (quantile.probability + upper_count_radius / t)).ceil();
    let interval = Interval {
        low: if low_rank < 1.0 { f64::NEG_INFINITY } else { sample.order_statistic(low_rank) },
        high: if high_rank > t { f64::INFINITY } else { sample.order_statistic(high_rank) },
    };
    QuantileSequence { lower_count_radius, upper_count_radius, interval }
}

/// Always-valid p-value for "the quantile is the same in both arms" (Howard and Ramdas 2022, Theorem 5).
///
/// `min(1, exp(-min over q of G_a(q) + G_b(q)))`, where `G` is the least log mixture with which an arm can have its
/// quantile at `q`. Both arms need an observation.
pub fn quantile_ab_p_value(a: &[f64], b: &[f64], quantile: &Quantile) -> f64 {
    let (left, right) = (Arm::new(a, quantile), Arm::new(b, quantile));
    let (left, right) = if left.fits_to <= right.fits_to { (left, right) } else { (right, left) };
    let joint = |q: f64| left.log_evidence_against(q) + right.log_evidence_against(q);
    // Between the two places of best fit, evidence of the left arm jumps up after its own observations, and that of the
    // right arm jumps down at its own. So the least of the sum is at an end or at an observation of the right arm.
    let (from, to) = (left.fits_to, right.fits_from);
    let between = right.sample.sorted.iter().copied().filter(|q| (from..=to).contains(q));
    let least = between.chain([from, to]).map(joint).fold(f64::INFINITY, f64::min);
    (-least).exp().min(1.0)
}

/// Observations in ascending order.
struct Sample {
    sorted: Vec<f64>,
}

impl Sample {
    fn new(x: &[f64]) -> Self {
        let mut sorted = x.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    fn size(&self) -> f64 {
        self.sorted.len() as f64
    }

    /// The observation of a rank that is counted from 1; the nearest one if there is none, NaN in an empty sample.
    fn order_statistic(&self, rank: f64) -> f64 {
        let index = (rank.clamp(1.0, self.size().max(1.0)) as usize).saturating_sub(1);
        self.sorted.get(index).copied().unwrap_or(f64::NAN)
    }

    fn share_below(&self, x: f64) -> f64 {
        self.sorted.partition_point(|value| *value < x) as f64 / self.size()
    }

    fn share_up_to(&self, x: f64) -> f64 {
        self.sorted.partition_point(|value| *value <= x) as f64 / self.size()
    }
}

/// One arm of an A/B test, and where its quantile fits best.
struct Arm {
    sample: Sample,
    probability: f64,
    mixture: BetaBinomialMixture,
    /// The share of observations below the quantile that is the least evidence against it.
    best_share: f64,
    /// First value at which the quantile fits best.
    fits_from: f64,
    /// Last value at which it does.
    fits_to: f64,
}

impl Arm {
    fn new(x: &[f64], quantile: &Quantile) -> Self {
        let sample = Sample::new(x);
        let size = sample.size();
        let mixture = quantile.counts_above();
        let (best_share, _) =
            minimum(0.0, 1.0, |share| log_evidence(&mixture, quantile.probability, share, size));
        let fits_from = sample.order_statistic((best_share * size).ceil());
        let fits_to = sample.order_statistic((best_share * size).floor() + 1.0);
        Self { sample, probability: quantile.probability, mixture, best_share, fits_from, fits_to }
    }

    /// The least log mixture with which this arm's quantile can be at `q`.
    fn log_evidence_against(&self, q: f64) -> f64 {
        let share = if q < self.fits_from {
            self.sample.share_up_to(q)
        } else if q > self.fits_to {
            self.sample.share_below(q)
        } else {
            self.best_share
        };
        log_evidence(&self.mixture, self.probability, share, self.sample.size())
    }
}

/// Log mixture when this share of `size` observations is below the quantile.
fn log_evidence(mixture: &BetaBinomialMixture, probability: f64, share: f64, size: f64) -> f64 {
    mixture.log_value((share - probability) * size, probability * (1.0 - probability) * size)
}
