//! What a rollout may set out from: two revisions, a target at rest, and nothing that a rollout before
//! it was given up with.
//!
//! Must not open, start or move anything. Asked when a rollout is opened, and again when the turn of
//! one that was queued has come.

use std::sync::Arc;

use tidegate_core::{
    CapacityKind, Journal, JournalError, Phase, Plan, Revisions, RolloutId, Select, Timestamp,
    Weight, World,
};

use crate::{
    error::{EngineError, Unrest},
    ports::Ports,
    survey::Survey,
};

/// Rollouts of a target that are looked at in one page: mostly the newest says it.
const PAGE: usize = 10;

/// A rollout needs two revisions: with one as both arms, what it gives to the one and takes from the
/// other is the same service.
///
/// # Errors
/// [`EngineError::SameRevision`].
pub(crate) fn two_revisions(plan: &Plan, revisions: &Revisions) -> Result<(), EngineError> {
    match revisions.same() {
        None => Ok(()),
        Some(both) => {
            let (target, revision) = (plan.target().clone(), both.clone());
            Err(EngineError::SameRevision { target, revision })
        }
    }
}

/// Why the world as found is none to set out from.
pub(crate) fn unrest(revisions: &Revisions, found: &World) -> Option<Unrest> {
    let seen = found.traffic.seen.filter(|_| !found.follows_capacity());
    let elsewhere = seen.is_some_and(|seen| seen.other == Weight::FULL);
    if revisions.stable.is_none() {
        return unnamed(found, elsewhere);
    }
    match seen.map_or(Weight::ZERO, |seen| seen.high) {
        _ if found.is_empty() => Some(Unrest::StableGone),
        _ if elsewhere => Some(Unrest::Elsewhere),
        Weight::ZERO => None,
        share => Some(Unrest::CandidateServes(share)),
    }
}

/// What serves although no stable revision was named. Who gets the traffic tells only where no units
/// can be counted: elsewhere a route has to send it somewhere before anything was deployed.
fn unnamed(found: &World, elsewhere: bool) -> Option<Unrest> {
    let units = found.stable.total.asked.max(found.stable.total.ready);
    match found.kind {
        CapacityKind::Percent if units > 0 => {
            Some(Unrest::UnnamedCapacity(Weight::ratio(units.min(10_000), 10_000)))
        }
        CapacityKind::Elastic => elsewhere.then_some(Unrest::Elsewhere),
        _ => (units > 0).then_some(Unrest::UnnamedUnits(units)),
    }
}

/// What the last rollout of the target was given up with, if that has not been set right since: its
/// candidate has traffic, and is not the one revision that serves and is named as stable.
///
/// # Errors
/// When the journal or the target can not be read.
pub(crate) async fn left_over(
    journal: &dyn Journal,
    ports: &Arc<Ports>,
    plan: &Plan,
    revisions: &Revisions,
    now: Timestamp,
) -> Result<Option<LeftOver>, EngineError> {
    let Some((rollout, left)) = given_up(journal, plan).await? else { return Ok(None) };
    let survey = Survey::of(Arc::clone(ports), plan, &left);
    let found = survey.found(plan, now).await.map_err(EngineError::Unreadable)?;
    let (low, high) = shares(&found);
    let one = low == Weight::FULL && revisions.stable.as_ref() == Some(&left.candidate);
    let over = LeftOver { rollout, left, share: high };
    Ok((high > Weight::ZERO && !one).then_some(over))
}

/// What a rollout that was given up has left.
#[derive(Debug)]
pub(crate) struct LeftOver {
    pub(crate) rollout: RolloutId,
    pub(crate) left: Revisions,
    /// The highest share of its candidate, of what both of its arms get.
    pub(crate) share: Weight,
}

impl LeftOver {
    /// As what refuses a rollout.
    pub(crate) fn refuses(self, plan: &Plan) -> EngineError {
        let Self { rollout, left, share } = self;
        let target = plan.target().clone();
        EngineError::LeftOver { target, rollout, revision: left.candidate, share }
    }
}

/// The rollout that the target was last left in the middle of. Those that never started have left
/// nothing, and what one left that completed or went back was seen to be one revision.
async fn given_up(
    journal: &dyn Journal,
    plan: &Plan,
) -> Result<Option<(RolloutId, Revisions)>, JournalError> {
    let target = Some(plan.target().clone());
    let mut select = Select { target, over: Some(true), before: None, limit: PAGE };
    loop {
        let rows = journal.list(&select).await?;
        for row in &rows {
            let last = match journal.last(row.rollout).await {
                // Pruned meanwhile.
                Err(JournalError::Unknown(_)) => None,
                last => last?,
            };
            match last.map(|last| *last.after.phase()) {
                Some(Phase::GaveUp) => {
                    let head = journal.head(row.rollout).await?;
                    return Ok(Some((row.rollout, head.revisions)));
                }
                Some(Phase::Completed | Phase::RolledBack { .. }) => return Ok(None),
                _ => {}
            }
        }
        select.before = rows.last().map(|row| row.rollout);
        if rows.len() < PAGE {
            return Ok(None);
        }
    }
}

/// The candidate's lowest and highest share of what both arms get.
fn shares(found: &World) -> (Weight, Weight) {
    if found.follows_capacity() {
        let of = |units: tidegate_core::Units| units.asked.max(units.ready);
        let (new, old) = (of(found.candidate.total), of(found.stable.total));
        let share =
            if new == 0 { Weight::ZERO } else { Weight::ratio(new, new.saturating_add(old)) };
        return (share, share);
    }
    found.traffic.seen.map_or((Weight::ZERO, Weight::ZERO), |seen| (seen.low, seen.high))
}
