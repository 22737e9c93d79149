//! Is the candidate's rate of events above (or below) a line? The always-valid twin of a threshold.
//!
//! The kernel of the split test with the stable arm replaced by a constant: of `requests` requests at
//! most a share `limit` should be events. Alternatives lie on the odds, so that they are rates
//! whatever the line; for rare events that is the same as a factor on the rate. For any rate on the
//! null's side of the line each factor has expectation at most one.

use super::EvidenceError;
use super::grid::{Grid, Side};
use super::input::{count, dispersion, events_among, within};
use super::kernel::{Batch, Bets, Mixture};
use super::start::StartMass;

/// The question: which side of which rate, and how to bet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedTest {
    bets: Bets,
    limit: f64,
}

impl FixedTest {
    /// [`Side::Above`] tests "the rate is at most `limit`", [`Side::Below`] "at least". Betting as
    /// [`SplitTest::new`](super::SplitTest::new) does.
    ///
    /// # Errors
    /// When `limit` is not a rate between 1e-9 and `1 - 1e-9`.
    pub fn new(side: Side, limit: f64) -> Result<Self, EvidenceError> {
        Ok(Self { bets: Bets::new(side), limit: within("limit", limit, 1e-9, 1.0 - 1e-9)? })
    }

    /// Bets on these alternatives.
    #[must_use]
    pub const fn with_grid(mut self, grid: Grid) -> Self {
        self.bets.grid = grid;
        self
    }

    /// Spends capital on this schedule.
    #[must_use]
    pub const fn with_start(mut self, start: StartMass) -> Self {
        self.bets.start = start;
        self
    }

    /// Counts every so many events as one: how many come at once, measured before the first look.
    ///
    /// # Errors
    /// When it is below 1, above one million or not finite.
    pub fn with_dispersion(mut self, events: f64) -> Result<Self, EvidenceError> {
        self.bets.dispersion = dispersion(events)?;
        Ok(self)
    }

    /// Begins with no evidence.
    #[must_use]
    pub const fn begin(&self) -> FixedProcess {
        FixedProcess { limit: self.limit, mixture: Mixture::new(self.bets) }
    }
}

/// The evidence of a [`FixedTest`] so far. Rebuilt by giving the stored looks again.
#[derive(Clone, Copy, Debug)]
pub struct FixedProcess {
    limit: f64,
    mixture: Mixture,
}

impl FixedProcess {
    /// Takes one look at the candidate in, and gives the log evidence after it, in nats. A look
    /// without requests adds nothing but counts as a look of the start-mass schedule.
    ///
    /// # Errors
    /// When a number is negative, not finite or above 2^53, or there are more events than requests.
    /// The process is then as before.
    pub fn look(&mut self, events: f64, requests: f64) -> Result<f64, EvidenceError> {
        let events = count("events of the candidate", events)?;
        let trials = count("requests of the candidate", requests)?;
        events_among(events, trials)?;
        let batch = Batch { events, trials, null_share: self.limit };
        Ok(self.mixture.look((trials > 0.0).then_some(batch)))
    }

    /// The log evidence so far, in nats.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        self.mixture.log_evidence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_over_the_line_gathers_evidence_above_it_and_one_under_it_below() {
        for (side, events) in [(Side::Above, 60.0), (Side::Below, 5.0)] {
            let mut process = FixedTest::new(side, 0.02).unwrap().begin();
            assert!(process.look(events, 1_000.0).unwrap() > 3.0, "{side:?}");
            let mut process = FixedTest::new(side, 0.02).unwrap().begin();
            assert!(process.look(20.0, 1_000.0).unwrap() < 0.0, "{side:?}");
        }
    }

    #[test]
    fn no_request_is_no_evidence_and_an_impossible_look_is_refused() {
        let mut process = FixedTest::new(Side::Above, 0.02).unwrap().begin();
        assert!(process.look(0.0, 0.0).unwrap().abs() < 1e-12);
        assert!(process.look(2.0, 1.0).is_err());
        assert!(process.look(f64::NAN, 1.0).is_err());
        assert!(FixedTest::new(Side::Above, 0.0).is_err());
    }
}
