//! The engine: opens rollouts, and runs those that are due.
//!
//! Must not know what a rollout does; that is between its runner and the machine.

use std::{sync::Arc, time::Duration};

use tidegate_core::{
    Active, Actor, Capabilities, Command, CommandId, Journal, JournalError, Opening, Order, Phase,
    Plan, Revisions, RolloutId, Serves, Supersede, Take, Target, Timestamp, World, record::Head,
};
use tokio::sync::{Notify, watch};

use crate::{
    clock::{Clock, MonotonicClock},
    crew::{Crew, Limits},
    error::EngineError,
    fresh::Fresh,
    handle::Handle,
    membership::Membership,
    outset,
    ports::Ports,
    runner::Tools,
    survey::Survey,
    targets::{Served, Targets},
};

/// Longer than any call's time limit is rare, shorter would leave calls unresolved.
const GRACE: Duration = Duration::from_secs(30);

/// A vanished engine's rollouts are taken over after this.
const LEASE: Duration = Duration::from_secs(10);

/// What others left in the journal is found within this: what a vanished engine held, less than a
/// second after its lease.
const POLL: Duration = Duration::from_millis(750);

/// Rollouts that one engine runs at the same time; those that wait do not count.
const MOST_ACTIVE: usize = 10_000;

/// Builds an [`Engine`].
#[derive(Debug)]
pub struct EngineBuilder {
    journal: Arc<dyn Journal>,
    targets: Targets,
    clock: Option<Arc<dyn Clock>>,
    name: Option<String>,
    lease: Duration,
    limits: Limits,
    seed: Option<u64>,
}

impl EngineBuilder {
    /// Where the time is taken from; the journal's clock, followed by monotonic time, unless told
    /// otherwise. Engines that share a journal must agree on the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What the engine is called in the journal; a name drawn at random unless told otherwise. Of
    /// two engines with one name the later is the one: it goes on at once with what the earlier
    /// held, which stops. So a process that starts again should keep its name, and two processes
    /// must not share one.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// After how long without a sign of life others take over what this engine holds; 10 s unless
    /// told otherwise. At least a second.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// How often the journal is asked what is due that others left; 750 ms unless told otherwise. What
    /// this engine knows of itself is not waited for.
    #[must_use]
    pub const fn poll(mut self, every: Duration) -> Self {
        self.limits.poll = every;
        self
    }

    /// How many rollouts it runs at the same time; 10,000 unless told otherwise. More stay due in
    /// the journal, for another engine or for later.
    #[must_use]
    pub const fn most_active(mut self, most: usize) -> Self {
        self.limits.most_active = most;
        self
    }

    /// How long calls under way may take once [`Engine::shutdown`] began; 30 s unless told
    /// otherwise.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.limits.grace = grace;
        self
    }

    /// Draws ids from a seed, so that a simulation run twice writes the same journal. Never for two
    /// engines that share a journal.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The engine. It does nothing until something is started or recovered.
    #[must_use]
    pub fn build(self) -> Engine {
        let (stop, shutdown) = watch::channel(false);
        let fresh = Arc::new(self.seed.map_or_else(Fresh::random, Fresh::seeded));
        let follows = self.clock.is_none().then(|| Arc::new(MonotonicClock::system()));
        let clock: Arc<dyn Clock> = match (&follows, self.clock) {
            (Some(follows), _) => Arc::<MonotonicClock>::clone(follows),
            (None, Some(clock)) => clock,
            (None, None) => Arc::new(MonotonicClock::system()),
        };
        let name = self.name.unwrap_or_else(|| format!("engine-{:x}", fresh.draw()));
        let journal = self.journal;
        let membership = Membership::new(Arc::clone(&journal), name, self.lease, follows);
        let tools = Tools {
            served: Arc::new(Served::start(self.targets)),
            membership: Arc::new(membership),
            wake: Arc::new(Notify::new()),
            grace: self.limits.grace,
            journal,
            clock,
            fresh,
            shutdown,
        };
        Engine { crew: Arc::new(Crew::new(tools, stop, self.limits)) }
    }
}

/// Runs rollouts of the targets that it has adapters for. Dropping it is a crash: everything stops
/// where it is.
#[derive(Debug)]
pub struct Engine {
    crew: Arc<Crew>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.crew.abandon();
    }
}

/// How an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineHealth {
    /// Rollouts that it runs now.
    pub active: usize,
    /// Since when the journal can not be asked what is due, or can not be written; without it nothing
    /// moves.
    pub journal_down_since: Option<Timestamp>,
    /// Rollouts that stand still here and no other does, and why: their journal can not be read, or
    /// their task panicked. The latter are tried again by themselves after a while, up to a minute, and
    /// at once by [`Engine::recover`] and [`Engine::claim`].
    pub broken: Vec<(RolloutId, String)>,
    /// Whether it has stopped for good: shut down, or another engine took its name.
    pub stopped: bool,
}

