//! Which journal a command is about: its name, and the store behind it.
//!
//! Must not know commands. Nothing here shows a password: a URL is shown without it, and errors do not
//! hold it.

use std::{
    convert::Infallible,
    env, fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use tidegate_core::{Journal, JournalError};
#[cfg(feature = "postgres")]
use tidegate_store::postgres::{ConnectError, PostgresJournal, address};
use tidegate_store::{OpenError, SqliteJournal};

/// The variable of the environment that names a journal.
pub(crate) const VARIABLE: &str = "TIDEGATE_JOURNAL";

/// A journal as it is named on the command line.
#[derive(Clone)]
pub(crate) enum StoreName {
    /// A file.
    File(PathBuf),
    /// A URL, which may hold a password.
    Postgres(String),
}

impl StoreName {
    /// The journal that `TIDEGATE_JOURNAL` names.
    pub(crate) fn of_environment() -> Option<Self> {
        let text = env::var(VARIABLE).ok()?;
        let Ok(name) = text.parse();
        Some(name)
    }
}

impl FromStr for StoreName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        Ok(if is_url { Self::Postgres(text.to_owned()) } else { Self::File(text.into()) })
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            // Whatever stands before the last sign of its kind may be part of a password.
            Self::Postgres(url) => {
                let place = url.rsplit_once('@').map_or("", |(_, place)| place);
                let place = place.split(['?', '#']).next().unwrap_or_default();
                write!(f, "postgres://{place}")
            }
        }
    }
}

impl fmt::Debug for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a store is not what was asked for, or fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is no such file.
    #[error("{0}: there is no journal; `tidegate run` makes one")]
    Absent(StoreName),
    /// There is a file where one is to be made.
    #[error("{}: is there already; move it away, or name another", .0.display())]
    InTheWay(PathBuf),
    /// The file can not be opened as a journal.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database can not be used as a journal.
    #[cfg(feature = "postgres")]
    #[error("{name}: {source}")]
    Connect {
        /// Which.
        name: StoreName,
        /// Why.
        source: ConnectError,
    },
    /// Built without it.
    #[cfg(not(feature = "postgres"))]
    #[error("{0}: this program was built without PostgreSQL; build it with --features postgres")]
    NotBuilt(StoreName),
    /// Something that only a journal in a file has.
    #[error("{name}: {what}")]
    FileOnly {
        /// Which.
        name: StoreName,
        /// What to do instead.
        what: &'static str,
    },
    /// A backup could not be put in place.
    #[error("{}: can not be read or written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The journal refused or failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl StoreError {
    /// Whether the input is in order and the store failed.
    pub(crate) fn is_outside(&self) -> bool {
        match self {
            Self::Open(error) => !error.is_no_journal(),
            Self::Journal(error) => !matches!(error, JournalError::Unknown(_)),
            Self::Io { .. } => true,
            #[cfg(feature = "postgres")]
            Self::Connect { source, .. } => !matches!(source, ConnectError::Address),
            _ => false,
        }
    }
}

/// An open store.
#[derive(Debug)]
pub(crate) enum Store {
    File(SqliteJournal),
    #[cfg(feature = "postgres")]
    Postgres(Arc<PostgresJournal>),
}

impl Store {
    /// Opens a journal that is there.
    pub(crate) async fn open(name: &StoreName) -> Result<Self, StoreError> {
        match name {
            StoreName::File(path) if !path.is_file() => Err(StoreError::Absent(name.clone())),
            _ => Self::open_or_make(name, 1).await,
        }
    }

    /// Opens a journal, in whose runtime time passes `speed` times as fast; makes it if there is none.
    pub(crate) async fn open_or_make(name: &StoreName, speed: u32) -> Result<Self, StoreError> {
        match name {
            StoreName::File(path) => Self::file(path).await,
            StoreName::Postgres(url) => Self::postgres(name, url, speed).await,
        }
    }

    async fn file(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::File(SqliteJournal::open(path, tidegate_store::Options::default()).await?))
    }

    #[cfg(feature = "postgres")]
    async fn postgres(name: &StoreName, url: &str, speed: u32) -> Result<Self, StoreError> {
        let mut options = tidegate_store::postgres::Options::default();
        options.connect_within *= speed;
        options.answer_within *= speed;
        let connect = async { PostgresJournal::connect(address(url)?, options).await };
        let journal = connect.await;
        let failed = |source| StoreError::Connect { name: name.clone(), source };
        Ok(Self::Postgres(Arc::new(journal.map_err(failed)?)))
    }

    #[cfg(not(feature = "postgres"))]
    async fn postgres(name: &StoreName, _: &str, _: u32) -> Result<Self, StoreError> {
        Err(StoreError::NotBuilt(name.clone()))
    }

    /// The journal.
    pub(crate) fn journal(&self) -> &dyn Journal {
        match self {
            Self::File(journal) => journal,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => &**journal,
        }
    }

    /// The journal, for an engine.
    pub(crate) fn shared(&self) -> Arc<dyn Journal> {
        match self {
            Self::File(journal) => Arc::new(journal.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => Arc::<PostgresJournal>::clone(journal),
        }
    }

    /// Says that the store was set back to an earlier state.
    pub(crate) async fn mark_restored(&self) -> Result<u32, StoreError> {
        Ok(match self {
            Self::File(journal) => journal.mark_restored().await?,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.mark_restored().await?,
        })
    }

    /// Ends what was asked before.
    pub(crate) async fn close(self) {
        match self {
            Self::File(journal) => journal.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StoreName;

    #[test]
    fn a_url_is_shown_without_whatever_may_be_a_password() {
        for url in [
            "postgres://ada:hunter2@db.example:5432/prod",
            "postgresql://ada:hunter2@hunter2@db.example:5432/prod",
            "postgres://db.example:5432/prod?password=hunter2",
            "postgres://ada:x@db.example:5432/prod?password=hunter2#hunter2",
            "postgres://hunter2",
        ] {
            let Ok(name) = url.parse::<StoreName>();
            assert!(!format!("{name} {name:?}").contains("hunter2"), "{name}");
        }
        let Ok(name) = "postgres://ada:hunter2@db.example:5432/prod".parse::<StoreName>();
        assert_eq!(name.to_string(), "postgres://db.example:5432/prod");
    }
}
