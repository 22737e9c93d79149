//! The engine: opens rollouts, runs each on a task of its own, and takes them over after a restart.
//!
//! Must not know what a rollout does; that is between its runner and the machine.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_core::{
    Active, Actor, Command, CommandId, Journal, JournalError, Opening, Order, Plan, Revisions,
    RolloutId, Supersede, Target, Timestamp, Weight, World, record::Head,
};
use tokio::{sync::watch, task::JoinSet, time};
use tracing::Instrument;

use crate::{
    clock::{Clock, MonotonicClock},
    desk::{Desk, End},
    error::{EngineError, Unrest},
    fresh::fresh_id,
    handle::Handle,
    observers::Observers,
    ports::Ports,
    runner::{Runner, Tools},
    survey::Survey,
};

/// More rollouts than this are not claimed by one call of [`Engine::recover`].
const MOST_RECOVERED: usize = 10_000;

/// Longer than any call's time limit is rare, shorter would leave calls unresolved.
const GRACE: Duration = Duration::from_secs(30);

/// Builds an [`Engine`].
#[derive(Debug)]
pub struct EngineBuilder {
    journal: Arc<dyn Journal>,
    ports: Ports,
    clock: Option<Arc<dyn Clock>>,
    grace: Duration,
}

impl EngineBuilder {
    /// Where the time is taken from; the system's, read once, unless told otherwise.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How long calls under way may take once [`Engine::shutdown`] began; 30 s unless told
    /// otherwise.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The engine. It does nothing until something is started or recovered.
    #[must_use]
    pub fn build(self) -> Engine {
        let (stop, shutdown) = watch::channel(false);
        let clock = self.clock.unwrap_or_else(|| Arc::new(MonotonicClock::system()));
        let observers = Arc::new(Observers::start(&self.ports.observers));
        let (journal, grace, ports) = (self.journal, self.grace, Arc::new(self.ports));
        let tools = Tools { journal, ports, clock, observers, shutdown, grace };
        let running = Mutex::default();
        Engine(Arc::new(Inner { tools, stop, running, tasks: Mutex::default() }))
    }
}

/// Runs rollouts of one target's adapters. Dropping it is a crash: everything stops where it is.
#[derive(Debug)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tools: Tools,
    stop: watch::Sender<bool>,
    running: Mutex<BTreeMap<RolloutId, Arc<Desk>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        lock(&self.0.tasks).abort_all();
    }
}

