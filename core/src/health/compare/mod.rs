//! The recommended judge: gathers evidence that the candidate is worse, and that it is not, look by
//! look, for as long as it takes. What it counts follows from what was measured: events among
//! requests, a histogram, a mean or a percentile, or classes.
//!
//! Two questions are asked side by side. *Worse* is evidence against "no worse than tolerated", and
//! rolls back; *no worse* is evidence against "worse by the margin", and opens gates. Neither is the
//! absence of the other: between them lies "not known yet".

mod classes;
mod latency;
mod means;
mod past;
mod rates;

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use self::{classes::Classes, latency::Latency, means::Means, past::Past, rates::Rates};
use super::{
    Judge, Judgement, Judging, LogE, Look, Measurement, Reading, Verdict, sequential::EvidenceError,
};

/// What evidence is that there is none of.
const NONE: f64 = -1e6;

/// How evidence is gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By events and by minutes, half each: robust against bursts.
    #[default]
    Recommended,
    /// By events alone: the quickest where events come one by one.
    Events,
    /// By exact spending over the planned looks: as quick as can be, and nothing to carry beyond
    /// them.
    Spending,
    /// Against an absolute difference of rates.
    Absolute,
}

/// Which way is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More of it.
    #[default]
    More,
    /// Less of it.
    Less,
}

/// Which of the two questions is asked. One costs half of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// Whether the candidate is worse, and whether it is not.
    #[default]
    Both,
    /// Whether it is worse: what a guard asks.
    Worse,
    /// Whether it is not: what a gate asks.
    NoWorse,
}

/// What the candidate is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The stable arm in the same window.
    Stable,
    /// What the stable arm did before the rollout: for a rate, what it did not exceed with 99 %
    /// confidence; for anything else, its mean. Classes are not compared with the past.
    ///
    /// No two samples are drawn alike here. That nothing else has changed since (traffic, time of the
    /// day, what the service depends on) by more than what is tolerated is an assumption.
    History,
    /// A rate, above 0 and below 1; for means and percentiles, a value above 0.
    Rate(f64),
}

/// Compares a candidate with a baseline, for as long as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compare {
    /// What is asked.
    #[serde(default)]
    pub asks: Asks,
    /// How evidence is gathered.
    pub method: Method,
    /// Which way is worse.
    pub worse: Worse,
    /// What the candidate is compared with.
    pub against: Against,
    /// The candidate counts as no worse up to this many times the baseline; at least 1.
    pub tolerate: f64,
    /// With [`Method::Absolute`]: no worse up to the baseline and this much; 0 to 1.
    pub points: f64,
    /// A gate passes once the candidate was shown to be below this many times the baseline; more
    /// than `tolerate`. By default 2 for rates, 1.25 for means and percentiles.
    pub margin: Option<f64>,
    /// A gate also passes once the candidate's rate was shown to be below this; 0 for never.
    pub negligible: f64,
    /// Above 0 and below 1: a good candidate fails with a probability of at most this.
    pub alpha: f64,
    /// Above 0 and below 1: one that is worse by the margin passes with at most this.
    pub beta: f64,
    /// Looks that the rollout is expected to take; at least 1.
    pub planned_looks: u32,
    /// Windows before the rollout to look at.
    pub history: u32,
    /// Which percentile the values are, in percent.
    pub percentile: Option<f64>,
    /// The population stability index from which a drift of classes matters; above 0.
    pub drift: f64,
    /// Looks without data tolerated in a row.
    pub no_data_limit: u32,
    /// Errors tolerated in a row.
    pub consecutive_error_limit: u32,
}

impl Default for Compare {
    /// What a plan means that says nothing: against stable, alpha 0.01, beta 0.05.
    fn default() -> Self {
        Self {
            asks: Asks::Both,
            method: Method::Recommended,
            worse: Worse::More,
            against: Against::Stable,
            tolerate: 1.0,
            points: 0.0,
            margin: None,
            negligible: 0.001,
            alpha: 0.01,
            beta: 0.05,
            planned_looks: 60,
            history: 240,
            percentile: None,
            drift: 0.1,
            no_data_limit: 4,
            consecutive_error_limit: 4,
        }
    }
}

impl Compare {
    const fn asks_worse(&self) -> bool {
        !matches!(self.asks, Asks::NoWorse)
    }

    const fn asks_no_worse(&self) -> bool {
        !matches!(self.asks, Asks::Worse)
    }
}

