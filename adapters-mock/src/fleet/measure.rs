//! Measurements: what was exposed and what failed, drawn period by period from the seed.
//!
//! This file must not judge, and must not change the fleet: a window measured twice gives the
//! same numbers.

use tidegate_core::{
    CapacityKind, FailureKind, Look, Measurement, PortError, Query, Revisions, Span, Timestamp,
    Window,
};

use super::{
    Ends, Fleet,
    draw::{self, Poisson},
    routes::SIDES,
};
use crate::{
    faults::{Op, Wrong},
    spec::{Circumstances, EffectSpec, LatencySpec, Shape, Signal},
};

const DAY_MS: u64 = 86_400_000;

/// The edges that latency is counted at, in milliseconds: the defaults of OpenTelemetry's
/// explicit-bucket histograms, without those that nobody would look at.
const EDGES_MS: [f64; 12] =
    [10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];

/// How traffic was served from an instant on, by side.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Regime {
    from: Timestamp,
    /// Share of production traffic.
    share: [f64; SIDES],
    /// Share of production traffic that is copied or sent as a test.
    extra: [f64; SIDES],
    /// The part of the requests that finds a replica with room.
    served: [f64; SIDES],
}

/// All regimes so far, in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Vec<Regime>);

/// The parameters of the log-normal distribution of latency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latencies {
    mu: f64,
    sigma: f64,
}

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

impl Latencies {
    pub(super) fn of(spec: &LatencySpec) -> Self {
        let p50 = spec.p50_ms.max(1e-3);
        Self { mu: p50.ln(), sigma: (spec.p99_ms.max(p50) / p50).ln() / Z99 }
    }

    /// The share of requests that are slower than this.
    fn beyond(self, ms: f64) -> f64 {
        let z = (ms.max(1e-9).ln() - self.mu) / self.sigma.max(1e-9);
        0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
    }

    /// What a source with `n` samples would report. The spread of a sample quantile is the usual
    /// asymptotic one, sqrt(q(1-q)/n) over the density (van der Vaart, Asymptotic Statistics, 21.2).
    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    fn reported(self, signal: Signal, n: u64, bits: u64) -> f64 {
        let noise = draw::normal(bits) / (n.max(1) as f64).sqrt();
        let quantile = |z: f64, q: f64, density: f64| {
            (self.mu + self.sigma * (z + noise * (q * (1.0 - q)).sqrt() / density)).exp()
        };
        match signal {
            Signal::LatencyP50 => quantile(0.0, 0.5, 0.398_942),
            Signal::LatencyP95 => quantile(1.644_854, 0.95, 0.103_136),
            Signal::LatencyP99 => quantile(Z99, 0.99, 0.026_652),
            _ => {
                let variance = self.sigma * self.sigma;
                let spread = (variance.exp() - 1.0).sqrt();
                (self.mu + variance / 2.0).exp() * (1.0 + spread * noise).max(0.0)
            }
        }
    }
}

/// Requests of one arm in one window, and how many of them failed.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    requests: u64,
    errors: u64,
}

/// The requests of one arm in one period. A thinned Poisson process is two independent ones, so
/// failed and served requests are drawn apart; that is exact, and cheaper than a binomial.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    served: Poisson,
    failed: Poisson,
}

impl Arrivals {
    const NONE: Self = Self { served: Poisson::Nothing, failed: Poisson::Nothing };
}

impl Fleet {
    /// Measures by a metric's name, as [`measure`](Self::measure) does.
    ///
    /// # Errors
    /// When the world has no such metric, or a fault refuses.
    pub fn look(&mut self, query: &Query) -> Result<Look, PortError> {
        let Some(signal) = self.spec.signal(&query.metric) else {
            self.port_calls += 1;
            let action = format!("measure {} of {}", query.metric, query.target);
            return Err(PortError::new(FailureKind::Permanent, action).because("no such metric"));
        };
        self.measure(&query.revisions, signal, query.window).map_err(|kind| {
            PortError::new(kind, format!("measure {} of {}", query.metric, query.target))
        })
    }

