//! One loop per rollout: wait for what happens first, ask the machine, write the record, and only
//! then adopt the next state and send its move.
//!
//! Must not decide anything about the rollout: that is the machine's. What it owns is the order in which
//! things are heard. How they are written is in `commit`, what follows in `adopt`, what time it is then in
//! `timing`; one that waits behind another is in `queued`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tidegate_core::{
    Answer, AttemptId, CallState, Claimed, Command, EngineId, Epoch, Event, Ignored, Journal,
    JournalError, Outcome, RolloutId, RowVersion, Seq, Span, Timestamp, record::Head,
    rollout::Rollout,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    clock::Clock,
    desk::{Desk, End, Status},
    fresh::Fresh,
    membership::Membership,
    reads::{Read, Reader},
    targets::{Adapters, Served},
};

/// An inbox, or whose turn it is, that could not be read is asked for again so soon.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(2);

/// How long the answer of an accepted call may wait for the reading that follows it, so that both
/// become durable in one commit. Lost in a crash, it is found out again.
const TOGETHER: Duration = Duration::from_millis(250);

/// A rollout that waits longer than this is given back to the journal.
const WORTH_PARKING: Span = Span::seconds(5);

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
    /// It waits, and nobody holds it.
    Parked,
}

/// How a loop ends.
#[derive(Debug)]
pub(crate) enum Part {
    /// This engine has nothing more to do with it.
    Over(End),
    /// It waits for a person, a command or a far time: whoever sees that it is due goes on.
    Parked,
}

/// What all loops of one engine share.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) served: Arc<Served>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fresh: Arc<Fresh>,
    pub(crate) membership: Arc<Membership>,
    /// Rung when something may have become due in the journal.
    pub(crate) wake: Arc<Notify>,
    pub(crate) shutdown: watch::Receiver<bool>,
    /// How long calls under way may take once shutdown began.
    pub(crate) grace: Duration,
}

/// One rollout being run.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) tools: Tools,
    /// What its target is reached through.
    pub(crate) adapters: Adapters,
    pub(crate) desk: Arc<Desk>,
    pub(crate) head: Arc<Head>,
    pub(crate) state: Rollout,
    /// What this engine was listed as when it claimed the rollout.
    pub(crate) engine: EngineId,
    pub(crate) version: RowVersion,
    pub(crate) epoch: Epoch,
    pub(crate) calls: JoinSet<Answer>,
    pub(crate) reader: Reader,
    pub(crate) steps: watch::Receiver<i64>,
    /// The sum of the clock's steps that the rollout was told of.
    pub(crate) stepped: i64,
    /// Tries to commit since the last that is known to have been made, and the sum of the clock's
    /// steps that each was told in.
    pub(crate) unsure: Vec<(AttemptId, i64)>,
    /// It was claimed, and the time of its last record was not compared with this engine's clock yet.
    pub(crate) taken_over: bool,
    /// Commands read from the inbox and not yet obeyed.
    pub(crate) commands: VecDeque<Command>,
    /// The inbox is read again then, if it could not be read before.
    pub(crate) inbox_at: Option<Instant>,
    /// Present when the journal was set back to an earlier state: see [`Event::SetBack`].
    set_back: Option<u32>,
    /// The last commit gave it back to the journal.
    pub(crate) parked: bool,
    /// An answer that waits for the reading after it, and until when.
    pub(crate) answer: Option<(Answer, Instant)>,
    /// Deadlines are not offered before this.
    pub(crate) quiet_until: Timestamp,
}

/// What happened first.
#[derive(Debug)]
enum First {
    Inbox,
    Answered(Answer),
    /// The answer that waits for a reading has waited long enough.
    Waited,
    Read(Read),
    Due,
    Stepped,
    Shutdown,
}

