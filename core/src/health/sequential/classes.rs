//! Do both arms give the same classes? For predictions, score deciles and other shares.
//!
//! The kernel K4: two samples over any number of classes. Shares of both arms are predicted from
//! earlier looks, smoothed towards the pool of both; a look adds its log likelihood ratio against the
//! predicted common shares. By the inequality of the means its expectation is at most one whatever the
//! shares are and however they drift, provided both arms have the same.

use super::EvidenceError;
use super::grid::Side;
use super::input::{count, dispersion, within};
use super::logs::{cap, log_mean};
use super::split::{SplitProcess, SplitTest};
use super::start::StartMass;

/// Each arm's shares start as if so many requests had been seen in the pool's shares.
const SMOOTHING: f64 = 20.0;

/// More classes than this are not classes.
const MOST_CLASSES: usize = 10_000;

/// The evidence so far that the arms' shares of classes differ.
#[derive(Clone, Debug)]
pub struct ClassProcess {
    seen1: Vec<f64>,
    seen0: Vec<f64>,
    smoothing: f64,
    dispersion: f64,
    log_evidence: f64,
}

impl ClassProcess {
    /// Begins with no evidence about so many classes.
    ///
    /// # Errors
    /// When there are fewer than 2 classes or more than 10 000.
    pub fn new(classes: usize) -> Result<Self, EvidenceError> {
        Self::with_smoothing(classes, SMOOTHING)
    }

    /// As [`ClassProcess::new`], with each arm's shares starting as if `requests` had been seen in the
    /// pool's shares.
    ///
    /// # Errors
    /// As [`ClassProcess::new`], and when `requests` is not between 1e-3 and 1e6.
    pub fn with_smoothing(classes: usize, requests: f64) -> Result<Self, EvidenceError> {
        check_classes(classes)?;
        Ok(Self {
            seen1: vec![0.0; classes],
            seen0: vec![0.0; classes],
            smoothing: within("smoothing", requests, 1e-3, 1e6)?,
            dispersion: 1.0,
            log_evidence: 0.0,
        })
    }

    /// Counts every so many predictions as one: how many come at once, measured before the first look.
    ///
    /// # Errors
    /// When it is below 1, above one million or not finite.
    pub fn with_dispersion(mut self, predictions: f64) -> Result<Self, EvidenceError> {
        self.dispersion = dispersion(predictions)?;
        Ok(self)
    }

    /// Takes one look's counts per class in, candidate first, and gives the log evidence after it, in
    /// nats. The first look teaches and is no evidence.
    ///
    /// # Errors
    /// When a list has another length than there are classes, or a count is negative, not finite or
    /// above 2^53. The process is then as before.
    pub fn look(&mut self, counts1: &[f64], counts0: &[f64]) -> Result<f64, EvidenceError> {
        let total1 = check_counts(counts1, self.seen1.len())?;
        let total0 = check_counts(counts0, self.seen0.len())?;
        if total1 > 0.0 && total0 > 0.0 {
            let gain = self.gain((counts1, total1), (counts0, total0));
            self.log_evidence = cap(self.log_evidence + gain / self.dispersion);
        }
        let learn = |seen: &mut [f64], counts: &[f64]| {
            seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen += count);
        };
        learn(&mut self.seen1, counts1);
        learn(&mut self.seen0, counts0);
        Ok(self.log_evidence)
    }

    /// The log likelihood ratio of a look: predicted shares of each arm against their mean, weighted
    /// by this look's totals.
    fn gain(&self, (counts1, total1): (&[f64], f64), (counts0, total0): (&[f64], f64)) -> f64 {
        let seen1: f64 = self.seen1.iter().sum();
        let seen0: f64 = self.seen0.iter().sum();
        let pooled = seen1 + seen0 + 0.5 * self.seen1.len() as f64;
        let weight = total1 / (total1 + total0);
        let share = |seen: f64, total: f64, pool: f64| {
            (seen + self.smoothing * pool) / (total + self.smoothing)
        };
        let seen = self.seen1.iter().zip(&self.seen0);
        let counts = counts1.iter().zip(counts0);
        seen.zip(counts)
            .map(|((one, zero), (count1, count0))| {
                let pool = (one + zero + 0.5) / pooled;
                let (q1, q0) = (share(*one, seen1, pool), share(*zero, seen0, pool));
                let common = weight * q1 + (1.0 - weight) * q0;
                count1 * libm::log(q1 / common) + count0 * libm::log(q0 / common)
            })
            .sum()
    }

    /// The log evidence so far, in nats.
    #[must_use]
    pub const fn log_evidence(&self) -> f64 {
        self.log_evidence
    }
}

