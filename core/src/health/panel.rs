//! All checks of a rollout that gather evidence, weighed together: one level for the whole rollout,
//! however many checks it has and however often they are looked at.
//!
//! The evidence of a rollout is the weighted mean of its checks' e-values. A mean of e-values is an
//! e-value whatever the dependence between them (Vovk and Wang, E-values: calibration, combination and
//! applications, 2021), so a good release reaches `1/alpha` with a probability of at most `alpha`.

use super::{Judgement, LogE, Verdict};
use crate::{CheckIndex, Role};

/// One check's place on a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seat {
    /// Which check.
    pub check: CheckIndex,
    /// Its share of the whole; above 0. All shares sum to 1 at most.
    pub weight: f64,
}

/// The evidence of all checks of one rollout.
///
/// Only a cache, as judges are: it holds the last word of each check, and forgets nothing else.
#[derive(Clone, Debug)]
pub struct Panel {
    /// ln(1/alpha): the evidence at which a rollout is rolled back.
    needed: f64,
    seats: Vec<(Seat, Option<Judgement>)>,
}

impl Panel {
    /// A panel of these seats. `alpha`, above 0 and below 1, is the probability with which a good
    /// release may be rolled back, over the whole rollout.
    #[must_use]
    pub fn new(alpha: f64, seats: Vec<Seat>) -> Self {
        let seats = seats.into_iter().map(|seat| (seat, None)).collect();
        Self { needed: -libm::log(alpha), seats }
    }

    /// What a judgement comes to among those of the other checks, and for which check.
    ///
    /// A judgement without evidence is left as it is. Of a guard with evidence, a failure is one of
    /// the whole panel, and names the check that weighs most; at a gate such a judge says whether
    /// the candidate was shown to be no worse, and failing is left to the guard.
    #[inline]
    pub fn weigh(
        &mut self,
        check: CheckIndex,
        role: Role,
        judgement: Judgement,
    ) -> (CheckIndex, Judgement) {
        match judgement.log_e {
            None => (check, judgement),
            Some(log_e) => self.weigh_evidence(check, role, judgement, log_e),
        }
    }

    fn weigh_evidence(
        &mut self,
        check: CheckIndex,
        role: Role,
        mut judgement: Judgement,
        log_e: LogE,
    ) -> (CheckIndex, Judgement) {
        let seat = self.seats.iter_mut().find(|(seat, _)| seat.check == check);
        let Some((_, last)) = seat else { return (check, judgement) };
        if role == Role::Gate {
            return (check, acquitted(judgement));
        }
        judgement.reading.needed = Some(self.needed);
        judgement.reading.evidence = Some(log_e.worse);
        judgement.reading.no_worse = false;
        *last = Some(judgement);
        match self.evidence() {
            (evidence, Some((guilty, mut last))) if evidence >= self.needed => {
                last.reading.evidence = Some(evidence);
                (guilty, Judgement { verdict: Verdict::Fail, ..last })
            }
            _ => (check, acquitted(judgement)),
        }
    }

    /// The weighted mean of all e-values, in logs, and the check with the largest share in it. A
    /// check that has not spoken yet counts as nothing, which only lowers the mean.
    fn evidence(&self) -> (f64, Option<(CheckIndex, Judgement)>) {
        let spoken = self.seats.iter().filter_map(|(seat, last)| {
            let last = (*last)?;
            Some((last.log_e?.worse + libm::log(seat.weight), seat.check, last))
        });
        let largest = spoken.clone().max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((most, guilty, last)) = largest else { return (f64::NEG_INFINITY, None) };
        let sum: f64 = spoken.map(|(share, ..)| libm::exp(share - most)).sum();
        (most + libm::log(sum), Some((guilty, last)))
    }
}

/// Without the failure that a judge alone would have seen.
fn acquitted(judgement: Judgement) -> Judgement {
    match judgement.verdict {
        Verdict::Fail => Judgement { verdict: Verdict::Inconclusive, ..judgement },
        _ => judgement,
    }
}