impl Engine {
    /// An engine on a journal and the adapters of its targets: [`Ports`](crate::Ports) are those of
    /// every target, [`Targets`] say which target has which. Engines that serve different targets may
    /// share a journal, and so may several that serve the same.
    #[must_use]
    pub fn builder(journal: Arc<dyn Journal>, targets: impl Into<Targets>) -> EngineBuilder {
        let targets = targets.into();
        let limits = Limits { poll: POLL, most_active: MOST_ACTIVE, grace: GRACE };
        let (clock, name, seed) = (None, None, None);
        EngineBuilder { journal, targets, clock, name, lease: LEASE, limits, seed }
    }

    /// Opens a rollout and starts it. When another of the same target is active, what happens is
    /// what that one's plan says: it gives way, this one queues, or this one is refused. The very same
    /// release, with the same plan and revisions, is refused while it is on its way or queued; to follow
    /// that one, [`Self::claim`] it.
    ///
    /// # Errors
    /// When the engine does not serve the target, one revision is named for both arms, the plan can not
    /// be carried out with its adapters, the target can not be read or is not at rest, or the journal
    /// refuses. Nothing was moved then.
    pub async fn start(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let actor = actor.into();
        let head = self.open_row(plan, revisions, actor.clone(), None).await?;
        self.begin(head.identity.rollout, actor).await
    }