    /// Measures both arms over the whole periods inside the window. A port call.
    ///
    /// # Errors
    /// What a fault says.
    pub fn measure(
        &mut self,
        revisions: &Revisions,
        signal: Signal,
        window: Window,
    ) -> Result<Look, FailureKind> {
        let wrong = self.fault(Op::Look, window.to.since(self.began));
        let ends = self.ends(revisions);
        let lag = match wrong {
            Some(Wrong::Refused { permanent: true }) => return Err(FailureKind::Permanent),
            Some(Wrong::Refused { .. }) => return Err(FailureKind::Retryable),
            Some(Wrong::Throttled) => return Err(FailureKind::Throttled),
            Some(Wrong::Slow { .. } | Wrong::Late { .. } | Wrong::LostAnswer) => {
                return Err(FailureKind::Ambiguous);
            }
            Some(Wrong::Lag { by }) => self.spec.metrics.lag.plus(by),
            _ => self.spec.metrics.lag,
        };
        let mut look = self.clean_look(ends, revisions.stable.is_some(), signal, window, lag);
        if let Some(wrong) = wrong {
            look = distorted(look, wrong);
        }
        Ok(look)
    }

    fn clean_look(
        &mut self,
        ends: Ends,
        has_stable: bool,
        signal: Signal,
        asked: Window,
        lag: Span,
    ) -> Look {
        let period = self.spec.metrics.period.0.max(1);
        let arrived = self.now.0.saturating_sub(lag.0);
        let (first, end) = (asked.from.0.div_ceil(period), asked.to.0 / period);
        if first >= end {
            return Look { complete: false, ..Look::complete(asked, None, None) };
        }
        let window = Window { from: Timestamp(first * period), to: Timestamp(end * period) };
        let there = end.min(arrived / period);
        let mut arm = |side: usize| self.arm(side, signal, first, there);
        let stable = if has_stable { arm(ends.stable) } else { None };
        Look { complete: there == end, ..Look::complete(window, stable, arm(ends.candidate)) }
    }

