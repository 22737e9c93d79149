//! What a step can see before it runs: how many looks a test needs, and what it can not see.
//!
//! A test gains, per look and on average, no more than the Kullback-Leibler divergence between what
//! is true and the nearest truth of the null. No test can decide in fewer than `ln(1 / alpha)` over
//! that many looks on average. What the mixture takes beyond that is worked out from its bets.

mod onset;

use self::onset::capital;
pub use self::onset::{Onset, Stretch};
use super::EvidenceError;
use super::grid::{Grid, Side};
use super::input::{count, dispersion, level, within};
use super::kernel::Batch;

/// Ratios and margins are looked for up to this.
const LARGEST_RATIO: f64 = 1e6;

/// Looks are whole: evidence is seen at the end of the look in which it becomes enough, and is then more
/// than enough. Measured; half a look, as published, is a seventh short where a look holds half of
/// what it takes.
const WHOLE_LOOKS: f64 = 0.6;

/// Nats that it takes to find the bet that is right among all, measured: `2 - ln 2`. With half of the
/// capital at stake from the first look on, 2 in all.
const SEARCH: f64 = 2.0 - std::f64::consts::LN_2;

/// What a step expects to see in one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests of both arms together, per look.
    pub requests: f64,
    /// The candidate's share of them, between 0 and 1, both excluded.
    pub candidate_share: f64,
    /// Events per request of the stable arm, and of a candidate that is good; above 0 and below 1.
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

/// What a candidate's rate is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// So many times the stable arm's rate, which is measured beside it: the split test. Above 0, up
    /// to 1e6.
    Ratio(f64),
    /// A rate, above 0 and below 1: the one-sample test. Stable's requests do not matter to it.
    Rate(f64),
}

impl Line {
    /// This line, so many times as high; never beyond what a line can be.
    #[must_use]
    pub fn times(self, margin: f64) -> Self {
        match self {
            Self::Ratio(ratio) => Self::Ratio((ratio * margin).min(LARGEST_RATIO)),
            Self::Rate(rate) => Self::Rate((rate * margin).min(1.0 - f64::EPSILON)),
        }
    }

    fn check(self) -> Result<(), EvidenceError> {
        let tiny = f64::MIN_POSITIVE;
        match self {
            Self::Ratio(ratio) => within("ratio", ratio, tiny, LARGEST_RATIO)?,
            Self::Rate(rate) => within("limit", rate, tiny, 1.0 - f64::EPSILON)?,
        };
        Ok(())
    }

    /// The candidate's rate at the line.
    fn edge(self, traffic: &Traffic) -> f64 {
        match self {
            Self::Ratio(ratio) => ratio * traffic.base_rate,
            Self::Rate(rate) => rate,
        }
    }

    /// What the kernel expects to see in one look at a candidate of this rate.
    fn batch(self, traffic: &Traffic, rate: f64) -> Batch {
        let (x1, x0) = (traffic.candidate_share, 1.0 - traffic.candidate_share);
        let requests = traffic.requests * x1;
        let events = requests * rate;
        match self {
            Self::Ratio(ratio) => Batch {
                events,
                trials: events + traffic.requests * x0 * traffic.base_rate,
                null_share: ratio * x1 / (ratio * x1 + x0),
            },
            Self::Rate(limit) => Batch { events, trials: requests, null_share: limit },
        }
    }
}

/// Nats per look that a test can gain on average against "at the line" when the candidate's rate is
/// `rate`: with `m` trials of which a share `th` is expected to be events, and `th0` at the line,
/// `m [th ln(th / th0) + (1 - th) ln((1 - th) / (1 - th0))]`. Trials are the events of both arms, or
/// the candidate's requests where its rate is held against a rate.
///
/// # Errors
/// When the traffic or the line is out of its ranges, or `rate` is not in 0 to 1.
pub fn information(traffic: &Traffic, line: Line, rate: f64) -> Result<f64, EvidenceError> {
    check(traffic, line, rate)?;
    let batch = line.batch(traffic, rate);
    if batch.trials == 0.0 {
        return Ok(0.0);
    }
    let nats = batch.trials * divergence(batch.events / batch.trials, batch.null_share);
    Ok(nats / traffic.dispersion)
}

