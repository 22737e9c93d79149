//! How the core's numbers stand in SQLite's columns, which are signed.
//!
//! Must not know any table.

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};
use tidegate_core::Timestamp;

/// An id or a counter: the same 64 bits.
pub(super) const fn id(number: u64) -> i64 {
    number.cast_signed()
}

/// What [`id`] came from.
pub(super) const fn number(column: i64) -> u64 {
    column.cast_unsigned()
}

/// An instant, so that columns sort as instants do. Past the year 292 million all are one.
pub(super) fn time(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// What [`time`] came from.
pub(super) fn instant(column: i64) -> Timestamp {
    if column == i64::MAX { Timestamp::MAX } else { Timestamp(column.max(0).unsigned_abs()) }
}

/// Bytes of JSON, stored as text, which ordinary tools show.
pub(super) struct Json<'a>(pub(super) &'a [u8]);

impl ToSql for Json<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// The bytes of a column, be it text or a blob.
pub(super) fn bytes(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Vec<u8>> {
    let index = row.as_ref().column_index(column)?;
    let value = row.get_ref(index)?;
    let wrong = |_| rusqlite::Error::InvalidColumnType(index, column.to_owned(), value.data_type());
    value.as_bytes().map(<[u8]>::to_vec).map_err(wrong)
}

/// The same where there may be nothing.
pub(super) fn maybe_bytes(
    row: &rusqlite::Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let index = row.as_ref().column_index(column)?;
    match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        _ => bytes(row, column).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_and_instants_keep_their_order() {
        for n in [0, 1, 1 << 62, 1 << 63, u64::MAX] {
            assert_eq!(number(id(n)), n);
        }
        let times = [Timestamp(0), Timestamp(1), Timestamp(1_700_000_000_000), Timestamp::MAX];
        for at in times {
            assert_eq!(instant(time(at)), at);
        }
        assert!(times.is_sorted_by_key(|at| time(*at)));
    }
}