/// Nothing is left half done under these locks, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine on a journal and the adapters of its targets.
    #[must_use]
    pub fn builder(journal: Arc<dyn Journal>, ports: Ports) -> EngineBuilder {
        EngineBuilder { journal, ports, clock: None, grace: GRACE }
    }

    /// Opens a rollout and starts it. When another of the same target is active, what happens is
    /// what that one's plan says: it gives way, this one queues, or this one is refused.
    ///
    /// # Errors
    /// When the plan can not be carried out with these adapters, the target can not be read, or the
    /// journal refuses. Nothing was moved then.
    pub async fn start(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let actor = actor.into();
        let head = self.0.open(plan, revisions, actor.clone()).await?;
        let rollout = head.identity.rollout;
        let id = CommandId(fresh_id());
        let order = Order::Start;
        let start = Command { id, actor, reason: String::new(), order };
        self.0.tools.journal.submit(rollout, start).await?;
        Inner::run(&self.0, rollout).await
    }

    /// Opens a rollout without starting it: it waits for [`Handle::start`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn open(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let head = self.0.open(plan, revisions, actor.into()).await?;
        Inner::run(&self.0, head.identity.rollout).await
    }

    /// Starts a new rollout with the plan and the revisions of one that has ended.
    ///
    /// # Errors
    /// [`EngineError::NotOver`] when it has not ended; otherwise as [`Self::start`].
    pub async fn retry(
        &self,
        rollout: RolloutId,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let journal = &self.0.tools.journal;
        let head = journal.head(rollout).await?;
        let active = journal.active(head.plan.target()).await?;
        if active.is_some_and(|a| a.rollout == rollout || a.waiting == Some(rollout)) {
            return Err(EngineError::NotOver(rollout));
        }
        self.start(head.plan, head.revisions, actor).await
    }

    /// Claims every rollout of the journal that is not over and waits for anything but a command,
    /// and those that wait behind them. Call it once after a restart: it takes them from whichever
    /// engine runs them now.
    ///
    /// # Errors
    /// When the journal can not be read. Rollouts claimed until then run on.
    pub async fn recover(&self) -> Result<Vec<Handle>, EngineError> {
        self.0.claim_due(Timestamp::MAX).await
    }

    /// Claims rollouts that are due now, or have commands that nobody reads, and are not run here.
    ///
    /// # Errors
    /// As [`Self::recover`].
    pub async fn claim_due(&self) -> Result<Vec<Handle>, EngineError> {
        self.0.claim_due(self.0.tools.clock.now()).await
    }

    /// Claims one rollout, unless it runs here already.
    ///
    /// # Errors
    /// When the journal refuses.
    pub async fn claim(&self, rollout: RolloutId) -> Result<Handle, EngineError> {
        if let Some(handle) = self.handle(rollout).filter(|handle| !handle.desk.is_closed()) {
            return Ok(handle);
        }
        Inner::run(&self.0, rollout).await
    }

    /// A handle on a rollout that this engine runs, or ran.
    #[must_use]
    pub fn handle(&self, rollout: RolloutId) -> Option<Handle> {
        let desk = lock(&self.0.running).get(&rollout).cloned()?;
        Some(self.0.handle(desk))
    }

    /// All rollouts that this engine runs, or ran and has not forgotten.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        lock(&self.0.running).values().cloned().map(|desk| self.0.handle(desk)).collect()
    }

    /// What the adapters can do together: what a plan is compiled for.
    #[must_use]
    pub fn capabilities(&self) -> tidegate_core::Capabilities {
        self.0.tools.ports.capabilities()
    }

    /// Stops gracefully: no new moves; calls under way may end within the grace, and their answers
    /// are kept; claims are given up.
    pub async fn shutdown(&self) {
        self.0.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.0.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        // A journal that never answers must not hold up the process: twice the grace covers the
        // calls and the release.
        if time::timeout(self.0.tools.grace * 3, all).await.is_err() {
            tracing::warn!("rollouts were still busy at the end of the grace; they are dropped");
        }
    }
}

impl Inner {
    fn handle(&self, desk: Arc<Desk>) -> Handle {
        Handle { desk, journal: Arc::clone(&self.tools.journal) }
    }

    async fn open(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: Actor,
    ) -> Result<Head, EngineError> {
        self.preflight(&plan)?;
        let Tools { ports, clock, journal, .. } = &self.tools;
        let survey = Survey::of(Arc::clone(ports), &plan, &revisions);
        loop {
            let found = survey.found(&plan, clock.now()).await.map_err(EngineError::Unreadable)?;
            let before = self.before(plan.target()).await?;
            if before.is_none() {
                Self::at_rest(&plan, &revisions, &found)?;
            }
            let after = before.map(|before| (before.rollout, actor.clone()));
            let (plan, revisions) = (plan.clone(), revisions.clone());
            let opening = Opening { plan, revisions, found, at: clock.now(), after };
            match journal.open(opening).await {
                // Somebody else was quicker: look again who is active.
                Err(JournalError::Busy { active, .. })
                    if before.is_none_or(|before| before.rollout != active) => {}
                Err(error) => return Err(error.into()),
                Ok(head) => {
                    before.into_iter().for_each(|before| self.ring(before));
                    return Ok(head);
                }
            }
        }
    }

    /// Everything that would stop the rollout later and is known now.
    fn preflight(&self, plan: &Plan) -> Result<(), EngineError> {
        if *self.stop.borrow() {
            return Err(EngineError::ShuttingDown);
        }
        let missing = self.tools.ports.missing(plan);
        if !missing.is_empty() {
            return Err(EngineError::Missing(missing));
        }
        if self.tools.ports.capabilities() != *plan.capabilities() {
            return Err(EngineError::OtherCapabilities(plan.target().clone()));
        }
        Ok(())
    }

