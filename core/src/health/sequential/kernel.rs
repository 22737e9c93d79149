//! The one kernel under all tests of counts: a mixture of likelihood ratios of a split.
//!
//! Given that `trials` things happened, at most (or at least) a share `s` of them should be `events`.
//! Each alternative says that their odds are a factor `k` away from that, and multiplies its capital
//! by the likelihood ratio, in logs `events ln k - trials ln(1 + (k - 1) s)`.
//!
//! This file must not know what the trials are: events of both arms, requests of one, or requests
//! of both.

use super::grid::{Grid, MOST_POINTS, Side};
use super::logs::{cap, log_add, log_sum};
use super::start::StartMass;

/// Unspent capital below this is rounding.
const UNSPENT: f64 = 1e-15;

/// How the mixture bets: valid by construction of its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bets {
    pub(super) side: Side,
    pub(super) grid: Grid,
    pub(super) start: StartMass,
    /// Increments are divided by this; at least one.
    pub(super) dispersion: f64,
}

impl Bets {
    pub(super) fn new(side: Side) -> Self {
        Self { side, grid: Grid::default(), start: StartMass::default(), dispersion: 1.0 }
    }
}

/// What one look saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    /// Trials that went the way that counts.
    pub(super) events: f64,
    /// All trials.
    pub(super) trials: f64,
    /// The share of events at the edge of the null, between 0 and 1.
    pub(super) null_share: f64,
}

/// The mixture at work. A fixed array each for capital and drift, no allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture {
    bets: Bets,
    /// Log capital of each alternative.
    log_capital: [f64; MOST_POINTS],
    /// `ln(1 + (k - 1) s)` of each alternative, kept while `s` stays the same.
    drift: [f64; MOST_POINTS],
    /// The `s` that `drift` belongs to; not a number before the first.
    drift_share: f64,
    unspent: f64,
    looks: u32,
}

impl Mixture {
    pub(super) const fn new(bets: Bets) -> Self {
        Self {
            bets,
            log_capital: [f64::NEG_INFINITY; MOST_POINTS],
            drift: [0.0; MOST_POINTS],
            drift_share: f64::NAN,
            unspent: 1.0,
            looks: 0,
        }
    }

    /// Takes one look in; `None` is a look without exposure, which only moves the schedule on.
    pub(super) fn look(&mut self, batch: Option<Batch>) -> f64 {
        self.looks = self.looks.saturating_add(1);
        self.enter(self.bets.start.at(self.looks));
        if let Some(batch) = batch {
            self.bet(batch);
        }
        self.log_evidence()
    }

    /// Adds capital to every alternative.
    fn enter(&mut self, mass: f64) {
        let mass = mass.min(self.unspent);
        if mass <= 0.0 {
            return;
        }
        let entering = libm::log(mass);
        for capital in self.log_capital.iter_mut().take(self.bets.grid.points()) {
            *capital = log_add(*capital, entering);
        }
        self.unspent -= mass;
    }

    /// Multiplies every alternative's capital by its likelihood ratio, tempered by the dispersion.
    fn bet(&mut self, batch: Batch) {
        self.prepare(batch.null_share);
        let Bets { side, grid, dispersion, .. } = self.bets;
        let capital = self.log_capital.iter_mut().zip(&self.drift);
        for ((capital, drift), ln_factor) in capital.zip(grid.ln_factors(side)) {
            let gain = batch.events * ln_factor - batch.trials * drift;
            *capital = cap(*capital + gain / dispersion);
        }
    }

    /// Works out the drift of this null share, unless it is that of the look before.
    fn prepare(&mut self, null_share: f64) {
        if null_share == self.drift_share {
            return;
        }
        let factors = self.bets.grid.factors(self.bets.side);
        for (drift, factor) in self.drift.iter_mut().zip(factors) {
            *drift = libm::log1p((factor - 1.0) * null_share);
        }
        self.drift_share = null_share;
    }

    /// The log of the mean capital, with what is still unspent.
    pub(super) fn log_evidence(&self) -> f64 {
        let points = self.bets.grid.points();
        let ln_points = libm::log(points as f64);
        let unspent = if self.unspent > UNSPENT {
            libm::log(self.unspent) + ln_points
        } else {
            f64::NEG_INFINITY
        };
        let capital = self.log_capital.iter().copied().take(points);
        cap(log_sum(capital.chain(std::iter::once(unspent))) - ln_points)
    }

    pub(super) const fn looks(&self) -> u32 {
        self.looks
    }
}
