//! The evidence log, and forgetting what is old.

use tidegate_core::{
    CheckIndex, JournalError, Prune, Pruned, Role, RolloutId, StoredLook, Timestamp,
};

use super::{
    number::{given, instant, stored},
    pool::{Database, Failed},
    reading::known,
    text,
};
use crate::codec::decode;

/// All looks or none. Their rollouts can not be pruned meanwhile.
const KEEP: &str = "
    WITH known AS MATERIALIZED (
        SELECT id FROM rollout WHERE id = ANY ($1::bigint[]) ORDER BY id FOR KEY SHARE
    ), missing AS MATERIALIZED (
        SELECT id FROM unnest($1::bigint[]) AS id WHERE id NOT IN (SELECT id FROM known)
    ), kept AS (
        INSERT INTO look (rollout, check_index, role, window_from, window_to, correction, body)
        SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[],
                             $5::bigint[], $6::bigint[], $7::text[])
        WHERE NOT EXISTS (SELECT FROM missing)
        ON CONFLICT DO NOTHING
    )
    SELECT min(id) FROM missing";

const fn name(role: Role) -> &'static str {
    match role {
        Role::Guard => "guard",
        Role::Gate => "gate",
        Role::History => "history",
    }
}

pub(super) async fn keep(database: &Database, looks: &[StoredLook]) -> Result<(), JournalError> {
    let column = |of: fn(&StoredLook) -> i64| looks.iter().map(of).collect::<Vec<i64>>();
    let rollouts = column(|look| stored(look.rollout.0));
    let checks: Vec<i16> = looks.iter().map(|look| i16::from(look.check.0)).collect();
    let roles: Vec<&str> = looks.iter().map(|look| name(look.role)).collect();
    let from = column(|look| instant(look.look.window.from));
    let to = column(|look| instant(look.look.window.to));
    let corrections = column(|look| i64::from(look.correction));
    let body = |look: &StoredLook| text(look.rollout, look);
    let bodies = looks.iter().map(body).collect::<Result<Vec<_>, _>>()?;
    let row = database
        .read_one(KEEP, &[&rollouts, &checks, &roles, &from, &to, &corrections, &bodies])
        .await?;
    let missing: Option<i64> = row.get(0);
    missing.map_or(Ok(()), |id| Err(JournalError::Unknown(RolloutId(given(id)))))
}

pub(super) async fn looks(
    database: &Database,
    rollout: RolloutId,
    check: CheckIndex,
    role: Role,
) -> Result<Vec<StoredLook>, JournalError> {
    let sql = "SELECT DISTINCT ON (window_from, window_to) body FROM look
        WHERE rollout = $1 AND check_index = $2 AND role = $3
        ORDER BY window_from, window_to, correction DESC";
    let rows = database.rows(sql, &[&stored(rollout.0), &i16::from(check.0), &name(role)]).await;
    let rows = rows.map_err(Failed::unavailable)?;
    if rows.is_empty() {
        known(database, rollout).await?;
    }
    let read =
        |row: &tokio_postgres::Row| decode(rollout, "a look", row.get::<_, &str>(0).as_bytes());
    rows.iter().map(read).collect()
}

/// So many rollouts at a time, so that no statement is long.
const BATCH: i64 = 500;

const LOOKS: &str = "
    WITH old AS (
        SELECT id FROM rollout WHERE ended < $1
        AND EXISTS (SELECT FROM look WHERE look.rollout = rollout.id) ORDER BY id LIMIT $2
    ), gone AS (
        DELETE FROM look USING old WHERE look.rollout = old.id RETURNING 1
    )
    SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM gone)";

const ROLLOUTS: &str = "
    WITH old AS MATERIALIZED (
        SELECT id FROM rollout WHERE ended < $1 ORDER BY id LIMIT $2 FOR UPDATE
    ), looks AS (
        DELETE FROM look USING old WHERE look.rollout = old.id RETURNING 1
    ), commands AS (
        DELETE FROM command USING old WHERE command.rollout = old.id
    ), commits AS (
        DELETE FROM bare_commit USING old WHERE bare_commit.rollout = old.id
    ), records AS (
        DELETE FROM journal USING old WHERE journal.rollout = old.id
    ), heads AS (
        DELETE FROM head USING old WHERE head.rollout = old.id
    ), rows AS (
        DELETE FROM rollout USING old WHERE rollout.id = old.id RETURNING 1
    )
    SELECT (SELECT count(*) FROM rows), (SELECT count(*) FROM looks)";

pub(super) async fn prune(database: &Database, what: Prune) -> Result<Pruned, JournalError> {
    let mut pruned = Pruned::default();
    if let Some(before) = what.looks_before {
        pruned.looks += batches(database, LOOKS, before).await?.looks;
    }
    if let Some(before) = what.rollouts_before {
        let gone = batches(database, ROLLOUTS, before).await?;
        pruned.looks += gone.looks;
        pruned.rollouts += gone.rollouts;
    }
    Ok(pruned)
}

async fn batches(
    database: &Database,
    sql: &str,
    before: Timestamp,
) -> Result<Pruned, JournalError> {
    let mut pruned = Pruned::default();
    loop {
        let row = database.read_one(sql, &[&instant(before), &BATCH]).await?;
        let (rollouts, looks): (i64, i64) = (row.get(0), row.get(1));
        pruned.rollouts += given(rollouts);
        pruned.looks += given(looks);
        if rollouts < BATCH {
            return Ok(pruned);
        }
    }
}