    /// Whether the world as found is one to set out from. While another rollout runs it is not: the
    /// world is then read again once the target is free.
    fn at_rest(plan: &Plan, revisions: &Revisions, found: &World) -> Result<(), EngineError> {
        let share = found.traffic.seen.map_or(Weight::ZERO, |seen| seen.high);
        let unrest = if revisions.stable.is_some() && found.is_empty() {
            Unrest::StableGone
        } else if revisions.stable.is_some() && !found.follows_capacity() && share > Weight::ZERO {
            Unrest::CandidateServes(share)
        } else {
            return Ok(());
        };
        Err(EngineError::NotAtRest { target: plan.target().clone(), unrest })
    }

    /// The rollout that a new one has to follow, unless its plan refuses.
    async fn before(&self, target: &Target) -> Result<Option<Active>, EngineError> {
        let journal = &self.tools.journal;
        let Some(active) = journal.active(target).await? else { return Ok(None) };
        let head = journal.head(active.rollout).await?;
        if head.plan.policy().supersede == Supersede::Refuse {
            let target = target.clone();
            return Err(EngineError::Refused { target, active: active.rollout });
        }
        Ok(Some(active))
    }

    /// Wakes whoever runs here: there is a command, or their place was taken.
    fn ring(&self, active: Active) {
        let running = lock(&self.running);
        for rollout in [Some(active.rollout), active.waiting].into_iter().flatten() {
            if let Some(desk) = running.get(&rollout) {
                desk.bell.notify_one();
            }
        }
    }

    async fn claim_due(self: &Arc<Self>, now: Timestamp) -> Result<Vec<Handle>, EngineError> {
        let journal = &self.tools.journal;
        let mut due = journal.due(now, MOST_RECOVERED).await?;
        for rollout in due.clone() {
            let head = journal.head(rollout).await?;
            let active = journal.active(head.plan.target()).await?;
            due.extend(active.and_then(|active| active.waiting));
        }
        due.sort_unstable();
        due.dedup();
        due.retain(|rollout| lock(&self.running).get(rollout).is_none_or(|d| d.is_closed()));
        let mut handles = Vec::with_capacity(due.len());
        for rollout in due {
            handles.push(Self::run(self, rollout).await?);
        }
        Ok(handles)
    }

    /// Claims a rollout and runs it on a task of its own.
    async fn run(inner: &Arc<Self>, rollout: RolloutId) -> Result<Handle, EngineError> {
        let runner = Runner::claim(inner.tools.clone(), rollout).await?;
        let desk = Arc::clone(runner.desk());
        lock(&inner.running).insert(rollout, Arc::clone(&desk));
        let span = tracing::info_span!(
            "rollout",
            deployment.id = %rollout,
            deployment.name = %desk.head.plan.target(),
            deployment.status = tracing::field::Empty,
        );
        let (inner_of_task, closing) = (Arc::clone(inner), Closing(Arc::clone(&desk)));
        let task = async move {
            let end = runner.run().await;
            tracing::Span::current().record("deployment.status", status_word(&end));
            let over = matches!(end, End::Over(_));
            closing.0.close(end);
            if over {
                Self::next_in_line(&inner_of_task, closing.0.head.plan.target()).await;
            }
        };
        let mut tasks = lock(&inner.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task.instrument(span));
        drop(tasks);
        Ok(inner.handle(desk))
    }

    /// The target is free: whoever waits for it here is woken; who waits elsewhere, or nowhere, is
    /// found by whoever looks for what is due.
    async fn next_in_line(inner: &Arc<Self>, target: &Target) {
        match inner.tools.journal.active(target).await {
            Ok(Some(active)) => inner.ring(active),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "who is next is unknown");
            }
        }
    }
}

/// Tells waiting handles when the task ends, however it ends.
struct Closing(Arc<Desk>);

impl Drop for Closing {
    fn drop(&mut self) {
        if !self.0.is_closed() {
            self.0.close(End::Stopped);
        }
    }
}

/// The words of the OpenTelemetry attribute `deployment.status`.
const fn status_word(end: &End) -> &'static str {
    match end {
        End::Over(tidegate_core::Phase::Completed) => "succeeded",
        _ => "failed",
    }
}
