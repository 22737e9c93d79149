//! Inboxes: commands kept once, until a commit consumes them, and what became of each.

use tidegate_core::{Became, Command, CommandId, Ignored, JournalError, RolloutId, Seq};

use super::{
    number::{given, stored},
    pool::{Database, Failed},
    reading::known,
    text,
};
use crate::codec::decode;

/// The row is held first, so that commands are numbered in the order of their commits.
const SUBMIT: &str = "
    WITH row AS MATERIALIZED (
        SELECT id FROM rollout WHERE id = $1 FOR NO KEY UPDATE
    ), fresh AS (
        INSERT INTO command (rollout, id, body) SELECT row.id, $2, $3 FROM row
        ON CONFLICT DO NOTHING RETURNING rollout
    ), counted AS (
        UPDATE rollout SET unread = unread + 1 FROM fresh WHERE rollout.id = fresh.rollout
    )
    SELECT id FROM row";

pub(super) async fn submit(
    database: &Database,
    rollout: RolloutId,
    command: &Command,
) -> Result<(), JournalError> {
    let body = text(rollout, command)?;
    let kept = database.row(SUBMIT, &[&stored(rollout.0), &stored(command.id.0), &body]).await;
    let kept = kept.map_err(|failed| failed.commit_of(rollout))?;
    kept.map(|_| ()).ok_or(JournalError::Unknown(rollout))
}

pub(super) async fn inbox(
    database: &Database,
    rollout: RolloutId,
) -> Result<Vec<Command>, JournalError> {
    let sql = "SELECT body FROM command JOIN rollout ON rollout.id = command.rollout
        WHERE command.rollout = $1 AND command.seq IS NULL AND NOT over ORDER BY pos";
    let rows = database.rows(sql, &[&stored(rollout.0)]).await.map_err(Failed::unavailable)?;
    if rows.is_empty() {
        known(database, rollout).await?;
    }
    let read =
        |row: &tokio_postgres::Row| decode(rollout, "a command", row.get::<_, &str>(0).as_bytes());
    rows.iter().map(read).collect()
}

pub(super) async fn became(
    database: &Database,
    rollout: RolloutId,
    command: CommandId,
) -> Result<Option<Became>, JournalError> {
    let sql = "SELECT command.seq, ignored, over FROM command
        JOIN rollout ON rollout.id = command.rollout
        WHERE command.rollout = $1 AND command.id = $2";
    let row = database.row(sql, &[&stored(rollout.0), &stored(command.0)]).await;
    let Some(row) = row.map_err(Failed::unavailable)? else {
        return known(database, rollout).await.map(|()| None);
    };
    let (seq, ignored): (Option<i64>, Option<&str>) = (row.get(0), row.get(1));
    Ok(Some(match (seq, ignored) {
        (None, _) if row.get(2) => Became::Ignored(Ignored::Terminal),
        (None, _) => Became::Unread,
        (Some(seq), None) => Became::Step(Seq(given(seq))),
        (Some(_), Some(why)) => {
            Became::Ignored(decode(rollout, "why a command was ignored", why.as_bytes())?)
        }
    }))
}
