//! What goes wrong in SQLite, and how far it reaches: one rollout, or the whole store.

use std::{io, path::PathBuf, sync::Arc};

use rusqlite::ErrorCode;
use tidegate_core::{JournalError, RolloutId};

use crate::codec::corrupt;

/// Why a file can not be used as a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is an SQLite database of another program.
    #[error("{path} is no Tidegate journal: its application id is {found:#x}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `PRAGMA application_id`.
        found: i64,
    },
    /// A later version of this library wrote it.
    #[error("{path} has schema {found}, written by a later version; this one knows up to {known}")]
    Later {
        /// The file.
        path: PathBuf,
        /// Its `PRAGMA user_version`.
        found: i64,
        /// The latest that is known.
        known: i64,
    },
    /// A setting that durability rests on can not be had.
    #[error("{path}: PRAGMA {pragma} is {found}, and has to be {wanted}")]
    Weak {
        /// The file.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it has to be.
        wanted: String,
        /// What SQLite says it is.
        found: String,
    },
    /// SQLite failed.
    #[error("{path} can not be opened")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system failed.
    #[error("{path} can not be opened")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// Whether the file is something else than a journal, so that another has to be named.
    #[must_use]
    pub fn is_no_journal(&self) -> bool {
        match self {
            Self::Foreign { .. } => true,
            Self::Sqlite { source, .. } => {
                source.sqlite_error_code() == Some(ErrorCode::NotADatabase)
            }
            _ => false,
        }
    }
}

/// An error of SQLite that all requests of one commit are told of.
#[derive(Clone, Debug, thiserror::Error)]
#[error("SQLite: {0}")]
pub(super) struct StoreError(Arc<rusqlite::Error>);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// Why the store does nothing, where no error of SQLite is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the journal is closed")]
    Closed,
    #[error("the thread that writes the journal has ended")]
    WriterEnded,
    #[error("the journal was moved, replaced or removed while it was open: open it again")]
    Replaced,
    #[error("the journal was opened with Durability::Unsafe, which may lose what was acknowledged")]
    Unsafe,
}

impl From<Refusal> for JournalError {
    fn from(refusal: Refusal) -> Self {
        Self::Unavailable(refusal.into())
    }
}

/// Whether nothing of a commit is in the store could not be found out.
#[derive(Debug, thiserror::Error)]
#[error("whether it was committed is unknown")]
pub(super) struct Unknown(#[source] pub(super) StoreError);

/// Why an operation stopped: it may not be, or the store failed.
#[derive(Debug)]
pub(super) enum Stop {
    /// It wrote nothing.
    Refused(JournalError),
    /// The transaction has to be undone.
    Failed(rusqlite::Error),
}

pub(super) type Op<T> = Result<T, Stop>;

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Refused(error)
    }
}

impl Stop {
    /// For the caller who asked about `rollout`.
    pub(super) fn about(self, rollout: Option<RolloutId>) -> JournalError {
        match self {
            Self::Refused(error) => error,
            Self::Failed(error) => about(rollout, error.into()),
        }
    }
}

/// Nothing was committed: because of what is stored of one rollout, or because of the store.
pub(super) fn about(rollout: Option<RolloutId>, error: StoreError) -> JournalError {
    match rollout {
        Some(rollout) if is_of_a_row(&error.0) => corrupt(rollout, error.to_string()),
        _ => JournalError::Unavailable(error.into()),
    }
}

/// Whether the fault lies in what is stored, and other rows are not concerned.
pub(super) fn is_of_a_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    match error {
        E::SqliteFailure(error, _) => matches!(
            error.code,
            ErrorCode::DatabaseCorrupt
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
        ),
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..)
        | E::StatementChangedRows(_)
        | E::QueryReturnedNoRows => true,
        _ => false,
    }
}

/// Whether a failed COMMIT has certainly left nothing behind. After a failed write or sync its last
/// page may yet reach the disk.
pub(super) fn is_undone(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
