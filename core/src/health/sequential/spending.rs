//! Has the candidate had more events than its part, by a deadline? Exact conditional spending.
//!
//! The kernel K1x: given the events of both arms, the candidate's are at most binomial under the null.
//! The distribution of its total over all courses that have not been rejected is carried along
//! exactly, and at every look as much of `alpha` is spent as the plan allows. It uses all of `alpha`,
//! so it is faster than an e-process; but it needs a planned number of looks, single events
//! (dispersion about 1), and an `alpha` of its own, since it can not be averaged with others. Exact for
//! Poisson counts, on the safe side for requests that fail at most once each when the null ratio is 1.

use super::EvidenceError;
use super::input::{level, within};

/// Probabilities below this are dropped from the ends of a distribution: together they stay far below
/// the last digit of any `alpha`.
const NOTHING: f64 = 1e-25;

/// More events in one look make the exact distribution slow and no better than the e-process.
const MOST_EVENTS: u32 = 1_000_000;

/// How much of `alpha` may be spent by which part of the planned looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spending {
    /// `alpha` times the part to this power; one half spends early, one evenly.
    Power(f64),
    /// `alpha ln(1 + (e - 1) part)`, Pocock-like.
    Pocock,
}

impl Spending {
    /// The share of `alpha` spent at a part of the planned looks, 0 to 1.
    #[must_use]
    pub fn share_at(self, part: f64) -> f64 {
        match self {
            Self::Power(power) => libm::pow(part, power),
            Self::Pocock => libm::log1p((std::f64::consts::E - 1.0) * part),
        }
    }
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpendingLook {
    /// The smallest total of the candidate's events that rejects.
    pub critical: u64,
    /// How much of `alpha` is spent, this look included.
    pub spent: f64,
    /// Whether the null is rejected. Once it is, it stays so and nothing more is spent.
    pub rejects: bool,
}

/// Exact conditional spending at work.
#[derive(Clone, Debug)]
pub struct SpendingTest {
    alpha: f64,
    planned: u32,
    spending: Spending,
    looks: u32,
    events: u64,
    spent: f64,
    /// The candidate's total over the courses not rejected so far.
    total: Distribution,
    rejected: Option<SpendingLook>,
}

impl SpendingTest {
    /// Begins: to reject a true null with probability at most `alpha` over `planned` looks.
    ///
    /// # Errors
    /// When `alpha` is not in (0, 1], no look is planned, or a power is not between 0.01 and 100.
    pub fn new(alpha: f64, planned: u32, spending: Spending) -> Result<Self, EvidenceError> {
        within("planned looks", f64::from(planned), 1.0, f64::from(u32::MAX))?;
        if let Spending::Power(power) = spending {
            within("power of spending", power, 0.01, 100.0)?;
        }
        Ok(Self {
            alpha: level(alpha)?,
            planned,
            spending,
            looks: 0,
            events: 0,
            spent: 0.0,
            total: Distribution::certain(0),
            rejected: None,
        })
    }

    /// Takes one look in: events of both arms, and the share of them that the candidate has at the
    /// edge of the null, `r x1 / (r x1 + x0)` for exposures `x` and a null ratio `r`.
    ///
    /// # Errors
    /// When the share is not in 0 to 1, or there are more than a million events. The test is then as
    /// before.
    pub fn look(
        &mut self,
        events1: u32,
        events0: u32,
        null_share: f64,
    ) -> Result<SpendingLook, EvidenceError> {
        let share = within("null share", null_share, 0.0, 1.0)?;
        let both = f64::from(events1) + f64::from(events0);
        within("events of both arms", both, 0.0, f64::from(MOST_EVENTS))?;
        if let Some(rejected) = self.rejected {
            return Ok(rejected);
        }
        self.looks = self.looks.saturating_add(1);
        self.events = self.events.saturating_add(u64::from(events1));
        let batch = Distribution::binomial(events1.saturating_add(events0), share);
        self.total = self.total.plus(&batch);
        let critical = self.spend();
        let rejects = self.events >= critical;
        let look = SpendingLook { critical, spent: self.spent, rejects };
        self.rejected = rejects.then_some(look);
        Ok(look)
    }

