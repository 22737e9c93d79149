//! What a step can see before it runs: how many looks a test needs, and what it can not see.
//!
//! A test gains, per look and on average, no more than the Kullback-Leibler divergence between what
//! is true and the nearest truth of the null. No test can decide in fewer than `ln(1 / alpha)` over
//! that many looks on average.

use super::EvidenceError;
use super::input::{count, dispersion, level, within};

/// Ratios and margins are looked for up to this.
const LARGEST_RATIO: f64 = 1e6;

/// What a step expects to see in one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests of both arms together, per look.
    pub requests: f64,
    /// The candidate's share of them, between 0 and 1, both excluded.
    pub candidate_share: f64,
    /// Events per request of the stable arm, above 0 and below 1.
    pub base_rate: f64,
    /// Events that come at once, on average; at least 1.
    pub dispersion: f64,
}

impl Traffic {
    fn check(&self) -> Result<(), EvidenceError> {
        let tiny = f64::MIN_POSITIVE;
        count("requests per look", self.requests)?;
        within("share of the candidate", self.candidate_share, tiny, 1.0 - f64::EPSILON)?;
        within("base rate", self.base_rate, tiny, 1.0 - f64::EPSILON)?;
        dispersion(self.dispersion)?;
        Ok(())
    }
}

/// Nats per look that the split test gains against "`null_ratio` times the stable arm's rate" when
/// the truth is `ratio` times: `m [th ln(th / th0) + (1 - th) ln((1 - th) / (1 - th0))]` with `m`
/// expected events and `th` the candidate's share of them.
///
/// # Errors
/// When the traffic is out of its ranges or a ratio is not in 0 to 1e6.
pub fn information_of_split(
    traffic: &Traffic,
    null_ratio: f64,
    ratio: f64,
) -> Result<f64, EvidenceError> {
    traffic.check()?;
    within("null ratio", null_ratio, 0.0, LARGEST_RATIO)?;
    within("ratio", ratio, 0.0, LARGEST_RATIO)?;
    Ok(split_gain(traffic, null_ratio, ratio))
}

/// Nats per look that the one-sample test gains against "a rate of `limit`" when the truth is `rate`:
/// `n1 [q ln(q / c) + (1 - q) ln((1 - q) / (1 - c))]` with `n1` requests of the candidate.
///
/// # Errors
/// When the traffic is out of its ranges or a rate is not in 0 to 1.
pub fn information_of_rate(traffic: &Traffic, limit: f64, rate: f64) -> Result<f64, EvidenceError> {
    traffic.check()?;
    within("limit", limit, 0.0, 1.0)?;
    within("rate", rate, 0.0, 1.0)?;
    Ok(rate_gain(traffic, limit, rate))
}

/// Looks that the split test or the one-sample test needs on average, with the start-mass schedule:
/// `max(1, (ln(1 / alpha) + 2) / information + 1 / 2)`. Infinite without information.
///
/// # Errors
/// When `alpha` is not in (0, 1], or the information per look is negative or not a number.
pub fn expected_looks(information: f64, alpha: f64) -> Result<f64, EvidenceError> {
    let nats = nats_of(alpha)?;
    Ok(looks_for(gain(information)?, nats))
}

/// The average looks that no test can do with fewer of: `ln(1 / alpha) / information`. Infinite
/// without information.
///
/// # Errors
/// As [`expected_looks`].
pub fn fewest_looks(information: f64, alpha: f64) -> Result<f64, EvidenceError> {
    Ok(nats_of(alpha)? / gain(information)?)
}

/// The smallest ratio above `null_ratio` that the split test sees within `looks` on average: a step
/// of that length is blind to less. None when it would not see even a candidate whose every request
/// is an event.
///
/// # Errors
/// As [`information_of_split`] and [`expected_looks`]; when `looks` is not finite.
pub fn smallest_detectable_ratio(
    traffic: &Traffic,
    null_ratio: f64,
    alpha: f64,
    looks: f64,
) -> Result<Option<f64>, EvidenceError> {
    let nats = nats_of(alpha)?;
    count("looks", looks)?;
    information_of_split(traffic, null_ratio, null_ratio)?;
    let largest = (1.0 / traffic.base_rate).min(LARGEST_RATIO);
    let seen = |ratio| looks_for(split_gain(traffic, null_ratio, ratio), nats) <= looks;
    Ok(smallest(null_ratio, largest, seen))
}

/// The smallest rate above `limit` that the one-sample test sees within `looks` on average. None
/// when it would not see even a rate of one. The traffic's base rate does not matter.
///
/// # Errors
/// As [`information_of_rate`] and [`expected_looks`]; when `looks` is not finite.
pub fn smallest_detectable_rate(
    traffic: &Traffic,
    limit: f64,
    alpha: f64,
    looks: f64,
) -> Result<Option<f64>, EvidenceError> {
    let nats = nats_of(alpha)?;
    count("looks", looks)?;
    information_of_rate(traffic, limit, limit)?;
    let seen = |rate| looks_for(rate_gain(traffic, limit, rate), nats) <= looks;
    Ok(smallest(limit, 1.0, seen))
}

/// The smallest margin that an equal candidate is shown to keep within `looks` on average: "at most
/// so many times the stable arm's rate", with a false promotion tolerated once in `1 / beta`. None
/// when not even one million can be shown.
///
/// # Errors
/// As [`information_of_split`] and [`expected_looks`]; when `looks` is not finite.
pub fn smallest_provable_margin(
    traffic: &Traffic,
    beta: f64,
    looks: f64,
) -> Result<Option<f64>, EvidenceError> {
    let nats = nats_of(beta)?;
    count("looks", looks)?;
    traffic.check()?;
    let shown = |margin| looks_for(split_gain(traffic, margin, 1.0), nats) <= looks;
    Ok(smallest(1.0, LARGEST_RATIO, shown))
}