impl Judge for Compare {
    fn begin(&self) -> Box<dyn Judging> {
        self.begin_after(&[])
    }

    fn history(&self) -> u32 {
        self.history
    }

    fn begin_after(&self, history: &[Look]) -> Box<dyn Judging> {
        Box::new(Comparing {
            compare: *self,
            past: Past::of(history),
            kind: None,
            looks: 0,
            failed: 0,
            empty_in_a_row: 0,
            errors_in_a_row: 0,
            last: Gathered::NOTHING,
            shown: false,
            total: Total::default(),
            fails_from: -libm::log(self.alpha),
            passes_from: -libm::log(self.beta),
        })
    }
}

/// What all looks of one kind come to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gathered {
    log_e: LogE,
    /// Something is off that only a person can settle.
    hold: bool,
}

impl Gathered {
    const NOTHING: Self = Self { log_e: LogE { worse: 0.0, no_worse: 0.0 }, hold: false };

    const fn of(worse: f64, no_worse: f64) -> Self {
        Self { log_e: LogE { worse, no_worse }, hold: false }
    }
}

/// Why a look is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unusable {
    /// Nothing to compare, or nothing to compare with.
    Empty,
    /// Numbers that can not be true, or of another kind than before.
    Wrong,
    /// Too little in it, and nothing wrong.
    TooFew,
}

impl From<EvidenceError> for Unusable {
    fn from(_: EvidenceError) -> Self {
        Self::Wrong
    }
}

/// How a kind of measurement is compared. Found out at the first look that has anything in it.
#[derive(Debug)]
enum Kind {
    Rates(Rates),
    Means(Means),
    Latency(Box<Latency>),
    Classes(Classes),
}

impl Kind {
    fn of(compare: &Compare, past: &Past, candidate: &Measurement) -> Result<Self, Unusable> {
        Ok(match candidate {
            Measurement::Count { .. } => Self::Rates(Rates::new(compare, past)?),
            Measurement::Sum { .. } | Measurement::Value { .. } => {
                Self::Means(Means::new(compare, past)?)
            }
            // Without both arms at once there is one number to compare: the mean.
            Measurement::Above { .. } if compare.against != Against::Stable => {
                Self::Means(Means::new(compare, past)?)
            }
            Measurement::Above { .. } => Self::Latency(Box::new(Latency::new(compare, past)?)),
            Measurement::Classes(_) => Self::Classes(Classes::new(compare)?),
        })
    }

    fn look(
        &mut self,
        candidate: &Measurement,
        stable: Option<&Measurement>,
    ) -> Result<Gathered, Unusable> {
        match self {
            Self::Rates(rates) => rates.look(candidate, stable),
            Self::Means(means) => means.look(candidate, stable),
            Self::Latency(latency) => latency.look(candidate, stable),
            Self::Classes(classes) => classes.look(candidate, stable),
        }
    }
}

/// Sums over all looks that were counted, for the sentence.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    candidate: Side,
    stable: Side,
}

#[derive(Clone, Copy, Debug, Default)]
struct Side {
    sum: f64,
    samples: f64,
    /// Of values without samples, their number.
    looks: f64,
}

impl Side {
    fn add(&mut self, measurement: &Measurement) {
        let Some(value) = measurement.value() else { return };
        let samples = measurement.exposures();
        let weight = if samples > 0.0 { samples } else { 1.0 };
        self.sum += value * weight;
        self.samples += samples;
        self.looks += if samples > 0.0 { 0.0 } else { 1.0 };
    }

    /// Absent where the sums have grown beyond what a number holds.
    fn mean(&self) -> Option<f64> {
        let weight = self.samples + self.looks;
        (weight > 0.0).then(|| self.sum / weight).filter(|mean| mean.is_finite())
    }
}

#[derive(Debug)]
struct Comparing {
    compare: Compare,
    past: Past,
    kind: Option<Kind>,
    looks: u32,
    failed: u32,
    empty_in_a_row: u32,
    errors_in_a_row: u32,
    last: Gathered,
    /// Whether the candidate was shown to be no worse: evidence once found stays found.
    shown: bool,
    total: Total,
    /// The evidence of either kind that decides.
    fails_from: f64,
    passes_from: f64,
}

