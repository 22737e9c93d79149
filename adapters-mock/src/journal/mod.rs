//! A journal in memory: the whole contract, shared by several engines, with faults.
//!
//! Clones share one store, as several processes share a database. Nothing outlives the process;
//! everything else is as durable journals have it. It must not know what records mean beyond
//! their sequence numbers.

mod engines;
mod row;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tidegate_core::{
    Active, Actor, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId,
    Epoch, Generation, Identity, Journal, JournalError, Listed, Opening, Order, Prune, Pruned,
    Role, RolloutId, RowVersion, Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp,
    Work,
    record::{FORMAT, Head, LOGIC, Record},
};

use self::{engines::Engines, row::Row};

/// What goes wrong with a call of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalFault {
    /// An append is committed, but its answer is lost.
    AnswerLost,
    /// An append is not committed, and the caller can not tell.
    CommitLost,
    /// The call fails and nothing is committed.
    Unavailable,
    /// The call never returns, before anything is committed: the engine crashed.
    CrashBefore,
    /// The call never returns, after it was committed: the engine crashed.
    CrashAfter,
    /// The call panics before anything is committed: a bug in the journal.
    Panics,
}

/// How many rollouts a target has had, and which of them are not over.
#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    generation: Generation,
    active: Option<RolloutId>,
    waiting: Option<RolloutId>,
}

#[derive(Clone, Debug, Default)]
struct Store {
    rows: BTreeMap<RolloutId, Row>,
    targets: BTreeMap<Target, Holder>,
    engines: Engines,
    last_id: u64,
    /// Faults of the n-th write, from 1.
    faults: BTreeMap<u64, JournalFault>,
    writes: u64,
    /// The next question which rollout is active fails.
    active_fails: bool,
}

/// What a [`MemoryJournal`] held at one time.
#[derive(Clone, Debug)]
pub struct Backup(Store);

impl Backup {
    /// A journal of its own that goes on from then as if no time had passed, leases included: for
    /// trying several futures of one moment. Unlike [`MemoryJournal::restore`], nothing was lost.
    #[must_use]
    pub fn resume(&self) -> MemoryJournal {
        let mut store = self.0.clone();
        store.engines.resume();
        MemoryJournal(Arc::new(Mutex::new(store)))
    }
}

/// Numbers left out after a restore: rollouts that were opened since the backup had them, and claims.
const AFTER_RESTORE: u64 = 1_000_000;

/// A journal in memory. Cheap to clone; clones share the store.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<Store>>);

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it holds now, to be set back to later: a backup.
    #[must_use]
    pub fn backup(&self) -> Backup {
        let mut store = self.store().clone();
        store.engines.pause();
        Backup(store)
    }

    /// Sets it back to what it held then, as a store that lost its tail would be: everything since is
    /// forgotten, no writer from before can write, and whoever claims what was not over is told
    /// `drawn`.
    pub fn restore(&self, backup: &Backup, drawn: u32) {
        let mut store = self.store();
        let Store { writes, mut engines, .. } = std::mem::take(&mut *store);
        engines.strike_all_off();
        *store = Store { writes, engines, ..backup.0.clone() };
        store.last_id += AFTER_RESTORE;
        store.rows.values_mut().filter(|row| !row.is_over()).for_each(|row| row.set_back(drawn));
    }

    /// Makes every lease run out at once, as if no engine had given a sign of life.
    pub fn let_leases_lapse(&self) {
        self.store().engines.lapse();
    }

    /// Makes the n-th write (open, claim, append, submit), counted from 1 over its whole life, go
    /// wrong.
    pub fn fail_write(&self, nth: u64, fault: JournalFault) {
        self.store().faults.insert(nth, fault);
    }

    /// Makes the next write go wrong.
    pub fn fail_next_write(&self, fault: JournalFault) {
        let next = self.writes() + 1;
        self.fail_write(next, fault);
    }

    /// Makes the next [`Journal::active`] fail.
    pub fn fail_next_active(&self) {
        self.store().active_fails = true;
    }

    /// Writes so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.store().writes
    }

    /// Whether a rollout is over.
    #[must_use]
    pub fn is_over(&self, rollout: RolloutId) -> bool {
        self.store().rows.get(&rollout).is_some_and(Row::is_over)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Every commit is complete before its lock is dropped, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write with its fault, if it has one.
    async fn write<T: Send>(
        &self,
        rollout: RolloutId,
        commit: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send,
    ) -> Result<T, JournalError> {
        let (fault, result) = self.store().write(commit);
        match fault {
            Some(JournalFault::CrashBefore | JournalFault::CrashAfter) => {
                std::future::pending().await
            }
            Some(JournalFault::AnswerLost | JournalFault::CommitLost) => {
                Err(JournalError::AnswerLost(rollout))
            }
            Some(JournalFault::Unavailable) => Err(unavailable()),
            #[expect(clippy::panic, reason = "it is what was asked for")]
            Some(JournalFault::Panics) => panic!("injected bug"),
            None => result.unwrap_or_else(|| Err(unavailable())),
        }
    }
}