fn nats_of(alpha: f64) -> Result<f64, EvidenceError> {
    Ok(-libm::log(level(alpha)?))
}

fn gain(information: f64) -> Result<f64, EvidenceError> {
    within("information per look", information, 0.0, f64::MAX)
}

fn looks_for(information: f64, nats: f64) -> f64 {
    ((nats + 2.0) / information + 0.5).max(1.0)
}

fn split_gain(traffic: &Traffic, null_ratio: f64, ratio: f64) -> f64 {
    let (x1, x0) = (traffic.candidate_share, 1.0 - traffic.candidate_share);
    let events = traffic.requests * traffic.base_rate * (ratio * x1 + x0);
    let share = |ratio: f64| ratio * x1 / (ratio * x1 + x0);
    events * divergence(share(ratio), share(null_ratio)) / traffic.dispersion
}

fn rate_gain(traffic: &Traffic, limit: f64, rate: f64) -> f64 {
    traffic.requests * traffic.candidate_share * divergence(rate, limit) / traffic.dispersion
}

/// Kullback-Leibler divergence between two coins, in nats; never negative.
fn divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * libm::log(p / q) } else { 0.0 };
    (term(p, q) + term(1.0 - p, 1.0 - q)).max(0.0)
}

/// The smallest number between `low` and `high` that is enough, if what is enough stays enough, to
/// one part in 10^18 of the range.
fn smallest(low: f64, high: f64, enough: impl Fn(f64) -> bool) -> Option<f64> {
    if high < low || !enough(high) {
        return None;
    }
    let (mut short, mut long) = (low, high);
    // Sixty halvings leave no number between.
    for _ in 0..60 {
        let middle = f64::midpoint(short, long);
        *(if enough(middle) { &mut long } else { &mut short }) = middle;
    }
    Some(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(rps: f64, share: f64, base_rate: f64) -> Traffic {
        Traffic { requests: rps * 60.0, candidate_share: share, base_rate, dispersion: 1.0 }
    }

    #[test]
    fn the_bounds_of_the_published_scenarios() {
        // Scenarios A to J: requests per second, share, rates, and the bound in minutes.
        let scenarios = [
            (1000.0, 0.1, 0.001, 5.0, 0.15),
            (1000.0, 0.1, 0.001, 2.0, 1.48),
            (100.0, 0.1, 0.001, 5.0, 1.50),
            (100.0, 0.1, 0.001, 2.0, 14.78),
            (20.0, 0.1, 0.005, 4.0, 2.34),
            (20.0, 0.1, 0.01, 5.0, 0.75),
            (1000.0, 0.01, 0.001, 5.0, 1.26),
            (20.0, 0.1, 0.005, 100.0, 0.02),
            (100.0, 0.5, 0.001, 2.0, 5.88),
        ];
        for (rps, share, base, ratio, bound) in scenarios {
            let gain = information_of_split(&traffic(rps, share, base), 1.0, ratio).unwrap();
            let got = fewest_looks(gain, 0.05).unwrap();
            assert!((got - bound).abs() < 0.006, "{rps} {share} {base} {ratio}: {got} not {bound}");
        }
    }

    #[test]
    fn the_bounds_of_promotion() {
        for (rps, share, base, margin, bound) in [
            (1000.0, 0.1, 0.001, 1.5, 6.1),
            (1000.0, 0.5, 0.001, 2.0, 0.8),
            (20.0, 0.1, 0.005, 2.0, 19.2),
            (100.0, 0.5, 0.001, 3.0, 3.5),
        ] {
            let gain = information_of_split(&traffic(rps, share, base), margin, 1.0).unwrap();
            let got = fewest_looks(gain, 0.05).unwrap();
            assert!((got - bound).abs() < 0.06, "{rps} {share} {margin}: {got} not {bound}");
        }
    }

    #[test]
    fn what_is_detectable_takes_the_looks_that_were_given() {
        let traffic = traffic(100.0, 0.1, 0.001);
        let ratio = smallest_detectable_ratio(&traffic, 1.0, 0.05, 10.0).unwrap().unwrap();
        let gain = information_of_split(&traffic, 1.0, ratio).unwrap();
        assert!((expected_looks(gain, 0.05).unwrap() - 10.0).abs() < 1e-6);
        let rate = smallest_detectable_rate(&traffic, 0.001, 0.05, 10.0).unwrap().unwrap();
        let gain = information_of_rate(&traffic, 0.001, rate).unwrap();
        assert!((expected_looks(gain, 0.05).unwrap() - 10.0).abs() < 1e-6);
        let margin = smallest_provable_margin(&traffic, 0.05, 30.0).unwrap().unwrap();
        let gain = information_of_split(&traffic, margin, 1.0).unwrap();
        assert!((expected_looks(gain, 0.05).unwrap() - 30.0).abs() < 1e-6);
    }

    #[test]
    fn a_step_without_traffic_sees_nothing() {
        let traffic = traffic(0.0, 0.1, 0.001);
        assert_eq!(smallest_detectable_ratio(&traffic, 1.0, 0.05, 60.0), Ok(None));
        let gain = information_of_split(&traffic, 1.0, 5.0).unwrap();
        assert_eq!(expected_looks(gain, 0.05), Ok(f64::INFINITY));
    }
}
