//! One loop per rollout: wait for what happens first, ask the machine, write the record, and only
//! then adopt the next state and send its move.
//!
//! Must not decide anything about the rollout: that is the machine's. What it owns is the order of
//! things: nothing is sent that is not durable, and nothing is adopted that was not written.

use std::{sync::Arc, time::Duration};

use tidegate_core::{
    Answer, Append, AttemptId, Call, CallState, Command, Epoch, Event, Ignored, Journal,
    JournalError, Move, Notice, Outcome, Phase, RolloutId, RowVersion, Seq, Span, Step, Timestamp,
    record::{FORMAT, Head, Record},
    rollout::Rollout,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    clock::Clock,
    desk::{Desk, End, Status},
    dispatch::carry_out,
    fresh::fresh_id,
    observers::Observers,
    ports::Ports,
    reads::{Read, Reader},
    survey::Survey,
};

/// How often the inbox is read without being rung for: another process may have given a command.
const INBOX_EVERY: Duration = Duration::from_secs(1);

/// The first wait when the journal is unavailable; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A journal that comes back is noticed within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A deadline that the machine has nothing to say to is not offered again before this time.
const NOTHING_TO_SAY: Span = Span::seconds(1);

/// Why a loop ends, if not because its rollout does.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The engine is shutting down.
    Shutdown,
    /// Somebody else has claimed it.
    Lost(Epoch),
    /// It was replaced before it began.
    Replaced,
    /// The journal holds something that should not be.
    Broken(JournalError),
}

/// What all loops of one engine share.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observers: Arc<Observers>,
    pub(crate) shutdown: watch::Receiver<bool>,
    /// How long calls under way may take once shutdown began.
    pub(crate) grace: Duration,
}

/// One rollout being run.
#[derive(Debug)]
pub(crate) struct Runner {
    tools: Tools,
    desk: Arc<Desk>,
    head: Arc<Head>,
    state: Rollout,
    version: RowVersion,
    epoch: Epoch,
    calls: JoinSet<Answer>,
    reader: Reader,
    steps: watch::Receiver<i64>,
    stepped: i64,
    inbox_at: Instant,
    /// Deadlines are not offered before this.
    quiet_until: Timestamp,
}

/// What happened first.
#[derive(Debug)]
enum First {
    Inbox,
    Answered(Answer),
    Read(Read),
    Due,
    Stepped,
    Shutdown,
}

/// What became of one try to commit.
enum Commit {
    Done(RowVersion),
    Again,
}

impl Runner {
    /// Takes a rollout over, at whatever version it has.
    pub(crate) async fn claim(tools: Tools, rollout: RolloutId) -> Result<Self, JournalError> {
        let claimed = tools.journal.claim(rollout, None).await?;
        let head = claimed.head;
        let opened = head.open();
        let (state, sentence) = match claimed.last {
            Some(last) => (last.after, last.decision.sentence(&head.plan)),
            None => (opened.next, opened.decision.sentence(&head.plan)),
        };
        let status = status_of(&state, &head, sentence);
        let desk = Arc::new(Desk::new(head.clone(), status));
        let head = Arc::new(head);
        let Tools { ports, journal, clock, .. } = tools.clone();
        let mut steps = tools.clock.steps();
        let stepped = *steps.borrow_and_update();
        Ok(Self {
            reader: Reader::new(ports, journal, clock, Arc::clone(&head)),
            desk,
            head,
            state,
            version: claimed.version,
            epoch: claimed.epoch,
            calls: JoinSet::new(),
            steps,
            stepped,
            inbox_at: Instant::now(),
            quiet_until: Timestamp::default(),
            tools,
        })
    }

    /// What is shared with handles.
    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Runs until the rollout is over or this engine's part in it is.
    pub(crate) async fn run(mut self) -> End {
        let end = match self.drive().await {
            Ok(()) => End::Over(*self.state.phase()),
            Err(Stop::Shutdown) => self.wind_up().await,
            Err(Stop::Lost(to)) => End::Lost { to },
            Err(Stop::Replaced) => End::Replaced,
            Err(Stop::Broken(error)) => End::Broken(error.to_string()),
        };
        tracing::info!(end = ?end, "this engine's part in the rollout is over");
        end
    }

    fn rollout(&self) -> RolloutId {
        self.head.identity.rollout
    }

    async fn drive(&mut self) -> Result<(), Stop> {
        self.forget_call().await?;
        while !self.state.phase().is_terminal() {
            if let Some(event) = self.reader.pursue(&self.state).await {
                self.take(event).await?;
                continue;
            }
            match self.first().await {
                First::Shutdown => return Err(Stop::Shutdown),
                First::Stepped => self.step_clock().await?,
                First::Inbox => self.read_inbox().await?,
                First::Answered(answer) => {
                    self.reader.observe_soon();
                    self.take(Event::Answered(answer)).await?;
                }
                First::Read(read) => {
                    if let Some(event) = self.reader.ended(read, &self.state) {
                        self.take(event).await?;
                    }
                }
                First::Due => self.offer_deadline().await?,
            }
        }
        Ok(())
    }

