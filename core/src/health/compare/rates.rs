//! Events among requests: errors, timeouts, refusals.

use super::{
    Against, Compare, Gathered, Method, NONE, Past, Unusable, half_each, mixed,
    past::{block_of_rates, counted, dispersion_of, upper_rate},
};
use crate::health::{
    Measurement, Worse,
    sequential::{
        AbsoluteProcess, AbsoluteTest, ArmCounts, Blocks, FixedProcess, FixedTest, Margin,
        MinuteProcess, Side, Spending, SpendingTest, SplitProcess, SplitTest, StartMass,
    },
};

/// A gate passes once the candidate's rate was shown to be below this many times stable's.
const MARGIN: f64 = 2.0;

/// What a gate bets on the candidate's rate being negligible; the rest is on it being below the margin.
/// It costs the proof of the margin a fourth of a nat, and that of a negligible rate 1.6.
const NEGLIGIBLE_SHARE: f64 = 0.2;

/// With an absolute difference, a gate passes below so many times what is tolerated.
const POINTS_MARGIN: f64 = 2.0;

/// Exact spending refuses a look with more than a million events of both arms. Above this, below it by
/// enough for rounding, several are counted as one in both arms alike: a catastrophe must not be
/// refused for its size, and counting fewer never finds more than there is.
const MOST_EVENTS: f64 = 9e5;

/// A rate that is tested against is at most this: above it, nothing could be worse.
const HIGHEST: f64 = 0.999;

/// Evidence about a rate.
#[derive(Debug)]
pub(super) struct Rates {
    worse: Worse,
    above: Option<Above>,
    /// By minutes; absent where events alone are asked for.
    minutes: Option<Minutes>,
    /// Stable's rate counts so many times.
    tolerate: f64,
    /// The rate that stable is taken to have, where it is not measured beside the candidate.
    fixed: Option<f64>,
    below: Option<Below>,
    negligible: Option<Box<FixedProcess>>,
}

/// Evidence by minutes.
///
/// One error in each of four looks is nothing unusual where one or two are the rule, and its spread of
/// zero says nothing about the next look. Next to a stable arm that hardly varies, such a candidate
/// would seem to be worse without any doubt; so there is no evidence until its count has varied.
#[derive(Debug)]
struct Minutes {
    process: MinuteProcess,
    blocks: Blocks,
    /// The candidate's events in the first look.
    first: Option<f64>,
    varied: bool,
}

/// Against "no worse than tolerated".
#[derive(Debug)]
enum Above {
    Split(Box<SplitProcess>),
    Fixed(Box<FixedProcess>),
    Absolute(Box<AbsoluteProcess>),
    Spending(Box<AllOrNothing>),
}

/// Against "worse by the margin".
#[derive(Debug)]
enum Below {
    Split(Box<SplitProcess>),
    Fixed(Box<FixedProcess>),
    Absolute(Box<AbsoluteProcess>),
}

/// Exact spending as evidence: an e-value of `1/alpha` once it rejects, which a good candidate makes it
/// do with a probability of at most `alpha`, and of nothing before.
#[derive(Debug)]
struct AllOrNothing {
    test: SpendingTest,
    ratio: f64,
    all: f64,
    rejected: bool,
}

/// What the processes of one comparison have in common.
struct Terms {
    dispersion: f64,
    planned_looks: u32,
    /// The rate that stable is taken to have, where it is not measured beside the candidate.
    fixed: Option<f64>,
    margin: f64,
}

impl Terms {
    fn of(compare: &Compare, past: &Past) -> Result<Self, Unusable> {
        let counts = past.counts(compare.worse);
        let dispersion = dispersion_of(&counts);
        let fixed = match compare.against {
            Against::Stable => None,
            Against::Rate(rate) => Some(rate),
            Against::History => Some(upper_rate(&counts, dispersion).ok_or(Unusable::Empty)?),
        };
        let margin = compare.margin.unwrap_or(MARGIN * compare.tolerate);
        Ok(Self { dispersion, planned_looks: compare.planned_looks, fixed, margin })
    }

    fn split(&self, side: Side, ratio: f64) -> Result<Box<SplitProcess>, Unusable> {
        let test = SplitTest::new(side, ratio)?.with_dispersion(self.dispersion)?;
        Ok(Box::new(test.with_start(self.start(side)).begin()))
    }

    fn fixed(&self, side: Side, limit: f64) -> Result<Box<FixedProcess>, Unusable> {
        let test = FixedTest::new(side, limit.min(HIGHEST))?;
        let test = test.with_dispersion(self.dispersion)?;
        Ok(Box::new(test.with_start(self.start(side)).begin()))
    }

    /// A regression may begin late. A good candidate is good from the start, and capital that is held
    /// back would only make the proof longer.
    const fn start(&self, side: Side) -> StartMass {
        match side {
            Side::Above => StartMass::Planned { looks: self.planned_looks },
            Side::Below => StartMass::AtOnce,
        }
    }

    fn absolute(&self, side: Side, points: f64) -> Result<Box<AbsoluteProcess>, Unusable> {
        let test = AbsoluteTest::new(side, Margin::Difference(points))?;
        Ok(Box::new(test.with_dispersion(self.dispersion)?.begin()))
    }

