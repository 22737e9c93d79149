//! The file's layout and its versions.
//!
//! A version is the number of scripts that were run. A script is never changed once it was released.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;

/// Script `n` makes version `n + 1`.
const SCRIPTS: &[&str] = &[include_str!("v1.sql")];

/// "tide": what tells a journal from other SQLite databases.
pub(super) const APPLICATION_ID: i64 = 0x7469_6465;

/// Brings the file to the latest version, in one transaction for each.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
    run(conn, path, SCRIPTS)
}

fn run(conn: &mut Connection, path: &Path, scripts: &[&str]) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let known = i64::try_from(scripts.len()).unwrap_or(i64::MAX);
    loop {
        // Only then can no other process be at the same.
        let transaction =
            conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let found = version(&transaction, path)?;
        if found > known {
            return Err(OpenError::Later { path: path.to_owned(), found, known });
        }
        let Some(script) = usize::try_from(found).ok().and_then(|found| scripts.get(found)) else {
            return transaction.rollback().map_err(sqlite);
        };
        transaction.execute_batch(script).map_err(sqlite)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
        transaction.pragma_update(None, "user_version", found + 1).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
    }
}

/// Refuses the database of another program.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    version(conn, path).map(|_| ())
}

/// The version of a journal; 0 of an empty file.
fn version(conn: &Connection, path: &Path) -> Result<i64, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let pragma =
        |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sqlite);
    let (id, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let is_empty = conn.query_row(tables, [], |row| row.get::<_, i64>(0)).map_err(sqlite)? == 0;
    let is_ours = id == APPLICATION_ID && found > 0;
    if is_ours || (is_empty && id == 0) {
        Ok(found)
    } else {
        Err(OpenError::Foreign { path: path.to_owned(), found: id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_version_keeps_its_rows_through_what_follows() {
        let path = Path::new("test");
        let mut conn = Connection::open_in_memory().unwrap();
        run(&mut conn, path, SCRIPTS).unwrap();
        let before: String =
            conn.query_row("SELECT journal FROM meta", [], |row| row.get(0)).unwrap();
        let next = "ALTER TABLE meta ADD COLUMN added INTEGER NOT NULL DEFAULT 7;";
        let scripts: Vec<&str> = SCRIPTS.iter().copied().chain([next]).collect();
        run(&mut conn, path, &scripts).unwrap();
        run(&mut conn, path, &scripts).unwrap();
        let after: (String, i64) = conn
            .query_row("SELECT journal, added FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(after, (before, 7));
        let refused = run(&mut conn, path, SCRIPTS);
        let known = i64::try_from(SCRIPTS.len()).unwrap();
        let right = matches!(refused, Err(OpenError::Later { found, .. }) if found == known + 1);
        assert!(right, "{refused:?}");
    }

    #[test]
    fn a_script_that_fails_leaves_the_version_before_it() {
        let path = Path::new("test");
        let mut conn = Connection::open_in_memory().unwrap();
        let wrong = "CREATE TABLE half (one INTEGER); CREATE TABLE half (two INTEGER);";
        assert!(run(&mut conn, path, &[SCRIPTS[0], wrong]).is_err());
        assert_eq!(version(&conn, path).unwrap(), 1);
        run(&mut conn, path, &[SCRIPTS[0], "CREATE TABLE half (one INTEGER);"]).unwrap();
        assert_eq!(version(&conn, path).unwrap(), 2);
    }
}
