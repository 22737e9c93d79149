//! A journal in a PostgreSQL database, which several engines share.
//!
//! The server's clock measures leases, its row locks order commits, and nothing here is true because
//! this process thinks so: what it remembers is compared by the statement that uses it. Must not
//! know what records mean.

mod append;
mod claims;
mod commands;
mod ends;
mod engines;
mod evidence;
mod listing;
mod number;
mod open;
mod options;
mod pool;
mod reading;
mod restored;
mod schema;
mod session;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::Serialize;
use tidegate_core::{
    Active, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId, Epoch,
    Journal, JournalError, Listed, Opening, Prune, Pruned, Role, RolloutId, Row, RowVersion,
    Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp, Work,
    record::{Head, Record},
};
use tokio::time;
use tokio_postgres::{
    Config, NoTls, Socket,
    tls::{MakeTlsConnect, TlsConnect},
};

pub use self::options::{ConnectError, Options, address};
use self::{claims::Unanswered, ends::Ends, pool::Database, restored::Memory, session::Session};
use crate::codec;

/// A [`Journal`] in a PostgreSQL database. The tables are made when they are absent.
///
/// Every new connection is checked before it is used: that the server's settings keep what it
/// acknowledges, and that the database was not set back. A call that waits too long for a connection
/// or that the server refuses is [`JournalError::Unavailable`]; one whose commit was sent and whose
/// answer did not arrive is [`JournalError::AnswerLost`], for `open` too, with the number that the
/// rollout has if it was opened.
///
/// Connections keep their settings and prepared statements, so a pooler between must not hand them
/// out by transaction.
pub struct PostgresJournal {
    database: Database,
    schema: String,
    memory: Arc<Memory>,
    ends: Ends,
    unanswered: Unanswered,
}

impl fmt::Debug for PostgresJournal {
    /// Without the address: it holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PostgresJournal {
    /// Connects without TLS.
    ///
    /// # Errors
    /// Why the database can not hold a journal.
    pub async fn connect(config: Config, options: Options) -> Result<Self, ConnectError> {
        Self::connect_with(config, NoTls, options).await
    }

    /// Connects with the TLS of the caller's choice. The first connection is made, and the tables
    /// with it, before this returns.
    ///
    /// # Errors
    /// Why the database can not hold a journal.
    pub async fn connect_with<T>(
        config: Config,
        tls: T,
        options: Options,
    ) -> Result<Self, ConnectError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        options.check()?;
        let memory = Arc::new(Memory::new(options.connections));
        let session = Session::new(options.clone(), memory.clone());
        let within = options.answer_within;
        let first = async {
            let (mut client, connection) = config.connect(tls.clone()).await?;
            let driven = tokio::spawn(connection);
            let checked = session.check(&mut client).await;
            drop(client);
            driven.abort();
            checked
        };
        time::timeout(within, first).await.map_err(|_| ConnectError::Slow(within))??;
        let database = Database::new(config, tls, session, &options);
        let (ends, unanswered) = (Ends::default(), Unanswered::default());
        Ok(Self { database, schema: options.schema, memory, ends, unanswered })
    }

    /// Says that the database was set back to an earlier state, which can not always be noticed: to
    /// be called after a backup was put back, before engines run on it. Every rollout that is not
    /// over is then given out with [`Claimed::restored`], every engine is struck off, and numbers
    /// are left out so that none is given out twice. The number drawn.
    ///
    /// # Errors
    /// When the database can not be reached, or failed. Repeating it is safe.
    pub async fn mark_restored(&self) -> Result<u32, JournalError> {
        self.database.mark_restored().await
    }

    /// Closes the connections once the calls that use them are done. Later calls fail.
    pub fn close(&self) {
        self.database.close();
    }
}

/// The stored text of a value.
fn text<T: Serialize>(rollout: RolloutId, value: &T) -> Result<String, JournalError> {
    let not_text = |error: std::string::FromUtf8Error| codec::corrupt(rollout, error.to_string());
    String::from_utf8(codec::encode(rollout, value)?).map_err(not_text)
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        engines::enlist(&self.database, name, lease).await
    }

    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        engines::renew(&self.database, engine, lease).await
    }

    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        engines::resign(&self.database, engine).await
    }

    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        open::open(&self.database, opening).await
    }

    async fn claim(
        &self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        claims::claim(self, rollout, by, take).await
    }

    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        claims::claim_due(self, by, serves, now, limit).await
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError> {
        append::append(self, commit).await
    }

    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        reading::committed(&self.database, rollout, attempt).await
    }

    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        claims::release(self, rollout, epoch).await
    }

    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError> {
        reading::head(&self.database, rollout).await
    }

    async fn last(&self, rollout: RolloutId) -> Result<Option<Record>, JournalError> {
        reading::last_record(&self.database, rollout).await
    }

    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        reading::records(&self.database, rollout, from).await
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        listing::active(&self.database, target).await
    }

    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError> {
        listing::list(&self.database, select).await
    }

    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError> {
        commands::submit(&self.database, rollout, &command).await
    }

    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError> {
        commands::inbox(&self.database, rollout).await
    }

    async fn became(
        &self,
        rollout: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError> {
        commands::became(&self.database, rollout, command).await
    }

    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError> {
        evidence::keep(&self.database, &looks).await
    }

    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        evidence::looks(&self.database, rollout, check, role).await
    }

    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        evidence::prune(&self.database, what).await
    }
}