impl Runner {
    /// Goes on with a rollout that was claimed. Who holds a handle on it already keeps it.
    pub(crate) fn resume(
        tools: Tools,
        adapters: Adapters,
        engine: EngineId,
        claimed: Claimed,
        known: Option<Arc<Desk>>,
    ) -> Self {
        let head = known.as_ref().map_or_else(|| Arc::new(claimed.head), |d| Arc::clone(&d.head));
        let opened = head.open();
        let (state, sentence) = match claimed.last {
            Some(last) => (last.after, last.decision.sentence(&head.plan)),
            None => (opened.next, opened.decision.sentence(&head.plan)),
        };
        let status = Status::of(&state, &head, sentence, true);
        let desk = match known {
            Some(desk) => {
                desk.resume(status);
                desk
            }
            None => Arc::new(Desk::new(Arc::clone(&head), status)),
        };
        desk.claimed(claimed.epoch);
        let Tools { journal, clock, .. } = tools.clone();
        let ports = Arc::clone(&adapters.ports);
        let mut steps = tools.clock.steps();
        let stepped = *steps.borrow_and_update();
        Self {
            reader: Reader::new(ports, journal, clock, Arc::clone(&head)),
            desk,
            head,
            state,
            engine,
            version: claimed.version,
            epoch: claimed.epoch,
            calls: JoinSet::new(),
            steps,
            stepped,
            unsure: Vec::new(),
            taken_over: true,
            commands: claimed.inbox.into(),
            inbox_at: None,
            set_back: claimed.restored,
            parked: false,
            answer: None,
            quiet_until: Timestamp::default(),
            tools,
            adapters,
        }
    }

    /// What is shared with handles.
    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Runs until the rollout is over, waits, or this engine's part in it is over.
    pub(crate) async fn run(mut self) -> Part {
        let end = match self.drive().await {
            Ok(()) => End::Over(*self.state.phase()),
            Err(Stop::Parked) => return Part::Parked,
            Err(Stop::Shutdown) => self.wind_up().await,
            Err(Stop::Lost(to)) => End::Lost { to },
            Err(Stop::Replaced) => End::Replaced,
            Err(Stop::Broken(error)) => End::Broken(error.to_string()),
        };
        tracing::info!(end = ?end, "this engine's part in the rollout is over");
        Part::Over(end)
    }

    pub(crate) fn rollout(&self) -> RolloutId {
        self.head.identity.rollout
    }

