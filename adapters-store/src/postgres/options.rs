//! What a caller may choose, and why a database is refused. Knows no statement.

use std::time::Duration;

use tokio_postgres::Config;

/// How a [`PostgresJournal`](super::PostgresJournal) uses its database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The schema that holds the tables; made when it is absent. Small letters, digits and
    /// underscores, beginning with a letter, at most 63.
    pub schema: String,
    /// Connections open at one time, at least 1. More calls than that wait for each other.
    pub connections: usize,
    /// How long a call waits for a connection, a new one included.
    pub connect_within: Duration,
    /// The server gives a statement up after this long, and nothing of it is committed. In whole
    /// milliseconds; less than [`answer_within`](Self::answer_within).
    pub statement_within: Duration,
    /// How long an answer is waited for. After that the outcome of a commit is unknown.
    pub answer_within: Duration,
}

impl Default for Options {
    /// Schema `tidegate`, 8 connections; 5 s for a connection, 5 s for a statement, 10 s for an answer.
    fn default() -> Self {
        Self {
            schema: "tidegate".to_owned(),
            connections: 8,
            connect_within: Duration::from_secs(5),
            statement_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(10),
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        let mut letters = self.schema.chars();
        let first = letters.next().is_some_and(|c| c.is_ascii_lowercase());
        let rest = letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !first || !rest || self.schema.len() > 63 || self.schema.starts_with("pg_") {
            return Err(ConnectError::SchemaName(self.schema.clone()));
        }
        if self.connections == 0 {
            return Err(ConnectError::Option("connections: 0; at least 1 is needed"));
        }
        if self.statement_within < Duration::from_millis(1) {
            return Err(ConnectError::Option("statement_within: below 1 ms, which means no limit"));
        }
        if self.statement_within >= self.answer_within {
            return Err(ConnectError::Option("statement_within: not less than answer_within"));
        }
        Ok(())
    }
}

/// Reads a connection string: a URL, or `host=… user=…`. No part of it is in the error: it may hold
/// a password, and a misplaced sign makes any part of it one.
///
/// # Errors
/// [`ConnectError::Address`].
pub fn address(text: &str) -> Result<Config, ConnectError> {
    text.parse().map_err(|_| ConnectError::Address)
}

/// Why a database can not hold a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection string can not be read.
    #[error(
        "the connection string can not be read; expected postgres://user:password@host:port/database with \
         signs such as @ : / in the password written as %40 %3A %2F, or host=… user=… dbname=…"
    )]
    Address,
    /// The name of the schema.
    #[error(
        "schema {0:?}: small letters, digits and underscores, beginning with a letter and not with pg_, at \
         most 63"
    )]
    SchemaName(String),
    /// Another option.
    #[error("option {0}")]
    Option(&'static str),
    /// A setting that would lose what was acknowledged.
    #[error(
        "setting {name} of the server is {found:?}; a journal needs {needed}, or a crash loses records whose \
         moves were sent"
    )]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        needed: &'static str,
    },
    /// It can not be written to.
    #[error("the server is a standby, or read-only; a journal needs the primary")]
    ReadOnly,
    /// Too old a server.
    #[error("the server is PostgreSQL {0}; 12 or later is needed")]
    Server(i32),
    /// The tables were made by a later version of this library.
    #[error("schema {schema} has format {found}; this version of the library knows {known}")]
    Later {
        /// The schema.
        schema: String,
        /// Its format.
        found: i32,
        /// The latest known.
        known: i32,
    },
    /// The schema holds another journal than the one it held before.
    #[error("schema {0} holds another journal than it did when this process began")]
    Replaced(String),
    /// There is no connection, or it failed.
    #[error("no connection to the database")]
    Connection(#[source] tokio_postgres::Error),
    /// No answer in time.
    #[error("no connection to the database within {0:?}")]
    Slow(Duration),
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connection(error)
    }
}