/// The average looks that no test can do with fewer of: `ln(1 / alpha)` over the [`information`].
/// Infinite without information.
///
/// # Errors
/// As [`information`]; when `alpha` is not in (0, 1].
pub fn fewest_looks(
    traffic: &Traffic,
    line: Line,
    rate: f64,
    alpha: f64,
) -> Result<f64, EvidenceError> {
    Ok(nats_of(alpha)? / information(traffic, line, rate)?)
}

/// Looks that the split test or the one-sample test needs on average to find, at `alpha`, on which side
/// of the line a candidate of this rate is, counted from when it has this rate: of all bets the least of
/// `(ln(1 / alpha) + 2 - ln 2 - ln W) / gain + 0.6`, at least 1, where `gain` is what the bet gains a
/// look and `W` the capital it has by then. With half of the capital at stake from the first look on, and
/// none lost, that is `(ln(1 / alpha) + 2) / information + 0.6`, but for how near the bets come to
/// the truth. Infinite where no bet gains.
///
/// Within 15 % of simulated means in ten scenarios, with an onset of 0 to 90 looks: `docs/judges.md`.
///
/// # Errors
/// As [`fewest_looks`]; when the onset's traffic is out of its ranges.
pub fn expected_looks(
    traffic: &Traffic,
    line: Line,
    rate: f64,
    alpha: f64,
    onset: &Onset<'_>,
) -> Result<f64, EvidenceError> {
    check(traffic, line, rate)?;
    onset.check()?;
    Ok(looks_for(traffic, line, rate, nats_of(alpha)?, onset))
}

/// The smallest rate above the line that the test sees within `looks` on average: a step of that length
/// is blind to less. None when it would not see even a candidate whose every request is an event.
///
/// # Errors
/// As [`expected_looks`]; when `looks` is not finite.
pub fn smallest_detectable_rate(
    traffic: &Traffic,
    line: Line,
    alpha: f64,
    looks: f64,
    onset: &Onset<'_>,
) -> Result<Option<f64>, EvidenceError> {
    check(traffic, line, 0.0)?;
    onset.check()?;
    let nats = nats_of(alpha)?;
    count("looks", looks)?;
    let edge = line.edge(traffic);
    Ok(smallest(edge, 1.0, |rate| looks_for(traffic, line, rate, nats, onset) <= looks))
}

/// The smallest margin that a candidate as good as usual is shown to keep within `looks` on average: "at
/// most so many times the line", with a false promotion tolerated once in `1 / beta`. None when not even
/// one million can be shown.
///
/// # Errors
/// As [`fewest_looks`]; when `looks` is not finite.
pub fn smallest_provable_margin(
    traffic: &Traffic,
    line: Line,
    beta: f64,
    looks: f64,
) -> Result<Option<f64>, EvidenceError> {
    check(traffic, line, 0.0)?;
    let nats = nats_of(beta)?;
    count("looks", looks)?;
    let good = traffic.base_rate;
    let shown = |margin| {
        let line = line.times(margin);
        line.edge(traffic) > good && looks_for(traffic, line, good, nats, &Onset::AT_ONCE) <= looks
    };
    Ok(smallest(1.0, LARGEST_RATIO, shown))
}

fn check(traffic: &Traffic, line: Line, rate: f64) -> Result<(), EvidenceError> {
    traffic.check()?;
    line.check()?;
    within("rate", rate, 0.0, 1.0)?;
    Ok(())
}

fn nats_of(alpha: f64) -> Result<f64, EvidenceError> {
    Ok(-libm::log(level(alpha)?))
}

/// As [`expected_looks`], of numbers that were checked.
fn looks_for(traffic: &Traffic, line: Line, rate: f64, nats: f64, onset: &Onset<'_>) -> f64 {
    let side = if rate < line.edge(traffic) { Side::Below } else { Side::Above };
    let grid = Grid::of_events();
    let looks = grid.ln_factors(side).map(|bet| {
        let gain = gain(traffic, line, rate, bet);
        let lost = |good: &Traffic| -gain_of_good(good, line, bet);
        let needed = nats + SEARCH - libm::log(capital(onset, lost));
        if gain > 0.0 { needed / gain + WHOLE_LOOKS } else { f64::INFINITY }
    });
    looks.into_iter().fold(f64::INFINITY, f64::min).max(1.0)
}

