//! The one kernel under all tests of counts: a mixture of likelihood ratios of a split.
//!
//! Given that `trials` things happened, at most (or at least) a share `s` of them should be `events`.
//! Each alternative says that their odds are a factor `k` away from that, and multiplies its capital
//! by the likelihood ratio, in logs `events ln k - trials ln(1 + (k - 1) s)`.
//!
//! This file must not know what the trials are: events of both arms, requests of one, or requests
//! of both.

use super::grid::{Grid, MOST_POINTS, Side};
use super::ln_1p::ln_1p;
use super::logs::cap;
use super::start::StartMass;
use super::wide::Wides;

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

/// The mixture at work. A fixed array of capital, no allocation.
///
/// What depends only on exposures, one logarithm for each alternative, is worked out at every look:
/// exposures change with every look, and to remember it would add half to the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture {
    bets: Bets,
    /// Capital of each alternative.
    capital: Wides<MOST_POINTS>,
    unspent: f64,
    looks: u32,
}

impl Mixture {
    pub(super) const fn new(bets: Bets) -> Self {
        Self { bets, capital: Wides::ZERO, unspent: 1.0, looks: 0 }
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
        self.capital.add(mass, self.bets.grid.points());
        self.unspent -= mass;
    }

    /// Multiplies every alternative's capital by its likelihood ratio, tempered by the dispersion.
    fn bet(&mut self, batch: Batch) {
        let Bets { side, grid, dispersion, .. } = self.bets;
        let drifts = ln_1p(grid.factors(side).map(|factor| (factor - 1.0) * batch.null_share));
        let (events, trials) = (batch.events / dispersion, batch.trials / dispersion);
        let mut gains = grid.ln_factors(side);
        for (gain, drift) in gains.iter_mut().zip(drifts) {
            *gain = events * *gain - trials * drift;
        }
        self.capital.times_exp(gains);
    }

    /// The log of the mean capital, with what is still unspent.
    pub(super) fn log_evidence(&self) -> f64 {
        let points = self.bets.grid.points();
        let unspent = if self.unspent > UNSPENT { self.unspent * points as f64 } else { 0.0 };
        cap(self.capital.ln_mean_with(unspent, points as f64))
    }

    pub(super) const fn looks(&self) -> u32 {
        self.looks
    }
}
