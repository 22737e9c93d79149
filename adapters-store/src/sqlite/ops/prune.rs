//! What is old is forgotten, a few rollouts at a time, so that no commit waits long.

use rusqlite::params;
use tidegate_core::{Pruned, Timestamp};

use crate::sqlite::{columns::time, error::Op, writer::Tx};

/// Rollouts in one transaction.
const AT_ONCE: i64 = 32;

/// Pages given back to the file system in one transaction: 4 MiB.
const PAGES: i64 = 1_024;

/// Forgets looks of some rollouts that ended before `limit`. Nothing when there are no more.
pub(in crate::sqlite) fn prune_looks(tx: &Tx<'_>, limit: Timestamp) -> Op<Option<Pruned>> {
    let mut old = tx.conn.prepare_cached(
        "SELECT id FROM rollout WHERE over = 1 AND ended < ?
             AND EXISTS (SELECT 1 FROM look WHERE look.rollout = rollout.id) LIMIT ?",
    )?;
    let old = old.query_map([time(limit), AT_ONCE], |row| row.get(0))?;
    let old = old.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut pruned = Pruned::default();
    for rollout in &old {
        pruned.looks += forget(tx, "DELETE FROM look WHERE rollout = ?", *rollout)?;
    }
    Ok((!old.is_empty()).then_some(pruned))
}

/// Forgets some rollouts that ended before `limit`. Nothing when there are no more.
pub(in crate::sqlite) fn prune_rollouts(tx: &Tx<'_>, limit: Timestamp) -> Op<Option<Pruned>> {
    let mut old =
        tx.conn.prepare_cached("SELECT id FROM rollout WHERE over = 1 AND ended < ? LIMIT ?")?;
    let old = old.query_map([time(limit), AT_ONCE], |row| row.get(0))?;
    let old = old.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut pruned = Pruned::default();
    for rollout in &old {
        keep_last_place(tx, *rollout)?;
        pruned.looks += forget(tx, "DELETE FROM look WHERE rollout = ?", *rollout)?;
        for table in [
            "DELETE FROM record WHERE rollout = ?",
            "DELETE FROM bare_commit WHERE rollout = ?",
            "DELETE FROM command WHERE rollout = ?",
            "DELETE FROM head WHERE rollout = ?",
            "DELETE FROM rollout WHERE id = ?",
        ] {
            forget(tx, table, *rollout)?;
        }
        pruned.rollouts += 1;
    }
    Ok((!old.is_empty()).then_some(pruned))
}

fn forget(tx: &Tx<'_>, sql: &str, rollout: i64) -> Op<u64> {
    Ok(tx.conn.prepare_cached(sql)?.execute([rollout])? as u64)
}

/// The place of the newest record is not given out again: the mark beside the file tells by it
/// whether the file was set back. One empty record of rollout 0 keeps it.
fn keep_last_place(tx: &Tx<'_>, rollout: i64) -> Op<()> {
    let newest = "SELECT max(pos) FROM record";
    let mut keep = tx.conn.prepare_cached(&format!(
        "UPDATE record SET rollout = 0, seq = pos, body = '' \
         WHERE pos = ({newest}) AND rollout = ?"
    ))?;
    if keep.execute(params![rollout])? == 1 {
        let mut others = tx.conn.prepare_cached(&format!(
            "DELETE FROM record WHERE rollout = 0 AND pos < ({newest})"
        ))?;
        others.execute([])?;
    }
    Ok(())
}

/// Gives some free pages back to the file system; how many are left.
pub(in crate::sqlite) fn compact(tx: &Tx<'_>) -> Op<u64> {
    let mut vacuum = tx.conn.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = vacuum.query([])?;
    // Each step frees one page.
    while steps.next()?.is_some() {}
    let left = tx.conn.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0))?;
    Ok(left.max(0).unsigned_abs())
}
