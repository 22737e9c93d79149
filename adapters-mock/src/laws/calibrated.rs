//! The law of good releases: a judge that promises an `alpha` fails no larger part of them.
//!
//! Good releases are drawn here: both arms have the same rates and the same distributions, minute by
//! minute independently. Bursts, drifts and arms that differ by themselves are worlds of their own, and
//! a judge may keep this law and fail in them.

use tidegate_core::{Judge, Look, Measurement, Verdict, Weight};

use super::{Broken, Kept};
use crate::{
    fleet::draw::{Poisson, Stream, binomial, normal},
    strategies::{Kind, minute},
};

/// Looks of one release: an hour of minutes.
const LOOKS: usize = 60;

/// Looks before it, at stable alone.
const HISTORY: usize = 240;

/// Of so many good releases, `1 / alpha` of which one may fail, ten do.
const FAILURES_ALLOWED: f64 = 10.0;

/// Releases that are drawn: enough to tell, and few enough for two seconds.
const RELEASES: std::ops::RangeInclusive<f64> = 200.0..=2_000.0;

/// How sure the law is that a judge which broke it does not keep its promise.
const CONFIDENCE: f64 = 0.99;

/// The edges of a drawn histogram, as standard deviations from the middle.
const EDGES: [f64; 5] = [-0.5, 0.0, 0.5, 1.0, 2.0];

/// The shares of the drawn classes.
const CLASSES: [f64; 4] = [0.6, 0.25, 0.1, 0.05];

/// What a judge promises: of good releases at most a part of `alpha` fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    /// The part; above 0 and below 1.
    pub alpha: f64,
    /// What is measured of them.
    pub of: Kind,
}

impl From<f64> for Promise {
    fn from(alpha: f64) -> Self {
        Self { alpha, of: Kind::Count }
    }
}

impl From<(f64, Kind)> for Promise {
    fn from((alpha, of): (f64, Kind)) -> Self {
        Self { alpha, of }
    }
}

/// Of many simulated good releases, looked at every minute of an hour, no more fail than promised: the
/// lower limit of Clopper and Pearson (Biometrika, 1934), at 99 %, is not above `alpha`.
///
/// Drawn are `10 / alpha` releases, at least 200 and at most 2000: the same ones in every run. With an
/// `alpha` of 0.005 or more a judge breaks the law at 19 failures. One that keeps its promise has so
/// many once in 140 times at worst, one that fails three times as many as it promised 98 times in 100,
/// and one that fails twice as many 62 times in 100: smaller lies need more releases.
///
/// # Errors
/// How many failed, of how many.
pub fn good_releases_are_kept(judge: &dyn Judge, promise: impl Into<Promise>) -> Kept {
    let Promise { alpha, of } = promise.into();
    let law = "good releases are kept";
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2000")]
    let releases = (FAILURES_ALLOWED / alpha).clamp(*RELEASES.start(), *RELEASES.end()) as u32;
    let failed = (0..releases).map(|seed| u32::from(fails(judge, &Release::draw(seed, of)))).sum();
    let least = lower_limit(failed, releases);
    if least <= alpha {
        return Ok(());
    }
    let because = format!(
        "{failed} of {releases} good releases fail, which is at least {:.2} % (99 % sure), and {} % is \
         promised",
        100.0 * least,
        100.0 * alpha
    );
    Err(Broken { law, because })
}

fn fails(judge: &dyn Judge, release: &Release) -> bool {
    let wanted = usize::try_from(judge.history()).unwrap_or(HISTORY).min(HISTORY);
    let history: Vec<_> = (0..wanted).map(|nth| release.before(nth)).collect();
    let mut judging = judge.begin_after(&history);
    (0..LOOKS).any(|nth| judging.look(&release.look(nth)).verdict == Verdict::Fail)
}

/// One good release, as a function of its seed.
#[derive(Clone, Debug)]
struct Release {
    of: Kind,
    draws: Stream,
    /// Requests a minute of the candidate and of stable.
    requests: (Poisson, Poisson),
    rate: f64,
    share: Weight,
}

impl Release {
    /// Traffic, share and error rate are those of services: from 5 requests a second to 100, a twentieth
    /// to a half of them, one error in a thousand to one in fifty.
    fn draw(seed: u32, of: Kind) -> Self {
        let draws = Stream::new(u64::from(seed), 0x9a7e);
        let pick = |nth: u64, from: [f64; 3]| {
            from.into_iter().cycle().nth((draws.bits(nth) % 3) as usize).unwrap_or_default()
        };
        let (per_minute, rate) =
            (pick(0, [300.0, 1_200.0, 6_000.0]), pick(1, [0.001, 0.005, 0.02]));
        let percent = pick(2, [5.0, 10.0, 50.0]);
        let ours = per_minute * percent / 100.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 50")]
        let share = Weight::percent(percent as u16);
        let requests = (Poisson::of(ours), Poisson::of(per_minute - ours));
        Self { of, draws, requests, rate, share }
    }

    fn look(&self, nth: usize) -> Look {
        let candidate = self.arm(&self.requests.0, 2 * (HISTORY + nth) as u64);
        let stable = self.arm(&self.requests.1, 2 * (HISTORY + nth) as u64 + 1);
        let window = minute(HISTORY + nth);
        Look { share: Some(self.share), ..Look::complete(window, stable, candidate) }
    }

