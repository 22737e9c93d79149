//! Who runs what here: a task for each rollout that has something to do, and one that looks for what
//! is due.
//!
//! A rollout that waits has no task; while somebody has a handle on it, its desk stays. Must not know
//! what a rollout does.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidegate_core::{
    Active, Claimed, EngineId, JournalError, RolloutId, Select, Seq, Serves, Take, Timestamp,
};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::JoinSet,
    time::{self, Instant},
};
use tracing::Instrument;

use crate::{
    desk::{Desk, End, Status},
    engine::EngineHealth,
    error::EngineError,
    fallen::Fallen,
    handle::Handle,
    membership::Lost,
    runner::{Part, Runner, Tools, warn},
};

/// Claimed at once from the journal: few claims with many rows are cheaper than many with few.
const BATCH: usize = 100;

/// Rows read at a time when all of them have to be looked at.
const PAGE: usize = 1_000;

/// What an engine allows itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) poll: Duration,
    pub(crate) most_active: usize,
    pub(crate) grace: Duration,
}

/// Everybody who works for one engine.
#[derive(Debug)]
pub(crate) struct Crew {
    tools: Tools,
    stop: watch::Sender<bool>,
    limits: Limits,
    desks: Mutex<Desks>,
    /// One for each rollout that runs.
    running: Mutex<JoinSet<()>>,
    /// The heartbeat, and the search for what is due.
    keepers: Mutex<JoinSet<()>>,
    /// How often the lease has run out.
    lapses: AtomicU64,
    /// Held while something is claimed, so that nothing is claimed twice by the same engine.
    claiming: AsyncMutex<()>,
    /// A claim was not answered: this engine may hold what it does not run.
    unsure: AtomicBool,
    looking: AtomicBool,
    active: AtomicUsize,
    broken: Mutex<BTreeMap<RolloutId, String>>,
    fallen: Mutex<Fallen>,
    down_since: Mutex<Option<Timestamp>>,
}

/// Of every rollout that runs here or that somebody has a handle on; of others until there are twice
/// as many.
#[derive(Debug, Default)]
struct Desks {
    known: BTreeMap<RolloutId, Weak<Desk>>,
    tidy_at: usize,
}

impl Desks {
    fn get(&self, rollout: RolloutId) -> Option<Arc<Desk>> {
        self.known.get(&rollout).and_then(Weak::upgrade)
    }

    fn all(&self) -> Vec<Arc<Desk>> {
        self.known.values().filter_map(Weak::upgrade).collect()
    }

    fn insert(&mut self, rollout: RolloutId, desk: &Arc<Desk>) {
        if self.known.len() >= self.tidy_at {
            self.known.retain(|_, desk| desk.strong_count() > 0);
            self.tidy_at = (self.known.len() * 2).max(BATCH);
        }
        self.known.insert(rollout, Arc::downgrade(desk));
    }
}

/// What one look into the journal brought.
struct Taken {
    /// Whether there may be more at once.
    more: bool,
    next: Option<Timestamp>,
}

