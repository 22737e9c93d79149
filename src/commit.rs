//! Journal before act: an event becomes a record, and only a durable record becomes the state.
//!
//! What a refused or lost commit means is decided here and nowhere else. Must not wait for events.

use std::time::Duration;

use tidegate_core::{
    Append, AttemptId, Consumed, Event, Ignored, JournalError, Phase, RowVersion, Seq, Step,
    Timestamp,
    record::{FORMAT, Record},
    rollout::Rollout,
};
use tokio::time;

use crate::runner::{Runner, Stop, warn};

/// The first wait when the journal is unavailable; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A journal that comes back is noticed within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What became of one try to commit.
enum Commit {
    Done(RowVersion),
    Again,
}

/// What events come to, one after another: not durable yet.
struct Planned {
    steps: Vec<Step>,
    /// What each event came to; the last of these events was the last that could be applied.
    became: Vec<Result<Seq, Ignored>>,
    append: Append,
    /// The sum of the clock's steps that these are told in.
    told: i64,
}

impl Runner {
    /// Applies events, writes what they come to in one commit, and only then adopts and sends it.
    /// Applied anew whenever it has to be written anew. What each event came to; a move ends a
    /// commit, so there may be several. A step of the clock that the rollout was not told of comes
    /// before everything else, however late it was noticed.
    pub(crate) async fn commit(
        &mut self,
        events: Vec<Event>,
    ) -> Result<Vec<Result<Seq, Ignored>>, Stop> {
        let mut became = Vec::with_capacity(events.len());
        let mut wait = FIRST_WAIT;
        loop {
            let Planned { steps, became: done, append, told } = self.plan(&events[became.len()..]);
            // What is not written does not park: the journal would still name this engine.
            let mut park = false;
            if !steps.is_empty() || !append.consumed.is_empty() {
                park = append.park;
                match self.write(append, told, &mut wait).await? {
                    Commit::Done(version) => self.version = version,
                    Commit::Again => continue,
                }
                // None before it can land any more. Where nothing was written, one still may.
                self.unsure.clear();
            }
            self.tell(told);
            let moves = steps.last().is_some_and(|step| step.intent.is_some());
            steps.into_iter().for_each(|step| self.adopt(step));
            became.extend(done);
            if moves {
                // What was read before something was sent says nothing about after it.
                let read = |event: &&Event| matches!(event, Event::Observed(_));
                let stale = events[became.len()..].iter().take_while(read).count();
                became.extend(std::iter::repeat_n(Err(Ignored::Stale), stale));
            }
            if park {
                self.tools.wake.notify_one();
                self.parked = true;
            }
            if became.len() == events.len() {
                return Ok(became);
            }
        }
    }

    fn plan(&self, events: &[Event]) -> Planned {
        let attempt = AttemptId(self.tools.fresh.draw());
        let (mut steps, mut became) = (Vec::<Step>::new(), Vec::new());
        let mut append = self.append_of(attempt);
        let (now, told) = self.time();
        if let Some((event, step)) = self.clock_step(now, told) {
            append.records.push(self.record(attempt, Some(event), &step));
            steps.push(step);
        }
        for event in events {
            let state = steps.last().map_or(&self.state, |step| &step.next);
            let applied = state.apply(&self.head.plan, now, event);
            if let Event::Command(command) = event {
                let ignored = applied.as_ref().err().copied();
                append.consumed.push(Consumed { id: command.id, ignored });
                if let Some(ignored) = ignored {
                    tracing::info!(%ignored, order = %command.order, "a command was ignored");
                }
            }
            became.push(applied.as_ref().map(|step| step.next.seq()).map_err(|ignored| *ignored));
            if let Ok(step) = applied {
                append.records.push(self.record(attempt, Some(event.clone()), &step));
                let moves = step.intent.is_some();
                steps.push(step);
                if moves {
                    break;
                }
            }
        }
        let after = steps.last().map_or(&self.state, |step| &step.next);
        self.finish(&mut append, after);
        Planned { steps, became, append, told }
    }

    /// Gives the rollout back to the journal without a step.
    pub(crate) async fn park(&mut self) -> Result<(), Stop> {
        let mut wait = FIRST_WAIT;
        loop {
            let mut append = self.append_of(AttemptId(self.tools.fresh.draw()));
            self.finish(&mut append, &self.state);
            if !append.park {
                return Ok(());
            }
            if let Commit::Done(version) = self.write(append, self.stepped, &mut wait).await? {
                self.version = version;
                self.parked = true;
                self.tools.wake.notify_one();
                return Ok(());
            }
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

    /// A commit of nothing so far.
    pub(crate) fn append_of(&self, attempt: AttemptId) -> Append {
        Append {
            rollout: self.rollout(),
            epoch: self.epoch,
            version: self.version,
            attempt,
            records: Vec::new(),
            consumed: Vec::new(),
            due: None,
            park: false,
            over: false,
        }
    }

    /// What the row is told of the state that a commit leads to.
    pub(crate) fn finish(&self, append: &mut Append, after: &Rollout) {
        let moves = append.records.last().is_some_and(|record| record.intent.is_some());
        append.due = self.due_of(after);
        append.over = after.phase().is_terminal();
        append.park = !moves && self.rests(after);
    }

    /// When somebody has to look at a rollout in this state again.
    pub(crate) fn due_of(&self, state: &Rollout) -> Option<Timestamp> {
        if state.phase().is_terminal() {
            return None;
        }
        let plan = &self.head.plan;
        let reads = !state.wanted_reads(plan).is_empty();
        let read = reads.then(|| state.clock().after(plan.policy().observe_every));
        // Its turn, which the journal had it due for, may have come and is still to be looked up.
        let turn = self.inbox_at.is_some().then(|| state.clock());
        [state.next_deadline(), read, turn].into_iter().flatten().min()
    }

    /// One try to write, and what its failure means.
    async fn write(
        &mut self,
        append: Append,
        told: i64,
        wait: &mut Duration,
    ) -> Result<Commit, Stop> {
        let attempt = append.attempt;
        self.unsure.push((attempt, told));
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
            let Record { attempt, decision, intent, after: next, .. } = record;
            let ours = self.unsure.iter().find(|(unsure, _)| *unsure == attempt);
            if let Some((_, told)) = ours {
                self.tell(*told);
            }
            self.adopt(Step { next, decision, intent });
        }
        self.unsure.clear();
        if !matches!(self.state.phase(), Phase::Pending { after: Some(_), .. }) {
            return Ok(());
        }
        let ours = self.rollout();
        match self.tools.journal.active(self.head.plan.target()).await {
            Ok(Some(active)) if active.rollout == ours => {
                // Its turn has come meanwhile: it does not wait any more.
                self.look_again();
                Ok(())
            }
            Ok(Some(active)) if active.waiting == Some(ours) => Ok(()),
            Ok(_) => Err(Stop::Replaced),
            Err(error) => {
                // Or it may have.
                self.look_again();
                self.pause(&error, wait).await
            }
        }
    }

    async fn pause(&mut self, error: &JournalError, wait: &mut Duration) -> Result<(), Stop> {
        warn(error, "the journal can not be reached; trying again");
        let now = *wait;
        *wait = (*wait * 2).min(LONGEST_WAIT);
        tokio::select! {
            biased;
            _ = self.tools.shutdown.wait_for(|stop| *stop) => Err(Stop::Shutdown),
            () = time::sleep(now) => Ok(()),
        }
    }
}
