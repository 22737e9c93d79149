//! Claims: one rollout, or all that is due.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use tidegate_core::{EngineId, JournalError, RolloutId, Serves, Take, Target, Timestamp};

use super::engines;
use crate::codec::corrupt;
use crate::sqlite::{
    columns::{id, instant, number, time},
    error::{Op, Stop, is_of_a_row},
    stored::{Found, Tail, head_bytes, inbox_bytes, record_at},
    writer::Tx,
};

pub(in crate::sqlite) fn claim(
    tx: &Tx<'_>,
    rollout: RolloutId,
    by: EngineId,
    kind: Take,
) -> Op<Result<Found, JournalError>> {
    engines::check(tx, by)?;
    let mut holder = tx.conn.prepare_cached("SELECT holder FROM rollout WHERE id = ?")?;
    let holder = holder.query_row([id(rollout.0)], |row| row.get::<_, Option<i64>>(0));
    let holder = holder.optional()?.ok_or(JournalError::Unknown(rollout))?;
    if kind == Take::Free
        && let Some(other) = holder.filter(|other| *other != id(by.0))
        && let Some(name) = engines::listed(tx, other)?
    {
        return Err(JournalError::Held { rollout, by: name }.into());
    }
    take(tx, rollout, by)
}

/// Claims it, and finds what a claim gives. What can not be read is claimed all the same.
fn take(tx: &Tx<'_>, rollout: RolloutId, by: EngineId) -> Op<Result<Found, JournalError>> {
    let mut take = tx.conn.prepare_cached(
        "UPDATE rollout SET epoch = epoch + 1, version = version + 1, holder = ?
         WHERE id = ? RETURNING epoch, version, restored, last_seq, chain",
    )?;
    let row = take.query_row([id(by.0), id(rollout.0)], |row| {
        let restored: Option<u32> = row.get(2)?;
        Ok((number(row.get(0)?), number(row.get(1)?), restored, Tail::of(row)?))
    });
    let found = row.map_err(Stop::from).and_then(|(epoch, version, restored, tail)| {
        let last = tail.last_seq;
        let head = head_bytes(tx.conn, rollout)?;
        let inbox = inbox_bytes(tx.conn, rollout)?;
        let (first, last) = (record_at(tx.conn, rollout, 1)?, record_at(tx.conn, rollout, last)?);
        Ok(Found { rollout, epoch, version, restored, tail, head, first, last, inbox })
    });
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(Stop::Refused(error)) => Ok(Err(error)),
        Err(Stop::Failed(error)) if is_of_a_row(&error) => {
            Ok(Err(corrupt(rollout, format!("SQLite: {error}"))))
        }
        Err(error) => Err(error),
    }
}

/// What there is to do for one engine, not yet decoded.
pub(in crate::sqlite) struct Due {
    pub(in crate::sqlite) claimed: Vec<(RolloutId, Result<Found, JournalError>)>,
    pub(in crate::sqlite) commanded: Vec<RolloutId>,
    pub(in crate::sqlite) next: Option<Timestamp>,
}

pub(in crate::sqlite) fn claim_due(
    tx: &Tx<'_>,
    by: EngineId,
    serves: &Serves,
    now: Timestamp,
    limit: usize,
) -> Op<Due> {
    engines::check(tx, by)?;
    // Those that it holds already, before it is given more.
    let commanded = commanded(tx, by, serves)?;
    let mut wanted = match serves {
        Serves::Every => wanted_of_every(tx, limit)?,
        Serves::Only(targets) => wanted_of(tx, targets)?,
    };
    wanted.sort_unstable();
    wanted.truncate(limit.saturating_add(1));
    let come = wanted.iter().take(limit).take_while(|(due, _)| *due <= time(now)).count();
    let next = wanted.get(come).map(|(due, _)| instant(*due));
    let mut claimed = Vec::with_capacity(come);
    for (_, rollout) in &wanted[..come] {
        let rollout = RolloutId(number(*rollout));
        claimed.push((rollout, take(tx, rollout, by)?));
    }
    Ok(Due { claimed, commanded, next })
}

/// What nobody holds who is listed, with when it is due: the earliest ones, and one more than `limit`
/// at least, if there are so many.
fn wanted_of_every(tx: &Tx<'_>, limit: usize) -> Op<Vec<(i64, i64)>> {
    let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut free = tx.conn.prepare_cached(
        "SELECT wanted, id FROM rollout INDEXED BY rollout_due
         WHERE holder IS NULL AND wanted IS NOT NULL ORDER BY wanted, id LIMIT ?",
    )?;
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut wanted = free.query_map([one_more], pair)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut orphans = tx.conn.prepare_cached(
        "SELECT 0, id FROM rollout INDEXED BY rollout_held
         WHERE holder = ? AND over = 0 ORDER BY id LIMIT ?",
    )?;
    for engine in engines::vanished(tx)? {
        let orphans = orphans.query_map([engine, one_more], pair)?;
        wanted.extend(orphans.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(wanted)
}

/// The same of some targets. Whatever is not over is what its target names as active or as waiting, so
/// that the rollouts of other targets cost nothing, however many are due.
fn wanted_of(tx: &Tx<'_>, targets: &BTreeSet<Target>) -> Op<Vec<(i64, i64)>> {
    let vanished = engines::vanished(tx)?;
    let mut current = tx.conn.prepare_cached(
        "SELECT rollout.id, holder, wanted FROM target
         JOIN rollout ON rollout.id IN (active, waiting) WHERE name = ? AND over = 0",
    )?;
    let mut wanted = Vec::new();
    for target in targets {
        let mut rows = current.query([target.as_str()])?;
        while let Some(row) = rows.next()? {
            let (rollout, holder): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
            let due = match holder {
                None => row.get(2)?,
                Some(holder) => vanished.contains(&holder).then_some(0),
            };
            wanted.extend(due.map(|due| (due, rollout)));
        }
    }
    Ok(wanted)
}

fn commanded(tx: &Tx<'_>, by: EngineId, serves: &Serves) -> Op<Vec<RolloutId>> {
    let mut commanded = tx.conn.prepare_cached(
        "SELECT id, target FROM rollout WHERE holder = ? AND unread > 0 AND over = 0 ORDER BY id",
    )?;
    let commanded = commanded.query_map(params![id(by.0)], |row| {
        Ok((RolloutId(number(row.get(0)?)), Target::from(row.get::<_, String>(1)?)))
    })?;
    let commanded = commanded.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(commanded.into_iter().filter(|(_, of)| serves.includes(of)).map(|(id, _)| id).collect())
}
