//! One connection to the file, with the settings that durability rests on read back.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{
    error::OpenError,
    options::{Durability, Options},
    schema,
};

/// Statements that are kept prepared; there are fewer.
const STATEMENTS: usize = 128;

/// Pages of the log after which it is written back: 16 MiB, so that few commits pay for it.
const CHECKPOINT_PAGES: i64 = 4_096;

/// What the log is cut to after it was written back.
const LOG_BYTES: i64 = 64 << 20;

/// A connection that writes; makes the file if there is none.
pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    let mut conn = open(path, options, OpenFlags::SQLITE_OPEN_CREATE)?;
    schema::check(&conn, path)?;
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    // Takes effect in an empty file only, and lets `compact` give space back.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(sqlite)?;
    set(&conn, path, "journal_mode", "wal", "wal")?;
    let synchronous = options.durability.synchronous().to_string();
    set(&conn, path, "synchronous", &synchronous, &synchronous)?;
    if options.durability != Durability::Unsafe {
        // Where a sync stops at the drive's cache, as on macOS. Elsewhere it changes nothing.
        set(&conn, path, "fullfsync", "1", "1")?;
        set(&conn, path, "checkpoint_fullfsync", "1", "1")?;
    }
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(sqlite)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(sqlite)?;
    schema::migrate(&mut conn, path)?;
    Ok(conn)
}

/// A connection that reads, of a file that a writer has made.
pub(super) fn reader(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    let conn = open(path, options, OpenFlags::empty())?;
    set(&conn, path, "query_only", "1", "1")?;
    Ok(conn)
}

fn open(path: &Path, options: &Options, more: OpenFlags) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let conn = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    conn.busy_timeout(options.busy_timeout).map_err(sqlite)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Sets a pragma, and reads it back: SQLite ignores what it can not do.
fn set(
    conn: &Connection,
    path: &Path,
    pragma: &'static str,
    to: &str,
    wanted: &str,
) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    conn.pragma_update(None, pragma, to).map_err(sqlite)?;
    let text = |row: &rusqlite::Row<'_>| match row.get_ref(0)? {
        rusqlite::types::ValueRef::Integer(number) => Ok(number.to_string()),
        _ => row.get::<_, String>(0),
    };
    let found = conn.pragma_query_value(None, pragma, text).map_err(sqlite)?;
    if found == wanted {
        Ok(())
    } else {
        let (path, wanted) = (path.to_owned(), wanted.to_owned());
        Err(OpenError::Weak { path, pragma, wanted, found })
    }
}
