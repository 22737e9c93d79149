//! Backups: a copy of the journal, made while it is used.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::error::OpenError;

/// Copies one state of `from` into a new file, durably. It says of itself that it is a copy.
pub(super) fn copy(from: &Connection, to: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: to.to_owned(), source };
    if fs::exists(to).map_err(io)? {
        return Err(io(io::ErrorKind::AlreadyExists.into()));
    }
    let part = with_suffix(to, ".part");
    let made = pages(from, &part)
        .map_err(|source| OpenError::Sqlite { path: part.clone(), source })
        .and_then(|()| publish(&part, to).map_err(io));
    if made.is_err() {
        // What failed says more than that half a copy could not be removed.
        let _ = fs::remove_file(&part);
    }
    made
}

fn pages(from: &Connection, part: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut to = Connection::open_with_flags(part, flags)?;
    // All pages in one step are one state, and with a write-ahead log nobody waits for it.
    Backup::new(from, &mut to)?.step(-1)?;
    // Of a copy there is to be one file, without a log beside it.
    to.pragma_update(None, "journal_mode", "delete")?;
    to.execute("UPDATE meta SET is_copy = 1", [])?;
    to.execute("DELETE FROM engine", [])?;
    to.close().map_err(|(_, error)| error)
}

/// Gives the copy its name once it is on the disk.
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