    fn above(&self, compare: &Compare) -> Result<Above, Unusable> {
        Ok(match (compare.method, self.fixed) {
            (_, Some(rate)) => Above::Fixed(self.fixed(Side::Above, rate * compare.tolerate)?),
            (Method::Absolute, None) => {
                Above::Absolute(self.absolute(Side::Above, compare.points)?)
            }
            (Method::Spending, None) => Above::Spending(Box::new(AllOrNothing {
                test: SpendingTest::new(
                    compare.alpha,
                    compare.planned_looks,
                    Spending::Power(0.5),
                )?,
                ratio: compare.tolerate,
                all: -libm::log(compare.alpha),
                rejected: false,
            })),
            _ => Above::Split(self.split(Side::Above, compare.tolerate)?),
        })
    }

    fn below(&self, compare: &Compare) -> Result<Below, Unusable> {
        Ok(match (compare.method, self.fixed) {
            (_, Some(rate)) => Below::Fixed(self.fixed(Side::Below, rate * self.margin)?),
            (Method::Absolute, None) => {
                Below::Absolute(self.absolute(Side::Below, compare.points * POINTS_MARGIN)?)
            }
            _ => Below::Split(self.split(Side::Below, self.margin)?),
        })
    }
}

impl Rates {
    pub(super) fn new(compare: &Compare, past: &Past) -> Result<Self, Unusable> {
        let terms = Terms::of(compare, past)?;
        let robust = compare.method == Method::Recommended && compare.asks_worse();
        let minutes = || Minutes {
            process: MinuteProcess::new(),
            blocks: Blocks::of(block_of_rates(&past.counts(compare.worse))),
            first: None,
            varied: false,
        };
        let asked = compare.asks_no_worse();
        let negligible = compare.negligible > 0.0 && asked;
        Ok(Self {
            worse: compare.worse,
            above: compare.asks_worse().then(|| terms.above(compare)).transpose()?,
            minutes: robust.then(minutes),
            tolerate: compare.tolerate,
            fixed: terms.fixed,
            below: asked.then(|| terms.below(compare)).transpose()?,
            negligible: match negligible {
                true => Some(terms.fixed(Side::Below, compare.negligible)?),
                false => None,
            },
        })
    }

    pub(super) fn look(
        &mut self,
        candidate: &Measurement,
        stable: Option<&Measurement>,
    ) -> Result<Gathered, Unusable> {
        let (e1, x1) = counted(candidate, self.worse).ok_or(Unusable::Wrong)?;
        let (e0, x0) = match (stable, self.fixed) {
            (_, Some(rate)) => (rate, 1.0),
            (Some(stable), None) => counted(stable, self.worse).ok_or(Unusable::Wrong)?,
            (None, None) => return Err(Unusable::Empty),
        };
        Ok(Gathered::of(self.worse(e1, e0, x1, x0)?, self.no_worse(e1, e0, x1, x0)?))
    }

    fn worse(&mut self, e1: f64, e0: f64, x1: f64, x0: f64) -> Result<f64, Unusable> {
        let Some(above) = &mut self.above else { return Ok(NONE) };
        let by_events = above.look(e1, e0, x1, x0)?;
        let Some(minutes) = &mut self.minutes else { return Ok(by_events) };
        let difference = e1 / x1 - self.tolerate * e0 / x0;
        Ok(half_each(by_events, minutes.look(difference, e1)?))
    }

    fn no_worse(&mut self, e1: f64, e0: f64, x1: f64, x0: f64) -> Result<f64, Unusable> {
        let no_worse = match &mut self.below {
            None => return Ok(NONE),
            Some(Below::Split(process)) => process.look(e1, e0, x1, x0)?,
            Some(Below::Fixed(process)) => process.look(e1, x1)?,
            Some(Below::Absolute(process)) => process.look(&counts(e1, e0, x1, x0))?,
        };
        let Some(process) = &mut self.negligible else { return Ok(no_worse) };
        Ok(mixed(no_worse, process.look(e1, x1)?, NEGLIGIBLE_SHARE))
    }
}

impl Minutes {
    fn look(&mut self, difference: f64, events: f64) -> Result<f64, Unusable> {
        if let Some(mean) = self.blocks.push(difference)? {
            self.process.take(mean)?;
        }
        self.varied |= *self.first.get_or_insert(events) != events;
        let evidence = self.process.log_evidence();
        Ok(if self.varied { evidence } else { evidence.min(0.0) })
    }
}

impl Above {
    fn look(&mut self, e1: f64, e0: f64, x1: f64, x0: f64) -> Result<f64, Unusable> {
        Ok(match self {
            Self::Split(process) => process.look(e1, e0, x1, x0)?,
            Self::Fixed(process) => process.look(e1, x1)?,
            Self::Absolute(process) => process.look(&counts(e1, e0, x1, x0))?,
            Self::Spending(spending) => spending.look(e1, e0, x1, x0)?,
        })
    }
}

impl AllOrNothing {
    fn look(&mut self, e1: f64, e0: f64, x1: f64, x0: f64) -> Result<f64, Unusable> {
        if !self.rejected {
            let share = self.ratio * x1 / (self.ratio * x1 + x0);
            let at_once = ((e1 + e0) / MOST_EVENTS).max(1.0);
            let (ours, theirs) = (whole(e1 / at_once), whole(e0 / at_once));
            self.rejected = self.test.look(ours, theirs, share)?.rejects;
        }
        Ok(if self.rejected { self.all } else { NONE })
    }
}

const fn counts(events1: f64, events0: f64, requests1: f64, requests0: f64) -> ArmCounts {
    ArmCounts { events1, requests1, events0, requests0 }
}

/// The nearest whole count: sampled sources give fractions, and exact spending knows none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
fn whole(events: f64) -> u32 {
    libm::round(events) as u32
}
