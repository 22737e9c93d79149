//! Is the candidate's rate more than so many points above the stable arm's? Also for high rates.
//!
//! The kernel K2: two Bernoulli rates and a null hypothesis that is a half-plane. Before each look
//! alternatives are chosen from earlier looks only; each is projected on the null by Kullback-Leibler
//! divergence, and the batch's log likelihood ratio against that projection is added. The log of its
//! expectation is concave on the null with a maximum of zero at the projection, so it is valid for any
//! base rate (Turner, Ly and Grunwald). For rare events prefer the split test, which needs no base
//! rate.

use super::EvidenceError;
use super::grid::Side;
use super::input::{count, dispersion, events_among, within};
use super::logs::{cap, log_mean};

/// How far past the edge the alternatives lie, as factors (or, for [`Side::Below`], divisors) of the
/// margin.
const STRETCHES: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 8.0, 16.0, 32.0];

/// Halvings of a bracket: leaves less than a rounding error.
const HALVINGS: u32 = 60;

/// Rates of both arms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The candidate's.
    pub rate1: f64,
    /// The stable arm's.
    pub rate0: f64,
}

/// Events among requests in both arms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmCounts {
    /// Events of the candidate.
    pub events1: f64,
    /// Requests of the candidate.
    pub requests1: f64,
    /// Events of the stable arm.
    pub events0: f64,
    /// Requests of the stable arm.
    pub requests0: f64,
}

/// The edge of the null hypothesis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Margin {
    /// `rate1 = rate0 + margin`.
    Difference(f64),
    /// `rate1 = margin * rate0`.
    Ratio(f64),
}

impl Margin {
    /// The candidate's rate at the edge.
    fn edge(self, rate0: f64) -> f64 {
        match self {
            Self::Difference(margin) => rate0 + margin,
            Self::Ratio(margin) => rate0 * margin,
        }
    }

    /// The stable arm's rate for which the edge is at this rate of the candidate.
    fn under(self, rate1: f64) -> f64 {
        match self {
            Self::Difference(margin) => rate1 - margin,
            Self::Ratio(margin) => rate1 / margin,
        }
    }

    /// How fast the edge moves with the stable arm's rate.
    const fn slope(self) -> f64 {
        match self {
            Self::Difference(_) => 1.0,
            Self::Ratio(margin) => margin,
        }
    }

    /// The margin, stretched.
    fn stretched(self, by: f64) -> Self {
        match self {
            Self::Difference(margin) => Self::Difference(margin * by),
            Self::Ratio(margin) => Self::Ratio(margin * by),
        }
    }

    fn check(self) -> Result<Self, EvidenceError> {
        match self {
            Self::Difference(margin) => within("margin", margin, 1e-9, 1.0 - 1e-9)?,
            Self::Ratio(margin) => within("margin", margin, 1e-6, 1e6)?,
        };
        Ok(self)
    }

    /// The point of the null nearest to an alternative by Kullback-Leibler divergence, for so many
    /// requests in either arm: the alternative itself where it belongs to the null, else the root of `n1 (p1 - q1) / (p1 (1 - p1)) slope + n0 (p - q0) / (p (1 -
    /// p))` in `p`, with `p1` on the edge. Monotone, hence bisection. Rates must lie strictly between
    /// 0 and 1, and so must the edge at `rate0`.
    #[must_use]
    pub fn project(self, side: Side, alternative: Rates, requests1: f64, requests0: f64) -> Rates {
        let Rates { rate1: q1, rate0: q0 } = alternative;
        let within_null = match side {
            Side::Above => q1 <= self.edge(q0),
            Side::Below => q1 >= self.edge(q0),
        };
        if within_null {
            return alternative;
        }
        let pull = |p: f64| {
            let p1 = self.edge(p);
            requests1 * (p1 - q1) / (p1 * (1.0 - p1)) * self.slope()
                + requests0 * (p - q0) / (p * (1.0 - p))
        };
        let across = self.under(q1).max(0.0);
        let (mut low, mut high) = (q0.min(across), q0.max(across));
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            *(if pull(middle) > 0.0 { &mut high } else { &mut low }) = middle;
        }
        let rate0 = f64::midpoint(low, high);
        Rates { rate1: self.edge(rate0), rate0 }
    }
}

impl ArmCounts {
    /// The log likelihood ratio of `alternative` to `null`, in nats.
    #[must_use]
    pub fn log_likelihood_ratio(&self, alternative: Rates, null: Rates) -> f64 {
        let arm = |events: f64, requests: f64, q: f64, p: f64| {
            events * libm::log(q / p) + (requests - events) * (libm::log1p(-q) - libm::log1p(-p))
        };
        arm(self.events1, self.requests1, alternative.rate1, null.rate1)
            + arm(self.events0, self.requests0, alternative.rate0, null.rate0)
    }

    fn check(&self) -> Result<(), EvidenceError> {
        count("events of the candidate", self.events1)?;
        count("requests of the candidate", self.requests1)?;
        count("events of the stable arm", self.events0)?;
        count("requests of the stable arm", self.requests0)?;
        events_among(self.events1, self.requests1)?;
        events_among(self.events0, self.requests0)
    }
}

/// The question: which side of which margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbsoluteTest {
    side: Side,
    margin: Margin,
    dispersion: f64,
}

