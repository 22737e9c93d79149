//! Opening a rollout: one transaction, which holds the target for as long as it runs.

use tidegate_core::{
    Actor, Command, CommandId, Generation, Identity, JournalError, Opening, Order, RolloutId,
    record::{FORMAT, Head, LOGIC},
};

use super::{
    number::{given, instant, stored},
    pool::{Database, Failed, Open},
    text,
};
use crate::chain::Link;

/// Ids of the commands that the journal itself gives, far above what people's clients count to.
const SUPERSEDES_FROM: i64 = 1 << 62;

/// The target's state before this opening.
struct Holder {
    generation: u64,
    active: Option<i64>,
    waiting: Option<i64>,
}

pub(super) async fn open(database: &Database, opening: Opening) -> Result<Head, JournalError> {
    let mut connection = database.connection().await.map_err(Failed::unavailable)?;
    let transaction = connection.begin().await.map_err(Failed::unavailable)?;
    let head = match write(&transaction, opening).await {
        Ok(head) => head,
        Err(refused @ JournalError::Busy { .. }) => {
            transaction.rollback().await.map_err(Failed::unavailable)?;
            connection.keep();
            return Err(refused);
        }
        Err(error) => return Err(error),
    };
    let rollout = head.identity.rollout;
    transaction.commit().await.map_err(|failed| failed.commit_of(rollout))?;
    connection.keep();
    Ok(head)
}

async fn write(transaction: &Open<'_>, opening: Opening) -> Result<Head, JournalError> {
    let target = opening.plan.target().clone();
    let holder = lock(transaction, target.as_str()).await.map_err(Failed::unavailable)?;
    let follows = opening.after.as_ref().map(|(before, _)| stored(before.0));
    if let Some(active) = holder.active.filter(|active| follows != Some(*active)) {
        return Err(JournalError::Busy { target, active: RolloutId(given(active)) });
    }
    let after = opening.after.clone().filter(|(before, _)| holder.active == Some(stored(before.0)));
    let rollout = draw(transaction).await.map_err(Failed::unavailable)?;
    if let Some((before, actor)) = &after {
        supersede(transaction, *before, rollout, actor).await?;
    }
    if let Some(replaced) = holder.waiting {
        close(transaction, replaced).await.map_err(Failed::unavailable)?;
    }
    let generation = Generation(holder.generation + 1);
    let head = Head {
        format: FORMAT,
        logic: LOGIC,
        identity: Identity { rollout, generation },
        plan: opening.plan,
        revisions: opening.revisions,
        found: opening.found,
        at: opening.at,
        after: after.map(|(before, _)| before),
        retry_of: opening.retry_of,
    };
    insert(transaction, &head).await?;
    let (active, waiting) = match holder.active {
        None => (stored(rollout.0), None),
        Some(active) => (active, Some(stored(rollout.0))),
    };
    let sql = "UPDATE target SET generation = $2, active = $3, waiting = $4 WHERE name = $1";
    let changed =
        transaction.rows(sql, &[&target.as_str(), &stored(generation.0), &active, &waiting]).await;
    changed.map_err(Failed::unavailable)?;
    Ok(head)
}

/// Holds the target until the transaction ends.
async fn lock(transaction: &Open<'_>, target: &str) -> Result<Holder, Failed> {
    let first = "INSERT INTO target (name, generation) VALUES ($1, 0) ON CONFLICT DO NOTHING";
    transaction.rows(first, &[&target]).await?;
    let sql = "SELECT generation, active, waiting FROM target WHERE name = $1 FOR UPDATE";
    let row = transaction.row(sql, &[&target]).await?;
    let row = row.ok_or_else(|| Failed::Before("a target vanished".into()))?;
    let generation = given(row.get(0));
    Ok(Holder { generation, active: row.get(1), waiting: row.get(2) })
}

/// The next number. Held until the end, so that numbers rise in the order of the commits.
async fn draw(transaction: &Open<'_>) -> Result<RolloutId, Failed> {
    let sql = "UPDATE meta SET last_rollout = last_rollout + 1 RETURNING last_rollout";
    let row = transaction.row(sql, &[]).await?;
    let row = row.ok_or_else(|| Failed::Before("the journal has lost its meta row".into()))?;
    Ok(RolloutId(given(row.get(0))))
}

async fn supersede(
    transaction: &Open<'_>,
    before: RolloutId,
    by: RolloutId,
    actor: &Actor,
) -> Result<(), JournalError> {
    // The row first, as whoever submits a command does: two must not draw one id.
    let unread = "UPDATE rollout SET unread = unread + 1 WHERE id = $1";
    let counted = transaction.rows(unread, &[&stored(before.0)]).await;
    counted.map_err(Failed::unavailable)?;
    let fresh = "SELECT coalesce(max(id), $2::bigint - 1) + 1 FROM command
        WHERE rollout = $1 AND id >= $2";
    let row = transaction.row(fresh, &[&stored(before.0), &SUPERSEDES_FROM]).await;
    let id: i64 = row.map_err(Failed::unavailable)?.map_or(SUPERSEDES_FROM, |row| row.get(0));
    let command = Command {
        id: CommandId(given(id)),
        actor: actor.clone(),
        reason: format!("superseded by {by}"),
        order: Order::Supersede { by },
    };
    let body = text(before, &command)?;
    let sql = "INSERT INTO command (rollout, id, body) VALUES ($1, $2, $3)";
    let added = transaction.rows(sql, &[&stored(before.0), &id, &body]).await;
    added.map_err(Failed::unavailable)?;
    Ok(())
}

/// Ends a rollout that waited and never started.
async fn close(transaction: &Open<'_>, replaced: i64) -> Result<(), Failed> {
    let sql = "UPDATE rollout SET over = true, version = version + 1, due = NULL,
        ended = coalesce((SELECT at FROM journal WHERE rollout = id AND journal.seq = rollout.seq), opened)
        WHERE id = $1";
    transaction.rows(sql, &[&replaced]).await?;
    Ok(())
}

async fn insert(transaction: &Open<'_>, head: &Head) -> Result<(), JournalError> {
    let rollout = head.identity.rollout;
    let body = text(rollout, head)?;
    let hash = Link::first(body.as_bytes());
    let due = head.after.is_none().then(|| instant(head.at));
    let row = "INSERT INTO rollout (id, target, generation, hash, opened, due, holder)
        VALUES ($1, $2, $3, $4, $5, $6, NULL)";
    let first = "INSERT INTO head (rollout, hash, body) VALUES ($1, $2, $3)";
    let id = stored(rollout.0);
    let (generation, opened) = (stored(head.identity.generation.0), instant(head.at));
    let target = head.plan.target().as_str();
    let bytes = &hash.0[..];
    let added = transaction.rows(row, &[&id, &target, &generation, &bytes, &opened, &due]).await;
    added.map_err(Failed::unavailable)?;
    let added = transaction.rows(first, &[&id, &bytes, &body]).await;
    added.map_err(Failed::unavailable)?;
    Ok(())
}
