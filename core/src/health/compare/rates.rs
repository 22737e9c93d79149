//! Events among requests: errors, timeouts, refusals.

use super::{
    Against, Compare, Gathered, Method, NONE, Past, Unusable, half_each,
    past::{Scatter, counted},
};
use crate::health::{
    Measurement, Worse,
    sequential::{Blocks, MinuteProcess, Side, SplitProcess, SplitTest, StartMass},
};
use super::shim::*;

/// A gate passes once the candidate's rate was shown to be below this many times stable's.
const MARGIN: f64 = 2.0;

/// Evidence about a rate.
#[derive(Debug)]
pub(super) struct Rates {
    worse: Worse,
    above: Above,
    /// By minutes; absent where events alone are asked for.
    minutes: Option<(MinuteProcess, Blocks)>,
    /// Stable's rate counts so many times.
    tolerate: f64,
    /// The rate that stable is taken to have, where it is not measured beside the candidate.
    fixed: Option<f64>,
    below: Below,
    negligible: Option<RateProcess>,
}

/// Against "no worse than tolerated".
#[derive(Debug)]
enum Above {
    Split(Box<SplitProcess>),
    Rate(Box<RateProcess>),
    Spending(Box<SpendingProcess>, f64),
    Absolute(Box<AbsoluteProcess>),
}

/// Against "worse by the margin".
#[derive(Debug)]
enum Below {
    Split(Box<SplitProcess>),
    Rate(Box<RateProcess>),
}

impl Rates {
    pub(super) fn new(compare: &Compare, past: &Past) -> Result<Self, Unusable> {
        let worse = compare.worse;
        let events = |m: &Measurement| counted(m, worse);
        let scatter = past.scatter(events).unwrap_or_default();
        let fixed = match compare.against {
            Against::Stable => None,
            Against::Rate(rate) => Some(rate),
            Against::History => {
                Some(past.upper_rate(scatter.dispersion, events).ok_or(Unusable::Empty)?)
            }
        };
        let start = StartMass::Planned { looks: compare.planned_looks };
        let margin = compare.margin.unwrap_or(MARGIN.max(compare.tolerate * 1.5));
        let split = |side, ratio| -> Result<Box<SplitProcess>, Unusable> {
            let test = SplitTest::new(side, ratio)?.with_dispersion(scatter.dispersion)?;
            Ok(Box::new(test.with_start(start).begin()))
        };
        let rate = |side, limit: f64| -> Result<RateProcess, Unusable> {
            let test = RateTest::new(side, limit.min(0.999))?.with_dispersion(scatter.dispersion)?;
            Ok(test.with_start(start).begin())
        };
        let above = match (compare.method, fixed) {
            (_, Some(limit)) => Above::Rate(Box::new(rate(Side::Above, limit * compare.tolerate)?)),
            (Method::Spending, None) => {
                let spending =
                    SpendingProcess::new(compare.tolerate, compare.alpha, compare.planned_looks)?;
                Above::Spending(Box::new(spending), -libm::log(compare.alpha))
            }
            (Method::Absolute, None) => {
                Above::Absolute(Box::new(AbsoluteProcess::new(compare.points)?))
            }
            _ => Above::Split(split(Side::Above, compare.tolerate)?),
        };
        let below = match fixed {
            Some(limit) => Below::Rate(Box::new(rate(Side::Below, limit * margin)?)),
            None => Below::Split(split(Side::Below, margin)?),
        };
        let negligible = match compare.negligible {
            0.0 => None,
            limit => Some(rate(Side::Below, limit)?),
        };
        Ok(Self {
            worse,
            above,
            minutes: minutes(compare.method, scatter),
            tolerate: compare.tolerate,
            fixed,
            below,
            negligible,
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
        let by_events = self.above.look(e1, e0, x1, x0)?;
        let worse = match &mut self.minutes {
            None => by_events,
            Some((process, blocks)) => {
                let difference = e1 / x1 - self.tolerate * e0 / x0;
                let block = blocks.push(difference)?;
                block.map_or(Ok(0.0), |mean| process.look(mean))?;
                half_each(by_events, process.log_evidence())
            }
        };
        let no_worse = match &mut self.below {
            Below::Split(process) => process.look(e1, e0, x1, x0)?,
            Below::Rate(process) => process.look(e1, x1)?,
        };
        let negligible = match &mut self.negligible {
            None => return Ok(Gathered::of(worse, no_worse)),
            Some(process) => process.look(e1, x1)?,
        };
        Ok(Gathered::of(worse, half_each(no_worse, negligible)))
    }
}

impl Above {
    fn look(&mut self, e1: f64, e0: f64, x1: f64, x0: f64) -> Result<f64, Unusable> {
        Ok(match self {
            Self::Split(process) => process.look(e1, e0, x1, x0)?,
            Self::Rate(process) => process.look(e1, x1)?,
            Self::Absolute(process) => process.look(e1, e0, x1, x0)?,
            // All or nothing: an e-value of 1/alpha with a probability of at most alpha.
            Self::Spending(process, all) => {
                if process.look(e1, e0, x1, x0)? { *all } else { NONE }
            }
        })
    }
}

fn minutes(method: Method, scatter: Scatter) -> Option<(MinuteProcess, Blocks)> {
    let robust = method == Method::Recommended;
    robust.then(|| (MinuteProcess::new(), Blocks::of(scatter.block)))
}
