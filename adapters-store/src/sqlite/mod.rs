//! A journal in one SQLite file, for one engine or several on one host.
//!
//! One thread of each process writes, and commits what waits together; reads go over connections of
//! their own. Layout: `v1.sql`; durability, backup, restore and what each failure does:
//! `docs/journal.md`. It must not know what records mean.

mod clock;
mod columns;
mod connection;
mod copy;
mod error;
mod identity;
mod mark;
mod ops;
mod options;
mod query;
mod readers;
mod schema;
mod stored;
#[cfg(test)]
mod tests;
mod words;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior};
use tidegate_core::{
    Active, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId, Epoch,
    Journal, JournalError, Listed, Opening, Prune, Pruned, Role, RolloutId, Row, RowVersion,
    Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp, Work,
    record::{Head, Record},
};
use tokio::task;

use self::{
    clock::Steady,
    error::{Op, Refusal},
    identity::Identity,
    mark::{Mark, MarkFile},
    ops::{Due, Kept, Prepared},
    readers::Readers,
    writer::{Store, Tx, Writer},
};
pub use self::{
    error::OpenError,
    options::{Durability, Options},
};

/// A journal in one SQLite file. Cheap to clone; clones share the file.
///
/// Its calls need a tokio runtime and never block it. Several processes of one host may have the
/// same file open; it must not lie on a network file system.
#[derive(Clone)]
pub struct SqliteJournal(Arc<Inner>);

struct Inner {
    path: PathBuf,
    durability: Durability,
    boot: String,
    writer: Writer,
    readers: Readers,
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl SqliteJournal {
    /// Opens the journal at `path`; makes it if there is no file. One that is found to be set back
    /// to an earlier state is [marked](Self::mark_restored).
    ///
    /// # Errors
    /// [`OpenError`] when it is no journal, a later version wrote it, a setting that durability rests
    /// on can not be had, or SQLite or the file system fails.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let place = path.clone();
        let opening = task::spawn_blocking(move || Self::open_blocking(&place, options));
        match opening.await {
            Ok(opened) => opened,
            Err(error) => Err(OpenError::Io { path, source: std::io::Error::other(error) }),
        }
    }

    fn open_blocking(path: &Path, options: Options) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        // Absolute, so that a later change of the working directory leads nowhere else.
        let path = &std::path::absolute(path).map_err(io)?;
        let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
        let options = Arc::new(options);
        // The mark first: what is committed after it was read only moves the journal on.
        let (mut mark_file, mark) = MarkFile::open(path).map_err(io)?;
        let mut conn = connection::writer(path, &options)?;
        notice_restore(&mut conn, mark.as_ref(), path).map_err(sqlite)?;
        let mark = Mark::of(&conn).map_err(sqlite)?;
        mark_file.write(&mark).map_err(io)?;
        let identity = Identity::of(path).map_err(io)?;
        let boot = clock::boot().map_err(io)?;
        let readers = Readers::new(path.clone(), Arc::clone(&options));
        let durability = options.durability;
        let store = Store {
            conn,
            path: path.clone(),
            options,
            boot: boot.clone(),
            identity,
            mark,
            mark_file,
            in_doubt: false,
        };
        let writer = Writer::start(store).map_err(io)?;
        Ok(Self(Arc::new(Inner { path: path.clone(), durability, boot, writer, readers })))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Ends what was asked before, and closes the file. Other clones are refused from then on.
    pub async fn close(self) {
        self.0.writer.close().await;
        self.0.readers.close().await;
    }

    /// Copies the journal as it is now into the new file `to`, while it is used. The copy is one
    /// file. When it is opened as a journal it is [marked](Self::mark_restored).
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when `to` exists, or it can not be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), JournalError> {
        let to = to.as_ref().to_owned();
        let copy = move |conn: &Connection| match copy::copy(conn, &to) {
            Ok(()) => Ok(()),
            Err(error) => Err(JournalError::Unavailable(error.into()).into()),
        };
        self.0.readers.call(None, copy).await
    }

    /// Says that the file was set back to an earlier state: what was written and sent since then is
    /// unknown. Whoever claims a rollout that is not over is told the number that is returned, until
    /// its next append; every engine is struck off and every claim is void; and ids that were given
    /// out since are not given out again.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when it can not be written.
    pub async fn mark_restored(&self) -> Result<u32, JournalError> {
        self.write(|tx| Ok(ops::mark_restored(tx.conn)?)).await
    }

    /// Gives space that pruning left back to the file system, a little in each commit.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when it can not be written.
    pub async fn compact(&self) -> Result<(), JournalError> {
        let mut left = u64::MAX;
        loop {
            let now = self.write(ops::compact).await?;
            if now == 0 || now >= left {
                return Ok(());
            }
            left = now;
        }
    }

    /// A write that is about no rollout, or may be repeated.
    async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&Tx<'_>) -> Op<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.0.writer.call(|_| None, run).await
    }

    /// A write about one rollout.
    async fn write_of<T: Send + 'static>(
        &self,
        rollout: RolloutId,
        run: impl FnMut(&Tx<'_>) -> Op<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.0.writer.call(move |_| Some(rollout), run).await
    }

    /// Refuses what has to outlive loss of power.
    fn check_durable(&self) -> Result<(), JournalError> {
        match self.0.durability {
            Durability::Unsafe => Err(Refusal::Unsafe.into()),
            Durability::Full | Durability::Extra => Ok(()),
        }
    }
}

