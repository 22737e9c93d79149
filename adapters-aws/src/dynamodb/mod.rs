//! A journal in one DynamoDB table, for several engines on several hosts.
//!
//! ```no_run
//! # async fn connected(client: &aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use tidegate_aws::{Account, dynamodb::DynamoJournal};
//!
//! let account = Account::new("123456789012");
//! let journal = DynamoJournal::connect(client, &account, "tidegate").await?;
//! # Ok(())
//! # }
//! ```
//!
//! What a caller should know:
//!
//! - A commit is one transaction, conditional on the row's epoch, version and last record. What was
//!   acknowledged is on three disks in three places.
//! - There is no clock of the store. A lease ends when somebody has watched it stand still for its
//!   length; so after the last engine has gone, the next waits that long. Rollout time is the wall clock
//!   of the engine's host, which has to be kept right (NTP).
//! - What is due is found by an index that may be a little old; claims are decided by the rows.
//! - Nothing is split: a plan, or the records of one commit, may take 396 KB.
//!
//! Layout, permissions, failures and restores: `docs/journal-dynamodb.md`.

mod append;
mod claims;
mod engines;
mod expression;
mod failed;
mod inbox;
mod item;
mod keys;
mod listing;
mod looks;
mod meta;
mod open;
mod prune;
mod records;
mod row;
mod schema;
mod select;
mod table;
mod target;
mod write;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use tidegate_core::{
    Active, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId, Epoch,
    Journal, JournalError, Listed, Opening, Prune, Pruned, Role, RolloutId, Row, RowVersion,
    Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp, Work,
    record::{Head, Record},
};

pub use self::schema::create_table;
use self::{engines::Watch, table::Table};
use crate::Account;

/// Why a table can not be used as a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no such table.
    #[error("there is no table {0}; `create_table` makes one")]
    Missing(String),
    /// It is not as a journal needs it.
    #[error("table {table} can not be a journal: {why}")]
    Unsuitable {
        /// The table.
        table: String,
        /// What is wrong.
        why: String,
    },
    /// A later version of this library has written it.
    #[error("table {table} has layout {found}, of a later version; this one knows {known}", known = keys::LAYOUT)]
    Later {
        /// The table.
        table: String,
        /// Its layout.
        found: u64,
    },
    /// It can not be asked.
    #[error("the table can not be asked")]
    Failed(#[from] JournalError),
}

/// A journal in a DynamoDB table.
#[derive(Debug)]
pub struct DynamoJournal {
    table: Table,
    watch: Watch,
}

impl DynamoJournal {
    /// The journal in a table of this name, in the client's region. Begins one in a table that is
    /// empty. A table that was restored from a backup is marked first: all that was not over is claimed
    /// with [`Claimed::restored`].
    ///
    /// # Errors
    /// When there is no such table, or it can not be used.
    pub async fn connect(
        client: &Client,
        account: &Account,
        table: impl Into<String>,
    ) -> Result<Self, ConnectError> {
        let (table, watch) = (Table::new(client, account, table.into()), Watch::default());
        meta::connect(&table, &watch).await?;
        Ok(Self { table, watch })
    }

    /// Says that the table was set back to an earlier state in a way that can not be noticed, such as
    /// by copying items. Every engine is struck off, and everything that is not over is claimed with
    /// [`Claimed::restored`]. Saying it needlessly costs one reading of each target.
    ///
    /// # Errors
    /// When the table can not be asked or written.
    pub async fn mark_restored(&self) -> Result<(), ConnectError> {
        meta::mark_by_hand(&self.table, &self.watch).await
    }

    /// The table. One that was gone in the meantime may have come back as a copy of an earlier state,
    /// so it is looked at again first.
    async fn table(&self) -> Result<&Table, JournalError> {
        if self.table.was_missing()
            && let Err(error) = meta::connect(&self.table, &self.watch).await
        {
            self.table.note_missing();
            return Err(JournalError::Unavailable(error.into()));
        }
        Ok(&self.table)
    }
}

#[async_trait]
impl Journal for DynamoJournal {
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        engines::enlist(self.table().await?, &self.watch, name, lease).await
    }

    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        engines::renew(self.table().await?, engine, lease).await
    }

    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        engines::resign(self.table().await?, engine).await
    }

    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        open::open(self.table().await?, opening).await
    }

    async fn claim(
        &self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        claims::claim(self.table().await?, &self.watch, rollout, by, take).await
    }

    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        claims::claim_due(self.table().await?, &self.watch, by, serves, now, limit).await
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError> {
        append::append(self.table().await?, &commit).await
    }

    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        records::committed(self.table().await?, rollout, attempt).await
    }

    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        claims::release(self.table().await?, rollout, epoch).await
    }

    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError> {
        records::head(self.table().await?, rollout).await
    }

    async fn last(&self, rollout: RolloutId) -> Result<Option<Record>, JournalError> {
        records::last(self.table().await?, rollout).await
    }

    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        records::read(self.table().await?, rollout, from).await
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        target::active(self.table().await?, target).await
    }

    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError> {
        listing::list(self.table().await?, &self.watch, select).await
    }

    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError> {
        inbox::submit(self.table().await?, rollout, command).await
    }

    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError> {
        inbox::unread(self.table().await?, rollout).await
    }

    async fn became(
        &self,
        rollout: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError> {
        inbox::became(self.table().await?, rollout, command).await
    }

    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError> {
        looks::keep(self.table().await?, &looks).await
    }

    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        looks::looks(self.table().await?, rollout, check, role).await
    }

    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        prune::prune(self.table().await?, what).await
    }
}