    async fn drive(&mut self) -> Result<(), Stop> {
        if let Some(drawn) = self.set_back.take() {
            tracing::error!("the journal was set back: what was sent since is not known");
            self.take(Event::SetBack { drawn }).await?;
        }
        self.forget_call().await?;
        self.look_ahead().await?;
        self.set_clock().await?;
        while !self.state.phase().is_terminal() {
            if self.parked {
                return Err(Stop::Parked);
            }
            if let Some(command) = self.commands.pop_front() {
                self.obey(command).await?;
                continue;
            }
            if let Some(event) = self.reader.pursue(&self.state).await {
                self.take(event).await?;
                continue;
            }
            if self.rests(&self.state) {
                self.park().await?;
                continue;
            }
            match self.first().await {
                First::Shutdown => return Err(Stop::Shutdown),
                First::Stepped => self.step_clock().await?,
                First::Inbox => self.read_inbox().await?,
                First::Answered(answer) => self.answered(answer).await?,
                First::Waited => self.take_answer().await?,
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

    /// Whether nothing is to be done in this state before a command or a far time comes: nothing is
    /// under way, nothing to be read.
    pub(crate) fn rests(&self, state: &Rollout) -> bool {
        let deadline = state.next_deadline().map(|at| at.since(self.tools.clock.now()));
        self.commands.is_empty()
            && self.inbox_at.is_none()
            && self.calls.is_empty()
            && !state.phase().is_terminal()
            && state.wanted_reads(&self.head.plan).is_empty()
            && deadline.is_none_or(|left| left >= WORTH_PARKING)
    }

    /// Waits for whatever happens first. Commands come before answers, answers before deadlines.
    async fn first(&mut self) -> First {
        let deadline = self.state.next_deadline().map(|at| at.max(self.quiet_until));
        let due = [deadline, self.reader.due(&self.state)].into_iter().flatten().min();
        let wait = due.map(|at| at.since(self.tools.clock.now()).duration());
        let until = |at: Option<Instant>| async move {
            match at {
                Some(at) => time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let (inbox_at, answer_by) = (self.inbox_at, self.answer.as_ref().map(|(_, by)| *by));
        let shutdown = &mut self.tools.shutdown;
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => First::Shutdown,
            Ok(()) = self.steps.changed() => First::Stepped,
            () = self.desk.bell.notified() => First::Inbox,
            () = until(inbox_at) => First::Inbox,
            answer = next_of(&mut self.calls) => First::Answered(answer),
            read = next_of(&mut self.reader.tasks) => First::Read(read),
            () = until(answer_by) => First::Waited,
            () = time::sleep(wait.unwrap_or_default()), if wait.is_some() => First::Due,
        }
    }

    /// The answer of an accepted call is written with the reading after it, if that comes soon: all
    /// it says is that the reading decides.
    async fn answered(&mut self, answer: Answer) -> Result<(), Stop> {
        self.reader.observe_soon();
        if answer.outcome == Outcome::Accepted && self.answer.is_none() {
            self.answer = Some((answer, Instant::now() + TOGETHER));
            return Ok(());
        }
        self.take(Event::Answered(answer)).await
    }

    /// The answer has waited long enough.
    async fn take_answer(&mut self) -> Result<(), Stop> {
        if let Some((answer, _)) = self.answer.take() {
            self.commit(vec![Event::Answered(answer)]).await?;
        }
        Ok(())
    }

    async fn offer_deadline(&mut self) -> Result<(), Stop> {
        self.take_answer().await?;
        let now = self.tools.clock.now();
        let come = self.state.next_deadline().is_some_and(|at| at.max(self.quiet_until) <= now);
        if !come {
            return Ok(());
        }
        let lost = self.reader.lost();
        let counts = |event: &Event| self.state.apply(&self.head.plan, now, event);
        let event = lost.filter(|lost| counts(lost).is_ok()).unwrap_or(Event::DeadlineReached);
        if let Err(ignored) = counts(&event) {
            self.quiet_until = now.after(NOTHING_TO_SAY);
            tracing::debug!(%ignored, "a deadline came to nothing");
            return Ok(());
        }
        self.take(event).await
    }

    async fn read_inbox(&mut self) -> Result<(), Stop> {
        self.inbox_at = None;
        self.look_ahead().await?;
        match self.tools.journal.inbox(self.rollout()).await {
            Ok(commands) => self.commands = commands.into(),
            Err(error) => {
                warn(&error, "the inbox could not be read");
                self.inbox_at = Some(Instant::now() + ASK_AGAIN);
            }
        }
        Ok(())
    }

    /// A command is consumed in the commit of the step it causes, or, when it changes nothing, by
    /// itself.
    async fn obey(&mut self, command: Command) -> Result<(), Stop> {
        let id = command.id;
        let became = self.take_last(Event::Command(command)).await;
        if let Ok(became) = &became {
            self.desk.heard(id, *became);
        }
        became.map(|_| ())
    }

    /// One event that is no command.
    pub(crate) async fn take(&mut self, event: Event) -> Result<(), Stop> {
        if let Err(ignored) = self.take_last(event).await? {
            tracing::trace!(%ignored, "an event made no transition");
        }
        Ok(())
    }

    /// One event, after the answer that waits, if there is one.
    async fn take_last(&mut self, event: Event) -> Result<Result<Seq, Ignored>, Stop> {
        let waits = self.answer.take().map(|(answer, _)| Event::Answered(answer));
        let events = waits.into_iter().chain([event]).collect();
        self.commit(events).await?.pop().ok_or(Stop::Parked)
    }
}

/// What the next task comes to that is not called off; waits for ever where there is none.
async fn next_of<T: 'static>(tasks: &mut JoinSet<T>) -> T {
    loop {
        match tasks.join_next().await {
            Some(Ok(done)) => return done,
            // A reading that was overtaken.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn warn(error: &JournalError, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
