//! Does traffic go where it was sent? Sample-ratio mismatch, always valid.
//!
//! The split test with requests as events and the weights asked for as exposures, on both sides of a
//! tolerance. Weights may change from look to look.

use super::EvidenceError;
use super::grid::{Grid, Side};
use super::input::within;
use super::logs::log_mean;
use super::split::{Exposure, SplitProcess, SplitTest};
use super::start::StartMass;

/// The evidence so far that the candidate's part of the requests is not what was asked.
#[derive(Clone, Copy, Debug)]
pub struct TrafficProcess {
    above: SplitProcess,
    below: SplitProcess,
}

impl TrafficProcess {
    /// Tolerates a ratio of requests, candidate to stable, that is off by the factor
    /// `1 + tolerance` either way. Connections that are kept and users that stick make requests come
    /// in groups: `dispersion` says how many at once.
    ///
    /// # Errors
    /// When `tolerance` is negative or above 1000, or the dispersion below 1 or above one million.
    pub fn new(tolerance: f64, dispersion: f64) -> Result<Self, EvidenceError> {
        let factor = 1.0 + within("tolerance", tolerance, 0.0, 1e3)?;
        // Requests are many: a small shift shows, and a large one needs no alternative of its own.
        let shifts = Grid::log_spaced(1.02, 8.0, 24)?;
        let begin = |side, ratio| {
            let test = SplitTest::new(side, ratio)?.with_grid(shifts);
            let test = test.with_start(StartMass::AtOnce).with_exposure(Exposure::Proportional);
            Ok(test.with_dispersion(dispersion)?.begin())
        };
        Ok(Self { above: begin(Side::Above, factor)?, below: begin(Side::Below, 1.0 / factor)? })
    }

    /// Takes one look in: requests of both arms, and the candidate's weight that was asked for, 0 to
    /// 1. Gives the log evidence after it, in nats. A weight of 0 or 1 leaves nothing to compare.
    ///
    /// # Errors
    /// When requests are negative, not finite or above 2^53, or the weight is not in 0 to 1. The
    /// process is then as before.
    pub fn look(
        &mut self,
        requests1: f64,
        requests0: f64,
        weight: f64,
    ) -> Result<f64, EvidenceError> {
        let weight = within("weight of the candidate", weight, 0.0, 1.0)?;
        self.above.look(requests1, requests0, weight, 1.0 - weight)?;
        self.below.look(requests1, requests0, weight, 1.0 - weight)?;
        Ok(self.log_evidence())
    }

    /// The log evidence so far, in nats: the mean of both sides.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        log_mean(&[self.log_evidence_above(), self.log_evidence_below()])
    }

    /// The log evidence that the candidate gets too much.
    #[must_use]
    pub fn log_evidence_above(&self) -> f64 {
        self.above.log_evidence()
    }

    /// The log evidence that the candidate gets too little.
    #[must_use]
    pub fn log_evidence_below(&self) -> f64 {
        self.below.log_evidence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_that_gets_nothing_is_found_in_one_look() {
        let mut process = TrafficProcess::new(0.1, 1.0).unwrap();
        assert!(process.look(0.0, 1_200.0, 0.1).unwrap() > 100_f64.ln());
    }

    #[test]
    fn a_deviation_within_the_tolerance_is_silent() {
        let mut process = TrafficProcess::new(0.1, 1.0).unwrap();
        for _ in 0..60 {
            assert!(process.look(114.0, 1_086.0, 0.1).unwrap() < 0.1);
        }
    }

    #[test]
    fn all_or_nothing_leaves_nothing_to_compare() {
        let mut process = TrafficProcess::new(0.1, 1.0).unwrap();
        assert!(process.look(0.0, 1_200.0, 0.0).unwrap().abs() < 1e-12);
        assert!(process.look(1_200.0, 0.0, 1.0).unwrap().abs() < 1e-12);
        assert!(process.look(1.0, 1.0, 1.5).is_err());
    }
}
