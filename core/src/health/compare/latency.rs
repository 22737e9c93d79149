//! Histograms: how many requests were slower than each edge, and the mean where its sum is known.
//!
//! By edges this is a sequential test of stochastic order, with the power where the traffic is; by
//! minutes it is robust against arms that wobble.

use super::{Compare, Gathered, Means, Past, Unusable, half_each, past::dispersion_of};
use crate::health::{
    Measurement,
    sequential::{Side, SplitProcess, SplitTest, StartMass, weighted_mean},
};

/// Edges that more samples lie above than this say nothing, and neither do those above which next to
/// none do.
const USEFUL: std::ops::RangeInclusive<f64> = 0.0005..=0.6;

/// More edges than this cost time and add nothing.
const MOST_EDGES: usize = 8;

/// The share of samples above the edge at which a gate looks.
const TAIL: f64 = 0.05;

/// A gate passes once not so many times as many requests were shown to be that slow.
const TAIL_MARGIN: f64 = 2.0;

/// Evidence about a distribution.
#[derive(Debug)]
pub(super) struct Latency {
    compare: Compare,
    past: Past,
    edges: Vec<Edge>,
    /// The edges the source counts at; empty until the first look.
    known: Vec<f64>,
    means: Means,
    below: Option<(usize, SplitProcess)>,
}

#[derive(Debug)]
struct Edge {
    nth: usize,
    above: SplitProcess,
}

/// One arm's numbers.
struct Arm<'a> {
    edges: &'a [f64],
    above: &'a [f64],
    samples: f64,
}

impl Latency {
    pub(super) fn new(compare: &Compare, past: &Past) -> Result<Self, Unusable> {
        let (edges, known) = (Vec::new(), Vec::new());
        let means = Means::new(compare, past)?;
        Ok(Self { compare: *compare, past: past.clone(), edges, known, means, below: None })
    }

    pub(super) fn look(
        &mut self,
        candidate: &Measurement,
        stable: Option<&Measurement>,
    ) -> Result<Gathered, Unusable> {
        let stable = stable.ok_or(Unusable::Empty)?;
        let (ours, theirs) = (arm(candidate)?, arm(stable)?);
        if ours.edges != theirs.edges {
            return Err(Unusable::Wrong);
        }
        if self.known.is_empty() && !self.choose(&theirs)? {
            // The look that picked the edges is no evidence at them.
            return Ok(Gathered::NOTHING);
        }
        if self.known != ours.edges {
            return Err(Unusable::Wrong);
        }
        let by_edges = self.by_edges(&ours, &theirs)?;
        let tail = match &mut self.below {
            None => 0.0,
            Some((nth, process)) => one_edge(process, *nth, &ours, &theirs)?,
        };
        match (candidate.value(), stable.value()) {
            (Some(_), Some(_)) => {
                let means = self.means.look(candidate, Some(stable))?.log_e;
                // Every way of being worse has to be excluded, any of them will do to be worse.
                Ok(Gathered::of(half_each(by_edges, means.worse), tail.min(means.no_worse)))
            }
            _ => Ok(Gathered::of(by_edges, tail)),
        }
    }

    /// Picks the edges: from before the rollout, or else from stable's first look. Gives whether
    /// from before.
    fn choose(&mut self, stable: &Arm<'_>) -> Result<bool, Unusable> {
        let now = || stable.above.iter().map(|above| above / stable.samples).collect::<Vec<f64>>();
        let before = self.past.above(stable.edges);
        let from_before = before.is_some();
        let shares = before.unwrap_or_else(now);
        let useful: Vec<usize> =
            (0..shares.len()).filter(|nth| shares.get(*nth).is_some_and(useful)).collect();
        let step = useful.len().div_ceil(MOST_EDGES).max(1);
        let edges = useful.iter().copied().step_by(step).filter(|_| self.compare.asks_worse());
        for nth in edges.collect::<Vec<_>>() {
            let above = self.test(Side::Above, self.compare.tolerate, nth)?;
            self.edges.push(Edge { nth, above });
        }
        let distance = |nth: &usize| {
            shares.get(*nth).map_or(f64::MAX, |share| (libm::log(*share) - libm::log(TAIL)).abs())
        };
        let tail = useful.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(nth) = tail.filter(|_| self.compare.asks_no_worse()) {
            let margin = TAIL_MARGIN.max(self.compare.tolerate * 1.5);
            self.below = Some((nth, self.test(Side::Below, margin, nth)?));
        }
        self.known = stable.edges.to_vec();
        Ok(from_before)
    }

    fn test(&self, side: Side, ratio: f64, nth: usize) -> Result<SplitProcess, Unusable> {
        let events = |m: &Measurement| {
            let Measurement::Above { above, samples, .. } = m else { return None };
            Some((*above.get(nth)?, *samples))
        };
        let dispersion = dispersion_of(&self.past.counted(events));
        let start = match side {
            Side::Above => StartMass::Planned { looks: self.compare.planned_looks },
            // A good candidate is good from the start.
            Side::Below => StartMass::AtOnce,
        };
        let test = SplitTest::new(side, ratio)?.with_dispersion(dispersion)?;
        Ok(test.with_start(start).begin())
    }

    fn by_edges(&mut self, ours: &Arm<'_>, theirs: &Arm<'_>) -> Result<f64, Unusable> {
        let mut evidences = [(0.0, 0.0); MOST_EDGES];
        #[expect(clippy::cast_precision_loss, reason = "a handful of edges")]
        let weight = 1.0 / self.edges.len() as f64;
        for (edge, slot) in self.edges.iter_mut().zip(&mut evidences) {
            *slot = (weight, one_edge(&mut edge.above, edge.nth, ours, theirs)?);
        }
        match evidences.get(..self.edges.len()) {
            None | Some([]) => Ok(0.0),
            Some(evidences) => Ok(weighted_mean(evidences)?),
        }
    }
}

fn one_edge(
    process: &mut SplitProcess,
    nth: usize,
    ours: &Arm<'_>,
    theirs: &Arm<'_>,
) -> Result<f64, Unusable> {
    let above = |arm: &Arm<'_>| arm.above.get(nth).copied().ok_or(Unusable::Wrong);
    Ok(process.look(above(ours)?, above(theirs)?, ours.samples, theirs.samples)?)
}

fn useful(share: &f64) -> bool {
    USEFUL.contains(share)
}

fn arm(measurement: &Measurement) -> Result<Arm<'_>, Unusable> {
    match measurement {
        Measurement::Above { edges, above, samples, .. } => {
            Ok(Arm { edges, above, samples: *samples })
        }
        _ => Err(Unusable::Wrong),
    }
}