/// Marks a journal that is a backup, or behind the mark beside it.
fn notice_restore(conn: &mut Connection, mark: Option<&Mark>, path: &Path) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_copy: bool = transaction.query_row("SELECT is_copy FROM meta", [], |row| row.get(0))?;
    let is_behind = mark.map(|mark| mark.is_missing_in(&transaction)).transpose()?;
    if is_copy || is_behind == Some(true) {
        let drawn = ops::mark_restored(&transaction)?;
        let path = path.display();
        tracing::warn!(%path, is_copy, drawn, "the journal was set back to an earlier state");
    }
    transaction.commit()
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        let name = name.to_owned();
        self.write(move |tx| ops::enlist(tx, &name, lease)).await
    }

    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        self.write(move |tx| ops::renew(tx, engine, lease)).await
    }

    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        self.write(move |tx| ops::resign(tx, engine)).await
    }

    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        self.check_durable()?;
        let rollout = |head: Option<&Head>| head.map(|head| head.identity.rollout);
        self.0.writer.call(rollout, move |tx| ops::open(tx, &opening)).await
    }

    async fn claim(
        &self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        self.check_durable()?;
        let found = self.write_of(rollout, move |tx| ops::claim(tx, rollout, by, take)).await?;
        found?.decode()
    }

    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        self.check_durable()?;
        let serves = serves.clone();
        let due = self.write(move |tx| ops::claim_due(tx, by, &serves, now, limit)).await?;
        let Due { claimed, commanded, next } = due;
        let decode = |(rollout, found): (_, Result<stored::Found, _>)| {
            (rollout, found.and_then(stored::Found::decode))
        };
        Ok(Work { claimed: claimed.into_iter().map(decode).collect(), commanded, next })
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError> {
        self.check_durable()?;
        let rollout = commit.rollout;
        let prepared = Prepared::new(commit)?;
        self.write_of(rollout, move |tx| ops::append(tx, &prepared)).await
    }

    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        self.write_of(rollout, move |tx| ops::committed(tx, rollout, attempt)).await
    }

    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        self.write_of(rollout, move |tx| ops::release(tx, rollout, epoch)).await
    }

    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError> {
        self.0.readers.call(Some(rollout), move |conn| query::head(conn, rollout)).await
    }

    async fn last(&self, rollout: RolloutId) -> Result<Option<Record>, JournalError> {
        self.0.readers.call(Some(rollout), move |conn| query::last(conn, rollout)).await
    }

    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        let read = move |conn: &Connection| query::records(conn, rollout, from);
        self.0.readers.call(Some(rollout), read).await
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        let target = target.clone();
        self.0.readers.call(None, move |conn| query::active(conn, &target)).await
    }

    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError> {
        let (select, steady) = (select.clone(), Steady::now(&self.0.boot));
        self.0.readers.call(None, move |conn| query::list(conn, &select, &steady)).await
    }

    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError> {
        self.write_of(rollout, move |tx| ops::submit(tx, rollout, &command)).await
    }

    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError> {
        self.0.readers.call(Some(rollout), move |conn| query::inbox(conn, rollout)).await
    }

    async fn became(
        &self,
        rollout: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError> {
        let became = move |conn: &Connection| query::became(conn, rollout, command);
        self.0.readers.call(Some(rollout), became).await
    }

    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError> {
        let looks = looks.into_iter().map(Kept::new).collect::<Result<Vec<_>, _>>()?;
        self.write(move |tx| ops::keep_looks(tx, &looks)).await
    }

    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        let looks = move |conn: &Connection| query::looks(conn, rollout, check, role);
        self.0.readers.call(Some(rollout), looks).await
    }

    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        let mut pruned = Pruned::default();
        if let Some(limit) = what.looks_before {
            while let Some(some) = self.write(move |tx| ops::prune_looks(tx, limit)).await? {
                pruned.looks += some.looks;
            }
        }
        if let Some(limit) = what.rollouts_before {
            while let Some(some) = self.write(move |tx| ops::prune_rollouts(tx, limit)).await? {
                pruned.looks += some.looks;
                pruned.rollouts += some.rollouts;
            }
        }
        Ok(pruned)
    }
}
