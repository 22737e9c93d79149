//! Which engines are listed, and until when: by the clock that all processes of the host share.

use rusqlite::{OptionalExtension, params};
use tidegate_core::{EngineId, JournalError, Listed, Span, Timestamp};

use crate::sqlite::{
    clock::length,
    columns::{id, number},
    error::Op,
    writer::Tx,
};

/// How long an engine that has lapsed is told so: two days, where the contract asks for one.
const KEPT_MS: i64 = 2 * 24 * 3_600_000;

/// When a lease has not lapsed. One that ends much later than it could is of a clock that was set
/// back.
macro_rules! in_force {
    () => {
        "boot = ?1 AND until_ms > ?2 AND until_ms - 2 * lease_ms <= ?2"
    };
}
pub(in crate::sqlite) use in_force;

pub(in crate::sqlite) fn enlist(tx: &Tx<'_>, name: &str, lease: Span) -> Op<Listed> {
    let mut before = tx.conn.prepare_cached("SELECT id FROM engine WHERE name = ?")?;
    if let Some(before) = before.query_row([name], |row| row.get(0)).optional()? {
        strike(tx, before)?;
    }
    forget_lapsed(tx)?;
    let mut next = tx
        .conn
        .prepare_cached("UPDATE meta SET last_engine = last_engine + 1 RETURNING last_engine")?;
    let engine: i64 = next.query_row([], |row| row.get(0))?;
    let mut insert = tx.conn.prepare_cached("INSERT INTO engine VALUES (?, ?, ?, ?, ?)")?;
    let (boot, until) = (&tx.steady.boot, tx.steady.until(lease));
    insert.execute(params![engine, name, boot, length(lease), until])?;
    Ok(Listed { engine: EngineId(number(engine)), at: tx.wall })
}

pub(in crate::sqlite) fn renew(tx: &Tx<'_>, engine: EngineId, lease: Span) -> Op<Timestamp> {
    check(tx, engine)?;
    let mut renew =
        tx.conn.prepare_cached("UPDATE engine SET lease_ms = ?, until_ms = ? WHERE id = ?")?;
    renew.execute(params![length(lease), tx.steady.until(lease), id(engine.0)])?;
    Ok(tx.wall)
}

pub(in crate::sqlite) fn resign(tx: &Tx<'_>, engine: EngineId) -> Op<()> {
    strike(tx, id(engine.0))
}

/// Refuses an engine that is not listed.
pub(super) fn check(tx: &Tx<'_>, engine: EngineId) -> Op<()> {
    if listed(tx, id(engine.0))?.is_some() {
        return Ok(());
    }
    let mut known = tx.conn.prepare_cached("SELECT 1 FROM engine WHERE id = ?")?;
    let lapsed = known.exists([id(engine.0)])?;
    let refused = if lapsed { JournalError::Lapsed } else { JournalError::Unlisted };
    Err(refused(engine).into())
}

/// The name of an engine that is listed.
pub(super) fn listed(tx: &Tx<'_>, engine: i64) -> Op<Option<String>> {
    let mut name = tx.conn.prepare_cached(concat!(
        "SELECT name FROM engine WHERE ",
        in_force!(),
        " AND id = ?3"
    ))?;
    let found = name.query_row(params![tx.steady.boot, tx.steady.now_ms, engine], |row| row.get(0));
    Ok(found.optional()?)
}

/// Engines that hold something and are not listed any more.
pub(super) fn vanished(tx: &Tx<'_>) -> Op<Vec<i64>> {
    // From one holder to the next, however much each of them holds.
    let mut next = tx.conn.prepare_cached(
        "SELECT min(holder) FROM rollout INDEXED BY rollout_held
         WHERE holder IS NOT NULL AND over = 0 AND holder > ?",
    )?;
    let mut vanished = Vec::new();
    let mut last = i64::MIN;
    while let Some(holder) = next.query_row([last], |row| row.get::<_, Option<i64>>(0))? {
        if listed(tx, holder)?.is_none() {
            vanished.push(holder);
        }
        last = holder;
    }
    Ok(vanished)
}

/// What it holds is held by nobody who is listed: that is looked at when work is claimed.
fn strike(tx: &Tx<'_>, engine: i64) -> Op<()> {
    tx.conn.prepare_cached("DELETE FROM engine WHERE id = ?")?.execute([engine])?;
    Ok(())
}

/// Forgets engines that lapsed long ago, or before the host was started.
fn forget_lapsed(tx: &Tx<'_>) -> Op<()> {
    let mut forget =
        tx.conn.prepare_cached("DELETE FROM engine WHERE boot <> ? OR until_ms < ?")?;
    forget.execute(params![tx.steady.boot, tx.steady.now_ms.saturating_sub(KEPT_MS)])?;
    Ok(())
}