    /// Nobody knows what became of a call that an earlier owner sent.
    async fn forget_call(&mut self) -> Result<(), Stop> {
        let Some(call) = self.state.outstanding() else { return Ok(()) };
        if !matches!(call.state, CallState::InFlight { .. }) {
            return Ok(());
        }
        let (id, attempt) = (call.sent.id, call.sent.attempt);
        self.take(Event::Answered(Answer { id, attempt, outcome: Outcome::Ambiguous })).await
    }

    /// Waits for whatever happens first. Commands come before answers, answers before deadlines.
    async fn first(&mut self) -> First {
        let deadline = self.state.next_deadline().map(|at| at.max(self.quiet_until));
        let due = [deadline, self.reader.due(&self.state)].into_iter().flatten().min();
        let wait = due.map(|at| at.since(self.tools.clock.now()).duration());
        let shutdown = &mut self.tools.shutdown;
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => First::Shutdown,
            Ok(()) = self.steps.changed() => First::Stepped,
            () = self.desk.bell.notified() => First::Inbox,
            () = time::sleep_until(self.inbox_at) => First::Inbox,
            Some(Ok(answer)) = self.calls.join_next() => First::Answered(answer),
            Some(Ok(read)) = self.reader.tasks.join_next() => First::Read(read),
            () = time::sleep(wait.unwrap_or_default()), if wait.is_some() => First::Due,
        }
    }

    async fn offer_deadline(&mut self) -> Result<(), Stop> {
        let now = self.tools.clock.now();
        let come = self.state.next_deadline().is_some_and(|at| at.max(self.quiet_until) <= now);
        if !come {
            return Ok(());
        }
        if let Err(ignored) = self.state.apply(&self.head.plan, now, &Event::DeadlineReached) {
            self.quiet_until = now.after(NOTHING_TO_SAY);
            tracing::debug!(%ignored, "a deadline came to nothing");
            return Ok(());
        }
        self.take(Event::DeadlineReached).await
    }

    async fn step_clock(&mut self) -> Result<(), Stop> {
        let sum = *self.steps.borrow_and_update();
        let by_ms = sum.saturating_sub(self.stepped);
        self.stepped = sum;
        if by_ms == 0 {
            return Ok(());
        }
        self.reader.step(by_ms);
        self.quiet_until = Timestamp::default();
        self.take(Event::ClockStepped { by_ms }).await
    }

    async fn read_inbox(&mut self) -> Result<(), Stop> {
        self.inbox_at = Instant::now() + INBOX_EVERY;
        if let Phase::Pending { after: Some(before), .. } = *self.state.phase() {
            self.look_ahead(before).await?;
        }
        match self.tools.journal.inbox(self.rollout()).await {
            Ok(commands) => {
                for command in commands {
                    self.obey(command).await?;
                }
            }
            Err(error) => warn(&error, "the inbox could not be read"),
        }
        Ok(())
    }

    /// A command is consumed in the commit of the step it causes, or, when it changes nothing, by
    /// itself.
    async fn obey(&mut self, command: Command) -> Result<(), Stop> {
        if self.state.phase().is_terminal() {
            self.desk.heard(command.id, Err(Ignored::Terminal));
            return Ok(());
        }
        let id = command.id;
        let became = self.commit(Event::Command(command)).await?;
        self.desk.heard(id, became);
        Ok(())
    }

    /// Whether the rollout before is over, or a newer one has taken this one's place.
    async fn look_ahead(&mut self, before: RolloutId) -> Result<(), Stop> {
        let active = match self.tools.journal.active(self.head.plan.target()).await {
            Ok(active) => active,
            Err(error) => {
                warn(&error, "could not see whether it is this rollout's turn");
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

    /// The target is free: its world, and what the rollout before may still have on the way.
    async fn begin_after(&mut self, before: RolloutId) -> Result<(), Stop> {
        let Tools { ports, journal, clock, .. } = &self.tools;
        let survey = Survey::of(Arc::clone(ports), &self.head.plan, &self.head.revisions);
        let records = match journal.read(before, Seq(1)).await {
            Ok(records) => records,
            Err(error) => {
                warn(&error, "the last state of the rollout before could not be read");
                return Ok(());
            }
        };
        let mut world = match survey.found(&self.head.plan, clock.now()).await {
            Ok(world) => world,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not started yet");
                return Ok(());
            }
        };
        if let Some(last) = records.last() {
            world.late = last.after.world().late;
        }
        self.take(Event::Freed(Box::new(world))).await
    }

    /// One event that is no command.
    async fn take(&mut self, event: Event) -> Result<(), Stop> {
        if let Err(ignored) = self.commit(event).await? {
            tracing::trace!(%ignored, "an event made no transition");
        }
        Ok(())
    }

    /// Applies an event, writes what it comes to, and only then adopts and sends it. Applied anew
    /// whenever it has to be written anew.
    async fn commit(&mut self, event: Event) -> Result<Result<Seq, Ignored>, Stop> {
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

    fn record(&self, attempt: AttemptId, event: Option<Event>, step: &Step) -> Record {
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

    fn append_of(&self, records: Vec<Record>, event: &Event, after: &Rollout) -> Append {
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
    async fn read_back(
        &mut self,
        attempt: AttemptId,
        wait: &mut Duration,
    ) -> Result<Commit, Stop> {
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

    /// The record is durable: from now on this is the state, and its move is sent.
    fn adopt(&mut self, step: Step) {
        let Step { next, decision, intent } = step;
        self.state = next;
        let sentence = decision.sentence(&self.head.plan);
        tracing::info!(
            rule = decision.rule.name(),
            from = %decision.from,
            to = %decision.to,
            "{sentence}"
        );
        let seq = self.state.seq();
        let target = self.head.plan.target().clone();
        let notice = Notice { target, rollout: self.rollout(), seq, decision, sentence };
        let notice = Arc::new(notice);
        self.tools.observers.tell(&notice);
        self.desk
            .status
            .send_replace(status_of(&self.state, &self.head, notice.sentence.clone()));
        // Without a listener nobody is told; that is no fault.
        let _ = self.desk.notices.send(notice);
        if let Some(sent) = intent {
            self.send(sent);
        }
    }

    fn send(&mut self, sent: Move) {
        self.reader.begin_anew();
        let call = Call {
            target: self.head.plan.target().clone(),
            revisions: self.head.revisions.clone(),
            id: sent.id,
            attempt: sent.attempt,
            epoch: self.epoch,
            route: 0,
        };
        self.calls.spawn(carry_out(Arc::clone(&self.tools.ports), call, sent));
    }

    /// Shutdown: no new moves; calls under way may end, and their answers are kept.
    async fn wind_up(&mut self) -> End {
        let until = Instant::now() + self.tools.grace;
        while let Ok(Some(ended)) = time::timeout_at(until, self.calls.join_next()).await {
            let Ok(answer) = ended else { continue };
            let kept = time::timeout_at(until, self.keep_answer(answer)).await;
            if let Ok(Err(stop)) = kept {
                return match stop {
                    Stop::Lost(to) => End::Lost { to },
                    Stop::Broken(error) => End::Broken(error.to_string()),
                    Stop::Shutdown | Stop::Replaced => End::Stopped,
                };
            }
        }
        let released = self.tools.journal.release(self.rollout(), self.epoch);
        if let Ok(Err(error)) = time::timeout(self.tools.grace, released).await {
            warn(&error, "the claim was not given up");
        }
        End::Stopped
    }

    /// Writes an answer without sending what it would lead to. A move that it decides is written
    /// with the one answer we know: it certainly did not happen.
    async fn keep_answer(&mut self, answer: Answer) -> Result<(), Stop> {
        let plan = &self.head.plan;
        let now = self.tools.clock.now();
        let event = Event::Answered(answer);
        let Ok(step) = self.state.apply(plan, now, &event) else { return Ok(()) };
        let attempt = AttemptId(fresh_id());
        let mut records = vec![self.record(attempt, Some(event.clone()), &step)];
        let mut last = step;
        if let Some(unsent) = last.intent.take() {
            let (id, attempt_no) = (unsent.id, unsent.attempt);
            let outcome = Outcome::Retryable;
            let unsent = Event::Answered(Answer { id, attempt: attempt_no, outcome });
            match last.next.apply(plan, now, &unsent) {
                Ok(step) if step.intent.is_none() => {
                    records.push(self.record(attempt, Some(unsent), &step));
                    last = step;
                }
                // It would lead to yet another move: leave all of it to whoever recovers.
                _ => return Ok(()),
            }
        }
        let mut append = self.append_of(records, &event, &last.next);
        append.attempt = attempt;
        match self.tools.journal.append(append).await {
            Ok(version) => {
                self.version = version;
                self.adopt(last);
                Ok(())
            }
            Err(JournalError::StaleEpoch { current, .. }) => Err(Stop::Lost(current)),
            Err(error) => {
                warn(&error, "an answer was not kept; whoever recovers finds it unknown");
                Ok(())
            }
        }
    }
}

fn warn(error: &JournalError, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}

fn status_of(state: &Rollout, head: &Head, sentence: String) -> Status {
    Status {
        rollout: head.identity.rollout,
        target: head.plan.target().clone(),
        seq: state.seq(),
        phase: *state.phase(),
        holds: state.holds(),
        waiting_on: state.waiting_on(&head.plan),
        next_deadline: state.next_deadline(),
        world: state.world().clone(),
        sentence,
        end: None,
    }
}