fn unavailable() -> JournalError {
    JournalError::Unavailable("injected fault".into())
}

impl Store {
    /// Commits unless a fault comes first.
    fn write<T>(
        &mut self,
        commit: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> (Option<JournalFault>, Option<Result<T, JournalError>>) {
        self.writes += 1;
        let fault = self.faults.remove(&self.writes);
        let skipped = matches!(
            fault,
            Some(
                JournalFault::CommitLost
                    | JournalFault::Unavailable
                    | JournalFault::CrashBefore
                    | JournalFault::Panics
            )
        );
        let result = (!skipped).then(|| commit(self));
        (fault, result)
    }

    fn row(&self, rollout: RolloutId) -> Result<&Row, JournalError> {
        self.rows.get(&rollout).ok_or(JournalError::Unknown(rollout))
    }

    fn row_mut(&mut self, rollout: RolloutId) -> Result<&mut Row, JournalError> {
        self.rows.get_mut(&rollout).ok_or(JournalError::Unknown(rollout))
    }

    fn open(&mut self, opening: Opening) -> Result<Head, JournalError> {
        let target = opening.plan.target().clone();
        let holder = self.targets.get(&target).copied().unwrap_or_default();
        let follows = opening.after.as_ref().map(|(before, _)| *before);
        if let Some(active) = holder.active.filter(|active| follows != Some(*active)) {
            return Err(JournalError::Busy { target, active });
        }
        let head = self.head_of(opening, &holder);
        let rollout = head.identity.rollout;
        let (active, waiting) = match holder.active {
            None => (rollout, None),
            Some(active) => (active, Some(rollout)),
        };
        if let Some(replaced) = holder.waiting {
            self.row_mut(replaced)?.close();
        }
        let generation = head.identity.generation;
        self.targets.insert(target, Holder { generation, active: Some(active), waiting });
        self.rows.insert(rollout, Row::new(head.clone()));
        Ok(head)
    }

    /// Record 0; where it follows an active rollout, that one is told in the same commit.
    fn head_of(&mut self, opening: Opening, holder: &Holder) -> Head {
        self.last_id += 1;
        let rollout = RolloutId(self.last_id);
        let generation = Generation(holder.generation.0 + 1);
        let after = opening.after.filter(|(before, _)| holder.active == Some(*before));
        if let Some((before, actor)) = &after {
            self.supersede(*before, rollout, actor);
        }
        Head {
            format: FORMAT,
            logic: LOGIC,
            identity: Identity { rollout, generation },
            plan: opening.plan,
            revisions: opening.revisions,
            found: opening.found,
            at: opening.at,
            after: after.map(|(before, _)| before),
            retry_of: opening.retry_of,
        }
    }

    fn supersede(&mut self, before: RolloutId, by: RolloutId, actor: &Actor) {
        if let Some(row) = self.rows.get_mut(&before) {
            let id = row.fresh_command_id();
            let reason = format!("superseded by {by}");
            row.submit(Command {
                id,
                actor: actor.clone(),
                reason,
                order: Order::Supersede { by },
            });
        }
    }

    fn append(&mut self, commit: Append) -> Result<RowVersion, JournalError> {
        let (rollout, over) = (commit.rollout, commit.over);
        let at = commit.records.last().map_or(Timestamp::default(), |record| record.at);
        let row = self.row_mut(rollout)?;
        let version = row.append(commit)?;
        if over {
            let target = row.head.plan.target().clone();
            self.free(&target, rollout, at);
        }
        Ok(version)
    }

    /// A rollout is over: the one that waits behind it becomes active and due.
    fn free(&mut self, target: &Target, over: RolloutId, at: Timestamp) {
        let Some(holder) = self.targets.get_mut(target) else { return };
        if holder.waiting == Some(over) {
            holder.waiting = None;
        } else if holder.active == Some(over) {
            holder.active = holder.waiting.take();
            if let Some(row) = holder.active.and_then(|next| self.rows.get_mut(&next)) {
                row.wake(at);
            }
        }
    }

    /// The engine that holds a rollout, if it is listed.
    fn holder(&self, row: &Row) -> Option<EngineId> {
        row.holder.filter(|engine| self.engines.is_listed(*engine))
    }

    fn claim(
        &mut self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        self.engines.check(by)?;
        let holder = self.holder(self.row(rollout)?).filter(|holder| *holder != by);
        if let Some(name) = holder.and_then(|holder| self.engines.name(holder))
            && take == Take::Free
        {
            return Err(JournalError::Held { rollout, by: name.to_owned() });
        }
        Ok(self.row_mut(rollout)?.claim(by))
    }

    fn claim_due(
        &mut self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        self.engines.check(by)?;
        let served = |row: &&Row| serves.includes(row.head.plan.target());
        let free = |row: &&Row| self.holder(row).is_none();
        let rows = self.rows.values().filter(served).filter(free);
        let due = |row: &Row| {
            let orphan = row.holder.is_some() && !row.is_over();
            if orphan { Some(Timestamp::default()) } else { row.due() }
        };
        let mut due: Vec<_> = rows.filter_map(|row| Some((due(row)?, row.id()))).collect();
        due.sort_unstable();
        let come = due.partition_point(|(at, _)| *at <= now).min(limit);
        let next = due.get(come).map(|(at, _)| *at);
        let mut claimed = Vec::with_capacity(come);
        for (_, rollout) in due.drain(..come) {
            claimed.push((rollout, self.row_mut(rollout).map(|row| row.claim(by))));
        }
        let taken = |row: &Row| claimed.iter().any(|(rollout, _)| *rollout == row.id());
        let ours = |row: &&Row| row.holder == Some(by) && row.has_unread() && !taken(row);
        let commanded = self.rows.values().filter(served).filter(ours).map(Row::id).collect();
        Ok(Work { claimed, commanded, next })
    }

    fn list(&self, select: &Select) -> Vec<tidegate_core::Row> {
        let fits = |row: &&Row| {
            select.target.as_ref().is_none_or(|target| row.head.plan.target() == target)
                && select.over.is_none_or(|over| row.is_over() == over)
                && select.before.is_none_or(|before| row.id() < before)
        };
        let listed = |row: &Row| {
            let holder = self.holder(row).and_then(|engine| self.engines.name(engine));
            row.listed(holder.map(str::to_owned))
        };
        self.rows.values().rev().filter(fits).take(select.limit).map(listed).collect()
    }

    fn prune(&mut self, what: Prune) -> Pruned {
        let ended_before = |row: &Row, limit: Option<Timestamp>| {
            limit.is_some_and(|limit| row.ended().is_some_and(|ended| ended < limit))
        };
        let mut pruned = Pruned::default();
        self.rows.retain(|_, row| {
            let whole = ended_before(row, what.rollouts_before);
            if whole || ended_before(row, what.looks_before) {
                pruned.looks += row.forget_looks();
            }
            pruned.rollouts += u64::from(whole);
            !whole
        });
        pruned
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        Ok(self.store().engines.enlist(name, lease))
    }

    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        self.store().engines.renew(engine, lease)
    }

    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        self.store().engines.resign(engine);
        Ok(())
    }

    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        let next = RolloutId(self.store().last_id + 1);
        self.write(next, |store| store.open(opening)).await
    }

    async fn claim(
        &self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        self.write(rollout, |store| store.claim(rollout, by, take)).await
    }

    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        self.store().claim_due(by, serves, now, limit)
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError> {
        self.write(commit.rollout, |store| store.append(commit)).await
    }

    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        Ok(self.store().row(rollout)?.committed(attempt))
    }

    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        self.store().row_mut(rollout)?.release(epoch)
    }

    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError> {
        Ok(self.store().row(rollout)?.head.clone())
    }

    async fn last(&self, rollout: RolloutId) -> Result<Option<Record>, JournalError> {
        Ok(self.store().row(rollout)?.last().cloned())
    }

    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        Ok(self.store().row(rollout)?.read(from))
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        let mut store = self.store();
        if std::mem::take(&mut store.active_fails) {
            return Err(unavailable());
        }
        let holder = store.targets.get(target).copied();
        drop(store);
        Ok(holder.and_then(|holder| {
            let Holder { generation, active, waiting } = holder;
            active.map(|rollout| Active { rollout, generation, waiting })
        }))
    }

    async fn list(&self, select: &Select) -> Result<Vec<tidegate_core::Row>, JournalError> {
        Ok(self.store().list(select))
    }

    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError> {
        self.write(rollout, |store| {
            store.row_mut(rollout)?.submit(command);
            Ok(())
        })
        .await
    }

    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError> {
        Ok(self.store().row(rollout)?.inbox())
    }

    async fn became(
        &self,
        rollout: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError> {
        Ok(self.store().row(rollout)?.became(command))
    }

    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError> {
        let mut store = self.store();
        // All or nothing: an unknown rollout must not leave half of the looks behind.
        looks.iter().try_for_each(|look| store.row(look.rollout).map(|_| ()))?;
        for look in looks {
            store.row_mut(look.rollout)?.keep_look(look);
        }
        Ok(())
    }

    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        Ok(self.store().row(rollout)?.looks(check, role))
    }
    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        Ok(self.store().prune(what))
    }
}
