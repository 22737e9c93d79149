//! The alternatives a process bets on.

use super::EvidenceError;
use super::input::within;

/// The most alternatives a grid holds: state stays in a fixed array.
pub(super) const MOST_POINTS: usize = 24;

/// On which side of the null hypothesis the alternatives lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The null says "at most"; evidence grows when the candidate has more events. For going back.
    Above,
    /// The null says "at least"; evidence grows when the candidate has fewer events. For promoting.
    Below,
}

/// Alternatives: how many times more (or less) than the null the candidate's odds of an event are.
/// Log-spaced, with equal weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    ln_low: f64,
    ln_step: f64,
    points: u32,
    /// The factors above one, and those below it.
    above: Factors,
    below: Factors,
}

/// The first factor, and how many times it the next one is. Worked out once: every look asks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Factors {
    first: f64,
    step: f64,
}

impl Grid {
    /// `points` factors from `low` to `high`.
    ///
    /// # Errors
    /// When `low` is not above 1 or `high` is below `low` or above one million; when `points` is
    /// not between 1 and 24.
    pub fn log_spaced(low: f64, high: f64, points: u32) -> Result<Self, EvidenceError> {
        // Nearer to one than this, a factor is not an alternative.
        within("grid low", low, 1.0 + 1e-9, 1e6)?;
        within("grid high", high, low, 1e6)?;
        within("grid points", f64::from(points), 1.0, MOST_POINTS as f64)?;
        let (ln_low, ln_high) = (libm::log(low), libm::log(high));
        let gaps = points.saturating_sub(1).max(1);
        Ok(Self::new(ln_low, (ln_high - ln_low) / f64::from(gaps), points))
    }

    /// The grid for events: 24 factors from 1.25 to 32.
    #[must_use]
    pub fn of_events() -> Self {
        Self::new(libm::log(1.25), libm::log(32.0 / 1.25) / 23.0, 24)
    }

    fn new(ln_low: f64, ln_step: f64, points: u32) -> Self {
        let factors = |sign: f64| Factors {
            first: libm::exp(sign * ln_low),
            step: libm::exp(sign * ln_step),
        };
        let (above, below) = (factors(sign(Side::Above)), factors(sign(Side::Below)));
        Self { ln_low, ln_step, points, above, below }
    }

    /// How many alternatives.
    pub(super) const fn points(&self) -> usize {
        self.points as usize
    }

    /// Each alternative's log factor, on the side asked for; zero beyond the last.
    pub(super) fn ln_factors(&self, side: Side) -> [f64; MOST_POINTS] {
        let sign = sign(side);
        let (first, step) = (sign * self.ln_low, sign * self.ln_step);
        let mut factors = std::array::from_fn(|point| first + point as f64 * step);
        factors.iter_mut().skip(self.points()).for_each(|beyond| *beyond = 0.0);
        factors
    }

    /// Each alternative's factor; one beyond the last. In four strides side by side, a few
    /// multiplications each.
    pub(super) fn factors(&self, side: Side) -> [f64; MOST_POINTS] {
        let Factors { first, step } = match side {
            Side::Above => self.above,
            Side::Below => self.below,
        };
        let (twice, stride) = (step * step, (step * step) * (step * step));
        let mut four = [first, first * step, first * twice, first * twice * step];
        let mut factors = [1.0; MOST_POINTS];
        for chunk in factors.chunks_exact_mut(four.len()) {
            chunk.copy_from_slice(&four);
            four = four.map(|factor| factor * stride);
        }
        factors.iter_mut().skip(self.points()).for_each(|beyond| *beyond = 1.0);
        factors
    }
}

impl Default for Grid {
    fn default() -> Self {
        Self::of_events()
    }
}

const fn sign(side: Side) -> f64 {
    match side {
        Side::Above => 1.0,
        Side::Below => -1.0,
    }
}