impl Judging for Comparing {
    fn look(&mut self, look: &Look) -> Judgement {
        self.looks = self.looks.saturating_add(1);
        let taken = self.take(look);
        let (errors, empty) = match taken {
            Err(Unusable::Wrong) => (self.errors_in_a_row.saturating_add(1), self.empty_in_a_row),
            Err(Unusable::Empty) => (0, self.empty_in_a_row.saturating_add(1)),
            Ok(_) | Err(Unusable::TooFew) => (0, 0),
        };
        (self.errors_in_a_row, self.empty_in_a_row) = (errors, empty);
        if let Ok(gathered) = taken {
            self.last = gathered;
            self.shown |= gathered.log_e.no_worse >= self.passes_from;
        } else {
            self.failed = self.failed.saturating_add(1);
        }
        self.judgement(taken.err())
    }
}

impl Comparing {
    fn take(&mut self, look: &Look) -> Result<Gathered, Unusable> {
        if look.failed {
            return Err(Unusable::Wrong);
        }
        let with_stable = self.compare.against == Against::Stable;
        let stable = look.stable.as_ref().filter(|_| with_stable);
        let absurd = |m: Option<&Measurement>| m.is_some_and(Measurement::is_absurd);
        if absurd(look.candidate.as_ref()) || absurd(stable) {
            return Err(Unusable::Wrong);
        }
        let there = |m: &&Measurement| !m.is_empty();
        let candidate = look.candidate.as_ref().filter(there).ok_or(Unusable::Empty)?;
        let stable = stable.filter(there);
        if !look.complete || (with_stable && stable.is_none()) {
            return Err(Unusable::Empty);
        }
        if self.kind.is_none() {
            self.kind = Some(Kind::of(&self.compare, &self.past, candidate)?);
        }
        let kind = self.kind.as_mut().ok_or(Unusable::Empty)?;
        let gathered = kind.look(candidate, stable)?;
        self.total.candidate.add(candidate);
        stable.into_iter().for_each(|stable| self.total.stable.add(stable));
        Ok(gathered)
    }

    /// Failing and passing are about all looks; everything else about the last one.
    fn judgement(&self, unusable: Option<Unusable>) -> Judgement {
        let worse = self.last.log_e.worse;
        let verdict = match unusable {
            _ if worse >= self.fails_from => Verdict::Fail,
            Some(Unusable::Wrong) => Verdict::Error,
            Some(Unusable::Empty) => Verdict::NoData,
            Some(Unusable::TooFew) => Verdict::Inconclusive,
            None if self.shown => Verdict::Pass,
            None => Verdict::Inconclusive,
        };
        let past_limit = self.errors_in_a_row > self.compare.consecutive_error_limit
            || self.empty_in_a_row > self.compare.no_data_limit
            || self.last.hold;
        Judgement { verdict, past_limit, reading: self.reading(), log_e: Some(self.last.log_e) }
    }

    fn reading(&self) -> Reading {
        let baseline = match self.compare.against {
            Against::Stable => self.total.stable.mean(),
            Against::Rate(rate) => Some(rate),
            Against::History => self.past.mean(),
        };
        let LogE { worse, no_worse } = self.last.log_e;
        let (evidence, needed) = match self.compare.asks_worse() {
            true => (worse, self.fails_from),
            false => (no_worse, self.passes_from),
        };
        Reading {
            candidate: self.total.candidate.mean(),
            baseline,
            limit: None,
            samples: whole(self.total.candidate.samples),
            looks: self.looks,
            failed: self.failed,
            before: self.past.short_of(self.compare.history),
            rate: matches!(self.kind, Some(Kind::Rates(_))),
            no_worse: !self.compare.asks_worse(),
            evidence: Some(evidence),
            needed: Some(needed),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and NaN becomes zero"
)]
pub(super) const fn whole(samples: f64) -> u64 {
    samples as u64
}

/// The mean of two e-values, in logs.
fn half_each(a: f64, b: f64) -> f64 {
    log_sum(a - LN_2, b - LN_2)
}

/// The mean of two e-values of which the second has this share, above 0 and below 1; in logs.
fn mixed(a: f64, b: f64, share: f64) -> f64 {
    log_sum(a + libm::log1p(-share), b + libm::log(share))
}

/// The sum of two e-values, in logs.
fn log_sum(a: f64, b: f64) -> f64 {
    let (most, least) = if a > b { (a, b) } else { (b, a) };
    most + libm::log1p(libm::exp(least - most))
}
