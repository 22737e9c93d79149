//! Connections: checked when they are made, bounded in number and time, and every failure told apart
//! as one before the commit or one that leaves it unknown. Knows no table.

use std::{error::Error as StdError, future::Future, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction,
};
use tidegate_core::{JournalError, RolloutId};
use tokio::time;
use tokio_postgres::{
    Config, Error, Row, Socket,
    error::{DbError, Severity, SqlState},
    tls::{MakeTlsConnect, TlsConnect},
    types::ToSql,
};

use super::{
    options::{ConnectError, Options},
    restored,
    session::Session,
};

/// Parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a call of the database failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// Certainly nothing was committed.
    Before(Cause),
    /// It may have been committed.
    Unknown(Cause),
}

impl Failed {
    /// Of something that changes nothing, or that is safe to do again.
    pub(super) fn unavailable(self) -> JournalError {
        let (Self::Before(cause) | Self::Unknown(cause)) = self;
        JournalError::Unavailable(cause)
    }

    /// Of a commit.
    pub(super) fn commit_of(self, rollout: RolloutId) -> JournalError {
        match self {
            Self::Before(cause) => JournalError::Unavailable(cause),
            Self::Unknown(cause) => {
                tracing::warn!(%rollout, error = %chain(&*cause), "the answer to a commit was lost");
                JournalError::AnswerLost(rollout)
            }
        }
    }

    /// What a statement says, unless it fails for certain before anything is committed.
    fn of(error: Error) -> Self {
        match error.as_db_error() {
            Some(refusal) if is_before_commit(refusal) => Self::Before(error.into()),
            _ => Self::Unknown(error.into()),
        }
    }

    /// Within a transaction whose `COMMIT` was not sent yet.
    fn uncommitted(self) -> Self {
        let (Self::Before(cause) | Self::Unknown(cause)) = self;
        Self::Before(cause)
    }
}

/// An error of severity `ERROR` rolls its transaction back. Anything worse ends the connection, and
/// may be said after the commit. Proxies say with two classes that they do not know.
fn is_before_commit(refusal: &DbError) -> bool {
    let code = refusal.code();
    refusal.parsed_severity() == Some(Severity::Error)
        && !code.code().starts_with("08")
        && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
}

/// An error and everything below it, in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text = format!("{text}: {error}");
        below = error.source();
    }
    text
}

/// The server did not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the database within {0:?}")]
struct Silent(Duration);

/// A pool of checked connections.
pub(super) struct Database {
    pool: Pool,
    answer_within: Duration,
}

impl Database {
    pub(super) fn new<T>(config: Config, tls: T, session: Session, options: &Options) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let check = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let session = session.clone();
            Box::pin(async move {
                let refused = |error: ConnectError| HookError::message(chain(&error));
                session.check(client).await.map_err(refused)
            })
        });
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.connect_within))
            .create_timeout(Some(options.connect_within))
            .post_create(check)
            .build()
            .expect("a pool with a runtime has everything it needs");
        Self { pool, answer_within: options.answer_within }
    }

    pub(super) async fn connection(&self) -> Result<Connection, Failed> {
        let client = self.pool.get().await.map_err(|error| Failed::Before(error.into()))?;
        Ok(Connection { client: Some(client), answer_within: self.answer_within })
    }

    /// One statement, which is its own transaction.
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let mut connection = self.connection().await?;
        let rows = connection.rows(sql, params).await?;
        connection.keep();
        Ok(rows)
    }

    /// One statement that gives at most one row.
    pub(super) async fn row(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Failed> {
        Ok(self.rows(sql, params).await?.pop())
    }

    /// One statement that reads a single row.
    pub(super) async fn read_one(
        &self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Row, JournalError> {
        let row = self.row(sql, params).await.map_err(Failed::unavailable)?;
        row.ok_or_else(|| {
            JournalError::Unavailable("a statement that gives a row gave none".into())
        })
    }

    pub(super) async fn mark_restored(&self) -> Result<u32, JournalError> {
        let mut connection = self.connection().await.map_err(Failed::unavailable)?;
        let marking = restored::mark_by_hand(connection.client());
        let marked = time::timeout(self.answer_within, marking).await;
        let silent = |_| JournalError::Unavailable(Silent(self.answer_within).into());
        let drawn = marked.map_err(silent)?;
        let drawn = drawn.map_err(|error| JournalError::Unavailable(error.into()))?;
        connection.keep();
        Ok(drawn)
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// One connection. It goes back to the pool only after a clean end: one that failed, or whose caller
/// went away in the middle, is closed.
pub(super) struct Connection {
    client: Option<Object>,
    answer_within: Duration,
}

impl Connection {
    fn client(&mut self) -> &mut Object {
        self.client.as_mut().expect("a connection is there until it is dropped")
    }

    /// Gives it back.
    pub(super) fn keep(mut self) {
        drop(self.client.take());
    }

    /// One statement, which is its own transaction.
    pub(super) async fn rows(&mut self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let within = self.answer_within;
        let client = self.client();
        let prepared = bounded(within, client.prepare_cached(sql)).await;
        let statement = prepared.map_err(Failed::uncommitted)?;
        bounded(within, client.query(&statement, params)).await
    }

    /// Begins a transaction of several statements.
    pub(super) async fn begin(&mut self) -> Result<Open<'_>, Failed> {
        let within = self.answer_within;
        let begun = bounded(within, self.client().transaction()).await;
        Ok(Open { transaction: begun.map_err(Failed::uncommitted)?, within })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

/// A transaction; rolled back unless it is committed.
pub(super) struct Open<'a> {
    transaction: Transaction<'a>,
    within: Duration,
}

impl Open<'_> {
    pub(super) async fn rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let run = async {
            let statement = self.transaction.prepare_cached(sql).await?;
            self.transaction.query(&statement, params).await
        };
        bounded(self.within, run).await.map_err(Failed::uncommitted)
    }

    pub(super) async fn row(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Failed> {
        Ok(self.rows(sql, params).await?.pop())
    }

    pub(super) async fn commit(self) -> Result<(), Failed> {
        bounded(self.within, self.transaction.commit()).await
    }

    pub(super) async fn rollback(self) -> Result<(), Failed> {
        bounded(self.within, self.transaction.rollback()).await
    }
}

async fn bounded<T>(
    within: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failed> {
    match time::timeout(within, call).await {
        Ok(answer) => answer.map_err(Failed::of),
        Err(_) => Err(Failed::Unknown(Silent(within).into())),
    }
}
