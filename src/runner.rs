//! One loop per rollout: wait for what happens first, ask the machine, write the record, and only
//! then adopt the next state and send its move.
//!
//! Must not decide anything about the rollout: that is the machine's. What it owns is the order of
//! things: nothing is sent that is not durable, and nothing is adopted that was not written.

use std::{sync::Arc, time::Duration};

use tidegate_core::{
    Answer, Call, CallState, Command, Epoch, Event, Ignored, Journal, JournalError, Move, Notice,
    Outcome, Phase, Revision, Revisions, RolloutId, RowVersion, Seq, Span, Step, Timestamp,
    record::Head, rollout::Rollout,
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
    observers::Observers,
    ports::Ports,
    reads::{Read, Reader},
    survey::Survey,
};

/// How often the inbox is read without being rung for: another process may have given a command.
const INBOX_EVERY: Duration = Duration::from_secs(2);

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
    pub(crate) tools: Tools,
    pub(crate) desk: Arc<Desk>,
    pub(crate) head: Arc<Head>,
    pub(crate) state: Rollout,
    pub(crate) version: RowVersion,
    pub(crate) epoch: Epoch,
    pub(crate) calls: JoinSet<Answer>,
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

    pub(crate) fn rollout(&self) -> RolloutId {
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
        let read = async {
            let left = journal.head(before).await?.revisions;
            Ok((left, journal.read(before, Seq(1)).await?))
        };
        let (left, records) = match read.await {
            Ok(read) => read,
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
        let ours = &self.head.revisions;
        let mut stable_serves = ours.stable.is_none() || !world.is_empty();
        if let Some(last) = records.last() {
            world.late = last.after.world().late;
            stable_serves &=
                left_by(last.after.phase(), &left).is_none_or(|left| left == ours.stable);
        }
        self.take(Event::Freed { world: Box::new(world), stable_serves }).await
    }

    /// One event that is no command.
    async fn take(&mut self, event: Event) -> Result<(), Stop> {
        if let Err(ignored) = self.commit(event).await? {
            tracing::trace!(%ignored, "an event made no transition");
        }
        Ok(())
    }

    /// The record is durable: from now on this is the state, and its move is sent.
    pub(crate) fn adopt(&mut self, step: Step) {
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
        self.desk.status.send_replace(status_of(&self.state, &self.head, notice.sentence.clone()));
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

pub(crate) fn warn(error: &JournalError, what: &str) {
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