    /// Stable alone, before the rollout.
    fn before(&self, nth: usize) -> Look {
        Look::complete(minute(nth), self.arm(&self.requests.1, 2 * nth as u64), None)
    }

    /// One arm of one minute; absent when it had no request.
    fn arm(&self, requests: &Poisson, index: u64) -> Option<Measurement> {
        // Sixteen draws a minute and arm are more than any kind takes.
        let bits = |nth: u64| self.draws.bits(16 * (index + 1) + nth);
        let n = requests.draw(bits(0));
        (n > 0).then(|| self.measured(n, bits))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one minute")]
    fn measured(&self, n: u64, bits: impl Fn(u64) -> u64) -> Measurement {
        let samples = n as f64;
        // Milliseconds around a middle that wobbles by five percent from minute to minute.
        let middle = 120.0 * (0.05 * normal(bits(1))).exp();
        match self.of {
            Kind::Count => Measurement::count(binomial(bits(1), n, self.rate), n),
            Kind::Sum => Measurement::Sum { sum: middle * samples, samples },
            Kind::Value => Measurement::Value { value: middle, samples },
            Kind::Above => Self::histogram(n, middle, bits),
            Kind::Classes => Measurement::Classes(split(n, &CLASSES, bits)),
        }
    }

    /// Each edge is passed by a binomial part of those that passed the one before. The edges are not
    /// moved with the mean: where each request falls does not wobble, its sum does.
    #[expect(clippy::cast_precision_loss, reason = "counts of one minute")]
    fn histogram(n: u64, mean: f64, bits: impl Fn(u64) -> u64) -> Measurement {
        let beyond = |z: f64| 0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2);
        let (mut left, mut share) = (n, 1.0);
        let mut above = Vec::with_capacity(EDGES.len());
        for (nth, z) in (2..).zip(EDGES) {
            left = binomial(bits(nth), left, beyond(z) / share);
            share = beyond(z);
            above.push(left as f64);
        }
        let edges = EDGES.iter().map(|z| 100.0 * z.exp()).collect();
        Measurement::Above { edges, above, samples: n as f64, sum: Some(mean * n as f64) }
    }
}

/// So many, split into classes of these shares.
#[expect(clippy::cast_precision_loss, reason = "counts of one minute")]
fn split(n: u64, shares: &[f64], bits: impl Fn(u64) -> u64) -> Vec<f64> {
    let (mut left, mut rest) = (n, 1.0);
    let class = |(nth, share): (u64, &f64)| {
        let part = binomial(bits(nth), left, (share / rest).min(1.0));
        (left, rest) = (left - part, rest - share);
        part as f64
    };
    (2..).zip(shares).map(class).collect()
}

/// The smallest rate at which so many of so many are not surprising: they, or more, have a probability of
/// one in a hundred at least.
fn lower_limit(hits: u32, of: u32) -> f64 {
    if hits == 0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, f64::from(hits) / f64::from(of));
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        let surprising = at_least(hits, of, middle) < 1.0 - CONFIDENCE;
        *(if surprising { &mut low } else { &mut high }) = middle;
    }
    low
}

/// The probability of at least so many hits.
fn at_least(hits: u32, of: u32, rate: f64) -> f64 {
    let n = f64::from(of);
    let log = |k: f64| {
        libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
            + k * libm::log(rate)
            + (n - k) * libm::log1p(-rate)
    };
    let below: f64 = (0..hits).map(|k| libm::exp(log(f64::from(k)))).sum();
    1.0 - below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_clopper_and_pearson() {
        // One-sided, at 99 %: qbeta(0.01, k, n - k + 1).
        assert_eq!(lower_limit(0, 1_000), 0.0);
        let one = lower_limit(1, 1_000);
        assert!((one - (1.0 - 0.99_f64.powf(1e-3))).abs() < 1e-9, "{one}");
    }

    #[test]
    fn the_power_is_as_documented() {
        for alpha in [0.005, 0.01, 0.05] {
            let of = (FAILURES_ALLOWED / alpha) as u32;
            assert!(lower_limit(18, of) <= alpha && lower_limit(19, of) > alpha, "{alpha}");
            assert!(at_least(19, of, alpha) < 1.0 / 140.0 + 4e-4, "{}", at_least(19, of, alpha));
            let (thrice, twice) = (at_least(19, of, 3.0 * alpha), at_least(19, of, 2.0 * alpha));
            assert!(thrice > 0.98 && twice > 0.61, "{alpha}: {thrice}, {twice}");
        }
    }

    #[test]
    fn both_arms_of_a_drawn_release_are_alike() {
        let rate = |arm: fn(&Look) -> &Option<Measurement>| {
            let releases = (0..300).map(|seed| Release::draw(seed, Kind::Count));
            let looks = releases.flat_map(|release| (0..LOOKS).map(move |nth| release.look(nth)));
            let (mut ratio, mut looks_counted) = (0.0, 0.0);
            for look in looks {
                let Some(value) = arm(&look).as_ref().and_then(Measurement::value) else {
                    continue;
                };
                (ratio, looks_counted) = (ratio + value, looks_counted + 1.0);
            }
            ratio / looks_counted
        };
        let (ours, theirs) = (rate(|look| &look.candidate), rate(|look| &look.stable));
        assert!((ours / theirs - 1.0).abs() < 0.03, "{ours} {theirs}");
    }
}
