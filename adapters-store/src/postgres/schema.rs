//! The tables and their versions. Knows nothing of what is in them.

use tokio_postgres::Client;

use super::options::ConnectError;

/// What makes each version out of the one before.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// The version that this library works with.
const FORMAT: i32 = MIGRATIONS.len() as i32;

/// Where the timeline can be read at once after a promotion; the control file follows later.
pub(super) const SERVER: &str = "(SELECT system_identifier FROM pg_control_system()) AS system_id,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint AS timeline";

/// Brings the tables up to [`FORMAT`], in one transaction; of several processes one does.
pub(super) async fn migrate(client: &mut Client, schema: &str) -> Result<(), ConnectError> {
    if format(client, schema).await? == Some(FORMAT) {
        return Ok(());
    }
    let changes = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('tidegate ' || $1, 0))";
    changes.execute(lock, &[&schema]).await?;
    let found = format(changes.client(), schema).await?;
    if let Some(found) = found.filter(|found| *found > FORMAT) {
        let schema = schema.to_owned();
        return Err(ConnectError::Later { schema, found, known: FORMAT });
    }
    let exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    if !changes.query_one(exists, &[&schema]).await?.get::<_, bool>(0) {
        changes.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    let done = found.and_then(|found| usize::try_from(found).ok()).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(done) {
        changes.batch_execute(migration).await?;
    }
    if found.is_none() {
        let row = format!(
            "INSERT INTO meta (format, journal, system_id, timeline)
             SELECT $1, hashtextextended(gen_random_uuid()::text, 0), {SERVER}"
        );
        changes.execute(&row, &[&FORMAT]).await?;
    } else {
        changes.execute("UPDATE meta SET format = $1", &[&FORMAT]).await?;
    }
    changes.commit().await?;
    Ok(())
}

/// The version of the tables; `None` when there are none.
async fn format(client: &Client, schema: &str) -> Result<Option<i32>, ConnectError> {
    // Not `to_regclass`: what that remembers may be from before the lock was waited for.
    let exists = "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname = $1 AND relname = 'meta')";
    if client.query_one(exists, &[&schema]).await?.get(0) {
        let found = client.query_opt("SELECT format FROM meta", &[]).await?;
        return Ok(found.map(|row| row.get(0)));
    }
    Ok(None)
}
