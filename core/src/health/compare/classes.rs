//! Classes: whether the candidate's answers fall into the same ones as stable's, in the same minutes.
//!
//! At a large volume every drift is evident, so evidence alone does not roll back: the drift has to
//! matter too, by its size. Evidence without size holds, for a person to look at.

use super::{Against, Compare, Gathered, NONE, Unusable, half_each};
use crate::health::{
    LogE, Measurement,
    sequential::{ClassProcess, ClassShifts, StartMass, population_stability},
};

/// Shares are raised to this, so that a class nobody is in does not weigh without end.
const FLOOR: f64 = 1e-4;

/// Evidence about the shares of classes.
#[derive(Debug)]
pub(super) struct Classes {
    compare: Compare,
    /// From the first look on, with as many classes as it has.
    processes: Option<(ClassProcess, ClassShifts)>,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Classes {
    pub(super) fn new(compare: &Compare) -> Result<Self, Unusable> {
        if compare.against != Against::Stable {
            return Err(Unusable::Wrong);
        }
        let (ours, theirs) = (Vec::new(), Vec::new());
        Ok(Self { compare: *compare, processes: None, ours, theirs })
    }

    pub(super) fn look(
        &mut self,
        candidate: &Measurement,
        stable: Option<&Measurement>,
    ) -> Result<Gathered, Unusable> {
        let ours = counts(candidate)?;
        let theirs = counts(stable.ok_or(Unusable::Empty)?)?;
        if self.processes.is_none() {
            let start = StartMass::Planned { looks: self.compare.planned_looks };
            let classes = ours.len();
            let shifts = ClassShifts::new(classes, start, 1.0)?;
            self.processes = Some((ClassProcess::new(classes)?, shifts));
            (self.ours, self.theirs) = (vec![0.0; classes], vec![0.0; classes]);
        }
        let (whole, single) = self.processes.as_mut().ok_or(Unusable::Empty)?;
        if ours.len() != self.ours.len() || theirs.len() != self.theirs.len() {
            return Err(Unusable::Wrong);
        }
        let evidence = half_each(whole.look(ours, theirs)?, single.look(ours, theirs)?);
        self.ours.iter_mut().zip(ours).for_each(|(sum, n)| *sum += n);
        self.theirs.iter_mut().zip(theirs).for_each(|(sum, n)| *sum += n);
        self.weigh(evidence)
    }

    /// Evidence beside size.
    fn weigh(&self, evidence: f64) -> Result<Gathered, Unusable> {
        let stability =
            population_stability(&self.ours, &self.theirs, FLOOR)?.ok_or(Unusable::Empty)?;
        let matters = stability.corrected() > self.compare.drift;
        // The index is known well enough to show that it is small once chance alone makes less than
        // half of what would matter.
        let known = stability.null_bias < self.compare.drift / 2.0;
        let small = known && stability.index < self.compare.drift;
        let found = evidence >= -libm::log(self.compare.alpha);
        Ok(Gathered {
            log_e: LogE {
                worse: if matters { evidence } else { evidence.min(0.0) },
                no_worse: if small { -libm::log(self.compare.beta) } else { NONE },
            },
            hold: found && !matters && !small,
        })
    }
}

fn counts(measurement: &Measurement) -> Result<&[f64], Unusable> {
    match measurement {
        Measurement::Classes(counts) => Ok(counts),
        _ => Err(Unusable::Wrong),
    }
}
