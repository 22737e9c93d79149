//! Rollouts and targets as they stand, for whoever looks.

use tidegate_core::{
    Active, Epoch, Generation, JournalError, RolloutId, Row, RowVersion, Select, Target,
};

use super::{
    number::{given, stored, timestamp},
    pool::{Database, Failed},
};

const LIST: &str = "
    SELECT rollout.id, target, generation, version, epoch, opened,
           CASE WHEN NOT over THEN due END, engine.name, CASE WHEN over THEN 0 ELSE unread END, over
    FROM rollout
    LEFT JOIN engine ON engine.id = holder AND lease_until > clock_timestamp() AND NOT over
    WHERE ($1::text IS NULL OR target = $1) AND ($2::bool IS NULL OR over = $2)
          AND ($3::bigint IS NULL OR rollout.id < $3)
    ORDER BY rollout.id DESC LIMIT $4";

pub(super) async fn list(database: &Database, select: &Select) -> Result<Vec<Row>, JournalError> {
    let target = select.target.as_ref().map(Target::as_str);
    let before = select.before.map(|rollout| stored(rollout.0));
    let limit = i64::try_from(select.limit).unwrap_or(i64::MAX);
    let rows = database.rows(LIST, &[&target, &select.over, &before, &limit]).await;
    Ok(rows.map_err(Failed::unavailable)?.iter().map(row).collect())
}

fn row(row: &tokio_postgres::Row) -> Row {
    Row {
        rollout: RolloutId(given(row.get(0))),
        target: Target::from(row.get::<_, &str>(1)),
        generation: Generation(given(row.get(2))),
        version: RowVersion(given(row.get(3))),
        epoch: Epoch(given(row.get(4))),
        opened: timestamp(row.get(5)),
        due: row.get::<_, Option<i64>>(6).map(timestamp),
        holder: row.get(7),
        unread: given(row.get(8)),
        over: row.get(9),
    }
}

pub(super) async fn active(
    database: &Database,
    target: &Target,
) -> Result<Option<Active>, JournalError> {
    let sql = "SELECT active, generation, waiting FROM target
        WHERE name = $1 AND active IS NOT NULL";
    let row = database.row(sql, &[&target.as_str()]).await.map_err(Failed::unavailable)?;
    Ok(row.map(|row| Active {
        rollout: RolloutId(given(row.get(0))),
        generation: Generation(given(row.get(1))),
        waiting: row.get::<_, Option<i64>>(2).map(|id| RolloutId(given(id))),
    }))
}
