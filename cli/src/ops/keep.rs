//! Keeping a journal: forgetting what is old, copying it, putting a copy back.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use tidegate_core::{Prune, Span, Timestamp};

use super::{answer, over};
use crate::{
    Answered, Ending,
    args::{BackupArguments, PruneArguments, RestoreArguments},
    store::{Store, StoreError, StoreName},
};

/// What was forgotten. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Forgotten {
    journal: String,
    looks: u64,
    rollouts: u64,
}

pub(crate) fn prune(asked: &PruneArguments) -> Answered {
    let now = now();
    let before = |age: Option<Span>| age.map(|age| Timestamp(now.0.saturating_sub(age.0)));
    let what = Prune {
        looks_before: before(asked.looks_older),
        rollouts_before: before(asked.rollouts_older),
    };
    let name = &asked.store.journal;
    let forgotten = over(name, async |store| {
        let pruned = store.journal().prune(what).await?;
        match store {
            Store::File(journal) => journal.compact().await?,
            // A database gives space back by itself.
            #[cfg(feature = "postgres")]
            Store::Postgres(_) => {}
        }
        let (looks, rollouts) = (pruned.looks, pruned.rollouts);
        Ok::<_, StoreError>(Forgotten { journal: name.to_string(), looks, rollouts })
    })?;
    answer("prune", asked.store.json, Ending::Well, &forgotten)
}

/// The host's clock. One before 1970 is wrong, and 1970 is as good a guess.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { journal, looks, rollouts } = self;
        writeln!(f, "{journal}: forgot {looks} looks and {rollouts} whole rollouts")
    }
}

/// Where a copy is. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Copied {
    journal: String,
    backup: String,
}

pub(crate) fn backup(asked: &BackupArguments) -> Answered {
    let (name, to) = (&asked.store.journal, &asked.to);
    let copied = over(name, async |store| {
        if to.exists() {
            return Err(StoreError::InTheWay(to.clone()));
        }
        match store {
            Store::File(journal) => journal.backup(to).await?,
            #[cfg(feature = "postgres")]
            Store::Postgres(_) => {
                let what = "a database is copied by its own tools, such as pg_basebackup";
                return Err(StoreError::FileOnly { name: name.clone(), what });
            }
        }
        Ok(Copied { journal: name.to_string(), backup: to.display().to_string() })
    })?;
    answer("backup", asked.store.json, Ending::Well, &copied)
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} was copied to {}", self.journal, self.backup)
    }
}

/// A store that was set back. This is the JSON shape.
#[derive(Debug, Serialize)]
struct SetBack {
    journal: String,
    backup: Option<String>,
    /// Rollouts that are not over: each halts before it sends anything, and asks a person.
    rollouts: usize,
}

pub(crate) fn restore(asked: &RestoreArguments) -> Answered {
    let name = &asked.store.journal;
    let placed = match (&asked.from, name) {
        (None, _) => None,
        (Some(from), StoreName::File(path)) => {
            put_back(from, path)?;
            Some(path)
        }
        (Some(_), StoreName::Postgres(_)) => {
            let what = "a database is put back by its own tools; afterwards restore without --from";
            return Err(StoreError::FileOnly { name: name.clone(), what }.into());
        }
    };
    let set_back = over(name, async |store| {
        store.mark_restored().await?;
        let going = tidegate_core::Select {
            over: Some(false),
            limit: usize::MAX >> 1,
            ..tidegate_core::Select::default()
        };
        let rollouts = store.journal().list(&going).await?.len();
        let backup = asked.from.as_ref().map(|from| from.display().to_string());
        Ok::<_, StoreError>(SetBack { journal: name.to_string(), backup, rollouts })
    });
    if let (Err(_), Some(path)) = (&set_back, placed) {
        // What could not be opened is no journal; what went wrong says more than this would.
        let _ = fs::remove_file(path);
    }
    answer("restore", asked.store.json, Ending::Well, &set_back?)
}

/// Copies a backup to where a journal is to be, durably. Neither the journal nor anything that belongs to
/// it may be there.
fn put_back(from: &Path, to: &Path) -> Result<(), StoreError> {
    for taken in ["", "-wal", "-shm", "-journal"].map(|suffix| with_suffix(to, suffix)) {
        if taken.exists() {
            return Err(StoreError::InTheWay(taken));
        }
    }
    let part = with_suffix(to, ".part");
    let copied = fs::copy(from, &part)
        .map_err(|source| StoreError::Io { path: from.to_owned(), source })
        .and_then(|_| {
            publish(&part, to).map_err(|source| StoreError::Io { path: to.to_owned(), source })
        });
    if copied.is_err() {
        // What failed says more than that half a copy could not be removed.
        let _ = fs::remove_file(&part);
    }
    copied
}

/// Gives a copy its name once it is on the disk.
fn publish(part: &Path, to: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl fmt::Display for SetBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { journal, backup, rollouts } = self;
        if let Some(backup) = backup {
            writeln!(f, "{backup} was put in the place of {journal}")?;
        }
        writeln!(
            f,
            "{journal} is marked; rollouts that are not over: {rollouts}. Each halts before it sends anything, and asks \
             what to do"
        )
    }
}
