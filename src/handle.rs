//! What a caller holds of a running rollout: its status, its decisions, and a way to command it.
//!
//! Commands go through the journal's inbox, as those of any other process do. Must not change a
//! rollout by any other way.

use std::{sync::Arc, time::Duration};

use tidegate_core::{
    Actor, Became, Command, CommandId, GateRef, Ignored, Journal, JournalError, Notice, Order,
    Phase, RolloutId, Seq, Target,
    record::{Head, Record},
};
use tokio::{
    sync::{Notify, broadcast, oneshot, watch},
    time,
};

use crate::{
    desk::{Desk, End, Status},
    error::EngineError,
    fresh::Fresh,
    runner::warn,
};

/// How often the journal is asked about a rollout that is not run here.
const ELSEWHERE_EVERY: Duration = Duration::from_secs(1);

/// A rollout, whether it runs here, elsewhere, or waits. Cheap to clone; dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) desk: Arc<Desk>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) fresh: Arc<Fresh>,
    pub(crate) wake: Arc<Notify>,
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

    /// Where it is, as far as this engine knows: see [`Self::refresh`].
    #[must_use]
    pub fn status(&self) -> Status {
        self.desk.status.borrow().clone()
    }

    /// Where it is now. The journal is asked when the rollout is not run here.
    ///
    /// # Errors
    /// When the journal can not be read.
    pub async fn refresh(&self) -> Result<Status, EngineError> {
        if !self.desk.is_here() && !self.desk.is_closed() {
            self.read_on().await?;
        }
        Ok(self.status())
    }

    /// What others have done with it.
    pub(crate) async fn read_on(&self) -> Result<(), JournalError> {
        let Some(last) = self.journal.last(self.rollout()).await? else {
            return self.place().await;
        };
        let phase = *last.after.phase();
        let mut ended = None;
        self.desk.status.send_if_modified(|status| {
            let news = !status.here && status.end.is_none() && last.seq > status.seq;
            if news {
                let sentence = last.decision.sentence(&self.desk.head.plan);
                *status = Status::of(&last.after, &self.desk.head, sentence, false);
            }
            ended = (!status.here && phase.is_terminal()).then_some(End::Over(phase));
            news
        });
        match ended {
            Some(end) => {
                self.desk.close(end);
                Ok(())
            }
            None if matches!(phase, Phase::Pending { .. }) => self.place().await,
            None => Ok(()),
        }
    }

    /// Whether it was replaced before it began.
    async fn place(&self) -> Result<(), JournalError> {
        let ours = self.rollout();
        let active = self.journal.active(self.target()).await?;
        let holds = |a: &tidegate_core::Active| a.rollout == ours || a.waiting == Some(ours);
        if !active.as_ref().is_some_and(holds) && !self.desk.is_here() {
            self.desk.close(End::Replaced);
        }
        Ok(())
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
        self.desk.listen()
    }

    /// Every record so far, from the journal.
    ///
    /// # Errors
    /// When the journal can not be read.
    pub async fn records(&self) -> Result<Vec<Record>, EngineError> {
        Ok(self.journal.read(self.rollout(), Seq(1)).await?)
    }

    /// Waits until the rollout is over, or this engine's part in it is, and says how. One that waits
    /// for a person is followed in the journal, whoever goes on with it.
    pub async fn finished(&self) -> End {
        let mut status = self.watch();
        loop {
            let (here, end) = {
                let status = status.borrow_and_update();
                (status.here, status.end.clone())
            };
            if let Some(end) = end {
                return end;
            }
            tokio::select! {
                biased;
                // The sender lives as long as this handle.
                _ = status.changed() => {}
                () = time::sleep(ELSEWHERE_EVERY), if !here => {
                    if let Err(error) = self.read_on().await {
                        warn(&error, "what became of a rollout is not known yet");
                    }
                }
            }
        }
    }

    /// Gives a command and waits until it was read, here or by whoever runs the rollout. It is
    /// durable before it is read: after an error it is in the inbox of whoever runs the rollout next.
    /// Returns the record of the step it caused.
    ///
    /// # Errors
    /// [`EngineError::Ignored`] with the reason when it changes nothing.
    pub async fn command(
        &self,
        order: Order,
        actor: impl Into<Actor>,
        reason: impl Into<String>,
    ) -> Result<Seq, EngineError> {
        if matches!(self.desk.status.borrow().end, Some(End::Over(_))) {
            return Err(EngineError::Ignored(Ignored::Terminal));
        }
        let id = CommandId(self.fresh.draw());
        let (actor, reason) = (actor.into(), reason.into());
        let mut told = self.desk.expect(id);
        self.journal.submit(self.rollout(), Command { id, actor, reason, order }).await?;
        self.desk.bell.notify_one();
        self.wake.notify_one();
        let became = self.became(id, &mut told).await?;
        became.map_err(EngineError::Ignored)
    }

    async fn became(
        &self,
        id: CommandId,
        told: &mut oneshot::Receiver<Result<Seq, Ignored>>,
    ) -> Result<Result<Seq, Ignored>, EngineError> {
        loop {
            let closed = self.desk.is_closed();
            let patience = if closed { Duration::ZERO } else { ELSEWHERE_EVERY };
            let heard = tokio::select! {
                biased;
                became = &mut *told, if !told.is_terminated() => became.ok(),
                () = time::sleep(patience) => None,
            };
            if let Some(became) = heard {
                return Ok(became);
            }
            match self.journal.became(self.rollout(), id).await? {
                Some(Became::Step(seq)) => return Ok(Ok(seq)),
                Some(Became::Ignored(ignored)) => return Ok(Err(ignored)),
                Some(Became::Unread) | None if closed => {
                    return Err(EngineError::NotHere(self.rollout()));
                }
                Some(Became::Unread) | None => {}
            }
        }
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
