//! The journal in an SQLite file.

mod child;
mod conformance;
mod damage;
mod full;
mod group;
mod kill;
mod leases;
mod old_files;
mod restore;
mod retention;
mod settings;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use tidegate_store::{Options, SqliteJournal};

/// A place for a journal; removed at the end.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn open(&self) -> SqliteJournal {
        SqliteJournal::open(self.path(), Options::default()).await.unwrap()
    }

    /// The file as any SQLite tool sees it.
    fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

/// Commits in the log since it was last begun anew: frames that say how large the file is after them.
fn commits(journal: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = std::fs::read(journal.with_extension("db-wal")).unwrap();
    let salt = &log[16..24];
    let frames = log[HEADER..].chunks_exact(FRAME).take_while(|frame| &frame[8..16] == salt);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}
