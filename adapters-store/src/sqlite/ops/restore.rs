//! The store was set back to an earlier state.

use rusqlite::Connection;

/// Numbers left out after a restore: rollouts that were opened, and claims that were made, since the
/// backup had them.
const AFTER_RESTORE: i64 = 1_000_000;

/// Whoever claims what is not over is told a number drawn now, until its next append; nobody holds
/// anything; and no id or epoch that was given out since is given out again.
pub(in crate::sqlite) fn mark_restored(conn: &Connection) -> rusqlite::Result<u32> {
    let drawn = "SELECT random() & 0xffffffff";
    let drawn: u32 = conn.query_row(drawn, [], |row| row.get(0))?;
    conn.execute(
        "UPDATE rollout SET restored = ?, holder = NULL, version = version + 1,
             epoch = epoch + ? WHERE over = 0",
        [i64::from(drawn), AFTER_RESTORE],
    )?;
    conn.execute("DELETE FROM engine", [])?;
    conn.execute(
        "UPDATE meta SET last_rollout = last_rollout + ?1, last_engine = last_engine + ?1,
             is_copy = 0",
        [AFTER_RESTORE],
    )?;
    Ok(drawn)
}
