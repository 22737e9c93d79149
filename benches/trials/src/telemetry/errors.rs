//! Errors among requests: constant or ramped shares, single events or bursts, surges, drift.

use tidegate_core::{Look, Measurement};

use super::{BEFORE, Telemetry, look};
use crate::{draws::Draws, scenario::Scenario};

/// The candidate's share of requests over a rollout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shares {
    /// The same all the time, 0 to 1.
    Constant(f64),
    /// 1, 5, 10, 25 and 50 %, twelve looks each.
    Ramp,
}

impl Shares {
    fn at(self, nth: u32) -> f64 {
        match (self, nth / 12) {
            (Self::Constant(share), _) => share,
            (Self::Ramp, 0) => 0.01,
            (Self::Ramp, 1) => 0.05,
            (Self::Ramp, 2) => 0.1,
            (Self::Ramp, 3) => 0.25,
            (Self::Ramp, _) => 0.5,
        }
    }
}

/// Surges that hit both arms alike: the rate of errors is multiplied by a lognormal factor with a
/// mean of one, whose logarithm is autoregressive of first order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surges {
    /// Standard deviation of the logarithm.
    pub spread: f64,
    /// Its correlation from look to look.
    pub correlation: f64,
}

/// Errors among requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Requests of a look, both arms together.
    pub requests: f64,
    /// How they are split.
    pub shares: Shares,
    /// Errors per request of a good release.
    pub base: f64,
    /// Errors per request of a bad one.
    pub worse: f64,
    /// Healthy looks before a bad release goes bad.
    pub onset: u32,
    /// How many errors come at once, on average: 1, or clusters of geometric size that hit one arm.
    pub burst: f64,
    /// Surges of both arms, if any.
    pub surges: Option<Surges>,
    /// The rate of errors has become so many times as large by the end of an hour, in both arms.
    pub drift: f64,
}

impl Errors {
    /// A scenario without anything unusual.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            requests: scenario.rps * 60.0,
            shares: Shares::Constant(scenario.share),
            base: scenario.base,
            worse: scenario.worse,
            onset: scenario.onset,
            burst: 1.0,
            surges: None,
            drift: 1.0,
        }
    }

    /// What an arm with these requests saw.
    fn arm(&self, requests: f64, rate: f64, draws: &mut Draws) -> Measurement {
        let requests = whole(requests);
        let events = if self.burst > 1.0 {
            whole(draws.clustered(requests as f64 * rate, self.burst)).min(requests)
        } else {
            draws.binomial(requests, rate)
        };
        Measurement::count(events, requests)
    }
}

impl Telemetry for Errors {
    fn before(&self, draws: &mut Draws) -> Vec<Look> {
        let mut surging = Surging::new(self.surges, draws);
        let mut at = |nth| {
            let rate = self.base * surging.next(draws);
            look(nth, self.arm(self.requests, rate, draws), None)
        };
        (0..BEFORE).map(&mut at).collect()
    }

    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look> {
        let mut surging = Surging::new(self.surges, draws);
        let mut at = |nth: u32| {
            let both = surging.next(draws) * libm::pow(self.drift, f64::from(nth) / 60.0);
            let good = healthy || nth < self.onset;
            let rate = if good { self.base } else { self.worse };
            let ours = libm::round(self.requests * self.shares.at(nth));
            let candidate = self.arm(ours, rate * both, draws);
            look(nth, self.arm(self.requests - ours, self.base * both, draws), Some(candidate))
        };
        (0..looks).map(&mut at).collect()
    }
}

/// Surges as they go on.
struct Surging {
    surges: Option<Surges>,
    /// In standard deviations.
    log: f64,
}

impl Surging {
    fn new(surges: Option<Surges>, draws: &mut Draws) -> Self {
        Self { surges, log: if surges.is_some() { draws.normal() } else { 0.0 } }
    }

    fn next(&mut self, draws: &mut Draws) -> f64 {
        let Some(Surges { spread, correlation }) = self.surges else { return 1.0 };
        let fresh = libm::sqrt(1.0 - correlation * correlation);
        self.log = correlation * self.log + fresh * draws.normal();
        libm::exp(spread * self.log - spread * spread / 2.0)
    }
}

/// The nearest whole number of requests.
fn whole(number: f64) -> u64 {
    libm::round(number) as u64
}