/// The evidence so far that some class's share is larger or smaller in the candidate: a split test on
/// either side per class, averaged. Finds the jump of a single class in its first look.
#[derive(Clone, Debug)]
pub struct ClassShifts {
    /// Above and below, class by class.
    processes: Vec<[SplitProcess; 2]>,
    logs: Vec<f64>,
}

impl ClassShifts {
    /// Begins with no evidence about so many classes.
    ///
    /// # Errors
    /// When there are fewer than 2 classes or more than 10 000, or the dispersion is below 1 or above
    /// one million.
    pub fn new(classes: usize, start: StartMass, dispersion: f64) -> Result<Self, EvidenceError> {
        check_classes(classes)?;
        let begin = |side| {
            let test = SplitTest::new(side, 1.0)?.with_start(start);
            Ok(test.with_dispersion(dispersion)?.begin())
        };
        let sides = [begin(Side::Above)?, begin(Side::Below)?];
        Ok(Self { processes: vec![sides; classes], logs: vec![0.0; 2 * classes] })
    }

    /// Takes one look's counts per class in, candidate first, and gives the log evidence after it, in
    /// nats.
    ///
    /// # Errors
    /// As [`ClassProcess::look`]. The process is then as before.
    pub fn look(&mut self, counts1: &[f64], counts0: &[f64]) -> Result<f64, EvidenceError> {
        let total1 = check_counts(counts1, self.processes.len())?;
        let total0 = check_counts(counts0, self.processes.len())?;
        self.logs.clear();
        let counts = counts1.iter().zip(counts0);
        for (sides, (count1, count0)) in self.processes.iter_mut().zip(counts) {
            // A sum's rounding must not make a class larger than the whole.
            let (total1, total0) = (total1.max(*count1), total0.max(*count0));
            for process in sides {
                self.logs.push(process.look(*count1, *count0, total1, total0)?);
            }
        }
        Ok(self.log_evidence())
    }

    /// The log evidence so far, in nats.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        log_mean(&self.logs)
    }
}

fn check_classes(classes: usize) -> Result<(), EvidenceError> {
    within("classes", classes as f64, 2.0, MOST_CLASSES as f64).map(drop)
}

/// Accepts one count per class; gives their sum.
fn check_counts(counts: &[f64], classes: usize) -> Result<f64, EvidenceError> {
    if counts.len() != classes {
        let found = counts.len();
        return Err(EvidenceError::WrongLength { what: "counts", found, expected: classes });
    }
    let mut total = 0.0;
    for &one in counts {
        total += count("count of a class", one)?;
    }
    count("sum of counts", total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_jumps_is_found_by_its_own_test_in_the_first_look() {
        let (jumped, usual) = ([40.0, 20.0, 60.0], [40.0, 360.0, 680.0]);
        let mut shifts = ClassShifts::new(3, StartMass::Unplanned, 1.0).unwrap();
        assert!(shifts.look(&jumped, &usual).unwrap() > 20.0);
        let mut classes = ClassProcess::new(3).unwrap();
        assert_eq!(classes.look(&jumped, &usual), Ok(0.0));
        assert!(classes.look(&jumped, &usual).unwrap() > 5.0);
    }

    #[test]
    fn a_refused_look_changes_nothing() {
        let mut classes = ClassProcess::new(2).unwrap();
        let mut shifts = ClassShifts::new(2, StartMass::AtOnce, 1.0).unwrap();
        for _ in 0..3 {
            classes.look(&[9.0, 1.0], &[50.0, 50.0]).unwrap();
            shifts.look(&[9.0, 1.0], &[50.0, 50.0]).unwrap();
        }
        let before = (classes.log_evidence(), shifts.log_evidence());
        for refused in [&[1.0][..], &[1.0, f64::NAN], &[1.0, -1.0], &[9e15, 9e15]] {
            assert!(classes.look(refused, &[1.0, 1.0]).is_err());
            assert!(shifts.look(&[1.0, 1.0], refused).is_err());
        }
        assert_eq!((classes.log_evidence(), shifts.log_evidence()), before);
    }

    #[test]
    fn an_arm_without_predictions_is_no_evidence() {
        let mut classes = ClassProcess::new(2).unwrap();
        classes.look(&[9.0, 1.0], &[50.0, 50.0]).unwrap();
        assert_eq!(classes.look(&[0.0, 0.0], &[50.0, 50.0]), Ok(0.0));
    }
}
