//! Means and percentiles: one number a look and arm. What a look's own scatter says is not used:
//! each arm wobbles from minute to minute by more than that.

use super::{Against, Compare, Gathered, NONE, Past, Unusable};
use crate::health::{
    Measurement, Worse,
    sequential::{Blocks, MinuteProcess},
};

/// A gate passes once the candidate was shown to be below this many times stable's.
const MARGIN: f64 = 1.25;

/// Samples beyond a percentile without which it is only the largest of a few.
const LEAST_BEYOND: f64 = 10.0;

/// Evidence about a mean or a percentile, by the logarithm of its ratio.
#[derive(Debug)]
pub(super) struct Means {
    worse: Worse,
    percentile: Option<f64>,
    /// The logarithm of what stable is taken to have, where it is not measured beside.
    fixed: Option<f64>,
    ln_tolerate: f64,
    ln_margin: f64,
    blocks: Blocks,
    above: Option<MinuteProcess>,
    below: Option<MinuteProcess>,
}

impl Means {
    pub(super) fn new(compare: &Compare, past: &Past) -> Result<Self, Unusable> {
        let known = past.log_values();
        let fixed = match compare.against {
            Against::Stable => None,
            Against::Rate(value) => Some(libm::log(value)),
            Against::History => Some(known.ok_or(Unusable::Empty)?.0),
        };
        Ok(Self {
            worse: compare.worse,
            percentile: compare.percentile,
            fixed,
            ln_tolerate: libm::log(compare.tolerate),
            ln_margin: libm::log(compare.margin.unwrap_or(MARGIN * compare.tolerate)),
            blocks: Blocks::of(known.map_or(1, |(_, block)| block)),
            above: compare.asks_worse().then(MinuteProcess::new),
            below: compare.asks_no_worse().then(MinuteProcess::new),
        })
    }

    pub(super) fn look(
        &mut self,
        candidate: &Measurement,
        stable: Option<&Measurement>,
    ) -> Result<Gathered, Unusable> {
        let ours = self.log_value(candidate)?;
        let theirs = match (self.fixed, stable) {
            (Some(fixed), _) => fixed,
            (None, Some(stable)) => self.log_value(stable)?,
            (None, None) => return Err(Unusable::Empty),
        };
        let ratio = match self.worse {
            Worse::More => ours - theirs,
            Worse::Less => theirs - ours,
        };
        self.take(ratio)
    }

    /// Takes the logarithm of one look's ratio in.
    pub(super) fn take(&mut self, ratio: f64) -> Result<Gathered, Unusable> {
        if let Some(mean) = self.blocks.push(ratio)? {
            if let Some(above) = &mut self.above {
                above.take(mean - self.ln_tolerate)?;
            }
            if let Some(below) = &mut self.below {
                below.take(self.ln_margin - mean)?;
            }
        }
        let found = |process: &Option<MinuteProcess>| {
            process.as_ref().map_or(NONE, MinuteProcess::log_evidence)
        };
        Ok(Gathered::of(found(&self.above), found(&self.below)))
    }

    /// The logarithm of a value that stands for samples enough.
    fn log_value(&self, measurement: &Measurement) -> Result<f64, Unusable> {
        let one_number = matches!(
            measurement,
            Measurement::Sum { .. } | Measurement::Value { .. } | Measurement::Above { .. }
        );
        if !one_number {
            return Err(Unusable::Wrong);
        }
        if let (Measurement::Value { samples, .. }, Some(percentile)) =
            (measurement, self.percentile)
        {
            let beyond = samples * (1.0 - percentile / 100.0);
            if *samples > 0.0 && beyond < LEAST_BEYOND {
                return Err(Unusable::TooFew);
            }
        }
        let value = measurement.value().filter(|value| *value > 0.0).ok_or(Unusable::Empty)?;
        Ok(libm::log(value))
    }
}
