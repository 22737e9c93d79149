//! Commands go into a rollout's inbox, once each.

use rusqlite::{OptionalExtension, params};
use tidegate_core::{Actor, Command, CommandId, JournalError, Order, RolloutId};

use crate::{
    codec::encode,
    sqlite::{
        columns::{Json, id, number},
        error::Op,
        writer::Tx,
    },
};

/// Where ids of the commands that the journal itself gives begin, far above what people's clients
/// count to.
const SUPERSEDES_FROM: u64 = 1 << 62;

/// And where they end, so that a client's large id does not push them out of range.
const SUPERSEDES_TO: u64 = SUPERSEDES_FROM + (1 << 61);

pub(in crate::sqlite) fn submit(tx: &Tx<'_>, rollout: RolloutId, command: &Command) -> Op<()> {
    let mut known = tx.conn.prepare_cached("SELECT 1 FROM rollout WHERE id = ?")?;
    if !known.exists([id(rollout.0)])? {
        return Err(JournalError::Unknown(rollout).into());
    }
    insert(tx, rollout, command)
}

/// It does not change the version: a person who gives a command must not make the engine's commit
/// fail.
fn insert(tx: &Tx<'_>, rollout: RolloutId, command: &Command) -> Op<()> {
    let body = encode(rollout, command)?;
    let mut insert = tx.conn.prepare_cached(
        "INSERT INTO command (rollout, id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    if insert.execute(params![id(rollout.0), id(command.id.0), Json(&body)])? == 1 {
        let mut more =
            tx.conn.prepare_cached("UPDATE rollout SET unread = unread + 1 WHERE id = ?")?;
        more.execute([id(rollout.0)])?;
    }
    Ok(())
}

/// Tells an active rollout that another is to follow it.
pub(super) fn supersede(tx: &Tx<'_>, before: RolloutId, by: RolloutId, actor: &Actor) -> Op<()> {
    let mut last = tx
        .conn
        .prepare_cached("SELECT max(id) FROM command WHERE rollout = ? AND id >= ? AND id < ?")?;
    let range = [id(before.0), id(SUPERSEDES_FROM), id(SUPERSEDES_TO)];
    let last: Option<i64> = last.query_row(range, |row| row.get(0)).optional()?.flatten();
    let command = Command {
        id: CommandId(last.map_or(SUPERSEDES_FROM, |last| number(last) + 1)),
        actor: actor.clone(),
        reason: format!("superseded by {by}"),
        order: Order::Supersede { by },
    };
    insert(tx, before, &command)
}