/// Nats per look that a bet on odds this much higher, in logs, gains on average.
fn gain(traffic: &Traffic, line: Line, rate: f64, bet: f64) -> f64 {
    let batch = line.batch(traffic, rate);
    let nats = batch.events * bet - batch.trials * libm::log1p(libm::expm1(bet) * batch.null_share);
    nats / traffic.dispersion
}

/// The same at a candidate that is as good as usual.
fn gain_of_good(traffic: &Traffic, line: Line, bet: f64) -> f64 {
    gain(traffic, line, traffic.base_rate, bet)
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

    const FROM_THE_START: Onset<'_> = Onset { planned_looks: 60, good: &[] };

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
            let traffic = traffic(rps, share, base);
            let got = fewest_looks(&traffic, Line::Ratio(1.0), base * ratio, 0.05).unwrap();
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
            let traffic = traffic(rps, share, base);
            let got = fewest_looks(&traffic, Line::Ratio(margin), base, 0.05).unwrap();
            assert!((got - bound).abs() < 0.06, "{rps} {share} {margin}: {got} not {bound}");
        }
    }

    #[test]
    fn a_regression_from_the_start_takes_two_nats_more_than_the_bound_and_part_of_a_look() {
        for (rps, share, base, ratio) in
            [(100.0, 0.1, 0.001, 5.0), (100.0, 0.1, 0.001, 2.0), (20.0, 0.1, 0.005, 4.0)]
        {
            let (traffic, line) = (traffic(rps, share, base), Line::Ratio(1.0));
            let nats = information(&traffic, line, base * ratio).unwrap();
            let formula = (20_f64.ln() + 2.0) / nats + 0.6;
            let got = expected_looks(&traffic, line, base * ratio, 0.05, &FROM_THE_START).unwrap();
            // The nearest of the bets is no further than seven hundredths of a nat from the truth.
            assert!((0.0..0.015 * formula).contains(&(got - formula)), "{got} not {formula}");
        }
    }

    #[test]
    fn what_is_detectable_takes_the_looks_that_were_given() {
        let traffic = traffic(100.0, 0.1, 0.001);
        let good = [Stretch { traffic, looks: 20 }];
        for onset in [FROM_THE_START, Onset { planned_looks: 60, good: &good }] {
            for line in [Line::Ratio(1.0), Line::Rate(0.001)] {
                let rate = smallest_detectable_rate(&traffic, line, 0.05, 10.0, &onset);
                let rate = rate.unwrap().unwrap();
                let looks = expected_looks(&traffic, line, rate, 0.05, &onset).unwrap();
                assert!((looks - 10.0).abs() < 1e-6, "{looks}");
            }
        }
        for line in [Line::Ratio(1.0), Line::Rate(0.001)] {
            let margin = smallest_provable_margin(&traffic, line, 0.05, 30.0).unwrap().unwrap();
            let line = line.times(margin);
            let looks = expected_looks(&traffic, line, 0.001, 0.05, &Onset::AT_ONCE).unwrap();
            assert!((looks - 30.0).abs() < 1e-6, "{looks}");
        }
    }

    #[test]
    fn nothing_below_the_nearest_bet_is_detectable_however_much_traffic_there_is() {
        let traffic = traffic(1e6, 0.5, 0.01);
        let rate = smallest_detectable_rate(&traffic, Line::Ratio(1.0), 0.05, 1e6, &FROM_THE_START);
        let ratio = rate.unwrap().unwrap() / 0.01;
        assert!((1.1..1.25).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_step_without_traffic_sees_nothing() {
        let (traffic, line) = (traffic(0.0, 0.1, 0.001), Line::Ratio(1.0));
        let seen = smallest_detectable_rate(&traffic, line, 0.05, 60.0, &FROM_THE_START);
        assert_eq!(seen, Ok(None));
        let looks = expected_looks(&traffic, line, 0.005, 0.05, &FROM_THE_START);
        assert_eq!(looks, Ok(f64::INFINITY));
        assert_eq!(fewest_looks(&traffic, line, 0.005, 0.05), Ok(f64::INFINITY));
    }
}
