//! Is the mean of a series above zero? One look is one observation.
//!
//! The one-sided t-mixture: a Student likelihood ratio with the effect spread over a half-normal
//! prior, for several widths of it. It knows nothing of what happened inside a look, so bursts of
//! events do not fool it; it assumes that looks are independent of each other (else see [`Blocks`]).

use std::f64::consts::LN_2;

use super::EvidenceError;
use super::input::within;
use super::ln_1p::ln_1p;
use super::logs::{cap, log_mean};
use super::student::Student;

/// Widths of the prior on the effect, as variances in units of the noise's: from hardly visible in a
/// single look (0.04) to obvious (4). Evidence is the mean over them.
const WIDTHS: [f64; 4] = [0.04, 0.25, 1.0, 4.0];

/// Larger observations would overflow when squared.
const LARGEST: f64 = 1e100;

/// A spread this small beside the mean, as a ratio of squares, is rounding and not variation.
const NO_SPREAD: f64 = 1e-24;

/// The evidence so far that the observations' mean is above zero.
///
/// Give `e1 / x1 - r e0 / x0` for rates, `ln(mean1 / mean0)` for latencies, or their negatives to
/// show the opposite. Exactly valid for independent Gaussian observations of any variance; skewed
/// ones made it conservative in simulation.
#[derive(Clone, Copy, Debug, Default)]
pub struct MinuteProcess {
    observations: u32,
    mean: f64,
    /// Sum of squared deviations from the mean, by Welford's recurrence.
    squares: f64,
}

impl MinuteProcess {
    /// Begins with no evidence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one observation in, and gives the log evidence after it, in nats. Zero until two
    /// observations differ.
    ///
    /// # Errors
    /// When the observation is not finite or beyond 1e100. The process is then as before.
    pub fn look(&mut self, observation: f64) -> Result<f64, EvidenceError> {
        self.take(observation)?;
        Ok(self.log_evidence())
    }

    /// As [`MinuteProcess::look`], for whoever asks for the evidence later: it costs a hundred times
    /// as much as the observation.
    ///
    /// # Errors
    /// As [`MinuteProcess::look`].
    pub fn take(&mut self, observation: f64) -> Result<(), EvidenceError> {
        let y = within("observation", observation, -LARGEST, LARGEST)?;
        self.observations = self.observations.saturating_add(1);
        let from_old_mean = y - self.mean;
        self.mean += from_old_mean / f64::from(self.observations);
        self.squares += from_old_mean * (y - self.mean);
        Ok(())
    }

    /// The log evidence so far, in nats.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        let n = f64::from(self.observations);
        let flat = self.squares <= NO_SPREAD * n * self.mean * self.mean;
        if self.observations < 2 || flat {
            return 0.0;
        }
        let signal = n * self.mean * self.mean / self.squares;
        log_mean(&self.at_widths(n, signal).map(cap))
    }

    /// The log evidence of each width `g`: with `r = g / (g + n)` and `w = t^2 / (n - 1)`, the signal,
    /// `ln(r) / 2 + (n / 2) (ln(1 + w) - ln(1 + r w)) + ln 2 + ln T_n(q)`.
    fn at_widths(&self, n: f64, signal: f64) -> [f64; WIDTHS.len()] {
        let ln_shrinks = ln_1p(WIDTHS.map(|width| n / width)).map(|ln| -ln);
        let left = WIDTHS.map(|width| width / (width + n) * signal);
        let (ln_signal, ln_left) = (libm::log1p(signal), ln_1p(left));
        // q = mean n sqrt(n / (n + g)) / sqrt(S2), with S2 = squares (1 + r signal).
        let spread = libm::sqrt(self.squares);
        let mut qs = [0.0; WIDTHS.len()];
        for (q, (width, left)) in qs.iter_mut().zip(WIDTHS.into_iter().zip(left)) {
            *q = n * self.mean * libm::sqrt(n / (n + width)) / (spread * libm::sqrt(1.0 + left));
        }
        let ln_halves = Student::of(n).ln_cdfs(qs);
        std::array::from_fn(|nth| {
            let two_sided = 0.5 * ln_shrinks[nth] + 0.5 * n * (ln_signal - ln_left[nth]);
            two_sided + LN_2 + ln_halves[nth]
        })
    }

    /// Observations taken.
    #[must_use]
    pub const fn observations(&self) -> u32 {
        self.observations
    }
}

/// Turns every so many minutes into one observation, their mean: for series in which neighbouring
/// minutes resemble each other.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    minutes: u32,
    filled: u32,
    sum: f64,
}

impl Blocks {
    /// Blocks of this many minutes; zero counts as one.
    #[must_use]
    pub const fn of(minutes: u32) -> Self {
        Self { minutes: if minutes == 0 { 1 } else { minutes }, filled: 0, sum: 0.0 }
    }

    /// Takes one minute in, and gives the mean of the block it completes, if it does.
    ///
    /// # Errors
    /// When the minute is not finite or beyond 1e100. The block is then as before.
    pub fn push(&mut self, minute: f64) -> Result<Option<f64>, EvidenceError> {
        self.sum += within("minute", minute, -LARGEST, LARGEST)?;
        self.filled += 1;
        if self.filled < self.minutes {
            return Ok(None);
        }
        let mean = self.sum / f64::from(self.filled);
        *self = Self::of(self.minutes);
        Ok(Some(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_series_is_no_evidence_however_it_is_rounded() {
        let mut process = MinuteProcess::new();
        for look in 0..100 {
            let y = if look % 2 == 0 { 0.1 } else { 0.1 + 1e-17 * f64::from(look) };
            assert_eq!(process.look(y), Ok(0.0));
        }
    }

    #[test]
    fn a_refused_observation_changes_nothing() {
        let mut process = MinuteProcess::new();
        process.look(1.0).unwrap();
        process.look(2.0).unwrap();
        let before = process.log_evidence();
        assert!(process.look(f64::NAN).is_err());
        assert!(process.look(f64::INFINITY).is_err());
        assert!(process.look(1e101).is_err());
        assert_eq!(process.log_evidence(), before);
    }

    #[test]
    fn blocks_give_means_of_whole_blocks_only() {
        let mut blocks = Blocks::of(3);
        let given: Vec<_> = (1..=7).filter_map(|y| blocks.push(f64::from(y)).unwrap()).collect();
        assert_eq!(given, [2.0, 5.0]);
    }
}
