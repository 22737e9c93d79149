//! The mark: a small file beside the journal that says how far the journal has come.
//!
//! It is written after a commit is durable, and never synced itself, so it may lag behind the journal
//! and is never ahead of it. A journal that is behind its mark was set back to an earlier state. A
//! mark that is torn or lost can hide that, and can make a journal look set back that was not; it
//! can do no other harm.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OptionalExtension};

/// How far a journal has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which journal.
    pub(super) journal: String,
    /// The place of its last record; 0 before the first.
    pub(super) pos: i64,
    /// The attempt that wrote it.
    pub(super) attempt: i64,
}

impl Mark {
    /// Where the journal stands.
    pub(super) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        let journal = conn.query_row("SELECT journal FROM meta", [], |row| row.get(0))?;
        let last = "SELECT pos, attempt FROM record ORDER BY pos DESC LIMIT 1";
        let last = conn.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (pos, attempt) = last.unwrap_or_default();
        Ok(Self { journal, pos, attempt })
    }

    /// Whether the journal is behind this mark, or is another one.
    pub(super) fn is_missing_in(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let now = Self::of(conn)?;
        if self.journal != now.journal || self.pos > now.pos {
            return Ok(true);
        }
        // What was pruned can not be compared.
        let there = "SELECT attempt FROM record WHERE pos = ?";
        let there = conn.query_row(there, [self.pos], |row| row.get::<_, i64>(0)).optional()?;
        Ok(there.is_some_and(|attempt| attempt != self.attempt))
    }

    fn line(&self) -> String {
        format!("{HEADING}{} {:020} {:016x}\n", self.journal, self.pos, self.attempt)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(HEADING)?.strip_suffix('\n')?.split(' ');
        let (journal, pos, attempt) = (words.next()?, words.next()?, words.next()?);
        let attempt = u64::from_str_radix(attempt, 16).ok()?.cast_signed();
        let mark = Self { journal: journal.to_owned(), pos: pos.parse().ok()?, attempt };
        words.next().is_none().then_some(mark)
    }
}

const HEADING: &str = "tidegate journal mark 1: ";

/// The file that holds the mark of a journal.
#[derive(Debug)]
pub(super) struct MarkFile(File);

impl MarkFile {
    /// Opens the mark of the journal at `path`, and reads it. There is none beside a new journal.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Mark>)> {
        let place = place(path);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&place)?;
        let mut line = String::new();
        let mark = match file.read_to_string(&mut line) {
            Ok(_) => Mark::parse(&line),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(error),
        };
        if mark.is_none() && !line.is_empty() {
            tracing::warn!(mark = %place.display(), "the mark of a journal can not be read");
        }
        Ok((Self(file), mark))
    }

    pub(super) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        // Every line of one journal is as long as the one it covers.
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(mark.line().as_bytes())
    }
}

/// The name of the journal with `-mark` after it, as SQLite adds `-wal`.
pub(super) fn place(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-mark");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is() {
        let mark = Mark { journal: "0f".repeat(16), pos: 42, attempt: -7 };
        let line = mark.line();
        assert_eq!(Mark::parse(&line), Some(mark.clone()));
        let longer = Mark { pos: i64::MAX, attempt: 0, ..mark };
        assert_eq!(longer.line().len(), line.len());
        for torn in ["", "\n", &line[..line.len() - 1], &line[4..], &format!("{line}{line}")] {
            assert_eq!(Mark::parse(torn), None, "{torn:?}");
        }
    }
}