impl AbsoluteTest {
    /// [`Side::Above`] tests "the candidate's rate is at most at the margin", [`Side::Below`] "at
    /// least".
    ///
    /// # Errors
    /// When a difference is not between 1e-9 and `1 - 1e-9`, or a ratio not between 1e-6 and 1e6.
    pub fn new(side: Side, margin: Margin) -> Result<Self, EvidenceError> {
        Ok(Self { side, margin: margin.check()?, dispersion: 1.0 })
    }

    /// Counts every so many events as one: how many come at once, measured before the first look.
    ///
    /// # Errors
    /// When it is below 1, above one million or not finite.
    pub fn with_dispersion(mut self, events: f64) -> Result<Self, EvidenceError> {
        self.dispersion = dispersion(events)?;
        Ok(self)
    }

    /// Begins with no evidence.
    #[must_use]
    pub const fn begin(&self) -> AbsoluteProcess {
        AbsoluteProcess { test: *self, seen: (0.0, 0.0), logs: [0.0; STRETCHES.len()] }
    }

    /// The alternative this stretch of the margin leads to at a base rate; none where even the edge
    /// is no rate.
    fn alternative(&self, rate0: f64, stretch: f64) -> Option<Rates> {
        let edge = self.margin.edge(rate0);
        if edge >= 1.0 {
            return None;
        }
        let rate1 = match self.side {
            Side::Above => self.margin.stretched(stretch).edge(rate0).min(f64::midpoint(edge, 1.0)),
            Side::Below => self.margin.stretched(1.0 / stretch).edge(rate0),
        };
        Some(Rates { rate1, rate0 })
    }
}

/// The evidence of an [`AbsoluteTest`] so far. Rebuilt by giving the stored looks again.
#[derive(Clone, Copy, Debug)]
pub struct AbsoluteProcess {
    test: AbsoluteTest,
    /// Events and requests of the stable arm so far.
    seen: (f64, f64),
    logs: [f64; STRETCHES.len()],
}

impl AbsoluteProcess {
    /// Takes one look in, and gives the log evidence after it, in nats. A look in which an arm had no
    /// request adds nothing.
    ///
    /// # Errors
    /// When a number is negative, not finite or above 2^53, or an arm has more events than requests.
    /// The process is then as before.
    pub fn look(&mut self, look: &ArmCounts) -> Result<f64, EvidenceError> {
        look.check()?;
        let (events, requests) = self.seen;
        if requests > 0.0 && look.requests1 > 0.0 && look.requests0 > 0.0 {
            self.bet(look, (events + 0.5) / (requests + 1.0));
        }
        self.seen = (events + look.events0, requests + look.requests0);
        Ok(self.log_evidence())
    }

    /// Adds what this look says to every alternative's log evidence.
    fn bet(&mut self, look: &ArmCounts, rate0: f64) {
        for (log, stretch) in self.logs.iter_mut().zip(STRETCHES) {
            let Some(alternative) = self.test.alternative(rate0, stretch) else { continue };
            let AbsoluteTest { side, margin, .. } = self.test;
            let null = margin.project(side, alternative, look.requests1, look.requests0);
            let gain = look.log_likelihood_ratio(alternative, null) / self.test.dispersion;
            *log = cap(*log + gain);
        }
    }

    /// The log evidence so far, in nats: the mean over the alternatives.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        log_mean(&self.logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(rate1: f64, rate0: f64, times: usize) -> Vec<ArmCounts> {
        let (requests1, requests0) = (600.0, 5_400.0);
        let (events1, events0) = (requests1 * rate1, requests0 * rate0);
        vec![ArmCounts { events1, requests1, events0, requests0 }; times]
    }

    fn judge(test: &AbsoluteTest, looks: &[ArmCounts]) -> f64 {
        let mut process = test.begin();
        looks.iter().fold(0.0, |_, look| process.look(look).unwrap())
    }

    #[test]
    fn evidence_grows_past_the_margin_and_falls_within_it() {
        for margin in [Margin::Difference(0.05), Margin::Ratio(1.5)] {
            let above = AbsoluteTest::new(Side::Above, margin).unwrap();
            assert!(judge(&above, &looks(0.30, 0.10, 10)) > 20.0, "{margin:?}");
            assert!(judge(&above, &looks(0.12, 0.10, 10)) < 0.0, "{margin:?}");
            let below = AbsoluteTest::new(Side::Below, margin).unwrap();
            assert!(judge(&below, &looks(0.10, 0.10, 10)) > 3.0, "{margin:?}");
            assert!(judge(&below, &looks(0.20, 0.10, 10)) < 0.0, "{margin:?}");
        }
    }

    #[test]
    fn the_first_look_only_teaches_the_base_rate() {
        let test = AbsoluteTest::new(Side::Above, Margin::Difference(0.05)).unwrap();
        assert_eq!(judge(&test, &looks(0.9, 0.1, 1)), 0.0);
        assert!(judge(&test, &looks(0.9, 0.1, 2)) > 20.0);
    }

    #[test]
    fn where_even_the_edge_is_no_rate_nothing_can_be_past_it() {
        let test = AbsoluteTest::new(Side::Above, Margin::Difference(0.5)).unwrap();
        assert_eq!(judge(&test, &looks(1.0, 0.6, 10)), 0.0);
    }
}
