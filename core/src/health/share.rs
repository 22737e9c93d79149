//! Whether the arms get the share of traffic that was asked for. A mismatch says nothing about the
//! candidate: it says that the evidence is not what it seems, so it holds and never rolls back.

use serde::{Deserialize, Serialize};

use super::{
    Judge, Judgement, Judging, Look, Reading, Verdict,
    sequential::{EvidenceError, TrafficProcess},
};

/// Judges the split of requests itself, in looks during which the wanted share did not change.
///
/// Evidence is that of [`TrafficProcess`]; connections that are kept alive make requests come in
/// bunches, which is what the tolerance is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How far the odds may be off, as a ratio above 0.
    pub tolerance: f64,
    /// The probability of a false alarm; above 0 and below 1.
    pub alpha: f64,
}

impl Judge for Share {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Sharing {
            share: *self,
            process: TrafficProcess::new(self.tolerance, 1.0),
            requests: (0.0, 0.0),
            reading: Reading::default(),
        })
    }
}

#[derive(Debug)]
struct Sharing {
    share: Share,
    process: Result<TrafficProcess, EvidenceError>,
    requests: (f64, f64),
    reading: Reading,
}

impl Judging for Sharing {
    fn look(&mut self, look: &Look) -> Judgement {
        self.reading.looks = self.reading.looks.saturating_add(1);
        let verdict = self.take(look);
        if !matches!(verdict, Verdict::Pass | Verdict::Fail) {
            self.reading.failed = self.reading.failed.saturating_add(1);
        }
        Judgement::plain(verdict, self.reading)
    }
}

impl Sharing {
    fn take(&mut self, look: &Look) -> Verdict {
        let absurd = |m: &super::Measurement| m.is_absurd();
        let wrong =
            look.candidate.as_ref().is_some_and(absurd) || look.stable.as_ref().is_some_and(absurd);
        if look.failed || wrong {
            return Verdict::Error;
        }
        let Some(share) = look.share.filter(|_| look.complete) else {
            return Verdict::Inconclusive;
        };
        let requests = |m: &Option<super::Measurement>| m.as_ref().map_or(0.0, |m| m.exposures());
        let (ours, theirs) = (requests(&look.candidate), requests(&look.stable));
        if ours + theirs <= 0.0 {
            return Verdict::NoData;
        }
        let weight = f64::from(share.bp()) / 10_000.0;
        if weight <= 0.0 || weight >= 1.0 {
            // Nothing is split.
            return Verdict::Inconclusive;
        }
        let Ok(process) = &mut self.process else { return Verdict::Error };
        let Ok(evidence) = process.look(ours, theirs, weight) else { return Verdict::Error };
        self.read((ours, theirs), weight, evidence);
        match evidence >= -libm::log(self.share.alpha) {
            true => Verdict::Fail,
            // An arm that gets nothing is evidence of a mismatch, and never of a match.
            false if ours <= 0.0 || theirs <= 0.0 => Verdict::NoData,
            false => Verdict::Pass,
        }
    }

    fn read(&mut self, (ours, theirs): (f64, f64), weight: f64, evidence: f64) {
        self.requests = (self.requests.0 + ours, self.requests.1 + theirs);
        let (ours, theirs) = self.requests;
        let reading = &mut self.reading;
        reading.candidate = Some(ours / (ours + theirs));
        reading.limit = Some(weight);
        reading.samples = super::compare::whole(ours);
        reading.rate = true;
        reading.evidence = Some(evidence);
        reading.needed = Some(-libm::log(self.share.alpha));
    }
}
