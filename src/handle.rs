//! What a caller holds of a running rollout: its status, its decisions, and a way to command it.
//!
//! Commands go through the journal's inbox, as those of any other process do. Must not change a
//! rollout by any other way.

use std::sync::Arc;

use tidegate_core::{
    Actor, Command, CommandId, GateRef, Journal, Notice, Order, RolloutId, Seq, Target,
    record::{Head, Record},
};
use tokio::sync::{broadcast, watch};

use crate::{
    desk::{Desk, End, Status},
    error::EngineError,
    fresh::fresh_id,
};

/// A running rollout. Cheap to clone; dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) desk: Arc<Desk>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl Handle {
    /// The rollout.
    #[must_use]
    pub fn rollout(&self) -> RolloutId {
        self.desk.rollout()
    }

    /// The thing being released.
    #[must_use]
    pub fn target(&self) -> &Target {
        self.desk.head.plan.target()
    }

    /// Record 0: the plan, both revisions, the world as found.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.desk.head
    }

    /// Where it is now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.desk.status.borrow().clone()
    }

    /// Its status as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.desk.status.subscribe()
    }

    /// Its decisions from now on, each once it is durable. A listener that falls far behind is told
    /// how many it has missed; [`Self::records`] has them all.
    #[must_use]
    pub fn decisions(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.desk.notices.subscribe()
    }

    /// Every record so far, from the journal.
    ///
    /// # Errors
    /// When the journal can not be read.
    pub async fn records(&self) -> Result<Vec<Record>, EngineError> {
        Ok(self.journal.read(self.rollout(), Seq(1)).await?)
    }

    /// Waits until this engine's part in it has ended, and says how.
    pub async fn finished(&self) -> End {
        let mut status = self.watch();
        let ended = status.wait_for(|status| status.end.is_some()).await;
        ended.ok().and_then(|status| status.end.clone()).unwrap_or(End::Stopped)
    }

    /// Gives a command and waits until it was read. It is durable before it is read: after
    /// [`EngineError::NotHere`] it is in the inbox of whoever runs the rollout next. Returns the
    /// record of the step it caused.
    ///
    /// # Errors
    /// [`EngineError::Ignored`] with the reason when it changes nothing.
    pub async fn command(
        &self,
        order: Order,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        let id = CommandId(fresh_id());
        let (actor, reason) = (actor.into(), reason.into());
        let mut told = self.desk.expect(id);
        self.journal.submit(self.rollout(), Command { id, actor, reason, order }).await?;
        self.desk.bell.notify_one();
        // Once closed, nobody will tell; but this command may have been what ended it.
        let closed = self.desk.is_closed();
        let became = if closed { told.try_recv().ok() } else { told.await.ok() };
        let became = became.ok_or_else(|| EngineError::NotHere(self.rollout()))?;
        became.map_err(EngineError::Ignored)
    }

    /// Begins.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn start(&self, actor: impl Into<Actor>) -> Result<Seq, EngineError> {
        self.command(Order::Start, actor, "").await
    }

    /// Goes no further until resumed; guards are judged all the same.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn pause(
        &self,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::Pause, actor, reason).await
    }

    /// Lifts every hold that a person may lift.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn resume(&self, actor: impl Into<Actor>) -> Result<Seq, EngineError> {
        self.command(Order::Resume, actor, "").await
    }

    /// Goes back.
    ///
    /// # Errors
    /// As [`Self::command`]; past the point of no return it is ignored where the plan declares no
    /// redeployment.
    pub async fn abort(
        &self,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::Abort, actor, reason).await
    }

    /// Approves the gate named: a late click does not open the next one.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn approve(
        &self,
        gate: GateRef,
        actor: impl Into<Actor>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::Approve(gate), actor, "").await
    }

    /// Refuses the gate named: goes back.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn deny(
        &self,
        gate: GateRef,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::Deny(gate), actor, reason).await
    }

    /// Opens the gate named without waiting for it.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn promote(
        &self,
        gate: GateRef,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::Promote(gate), actor, reason).await
    }

    /// Walks every remaining weight with gates skipped.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub async fn promote_full(
        &self,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        self.command(Order::PromoteFull, actor, reason).await
    }
}
