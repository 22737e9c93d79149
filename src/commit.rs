//! Journal before act: one event becomes one record, and only a durable record becomes the state.
//!
//! What a refused or lost commit means is decided here and nowhere else. Must not wait for events.

use std::time::Duration;

use tidegate_core::{
    Append, AttemptId, Event, Ignored, JournalError, Phase, RowVersion, Seq, Step, Timestamp,
    record::{FORMAT, Record},
    rollout::Rollout,
};
use tokio::time;

use crate::{
    fresh::fresh_id,
    runner::{Runner, Stop, warn},
};

/// The first wait when the journal is unavailable; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A journal that comes back is noticed within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What became of one try to commit.
enum Commit {
    Done(RowVersion),
    Again,
}

impl Runner {
    /// Applies an event, writes what it comes to, and only then adopts and sends it. Applied anew
    /// whenever it has to be written anew.
    pub(crate) async fn commit(&mut self, event: Event) -> Result<Result<Seq, Ignored>, Stop> {
        let mut wait = FIRST_WAIT;
        loop {
            let now = self.time_of(&event);
            let step = match self.state.apply(&self.head.plan, now, &event) {
                Ok(step) => step,
                Err(ignored) => match &event {
                    Event::Command(command) => {
                        let append = self.append_of(Vec::new(), &event, &self.state);
                        tracing::info!(%ignored, order = %command.order, "a command was ignored");
                        match self.write(append, &mut wait).await? {
                            Commit::Done(version) => self.version = version,
                            Commit::Again => continue,
                        }
                        return Ok(Err(ignored));
                    }
                    _ => return Ok(Err(ignored)),
                },
            };
            let attempt = AttemptId(fresh_id());
            let record = self.record(attempt, Some(event.clone()), &step);
            let mut append = self.append_of(vec![record], &event, &step.next);
            append.attempt = attempt;
            if let Commit::Done(version) = self.write(append, &mut wait).await? {
                self.version = version;
                let seq = step.next.seq();
                self.adopt(step);
                return Ok(Ok(seq));
            }
        }
    }

    /// A step of the clock is told in the time before it; everything else in the time now.
    fn time_of(&self, event: &Event) -> Timestamp {
        let now = self.tools.clock.now();
        match event {
            Event::ClockStepped { by_ms } => now.moved(by_ms.saturating_neg()),
            _ => now,
        }
    }

    pub(crate) fn record(&self, attempt: AttemptId, event: Option<Event>, step: &Step) -> Record {
        Record {
            format: FORMAT,
            seq: step.next.seq(),
            epoch: self.epoch,
            attempt,
            at: step.next.clock(),
            event,
            decision: step.decision.clone(),
            intent: step.intent.clone(),
            after: step.next.clone(),
        }
    }

    pub(crate) fn append_of(&self, records: Vec<Record>, event: &Event, after: &Rollout) -> Append {
        let consumed = match event {
            Event::Command(command) => vec![command.id],
            _ => Vec::new(),
        };
        Append {
            rollout: self.rollout(),
            epoch: self.epoch,
            version: self.version,
            attempt: AttemptId(fresh_id()),
            records,
            consumed,
            due: self.due_of(after),
            over: after.phase().is_terminal(),
        }
    }

    /// When somebody has to look at a rollout in this state again.
    fn due_of(&self, state: &Rollout) -> Option<Timestamp> {
        if state.phase().is_terminal() {
            return None;
        }
        let plan = &self.head.plan;
        let reads = !state.wanted_reads(plan).is_empty();
        let read = reads.then(|| state.clock().after(plan.policy().observe_every));
        [state.next_deadline(), read].into_iter().flatten().min()
    }

    /// One try to write, and what its failure means.
    async fn write(&mut self, append: Append, wait: &mut Duration) -> Result<Commit, Stop> {
        let attempt = append.attempt;
        let written = self.tools.journal.append(append).await;
        match written {
            Ok(version) => Ok(Commit::Done(version)),
            Err(JournalError::AnswerLost(_)) => self.read_back(attempt, wait).await,
            Err(JournalError::StaleVersion { current, .. }) => {
                self.reload(current, wait).await?;
                Ok(Commit::Again)
            }
            Err(JournalError::StaleEpoch { current, .. }) => Err(Stop::Lost(current)),
            Err(error @ JournalError::Unavailable(_)) => {
                self.pause(&error, wait).await?;
                Ok(Commit::Again)
            }
            Err(error) => Err(Stop::Broken(error)),
        }
    }

    /// It may have been written: ask, until there is an answer.
    async fn read_back(&mut self, attempt: AttemptId, wait: &mut Duration) -> Result<Commit, Stop> {
        loop {
            match self.tools.journal.committed(self.rollout(), attempt).await {
                Ok(Some(version)) => return Ok(Commit::Done(version)),
                // Should it still land, the next try finds the row at another version.
                Ok(None) => return Ok(Commit::Again),
                Err(error) => self.pause(&error, wait).await?,
            }
        }
    }

    /// The row is at another version although the claim is still ours: a commit of our own that
    /// nobody told us of, or a newer rollout that took this one's place.
    async fn reload(&mut self, current: RowVersion, wait: &mut Duration) -> Result<(), Stop> {
        let records = loop {
            match self.tools.journal.read(self.rollout(), self.state.seq().next()).await {
                Ok(records) => break records,
                Err(error) => self.pause(&error, wait).await?,
            }
        };
        self.version = current;
        for record in records {
            let Record { decision, intent, after: next, .. } = record;
            self.adopt(Step { next, decision, intent });
        }
        if !matches!(self.state.phase(), Phase::Pending { after: Some(_), .. }) {
            return Ok(());
        }
        let ours = self.rollout();
        match self.tools.journal.active(self.head.plan.target()).await {
            Ok(Some(active)) if active.rollout == ours || active.waiting == Some(ours) => Ok(()),
            Ok(_) => Err(Stop::Replaced),
            Err(error) => self.pause(&error, wait).await,
        }
    }

    async fn pause(&mut self, error: &JournalError, wait: &mut Duration) -> Result<(), Stop> {
        warn(error, "the journal can not be reached; trying again");
        let now = *wait;
        *wait = (*wait * 2).min(LONGEST_WAIT);
        tokio::select! {
            _ = self.tools.shutdown.wait_for(|stop| *stop) => Err(Stop::Shutdown),
            () = time::sleep(now) => Ok(()),
        }
    }
}
