//! A rollout behind another: whether its turn has come, and what it sets out from.
//!
//! Must not wait for anything. What could not be looked up is looked up again with the inbox.

use std::sync::Arc;

use tidegate_core::{Event, Phase, Revision, Revisions, RolloutId};
use tokio::time::Instant;

use crate::{
    outset::{self, LeftOver},
    runner::{ASK_AGAIN, Runner, Stop, Tools, warn},
    survey::Survey,
};

impl Runner {
    /// Whether it is this rollout's turn, or a newer one has taken its place.
    pub(crate) async fn look_ahead(&mut self) -> Result<(), Stop> {
        let Phase::Pending { after: Some(before), .. } = *self.state.phase() else { return Ok(()) };
        let active = match self.tools.journal.active(self.head.plan.target()).await {
            Ok(active) => active,
            Err(error) => {
                warn(&error, "could not see whether it is this rollout's turn");
                self.inbox_at = Some(Instant::now() + ASK_AGAIN);
                return Ok(());
            }
        };
        let ours = self.rollout();
        match active {
            Some(active) if active.rollout == ours => self.begin_after(before).await,
            Some(active) if active.waiting == Some(ours) => Ok(()),
            _ => Err(Stop::Replaced),
        }
    }

    /// Whether it is this rollout's turn is looked up before anything else is waited for.
    pub(crate) fn look_again(&mut self) {
        self.inbox_at = Some(Instant::now());
    }

    /// The target is free: its world, and what the rollout before may still have on the way.
    async fn begin_after(&mut self, before: RolloutId) -> Result<(), Stop> {
        let Tools { journal, clock, .. } = &self.tools;
        let survey =
            Survey::of(Arc::clone(&self.adapters.ports), &self.head.plan, &self.head.revisions);
        let read = async {
            let left = journal.head(before).await?.revisions;
            Ok((left, journal.last(before).await?))
        };
        let (left, last) = match read.await {
            Ok(read) => read,
            Err(error) => {
                warn(&error, "the last state of the rollout before could not be read");
                self.inbox_at = Some(Instant::now() + ASK_AGAIN);
                return Ok(());
            }
        };
        let mut world = match survey.found(&self.head.plan, clock.now()).await {
            Ok(world) => world,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not started yet");
                self.inbox_at = Some(Instant::now() + ASK_AGAIN);
                return Ok(());
            }
        };
        let (ours, plan, ports) = (&self.head.revisions, &self.head.plan, &self.adapters.ports);
        let over = match outset::left_over(&**journal, ports, plan, ours, clock.now()).await {
            Ok(over) => over,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not started yet");
                self.inbox_at = Some(Instant::now() + ASK_AGAIN);
                return Ok(());
            }
        };
        if let Some(LeftOver { rollout, left, share }) = &over {
            tracing::warn!(%rollout, revision = %left.candidate, %share, "given up, and still serves");
        }
        let mut stable_serves = over.is_none() && outset::unrest(ours, &world).is_none();
        if let Some(last) = last {
            world.late = last.after.world().late;
            stable_serves &=
                left_by(last.after.phase(), &left).is_none_or(|left| left == ours.stable);
        }
        self.take(Event::Freed { world: Box::new(world), stable_serves }).await
    }
}

/// What serves after a rollout that ended so: `Some(None)` if nothing does, `None` where only the
/// world can tell.
fn left_by(phase: &Phase, revisions: &Revisions) -> Option<Option<Revision>> {
    match phase {
        Phase::Completed => Some(Some(revisions.candidate.clone())),
        Phase::RolledBack { .. } => Some(revisions.stable.clone()),
        _ => None,
    }
}
