//! A rollout is opened: its id, its target's generation, and record 0.

use rusqlite::{OptionalExtension, params};
use tidegate_core::{
    Generation, Identity, JournalError, Opening, RolloutId,
    record::{FORMAT, Head, LOGIC},
};

use super::inbox::supersede;
use crate::{
    chain::Link,
    codec::encode,
    sqlite::{
        columns::{Json, id, number, time},
        error::Op,
        writer::Tx,
    },
};

/// How many rollouts a target has had, and which of them are not over.
#[derive(Default)]
struct Holder {
    generation: u64,
    active: Option<RolloutId>,
    waiting: Option<RolloutId>,
}

fn holder(tx: &Tx<'_>, target: &str) -> Op<Holder> {
    let mut holder =
        tx.conn.prepare_cached("SELECT generation, active, waiting FROM target WHERE name = ?")?;
    let holder = holder.query_row([target], |row| {
        let rollout = |id: Option<i64>| id.map(|id| RolloutId(number(id)));
        let (active, waiting) = (rollout(row.get(1)?), rollout(row.get(2)?));
        Ok(Holder { generation: number(row.get(0)?), active, waiting })
    });
    Ok(holder.optional()?.unwrap_or_default())
}

pub(in crate::sqlite) fn open(tx: &Tx<'_>, opening: &Opening) -> Op<Head> {
    let target = opening.plan.target();
    let holder = holder(tx, target.as_str())?;
    let after = opening.after.as_ref();
    let after = after.filter(|(before, _)| holder.active == Some(*before));
    if let Some(active) = holder.active
        && after.is_none()
    {
        return Err(JournalError::Busy { target: target.clone(), active }.into());
    }
    let rollout = next_rollout(tx)?;
    let head = Head {
        format: FORMAT,
        logic: LOGIC,
        identity: Identity { rollout, generation: Generation(holder.generation + 1) },
        plan: opening.plan.clone(),
        revisions: opening.revisions.clone(),
        found: opening.found.clone(),
        at: opening.at,
        after: after.map(|(before, _)| *before),
        retry_of: opening.retry_of,
    };
    insert(tx, &head)?;
    if let Some((before, actor)) = after {
        supersede(tx, *before, rollout, actor)?;
    }
    if let Some(replaced) = holder.waiting {
        close(tx, replaced)?;
    }
    hand_over(tx, &head, holder.active)?;
    Ok(head)
}

fn next_rollout(tx: &Tx<'_>) -> Op<RolloutId> {
    let mut next = tx
        .conn
        .prepare_cached("UPDATE meta SET last_rollout = last_rollout + 1 RETURNING last_rollout")?;
    Ok(RolloutId(number(next.query_row([], |row| row.get(0))?)))
}

/// Due at once, unless it waits for another.
fn insert(tx: &Tx<'_>, head: &Head) -> Op<()> {
    let rollout = head.identity.rollout;
    let body = encode(rollout, head)?;
    let due = head.after.is_none().then_some(time(head.at));
    let mut row = tx.conn.prepare_cached(
        "INSERT INTO rollout
             (id, target, generation, opened, version, epoch, due, unread, over, last_seq, chain)
         VALUES (?, ?, ?, ?, 0, 0, ?, 0, 0, 0, ?)",
    )?;
    row.execute(params![
        id(rollout.0),
        head.plan.target().as_str(),
        id(head.identity.generation.0),
        time(head.at),
        due,
        Link::first(&body).0,
    ])?;
    let mut record_0 = tx.conn.prepare_cached("INSERT INTO head VALUES (?, ?)")?;
    record_0.execute(params![id(rollout.0), Json(&body)])?;
    Ok(())
}

/// Ends one that waited, and was replaced before it ever started.
fn close(tx: &Tx<'_>, replaced: RolloutId) -> Op<()> {
    let mut close = tx.conn.prepare_cached(
        "UPDATE rollout SET version = version + 1, over = 1, due = NULL, holder = NULL,
             ended = coalesce(
                 (SELECT at FROM record WHERE rollout = rollout.id AND seq = last_seq), opened)
         WHERE id = ?",
    )?;
    close.execute([id(replaced.0)])?;
    Ok(())
}

fn hand_over(tx: &Tx<'_>, head: &Head, before: Option<RolloutId>) -> Op<()> {
    let rollout = id(head.identity.rollout.0);
    let (active, waiting) = match before {
        None => (rollout, None),
        Some(before) => (id(before.0), Some(rollout)),
    };
    let mut hand = tx.conn.prepare_cached("INSERT OR REPLACE INTO target VALUES (?, ?, ?, ?)")?;
    let generation = id(head.identity.generation.0);
    hand.execute(params![head.plan.target().as_str(), generation, active, waiting])?;
    Ok(())
}