    /// One arm over the periods `first .. end`; absent when it had no request.
    fn arm(&mut self, side: usize, signal: Signal, first: u64, end: u64) -> Option<Measurement> {
        let tally = self.tally(side, first, end);
        let Tally { requests, errors } = tally;
        if requests == 0 {
            return None;
        }
        Some(match signal {
            Signal::ErrorRate => Measurement::count(errors, requests),
            Signal::SuccessRate => Measurement::count(requests - errors, requests),
            Signal::Requests => self.rate(requests, end - first),
            Signal::Latency => self.slower(side, requests, first, end),
            Signal::Classes => self.classes(side, requests, first, end)?,
            _ => self.latency(side, signal, requests, first, end),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    fn rate(&self, requests: u64, periods: u64) -> Measurement {
        let seconds = (periods * self.spec.metrics.period.0.max(1)) as f64 / 1_000.0;
        Measurement::Value { value: requests as f64 / seconds, samples: requests as f64 }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    fn latency(&self, side: usize, signal: Signal, n: u64, first: u64, end: u64) -> Measurement {
        let strength = self.strength(side, first, end);
        let factor = self.effect(side).map_or(1.0, |effect| effect.latency_factor(strength));
        let value =
            factor * self.latencies.reported(signal, n, self.noise(side, signal, first, end));
        let samples = n as f64;
        match signal {
            Signal::LatencySum => Measurement::Sum { sum: value * samples, samples },
            _ => Measurement::Value { value, samples },
        }
    }

    /// How many of the requests were slower than each of [`EDGES_MS`].
    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    fn slower(&self, side: usize, n: u64, first: u64, end: u64) -> Measurement {
        let strength = self.strength(side, first, end);
        let factor = self.effect(side).map_or(1.0, |effect| effect.latency_factor(strength));
        let stream = draw::Stream::new(self.seed, stream(side, 12) ^ first ^ end.rotate_left(32));
        let mut left = n;
        let mut beyond = 1.0;
        let mut above = Vec::with_capacity(EDGES_MS.len());
        for (nth, edge) in (0..).zip(EDGES_MS) {
            let share = self.latencies.beyond(edge / factor.max(1e-9));
            let stays = if beyond > 0.0 { (share / beyond).clamp(0.0, 1.0) } else { 0.0 };
            left = draw::binomial(stream.bits(nth), left, stays);
            beyond = share;
            above.push(left as f64);
        }
        let bits = self.noise(side, Signal::LatencyMean, first, end);
        let mean = factor * self.latencies.reported(Signal::LatencyMean, n, bits);
        let samples = n as f64;
        Measurement::Above { edges: EDGES_MS.to_vec(), above, samples, sum: Some(mean * samples) }
    }

    /// How many answers fell into each class; absent where the world has no classes.
    #[expect(clippy::cast_precision_loss, reason = "counts of one window fit 52 bits")]
    fn classes(&self, side: usize, n: u64, first: u64, end: u64) -> Option<Measurement> {
        let strength = self.strength(side, first, end);
        let shares = self.effect(side).map_or_else(
            || self.spec.classes.clone(),
            |effect| effect.classes(&self.spec.classes, strength),
        );
        let stream = draw::Stream::new(self.seed, stream(side, 13) ^ first ^ end.rotate_left(32));
        let (mut left, mut rest) = (n, shares.iter().sum::<f64>());
        let mut counts = Vec::with_capacity(shares.len());
        for (nth, share) in (0..).zip(&shares) {
            let count = draw::binomial(stream.bits(nth), left, (share / rest).clamp(0.0, 1.0));
            (left, rest) = (left - count, rest - share);
            counts.push(count as f64);
        }
        (!counts.is_empty()).then_some(Measurement::Classes(counts))
    }

    /// How much of a side's effect shows in the middle of these periods.
    fn strength(&self, side: usize, first: u64, end: u64) -> f64 {
        let period = self.spec.metrics.period.0.max(1);
        let middle = Timestamp(u64::midpoint(first, end) * period);
        self.effect(side).map_or(0.0, |effect| {
            let share = self.regime_at(middle).map_or(0.0, |regime| regime.share[side]);
            effect.strength(self.circumstances(side, effect, middle, share))
        })
    }

    const fn noise(&self, side: usize, signal: Signal, first: u64, end: u64) -> u64 {
        draw::bits(self.seed, stream(side, 2 + signal as u64), first ^ end.rotate_left(32))
    }

    fn tally(&mut self, side: usize, first: u64, end: u64) -> Tally {
        let bits = |kind| draw::Stream::new(self.seed, stream(side, kind));
        let (served, failed) = (bits(0), bits(1));
        let Some(regime) = self.steady_regime(side, first, end) else {
            let effect = self.effect(side);
            return (first..end).fold(Tally::default(), |tally, period| {
                let arrivals = self.arrivals(side, effect, period);
                let errors = arrivals.failed.draw(failed.bits(period));
                let requests = errors + arrivals.served.draw(served.bits(period));
                Tally { requests: tally.requests + requests, errors: tally.errors + errors }
            });
        };
        let arrivals = self.steady_arrivals(side, regime, first);
        let errors = arrivals.failed.sum(failed, first..end);
        Tally { requests: errors + arrivals.served.sum(served, first..end), errors }
    }

    /// The regime of these periods, where each of them expects what every other one does.
    fn steady_regime(&self, side: usize, first: u64, end: u64) -> Option<usize> {
        let requests = &self.spec.requests;
        let period = self.spec.metrics.period.0.max(1);
        let shape = self.effect(side).map_or(&Shape::Always, |effect| &effect.shape);
        let steady = requests.daily_swing <= 0.0
            && requests.burst_every.is_zero()
            && matches!(shape, Shape::Always | Shape::AboveWeight(_))
            && first < end;
        let last = self.history.0.iter().rposition(|regime| regime.from.0 < end * period)?;
        (steady && self.history.0[last].from.0 <= first * period).then_some(last)
    }

    /// What the periods of a regime expect, worked out at the first of them that is asked for. No
    /// regime changes once a whole period of it has passed.
    fn steady_arrivals(&mut self, side: usize, regime: usize, period: u64) -> &Arrivals {
        let fresh = self.steady[side].as_ref().is_none_or(|(known, _)| *known != regime);
        if fresh {
            let arrivals = self.arrivals(side, self.effect(side), period);
            self.steady[side] = Some((regime, arrivals));
        }
        self.steady[side].as_ref().map_or(&Arrivals::NONE, |(_, arrivals)| arrivals)
    }

    fn arrivals(&self, side: usize, effect: Option<&EffectSpec>, period: u64) -> Arrivals {
        let (requests, errors) = self.expected(side, effect, period);
        Arrivals { served: Poisson::of(requests - errors), failed: Poisson::of(errors) }
    }

    /// Mean requests and mean errors of one side in one period, over all regimes that touch it.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a period fit 52 bits")]
    fn expected(&self, side: usize, effect: Option<&EffectSpec>, period: u64) -> (f64, f64) {
        let length = self.spec.metrics.period.0.max(1);
        let (from, end) = (period * length, (period + 1) * length);
        let mut to = end;
        let per_ms = self.per_ms(Timestamp(from + length / 2));
        let (mut requests, mut errors) = (0.0, 0.0);
        for regime in self.history.0.iter().rev().skip_while(|regime| regime.from.0 >= end) {
            let begin = regime.from.0.max(from);
            let share = regime.share[side] + regime.extra[side];
            if share > 0.0 {
                let here = (to - begin) as f64 * per_ms * share;
                let at = Timestamp(u64::midpoint(begin, to));
                requests += here;
                errors += here * self.failing(side, effect, regime, at);
            }
            to = begin;
            if begin == from {
                break;
            }
        }
        (requests, errors)
    }

    /// The probability that a request to this side fails.
    fn failing(
        &self,
        side: usize,
        effect: Option<&EffectSpec>,
        regime: &Regime,
        at: Timestamp,
    ) -> f64 {
        let base = self.spec.error_rate;
        let own = effect.map_or(base, |effect| {
            let now = self.circumstances(side, effect, at, regime.share[side]);
            effect.error_rate(base, effect.strength(now))
        });
        1.0 - (1.0 - own) * regime.served[side]
    }

    /// The probability that a request to this side fails now, as the platform's own alarm sees it.
    pub(super) fn failing_now(&self, side: usize) -> f64 {
        let regime = self.history.0.last();
        regime.map_or(0.0, |regime| self.failing(side, self.effect(side), regime, self.now))
    }

    fn effect(&self, side: usize) -> Option<&EffectSpec> {
        let revision = self.sides[side].revision.as_ref().map(tidegate_core::Revision::as_str);
        self.spec.effect_of(revision, side == 0)
    }

    fn circumstances(
        &self,
        index: usize,
        effect: &EffectSpec,
        at: Timestamp,
        share: f64,
    ) -> Circumstances {
        let side = &self.sides[index];
        let age = side.serving_since.map_or(Span::ZERO, |since| at.since(since));
        let in_zone = match &effect.shape {
            Shape::InZone(name) => {
                let zone = self.spec.zones.keys().position(|zone| zone == name);
                let there = zone.map_or(0, |zone| side.ready[zone]);
                f64::from(there) / f64::from(side.ready_total().max(1))
            }
            _ => 1.0,
        };
        Circumstances { age, share, in_zone }
    }

    /// Requests a millisecond, over all arms.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a day fit 52 bits")]
    fn per_ms(&self, at: Timestamp) -> f64 {
        let spec = &self.spec.requests;
        let mut rate = spec.per_second / 1_000.0;
        if spec.daily_swing > 0.0 {
            let turn = (at.0 % DAY_MS) as f64 / DAY_MS as f64;
            rate *= 1.0 + spec.daily_swing * (turn * std::f64::consts::TAU).sin();
        }
        let elapsed = i128::from(at.0) - i128::from(self.began.0);
        let part = elapsed.checked_rem_euclid(i128::from(spec.burst_every.0));
        if part.is_some_and(|part| part < i128::from(spec.burst_for.0)) {
            rate *= spec.burst_factor;
        }
        rate.max(0.0)
    }

    fn regime_at(&self, at: Timestamp) -> Option<&Regime> {
        self.history.0.iter().rev().find(|regime| regime.from <= at)
    }

    /// Remembers how traffic is served from now on, where that is new.
    pub(super) fn note_regime(&mut self) {
        let new = self.regime();
        match self.history.0.last_mut() {
            Some(last) if Regime { from: new.from, ..*last } == new => {}
            Some(last) if last.from == new.from => *last = new,
            // What serves at the beginning has served before it, as it does now.
            None => self.history.0.push(Regime { from: Timestamp::default(), ..new }),
            _ => self.history.0.push(new),
        }
    }

    fn regime(&self) -> Regime {
        let share = self.shares().map(|bp| f64::from(bp) / 10_000.0);
        let mut extra = [0.0; SIDES];
        let tests = f64::from(u8::from(self.extra.test)) * self.spec.requests.test_per_second;
        let tests = tests / self.spec.requests.per_second.max(1e-9);
        extra[self.extra_to] = f64::from(self.extra.mirror.bp()) / 10_000.0 + tests;
        let mut served = [1.0; SIDES];
        for (index, served) in served.iter_mut().enumerate().take(self.sides.len()) {
            *served = self.served(index, share[index] + extra[index]);
        }
        Regime { from: self.now, share, extra, served }
    }

    fn served(&self, side: usize, load: f64) -> f64 {
        let needed = load * f64::from(self.full_total());
        if self.spec.capacity == CapacityKind::Elastic || needed <= 0.0 {
            return 1.0;
        }
        (f64::from(self.sides[side].ready_total()) * self.spec.headroom / needed).min(1.0)
    }
}

/// Draws of different sides and kinds must not be the same draws.
const fn stream(side: usize, kind: u64) -> u64 {
    side as u64 * 16 + kind + 1
}

fn distorted(look: Look, wrong: Wrong) -> Look {
    let each = |look: Look, change: fn(Measurement) -> Measurement| Look {
        stable: look.stable.map(change),
        candidate: look.candidate.map(change),
        ..look
    };
    match wrong {
        Wrong::Gap => Look { stable: None, candidate: None, ..look },
        Wrong::Swapped => Look { stable: look.candidate, candidate: look.stable, ..look },
        Wrong::NaN => {
            each(look, |m| Measurement::Value { value: f64::NAN, samples: m.exposures() })
        }
        Wrong::Zeros => each(look, zeroed),
        Wrong::Duplicates => each(look, |m| scaled(m, 2.0)),
        _ => look,
    }
}

/// The same exposures, and nothing that happened in them.
fn zeroed(measurement: Measurement) -> Measurement {
    match measurement {
        Measurement::Count { exposures, .. } => Measurement::Count { events: 0.0, exposures },
        Measurement::Sum { samples, .. } => Measurement::Sum { sum: 0.0, samples },
        Measurement::Above { edges, above, samples, sum } => {
            let above = vec![0.0; above.len()];
            Measurement::Above { edges, above, samples, sum: sum.map(|_| 0.0) }
        }
        Measurement::Classes(counts) => Measurement::Classes(vec![0.0; counts.len()]),
        _ => Measurement::Value { value: 0.0, samples: measurement.exposures() },
    }
}

/// Everything counted `by` times.
fn scaled(measurement: Measurement, by: f64) -> Measurement {
    let all = |numbers: Vec<f64>| numbers.into_iter().map(|n| n * by).collect();
    match measurement {
        Measurement::Count { events, exposures } => {
            Measurement::Count { events: events * by, exposures: exposures * by }
        }
        Measurement::Sum { sum, samples } => {
            Measurement::Sum { sum: sum * by, samples: samples * by }
        }
        Measurement::Value { value, samples } => {
            Measurement::Value { value, samples: samples * by }
        }
        Measurement::Above { edges, above, samples, sum } => Measurement::Above {
            edges,
            above: all(above),
            samples: samples * by,
            sum: sum.map(|sum| sum * by),
        },
        Measurement::Classes(counts) => Measurement::Classes(all(counts)),
        _ => measurement,
    }
}