    /// Opens a rollout without starting it: it waits for [`Handle::start`], run by nobody.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn open(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let head = self.open_row(plan, revisions, actor.into(), None).await?;
        self.claim(head.identity.rollout).await
    }

    /// Starts a new rollout with the plan and the revisions of one that has ended, which it names.
    ///
    /// # Errors
    /// [`EngineError::NotOver`] when it has not ended; otherwise as [`Self::start`].
    pub async fn retry(
        &self,
        rollout: RolloutId,
        actor: impl Into<Actor>,
    ) -> Result<Handle, EngineError> {
        let (journal, actor) = (&self.tools().journal, actor.into());
        let head = journal.head(rollout).await?;
        let active = journal.active(head.plan.target()).await?;
        if active.is_some_and(|a| a.rollout == rollout || a.waiting == Some(rollout)) {
            return Err(EngineError::NotOver(rollout));
        }
        let opened = self.open_row(head.plan, head.revisions, actor.clone(), Some(rollout));
        let rollout = opened.await?.identity.rollout;
        self.begin(rollout, actor).await
    }

    /// Goes on with what is due in the journal of the targets that it serves, and with what an engine
    /// held of them that is not listed any more: one that crashed under this name, or whose lease has
    /// lapsed. Call it once after a restart. From then on, what becomes due of them is run here or by
    /// another engine that serves them. Gives handles on what runs here now.
    ///
    /// # Errors
    /// When the journal can not be read. Rollouts claimed until then run on.
    pub async fn recover(&self) -> Result<Vec<Handle>, EngineError> {
        Ok(Crew::take_all(&self.crew).await?)
    }

    /// Runs a rollout here if nobody else does. The handle is good in any case.
    ///
    /// # Errors
    /// [`EngineError::NotServed`] when this engine can not run it, whoever else does; or when the
    /// journal refuses.
    pub async fn claim(&self, rollout: RolloutId) -> Result<Handle, EngineError> {
        match Crew::take(&self.crew, rollout, Take::Free).await {
            Err(EngineError::Journal(JournalError::Held { .. })) => self.attach(rollout).await,
            taken => taken,
        }
    }

    /// Runs a rollout here, whoever else does: that engine can write nothing more. For a person who
    /// knows that it is gone before its lease is.
    ///
    /// # Errors
    /// [`EngineError::NotServed`] when this engine can not run it; or when the journal refuses.
    pub async fn seize(&self, rollout: RolloutId) -> Result<Handle, EngineError> {
        Crew::take(&self.crew, rollout, Take::ByForce).await
    }

    /// A handle on any rollout of the journal, also of a target that is not served here, without
    /// running it.
    ///
    /// # Errors
    /// When there is none, or the journal can not be read.
    pub async fn attach(&self, rollout: RolloutId) -> Result<Handle, EngineError> {
        Ok(self.crew.attach(rollout).await?)
    }

    /// A handle on a rollout that this engine runs, or that somebody has a handle on.
    #[must_use]
    pub fn handle(&self, rollout: RolloutId) -> Option<Handle> {
        self.crew.known(rollout)
    }

    /// All rollouts that this engine runs, or that somebody has a handle on.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.crew.all_known()
    }

    /// How the engine is.
    #[must_use]
    pub fn health(&self) -> EngineHealth {
        self.crew.health()
    }

    /// Which targets it has adapters for.
    #[must_use]
    pub fn serves(&self) -> &Serves {
        &self.tools().served.serves
    }

    /// What the adapters of a target can do together: what a plan for it is compiled for.
    ///
    /// # Errors
    /// [`EngineError::NotServed`].
    pub fn capabilities(&self, target: &Target) -> Result<Capabilities, EngineError> {
        Ok(self.tools().served.adapters(target)?.ports.capabilities())
    }

    /// Stops gracefully: no new moves; calls under way may end within the grace, and their answers
    /// are kept; what it holds is free for others.
    pub async fn shutdown(&self) {
        self.crew.stop().await;
    }

    fn tools(&self) -> &Tools {
        self.crew.tools()
    }

    async fn begin(&self, rollout: RolloutId, actor: Actor) -> Result<Handle, EngineError> {
        let id = CommandId(self.tools().fresh.draw());
        let start = Command { id, actor, reason: String::new(), order: Order::Start };
        self.tools().journal.submit(rollout, start).await?;
        self.claim(rollout).await
    }

    async fn open_row(
        &self,
        plan: Plan,
        revisions: Revisions,
        actor: Actor,
        retry_of: Option<RolloutId>,
    ) -> Result<Head, EngineError> {
        let ports = self.preflight(&plan)?;
        outset::two_revisions(&plan, &revisions)?;
        // Rollout time is the journal's from here on.
        self.tools().membership.engine().await?;
        let Tools { clock, journal, .. } = self.tools();
        let survey = Survey::of(Arc::clone(&ports), &plan, &revisions);
        loop {
            let found = survey.found(&plan, clock.now()).await.map_err(EngineError::Unreadable)?;
            let before = self.before(&plan, &revisions).await?;
            if before.is_none() {
                self.may_set_out(&ports, &plan, &revisions, &found).await?;
                let target = || plan.target().clone();
                let unfit = |source| EngineError::Unfit { target: target(), source };
                survey.fit(&plan).await.map_err(unfit)?;
            }
            let after = before.map(|before| (before.rollout, actor.clone()));
            let (plan, revisions) = (plan.clone(), revisions.clone());
            let opening = Opening { plan, revisions, found, at: clock.now(), after, retry_of };
            let head = match journal.open(opening.clone()).await {
                // Somebody else was quicker: look again who is active.
                Err(JournalError::Busy { active, .. })
                    if before.is_none_or(|before| before.rollout != active) =>
                {
                    continue;
                }
                Err(JournalError::AnswerLost(maybe)) => match self.opened(maybe, &opening).await? {
                    Some(head) => head,
                    None => continue,
                },
                opened => opened?,
            };
            before.into_iter().for_each(|before| self.crew.ring(before));
            return Ok(head);
        }
    }

    /// Whether the opening whose answer was lost is in the journal.
    async fn opened(
        &self,
        maybe: RolloutId,
        opening: &Opening,
    ) -> Result<Option<Head>, EngineError> {
        match self.tools().journal.head(maybe).await {
            Ok(head) => {
                let same = (head.at, &head.plan, &head.revisions, &head.found)
                    == (opening.at, &opening.plan, &opening.revisions, &opening.found);
                Ok(same.then_some(head))
            }
            Err(JournalError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything that would stop the rollout later and is known now; gives what reaches its target.
    fn preflight(&self, plan: &Plan) -> Result<Arc<Ports>, EngineError> {
        if *self.tools().shutdown.borrow() {
            return Err(EngineError::ShuttingDown);
        }
        let ports = &self.tools().served.adapters(plan.target())?.ports;
        let missing = ports.missing(plan);
        if !missing.is_empty() {
            return Err(EngineError::Missing(missing));
        }
        if ports.capabilities() != *plan.capabilities() {
            return Err(EngineError::OtherCapabilities(plan.target().clone()));
        }
        Ok(Arc::clone(ports))
    }

    /// Whether the world as found is one to set out from. While another rollout runs it is not: the
    /// world is then read again once the target is free.
    async fn may_set_out(
        &self,
        ports: &Arc<Ports>,
        plan: &Plan,
        revisions: &Revisions,
        found: &World,
    ) -> Result<(), EngineError> {
        let Tools { journal, clock, .. } = self.tools();
        let left = outset::left_over(&**journal, ports, plan, revisions, clock.now()).await?;
        if let Some(left) = left {
            return Err(left.refuses(plan));
        }
        match outset::unrest(revisions, found) {
            None => Ok(()),
            Some(unrest) => Err(EngineError::NotAtRest { target: plan.target().clone(), unrest }),
        }
    }

    /// The rollout that a new one has to follow, unless its plan refuses, or one of the very same
    /// release is on its way already: it would be taken back in favour of itself.
    async fn before(
        &self,
        plan: &Plan,
        revisions: &Revisions,
    ) -> Result<Option<Active>, EngineError> {
        let journal = &self.tools().journal;
        let Some(active) = journal.active(plan.target()).await? else { return Ok(None) };
        let head = journal.head(active.rollout).await?;
        let same = |head: &Head| head.plan == *plan && head.revisions == *revisions;
        let already = |rollout| EngineError::Already { target: plan.target().clone(), rollout };
        if same(&head) {
            let last = journal.last(active.rollout).await?;
            let ends = |phase: &Phase| phase.is_backward() || matches!(phase, Phase::Halted { .. });
            // One that goes back may be tried again once it has.
            if !last.is_some_and(|last| ends(last.after.phase())) {
                return Err(already(active.rollout));
            }
        }
        if let Some(waiting) = active.waiting
            && same(&journal.head(waiting).await?)
        {
            return Err(already(waiting));
        }
        if head.plan.policy().supersede == Supersede::Refuse {
            let target = plan.target().clone();
            return Err(EngineError::Refused { target, active: active.rollout });
        }
        Ok(Some(active))
    }
}
