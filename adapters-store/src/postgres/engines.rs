//! Which engines are listed, and until when: by the server's clock and no other. Knows no rollout.

use tidegate_core::{EngineId, JournalError, Listed, Span, Timestamp};

use super::{
    number::{given, stored, timestamp},
    pool::{Database, Failed},
};

/// The server's time, in milliseconds.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// No lease is longer: some thirty years, which the server can add to its time.
const LONGEST: Span = Span(1_000_000_000_000);

fn until(lease: Span) -> i64 {
    stored(lease.0.min(LONGEST.0))
}

/// Lists an engine under a new number. Whoever had the name has a number no more, and what that one
/// held falls to nobody; so it goes with engines that were last heard of more than a day ago.
pub(super) async fn enlist(
    database: &Database,
    name: &str,
    lease: Span,
) -> Result<Listed, JournalError> {
    let sql = format!(
        "WITH gone AS (
             DELETE FROM engine
             WHERE name <> $1 AND id <> 0 AND lease_until < clock_timestamp() - interval '1 day'
         )
         INSERT INTO engine (name, lease_until)
         VALUES ($1, clock_timestamp() + $2::bigint * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id, lease_until = EXCLUDED.lease_until
         RETURNING id, {NOW}"
    );
    let row = database.read_one(&sql, &[&name, &until(lease)]).await?;
    Ok(Listed { engine: EngineId(given(row.get(0))), at: timestamp(row.get(1)) })
}

pub(super) async fn renew(
    database: &Database,
    engine: EngineId,
    lease: Span,
) -> Result<Timestamp, JournalError> {
    let sql = format!(
        "UPDATE engine SET lease_until = clock_timestamp() + $2::bigint * interval '1 millisecond'
         WHERE id = $1 AND id <> 0 RETURNING {NOW}"
    );
    let renewed = database.row(&sql, &[&stored(engine.0), &until(lease)]).await;
    let row = renewed.map_err(Failed::unavailable)?.ok_or(JournalError::Unlisted(engine))?;
    Ok(timestamp(row.get(0)))
}

pub(super) async fn resign(database: &Database, engine: EngineId) -> Result<(), JournalError> {
    let sql = "DELETE FROM engine WHERE id = $1 AND id <> 0";
    database.rows(sql, &[&stored(engine.0)]).await.map_err(Failed::unavailable)?;
    Ok(())
}
