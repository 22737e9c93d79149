//! A journal in memory: the whole contract, shared by several engines, with faults.
//!
//! Clones share one store, as several processes share a database. Nothing outlives the process;
//! everything else is as durable journals have it. It must not know what records mean beyond
//! their sequence numbers.

mod row;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tidegate_core::{
    Active, Actor, Append, AttemptId, CheckIndex, Claimed, Command, Epoch, Generation, Identity,
    Journal, JournalError, Opening, Order, Role, RolloutId, RowVersion, Seq, StoredLook, Target,
    Timestamp,
    record::{FORMAT, Head, LOGIC, Record},
};

use self::row::Row;

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
}

/// How many rollouts a target has had, and which of them are not over.
#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    generation: Generation,
    active: Option<RolloutId>,
    waiting: Option<RolloutId>,
}

#[derive(Debug, Default)]
struct Store {
    rows: BTreeMap<RolloutId, Row>,
    targets: BTreeMap<Target, Holder>,
    /// Faults of the n-th write, from 1.
    faults: BTreeMap<u64, JournalFault>,
    writes: u64,
}

/// A journal in memory. Cheap to clone; clones share the store.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal(Arc<Mutex<Store>>);

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        rollout: Option<RolloutId>,
        commit: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send,
    ) -> Result<T, JournalError> {
        let (fault, result) = self.store().write(commit);
        match fault {
            Some(JournalFault::CrashBefore | JournalFault::CrashAfter) => {
                std::future::pending().await
            }
            Some(JournalFault::AnswerLost | JournalFault::CommitLost) => match rollout {
                Some(rollout) => Err(JournalError::AnswerLost(rollout)),
                None => Err(unavailable()),
            },
            Some(JournalFault::Unavailable) => Err(unavailable()),
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
            Some(JournalFault::CommitLost | JournalFault::Unavailable | JournalFault::CrashBefore)
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
        let last = self.rows.last_key_value().map_or(0, |(id, _)| id.0);
        let rollout = RolloutId(last + 1);
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

    fn due(&self, now: Timestamp, limit: usize) -> Vec<RolloutId> {
        let mut due: Vec<(Timestamp, RolloutId)> = self
            .rows
            .values()
            .filter_map(|row| row.due().filter(|due| *due <= now).map(|due| (due, row.id())))
            .collect();
        due.sort_unstable();
        due.into_iter().take(limit).map(|(_, id)| id).collect()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        self.write(None, |store| store.open(opening)).await
    }

    async fn claim(
        &self,
        rollout: RolloutId,
        at: Option<RowVersion>,
    ) -> Result<Claimed, JournalError> {
        self.write(Some(rollout), |store| store.row_mut(rollout)?.claim(at)).await
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError> {
        self.write(Some(commit.rollout), |store| store.append(commit)).await
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

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RolloutId>, JournalError> {
        Ok(self.store().due(now, limit))
    }

    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError> {
        Ok(self.store().row(rollout)?.head.clone())
    }

    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        Ok(self.store().row(rollout)?.read(from))
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        let holder = self.store().targets.get(target).copied();
        Ok(holder.and_then(|holder| {
            let Holder { generation, active, waiting } = holder;
            active.map(|rollout| Active { rollout, generation, waiting })
        }))
    }

    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError> {
        self.write(Some(rollout), |store| {
            store.row_mut(rollout)?.submit(command);
            Ok(())
        })
        .await
    }

    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError> {
        Ok(self.store().row(rollout)?.inbox())
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
}