    /// Takes as much off the upper end of the distribution as may be spent by now; gives the smallest
    /// total taken off.
    fn spend(&mut self) -> u64 {
        let part = (f64::from(self.looks) / f64::from(self.planned)).min(1.0);
        let allowed = self.alpha * self.spending.share_at(part) - self.spent;
        let mut tail = 0.0;
        while let Some(next) = self.total.mass.last().map(|mass| tail + mass) {
            if next > allowed {
                break;
            }
            tail = next;
            self.total.mass.pop();
        }
        self.spent += tail;
        self.total.end()
    }
}

/// Probabilities of consecutive whole numbers from `first` on.
#[derive(Clone, Debug)]
struct Distribution {
    first: u64,
    mass: Vec<f64>,
}

impl Distribution {
    fn certain(value: u64) -> Self {
        Self { first: value, mass: vec![1.0] }
    }

    /// The first number past the last.
    fn end(&self) -> u64 {
        self.first.saturating_add(self.mass.len() as u64)
    }

    /// Of `trials`, each with this chance. Multiplied out from the likeliest number on, which needs no
    /// logarithms and loses no digits; then made to sum to one.
    fn binomial(trials: u32, chance: f64) -> Self {
        if chance <= 0.0 || trials == 0 {
            return Self::certain(0);
        }
        if chance >= 1.0 {
            return Self::certain(u64::from(trials));
        }
        let n = f64::from(trials);
        let odds = chance / (1.0 - chance);
        let likeliest = libm::floor((n + 1.0) * chance).min(n);
        let walk = |step: f64| {
            let mut mass = 1.0;
            let mut k = likeliest;
            std::iter::from_fn(move || {
                let ratio =
                    if step > 0.0 { (n - k) / (k + 1.0) * odds } else { k / (n - k + 1.0) / odds };
                mass *= ratio;
                k += step;
                (mass > NOTHING).then_some(mass)
            })
        };
        let mut mass: Vec<f64> = walk(-1.0).collect();
        let below = mass.len() as u64;
        mass.reverse();
        mass.push(1.0);
        mass.extend(walk(1.0));
        let sum: f64 = mass.iter().sum();
        mass.iter_mut().for_each(|mass| *mass /= sum);
        Self { first: likeliest as u64 - below, mass }
    }

    /// The distribution of the sum of both.
    fn plus(&self, other: &Self) -> Self {
        let length = (self.mass.len() + other.mass.len()).saturating_sub(1);
        let mut mass = vec![0.0; length];
        for (offset, one) in self.mass.iter().enumerate() {
            let places = mass.iter_mut().skip(offset);
            for (place, other) in places.zip(&other.mass) {
                *place += one * other;
            }
        }
        let mut sum = Self { first: self.first.saturating_add(other.first), mass };
        sum.trim();
        sum
    }

    /// Drops what is next to nothing from both ends.
    fn trim(&mut self) {
        while self.mass.last().is_some_and(|mass| *mass < NOTHING) {
            self.mass.pop();
        }
        let leading = self.mass.iter().take_while(|mass| **mass < NOTHING).count();
        self.mass.drain(..leading);
        self.first = self.first.saturating_add(leading as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_spends_more_than_planned() {
        for spending in [Spending::Power(0.5), Spending::Power(1.0), Spending::Pocock] {
            let mut test = SpendingTest::new(0.05, 20, spending).unwrap();
            for look in 1..=30 {
                let spent = test.look(1, 40, 0.1).unwrap().spent;
                let part = (f64::from(look) / 20.0).min(1.0);
                assert!(spent <= 0.05 * spending.share_at(part) + 1e-15, "{spending:?} {look}");
            }
        }
    }

    #[test]
    fn a_rejection_is_final() {
        let mut test = SpendingTest::new(0.05, 20, Spending::Power(0.5)).unwrap();
        let rejected = test.look(20, 20, 0.1).unwrap();
        assert!(rejected.rejects);
        assert_eq!(test.look(0, 1_000, 0.1), Ok(rejected));
    }

    #[test]
    fn looks_without_events_and_shares_at_their_ends_are_harmless() {
        let mut test = SpendingTest::new(0.05, 5, Spending::Pocock).unwrap();
        for share in [0.0, 1.0, 0.5] {
            assert!(!test.look(0, 0, share).unwrap().rejects);
        }
        assert!(!test.look(3, 0, 1.0).unwrap().rejects);
        assert!(test.look(1, 0, f64::NAN).is_err());
        assert!(test.look(900_000, 200_000, 0.5).is_err());
        assert!(test.look(1, 9, 0.0).unwrap().rejects);
    }

    #[test]
    fn many_events_are_handled_as_few_are() {
        let mut test = SpendingTest::new(0.05, 3, Spending::Power(0.5)).unwrap();
        for _ in 0..3 {
            let look = test.look(10_000, 90_000, 0.1).unwrap();
            assert!(!look.rejects, "{look:?}");
        }
    }
}
