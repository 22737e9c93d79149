//! Rates with their limits, and delays.

use statrs::function::beta::beta_reg;

use crate::contest::Ends;

/// One-sided confidence of limits of rates.
const CONFIDENCE: f64 = 0.99;

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Times that it happened.
    pub hits: u32,
    /// Times that it could have.
    pub runs: u32,
}

impl Rate {
    /// As measured, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.hits) / f64::from(self.runs.max(1))
    }

    /// What the rate is below with 99 % confidence, after Clopper and Pearson (1934).
    #[must_use]
    pub fn upper(self) -> f64 {
        if self.hits >= self.runs {
            return 1.0;
        }
        let (hits, misses) = (f64::from(self.hits), f64::from(self.runs - self.hits));
        let (mut low, mut high) = (self.share(), 1.0);
        // Sixty halvings leave no number between.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            let below = beta_reg(hits + 1.0, misses, middle) < CONFIDENCE;
            *(if below { &mut low } else { &mut high }) = middle;
        }
        high
    }

    /// In percent, with its limit: `0.98 (1.16)`.
    #[must_use]
    pub fn show(self) -> String {
        format!("{} ({})", percent(self.share()), percent(self.upper()))
    }
}

/// What the ends of many runs come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Delays {
    runs: u32,
    /// Runs that ended before there was a reason to.
    early: u32,
    /// Looks from the first with a reason on, sorted; of the other runs that ended.
    looks: Vec<u16>,
}

impl Delays {
    /// Of runs in which there was a reason to end after `onset` looks.
    #[must_use]
    pub fn of(ends: &Ends, onset: u32) -> Self {
        let onset = u16::try_from(onset).unwrap_or(u16::MAX);
        let ended = ends.iter().flatten();
        let early = ended.clone().filter(|end| **end <= onset).count() as u32;
        let mut looks: Vec<u16> = ended.filter_map(|end| end.checked_sub(onset)).collect();
        looks.retain(|delay| *delay > 0);
        looks.sort_unstable();
        Self { runs: ends.len() as u32, early, looks }
    }

    /// The delay that this share of all runs did not exceed; none if fewer ended in time.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u16> {
        let needed = libm::ceil(share * f64::from(self.runs)) as usize;
        self.looks.get(needed.max(1) - 1).copied()
    }

    /// Of the runs that ended in time.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.looks.iter().map(|look| f64::from(*look)).sum();
        sum / self.looks.len() as f64
    }

    /// Runs that never ended.
    #[must_use]
    pub fn missed(&self) -> Rate {
        Rate { hits: self.runs - self.early - self.looks.len() as u32, runs: self.runs }
    }

    /// Median and 95th percentile: `4 / 7`.
    #[must_use]
    pub fn show(&self) -> String {
        let middle = self.quantile(0.5).map_or("never".to_owned(), |looks| looks.to_string());
        let late = self.quantile(0.95).map_or("–".to_owned(), |looks| looks.to_string());
        format!("{middle} / {late}")
    }
}

/// How many runs ended at all.
#[must_use]
pub fn ended(ends: &Ends) -> Rate {
    Rate { hits: ends.iter().flatten().count() as u32, runs: ends.len() as u32 }
}

/// A share in percent, with two digits after the point below 10 %.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.995 { format!("{percent:.2}") } else { format!("{percent:.1}") }
}

/// A number without the noise of its last digits.
#[must_use]
pub fn trimmed(number: f64) -> String {
    let number = libm::round(number * 1e6) / 1e6;
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_clopper_and_pearson() {
        // Without a hit the limit has a closed form: 1 - 0.01^(1/n).
        let none = Rate { hits: 0, runs: 1000 }.upper();
        assert!((none - (1.0 - libm::pow(0.01, 1e-3))).abs() < 1e-12);
        // R: qbeta(0.99, 11, 990) is 0.0198964.
        let ten = Rate { hits: 10, runs: 1000 }.upper();
        assert!((0.0195..0.0205).contains(&ten), "{ten}");
        assert_eq!(Rate { hits: 5, runs: 5 }.upper(), 1.0);
    }

    #[test]
    fn runs_that_end_too_early_are_neither_found_nor_missed() {
        let delays = Delays::of(&vec![Some(3), Some(30), Some(31), Some(35), None], 30);
        assert_eq!((delays.early, delays.looks.as_slice()), (2, [1, 5].as_slice()));
        assert_eq!(delays.missed(), Rate { hits: 1, runs: 5 });
        assert_eq!(delays.quantile(0.2), Some(1));
        assert_eq!(delays.quantile(0.4), Some(5));
        assert_eq!(delays.quantile(0.5), None);
        assert_eq!(delays.show(), "never / –");
    }
}