/// Nothing is left half done under these locks, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crew {
    pub(crate) fn new(tools: Tools, stop: watch::Sender<bool>, limits: Limits) -> Self {
        Self {
            tools,
            stop,
            limits,
            desks: Mutex::default(),
            running: Mutex::default(),
            keepers: Mutex::default(),
            lapses: AtomicU64::new(0),
            claiming: AsyncMutex::default(),
            unsure: AtomicBool::new(false),
            looking: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            broken: Mutex::default(),
            fallen: Mutex::default(),
            down_since: Mutex::default(),
        }
    }

    pub(crate) const fn tools(&self) -> &Tools {
        &self.tools
    }

    pub(crate) fn health(&self) -> EngineHealth {
        let broken = lock(&self.broken).iter().map(|(id, why)| (*id, why.clone())).collect();
        EngineHealth {
            active: self.active.load(Ordering::Relaxed),
            journal_down_since: self.down_since(),
            broken,
            stopped: *self.stop.borrow(),
        }
    }

    /// A journal that can be read and not be written is down as well: its lease is not renewed.
    fn down_since(&self) -> Option<Timestamp> {
        let failing = self.tools.membership.failing_for();
        let unwritten = failing.map(|length| {
            let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
            self.tools.clock.now().moved(-ms)
        });
        [*lock(&self.down_since), unwritten].into_iter().flatten().min()
    }

    fn handle(&self, desk: Arc<Desk>) -> Handle {
        let Tools { journal, fresh, wake, .. } = self.tools.clone();
        Handle { desk, journal, fresh, wake }
    }

    fn desk(&self, rollout: RolloutId) -> Option<Arc<Desk>> {
        lock(&self.desks).get(rollout)
    }

    pub(crate) fn known(&self, rollout: RolloutId) -> Option<Handle> {
        Some(self.handle(self.desk(rollout)?))
    }

    pub(crate) fn all_known(&self) -> Vec<Handle> {
        let desks = lock(&self.desks).all();
        desks.into_iter().map(|desk| self.handle(desk)).collect()
    }

    /// A handle on a rollout that may run anywhere.
    pub(crate) async fn attach(&self, rollout: RolloutId) -> Result<Handle, JournalError> {
        if let Some(handle) = self.known(rollout).filter(|handle| !handle.desk.is_closed()) {
            return Ok(handle);
        }
        let head = Arc::new(self.tools.journal.head(rollout).await?);
        let opened = head.open();
        let mut status =
            Status::of(&opened.next, &head, opened.decision.sentence(&head.plan), false);
        // So that the first record, if there is one, is news.
        status.seq = Seq(0);
        let desk = Arc::new(Desk::new(head, status));
        lock(&self.desks).insert(rollout, &desk);
        let handle = self.handle(desk);
        handle.read_on().await?;
        Ok(handle)
    }

    /// Wakes whoever runs here: there is a command, or their place was taken.
    pub(crate) fn ring(&self, active: Active) {
        for rollout in [Some(active.rollout), active.waiting].into_iter().flatten() {
            if let Some(desk) = self.desk(rollout) {
                desk.bell.notify_one();
            }
        }
        self.tools.wake.notify_one();
    }

    /// Claims one rollout and runs it, unless it runs here already. One that this engine can not run
    /// is left to whoever can.
    pub(crate) async fn take(
        crew: &Arc<Self>,
        rollout: RolloutId,
        take: Take,
    ) -> Result<Handle, EngineError> {
        crew.check_served(rollout).await?;
        Self::look_out(crew);
        let claiming = crew.claiming.lock().await;
        if let Some(handle) = crew.known(rollout).filter(|handle| handle.desk.is_here()) {
            return Ok(handle);
        }
        let engine = crew.tools.membership.engine().await?;
        let claimed = crew.sure(crew.tools.journal.claim(rollout, engine, take).await)?;
        let handle = Self::run(crew, engine, claimed);
        drop(claiming);
        handle
    }

    async fn check_served(&self, rollout: RolloutId) -> Result<(), EngineError> {
        let Tools { served, journal, .. } = &self.tools;
        if served.serves != Serves::Every {
            served.adapters(journal.head(rollout).await?.plan.target())?;
        }
        Ok(())
    }

    /// Claims everything that is due, and gives all that runs here.
    pub(crate) async fn take_all(crew: &Arc<Self>) -> Result<Vec<Handle>, JournalError> {
        Self::look_out(crew);
        lock(&crew.fallen).hurry(Instant::now());
        while Self::take_due(crew).await?.more {}
        let mut running = crew.all_known();
        running.retain(|handle| handle.desk.is_here());
        Ok(running)
    }

    /// Claims what is due, as much as there is room for, and rings for what was commanded.
    async fn take_due(crew: &Arc<Self>) -> Result<Taken, JournalError> {
        let room = crew.limits.most_active.saturating_sub(crew.active.load(Ordering::Relaxed));
        let limit = room.min(BATCH);
        let Tools { membership, journal, clock, served, .. } = &crew.tools;
        let claiming = crew.claiming.lock().await;
        let engine = membership.engine().await?;
        let work = journal.claim_due(engine, &served.serves, clock.now(), limit).await;
        let work = crew.sure(work)?;
        let more = limit > 0 && work.claimed.len() == limit;
        for (rollout, claimed) in work.claimed {
            match claimed {
                Ok(claimed) => Self::run_or_give_up(crew, engine, claimed),
                Err(error) => crew.give_up(rollout, &error),
            }
        }
        Self::find_held(crew, engine).await?;
        Self::pick_up(crew, engine).await?;
        drop(claiming);
        for rollout in work.commanded {
            if let Some(desk) = crew.desk(rollout) {
                desk.bell.notify_one();
            }
        }
        Ok(Taken { more, next: work.next })
    }

    /// Notes when a claim failed that may have been made all the same.
    fn sure<T>(&self, claimed: Result<T, JournalError>) -> Result<T, JournalError> {
        let lost =
            matches!(claimed, Err(JournalError::Unavailable(_) | JournalError::AnswerLost(_)));
        self.unsure.fetch_or(lost, Ordering::Relaxed);
        claimed
    }

    /// After a claim that was not answered: claims once more what this engine holds and does not run.
    /// Nobody else would, for its lease is good.
    async fn find_held(crew: &Arc<Self>, engine: EngineId) -> Result<(), JournalError> {
        if !crew.unsure.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Tools { membership, journal, .. } = &crew.tools;
        let mut select = Select { over: Some(false), limit: PAGE, ..Select::default() };
        loop {
            let rows = journal.list(&select).await?;
            let full = rows.len() == select.limit;
            select.before = rows.last().map(|row| row.rollout);
            for row in rows.iter().filter(|row| row.holder.as_deref() == Some(membership.name())) {
                let rollout = row.rollout;
                // With an earlier claim it is run in vain: that one can write nothing more.
                if crew.desk(rollout).is_some_and(|desk| desk.is_run_with(row.epoch)) {
                    continue;
                }
                match journal.claim(rollout, engine, Take::Free).await {
                    Ok(claimed) => Self::run_or_give_up(crew, engine, claimed),
                    Err(error @ JournalError::Corrupt { .. }) => crew.give_up(rollout, &error),
                    // Somebody took it by force meanwhile.
                    Err(JournalError::Held { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            if !full {
                crew.unsure.store(false, Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    /// Claims once more those whose task panicked and whose wait is over. This engine holds them, so
    /// nobody else would.
    async fn pick_up(crew: &Arc<Self>, engine: EngineId) -> Result<(), JournalError> {
        let due = lock(&crew.fallen).due(Instant::now());
        for rollout in due {
            if !crew.desk(rollout).is_some_and(|desk| desk.is_here()) {
                match crew.tools.journal.claim(rollout, engine, Take::Free).await {
                    Ok(claimed) => Self::run_or_give_up(crew, engine, claimed),
                    Err(error @ JournalError::Corrupt { .. }) => crew.give_up(rollout, &error),
                    // Somebody took it, or it was over and is forgotten.
                    Err(JournalError::Held { .. } | JournalError::Unknown(_)) => {
                        lock(&crew.broken).remove(&rollout);
                    }
                    Err(error) => return Err(error),
                }
            }
            lock(&crew.fallen).up(rollout);
        }
        Ok(())
    }

    /// The task of a rollout panicked: that one stands still for a while, and is told of.
    fn fell(&self, rollout: RolloutId) {
        let wait = lock(&self.fallen).note(rollout, Instant::now());
        let seconds = wait.as_secs();
        tracing::error!(%rollout, seconds, "a bug: the rollout's task panicked; it is tried again");
        let why = format!("a bug: its task panicked; it is tried again within {seconds} s");
        lock(&self.broken).insert(rollout, why);
    }

    /// Runs what the journal gave. One whose target it was not asked for it should not have given.
    fn run_or_give_up(crew: &Arc<Self>, engine: EngineId, claimed: Claimed) {
        let rollout = claimed.head.identity.rollout;
        if let Err(error) = Self::run(crew, engine, claimed) {
            crew.give_up(rollout, &error);
        }
    }

    /// One that can not be read stands still, held by this engine, and is told of; no other does.
    fn give_up(&self, rollout: RolloutId, error: &(dyn Error + 'static)) {
        tracing::error!(%rollout, error, "not run");
        lock(&self.broken).insert(rollout, error.to_string());
    }

    /// Runs a claimed rollout on a task of its own.
    fn run(crew: &Arc<Self>, engine: EngineId, claimed: Claimed) -> Result<Handle, EngineError> {
        let rollout = claimed.head.identity.rollout;
        let adapters = crew.tools.served.adapters(claimed.head.plan.target())?.clone();
        let known = crew.desk(rollout).filter(|desk| !desk.is_closed());
        let runner = Runner::resume(crew.tools.clone(), adapters, engine, claimed, known);
        let desk = Arc::clone(runner.desk());
        lock(&crew.desks).insert(rollout, &desk);
        lock(&crew.broken).remove(&rollout);
        let span = tracing::info_span!(
            "rollout",
            deployment.id = %rollout,
            deployment.name = %desk.head.plan.target(),
            deployment.status = tracing::field::Empty,
        );
        crew.active.fetch_add(1, Ordering::Relaxed);
        let leaving = Leaving {
            crew: Arc::downgrade(crew),
            turn: desk.turn(),
            lapses: crew.lapses.load(Ordering::Relaxed),
            desk: Arc::clone(&desk),
            part: None,
        };
        let task = async move {
            let mut leaving = leaving;
            let part = runner.run().await;
            if let Part::Over(end) = &part {
                tracing::Span::current().record("deployment.status", status_word(end));
            }
            leaving.part = Some(part);
        };
        let mut running = lock(&crew.running);
        while running.try_join_next().is_some() {}
        running.spawn(task.instrument(span));
        drop(running);
        Ok(crew.handle(desk))
    }

    /// From the first use on: the heartbeat, and the search for what is due.
    fn look_out(crew: &Arc<Self>) {
        if crew.looking.swap(true, Ordering::Relaxed) {
            return;
        }
        let (beating, searching) = (Arc::clone(crew), Arc::clone(crew));
        let mut keepers = lock(&crew.keepers);
        keepers.spawn(async move { Self::beat(&beating).await });
        keepers.spawn(async move { Self::search(&searching).await });
    }

    /// The heartbeat, and what follows when it was missed.
    async fn beat(crew: &Arc<Self>) {
        let mut shutdown = crew.tools.shutdown.clone();
        loop {
            let lost = tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => return,
                lost = crew.tools.membership.keep() => lost,
            };
            match lost {
                Lost::Lease => crew.drop_all().await,
                Lost::Name => {
                    tracing::error!("this engine stops: another has taken its name");
                    crew.stop.send_replace(true);
                }
            }
        }
    }

    /// The lease has run out: what ran under it may be another's by now. Nothing of it is sent or
    /// written any more; what nobody took is claimed again.
    async fn drop_all(&self) {
        tracing::warn!("the lease has run out; what nobody took is claimed again");
        self.lapses.fetch_add(1, Ordering::Relaxed);
        let mut running = std::mem::take(&mut *lock(&self.running));
        running.shutdown().await;
        self.tools.membership.begin_anew().await;
        self.tools.wake.notify_one();
    }

    async fn search(crew: &Arc<Self>) {
        let mut shutdown = crew.tools.shutdown.clone();
        loop {
            let wait = match Self::take_due(crew).await {
                Ok(taken) => {
                    *lock(&crew.down_since) = None;
                    crew.until(taken.more, taken.next)
                }
                Err(error) => {
                    lock(&crew.down_since).get_or_insert_with(|| crew.tools.clock.now());
                    warn(&error, "what is due is not known");
                    crew.limits.poll
                }
            };
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = crew.tools.wake.notified() => {}
                () = time::sleep(wait) => {}
            }
        }
    }

    /// How long until the next look: what is known to be due, or a poll with a quarter of jitter, so
    /// that engines do not all ask at once.
    fn until(&self, more: bool, next: Option<Timestamp>) -> Duration {
        if more {
            return Duration::ZERO;
        }
        let parts = u32::try_from(self.tools.fresh.draw() % 64).unwrap_or(0);
        let poll = self.limits.poll * (256 - parts) / 256;
        let due = next.map(|at| at.since(self.tools.clock.now()).duration());
        let fallen = lock(&self.fallen).next().map(|at| at - Instant::now());
        [due, fallen].into_iter().flatten().fold(poll, Duration::min)
    }

    /// Ends everything at once, as a crash would.
    pub(crate) fn abandon(&self) {
        lock(&self.keepers).abort_all();
        lock(&self.running).abort_all();
        self.close_all();
    }

    /// Ends everything gracefully.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let mut running = std::mem::take(&mut *lock(&self.running));
        let mut keepers = std::mem::take(&mut *lock(&self.keepers));
        let all = async {
            while running.join_next().await.is_some() {}
            while keepers.join_next().await.is_some() {}
        };
        // A journal that never answers must not hold up the process: twice the grace covers the
        // calls and the last answers.
        if time::timeout(self.limits.grace * 2, all).await.is_err() {
            tracing::warn!("rollouts were still busy at the end of the grace; they are dropped");
        }
        match time::timeout(self.limits.grace, self.tools.membership.resign()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn(&error, "what was held is free only when the lease lapses"),
            Err(_) => tracing::warn!("what was held is free only when the lease lapses"),
        }
        self.close_all();
    }

    /// Tells whoever has a handle that this engine does nothing more.
    fn close_all(&self) {
        for desk in lock(&self.desks).all() {
            if !desk.is_closed() {
                desk.close(End::Stopped);
            }
        }
    }
}

/// Tells handles how a task ended, however it did.
struct Leaving {
    crew: Weak<Crew>,
    desk: Arc<Desk>,
    /// Once it was parked, it may run here again before this one has left.
    turn: u64,
    /// How often the lease had run out when it began.
    lapses: u64,
    part: Option<Part>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let crew = self.crew.upgrade();
        let lapsed =
            crew.as_ref().is_some_and(|crew| crew.lapses.load(Ordering::Relaxed) != self.lapses);
        let end = match self.part.take() {
            Some(Part::Over(End::Lost { .. })) | None if lapsed => None,
            Some(Part::Parked) => None,
            Some(Part::Over(end)) => Some(end),
            None if std::thread::panicking() => match &crew {
                Some(crew) => {
                    crew.fell(self.desk.rollout());
                    None
                }
                None => Some(End::Stopped),
            },
            None => Some(End::Stopped),
        };
        self.desk.leave(self.turn, end);
        if let Some(crew) = crew {
            crew.active.fetch_sub(1, Ordering::Relaxed);
            // Somebody may have waited for this one, or for the room it leaves.
            crew.tools.wake.notify_one();
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
