//! Who holds a rollout: claims, by number or of what is due, and giving them up.
//!
//! A claim is two statements. The first takes the row, and waits for whoever writes it; the second
//! reads what belongs to it, and so sees what that one wrote.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tidegate_core::{
    Claimed, EngineId, Epoch, JournalError, RolloutId, RowVersion, Serves, Take, Target, Timestamp,
    Work,
};

use super::{
    PostgresJournal, engines,
    number::{given, instant, stored, timestamp},
    pool::{Database, Failed},
    reading,
};

/// Claims of what is due whose answers were lost, with the engines that made them. What they took is
/// held by an engine that does not know it, so its next claim takes it again.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Mutex<Vec<(EngineId, i64)>>);

impl Unanswered {
    fn calls(&self) -> MutexGuard<'_, Vec<(EngineId, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, engine: EngineId) -> Vec<i64> {
        self.calls().iter().filter(|(by, _)| *by == engine).map(|(_, call)| *call).collect()
    }

    /// Counts as lost until it is answered, also when its caller goes away.
    fn call(&self, engine: EngineId) -> Call<'_> {
        Call { unanswered: self, engine, id: fresh(), answered: false }
    }
}

/// A number that no other call has.
fn fresh() -> i64 {
    stored(RandomState::new().hash_one(()))
}

struct Call<'a> {
    unanswered: &'a Unanswered,
    engine: EngineId,
    id: i64,
    answered: bool,
}

impl Call<'_> {
    /// It is answered, and so are the earlier ones that it took again.
    fn answered(mut self, earlier: &[i64]) {
        self.answered = true;
        self.unanswered.calls().retain(|(_, call)| !earlier.contains(call));
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.unanswered.calls().push((self.engine, self.id));
        }
    }
}

/// The engine first, then the rollout, as whoever strikes an engine off takes them.
const CLAIM: &str = "
    WITH by AS MATERIALIZED (
        SELECT id FROM engine WHERE id = $2 AND lease_until > clock_timestamp() FOR KEY SHARE
    )
    UPDATE rollout SET epoch = epoch + 1, version = version + 1, holder = by.id, claim = $4
    FROM by
    WHERE rollout.id = $1 AND (
        $3 OR holder IS NULL OR holder = by.id OR NOT EXISTS (
            SELECT FROM engine other
            WHERE other.id = rollout.holder AND other.lease_until > clock_timestamp()
        )
    )
    RETURNING rollout.id, epoch, version";

/// Which rollouts are of targets that an engine serves: a condition with their names as `$2`, absent
/// for every target. Whatever is not over is what its target names as active or as waiting, so that
/// the rollouts of other targets cost nothing, however many are due.
fn served(serves: &Serves) -> (&'static str, Option<Vec<&str>>) {
    match serves {
        Serves::Every => ("$2::text[] IS NULL", None),
        Serves::Only(targets) => {
            let ids = "rollout.id = ANY (ARRAY (
                SELECT unnest(ARRAY[active, waiting]) FROM target WHERE name = ANY ($2::text[])
            ))";
            (ids, Some(targets.iter().map(Target::as_str).collect()))
        }
    }
}

/// What nobody holds comes by its time. What an engine holds that is not listed any more comes at
/// once, and so does what this engine was given without knowing it.
fn claim_due_sql(served: &str) -> String {
    format!(
        "WITH by AS MATERIALIZED (
            SELECT id FROM engine WHERE id = $1 AND lease_until > clock_timestamp() FOR KEY SHARE
        ), orphan AS (
            SELECT rollout.id, 0::bigint AS at
            FROM engine JOIN rollout ON rollout.holder = engine.id
            WHERE NOT rollout.over AND engine.id <> 0 AND EXISTS (SELECT FROM by) AND (
                engine.lease_until <= clock_timestamp()
                OR (engine.id = $1 AND rollout.claim = ANY ($5::bigint[]))
            ) AND {served}
            ORDER BY rollout.id LIMIT $4 FOR NO KEY UPDATE OF rollout SKIP LOCKED
        ), parked AS (
            SELECT id, wake AS at FROM rollout
            WHERE wake <= $3 AND EXISTS (SELECT FROM by) AND {served}
            ORDER BY wake, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
        ), picked AS (
            SELECT id, at FROM (SELECT * FROM orphan UNION ALL SELECT * FROM parked) AS due
            ORDER BY at, id LIMIT $4
        ), taken AS (
            UPDATE rollout SET epoch = epoch + 1, version = version + 1, holder = by.id, claim = $6
            FROM picked, by WHERE rollout.id = picked.id
            RETURNING rollout.id, epoch, version, picked.at
        )
        SELECT id, epoch, version FROM taken ORDER BY at, id"
    )
}

/// What else concerns an engine. A rollout that it holds unawares is not among the commanded.
fn else_sql(served: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM engine WHERE id = $1 AND lease_until > clock_timestamp()),
                ARRAY (SELECT id FROM rollout
                       WHERE holder = $1 AND unread > 0 AND NOT over AND id <> ALL ($3::bigint[])
                             AND {served}
                       ORDER BY id),
                (SELECT wake FROM rollout WHERE wake IS NOT NULL AND holder IS NULL AND {served}
                 ORDER BY wake, id LIMIT 1)"
    )
}

/// What a claim took.
struct Taken {
    rollout: RolloutId,
    epoch: Epoch,
    version: RowVersion,
}

impl Taken {
    fn of(row: &tokio_postgres::Row) -> Self {
        Self {
            rollout: RolloutId(given(row.get(0))),
            epoch: Epoch(given(row.get(1))),
            version: RowVersion(given(row.get(2))),
        }
    }
}

pub(super) async fn claim(
    journal: &PostgresJournal,
    rollout: RolloutId,
    by: EngineId,
    take: Take,
) -> Result<Claimed, JournalError> {
    let (id, engine, force) = (stored(rollout.0), stored(by.0), take == Take::ByForce);
    loop {
        let row = journal.database.row(CLAIM, &[&id, &engine, &force, &fresh()]).await;
        if let Some(row) = row.map_err(|failed| failed.commit_of(rollout))? {
            let mut claimed = read(journal, &[Taken::of(&row)]).await?;
            return claimed.pop().map_or(Err(JournalError::Unknown(rollout)), |(_, one)| one);
        }
        if let Some(refusal) = refusal(&journal.database, rollout, by).await? {
            return Err(refusal);
        }
        // What stood in the way is gone since: the next try meets something else, or nothing.
    }
}

/// Why a claim took nothing; `None` when nothing speaks against it now.
async fn refusal(
    database: &Database,
    rollout: RolloutId,
    by: EngineId,
) -> Result<Option<JournalError>, JournalError> {
    let sql = "
        SELECT EXISTS (SELECT FROM engine WHERE id = $2 AND lease_until > clock_timestamp()),
               EXISTS (SELECT FROM rollout WHERE id = $1),
               (SELECT name FROM rollout JOIN engine ON engine.id = holder
                WHERE rollout.id = $1 AND holder <> $2 AND lease_until > clock_timestamp())";
    let row = database.read_one(sql, &[&stored(rollout.0), &stored(by.0)]).await?;
    let (listed, known, holder): (bool, bool, Option<String>) =
        (row.get(0), row.get(1), row.get(2));
    Ok(match holder {
        _ if !listed => Some(engines::gone(database, by).await?),
        _ if !known => Some(JournalError::Unknown(rollout)),
        Some(name) => Some(JournalError::Held { rollout, by: name }),
        None => None,
    })
}

pub(super) async fn claim_due(
    journal: &PostgresJournal,
    by: EngineId,
    serves: &Serves,
    now: Timestamp,
    limit: usize,
) -> Result<Work, JournalError> {
    let earlier = journal.unanswered.of(by);
    let call = journal.unanswered.call(by);
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let (engine, now) = (stored(by.0), instant(now));
    let database = &journal.database;
    let (served, targets) = served(serves);
    let due = claim_due_sql(served);
    let rows = database.rows(&due, &[&engine, &targets, &now, &most, &earlier, &call.id]).await;
    let taken: Vec<_> = rows.map_err(Failed::unavailable)?.iter().map(Taken::of).collect();
    let ids: Vec<i64> = taken.iter().map(|one| stored(one.rollout.0)).collect();
    let row = database.read_one(&else_sql(served), &[&engine, &targets, &ids]).await?;
    if !row.get::<_, bool>(0) && taken.is_empty() {
        return Err(engines::gone(database, by).await?);
    }
    let claimed = read(journal, &taken).await?;
    call.answered(if taken.len() < limit { &earlier } else { &[] });
    let commanded: Vec<i64> = row.get(1);
    Ok(Work {
        claimed,
        commanded: commanded.into_iter().map(|id| RolloutId(given(id))).collect(),
        next: row.get::<_, Option<i64>>(2).map(timestamp),
    })
}

/// Everything that claims give. The ends of the chains are kept for the appends that follow.
async fn read(
    journal: &PostgresJournal,
    taken: &[Taken],
) -> Result<Vec<(RolloutId, Result<Claimed, JournalError>)>, JournalError> {
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = taken.iter().map(|one| stored(one.rollout.0)).collect();
    let rows = journal.database.rows(reading::CLAIMED, &[&ids]).await;
    let rows = rows.map_err(Failed::unavailable)?;
    let one = |one: &Taken| {
        let Taken { rollout, epoch, version } = *one;
        let row = rows.iter().find(|row| row.get::<_, i64>(0) == stored(rollout.0));
        let found = row.ok_or(JournalError::Unknown(rollout));
        let found = found.and_then(|row| reading::claimed(rollout, row));
        let claimed = found.map(|found| {
            journal.ends.put(rollout, version, found.end);
            let reading::Found { head, last, inbox, restored, .. } = found;
            Claimed { epoch, version, head, last, inbox, restored }
        });
        (rollout, claimed)
    };
    Ok(taken.iter().map(one).collect())
}

pub(super) async fn release(
    journal: &PostgresJournal,
    rollout: RolloutId,
    epoch: Epoch,
) -> Result<(), JournalError> {
    let sql = "UPDATE rollout SET holder = NULL WHERE id = $1 AND epoch = $2 RETURNING id";
    let freed = journal.database.row(sql, &[&stored(rollout.0), &stored(epoch.0)]).await;
    journal.ends.forget(rollout);
    if freed.map_err(|failed| failed.commit_of(rollout))?.is_some() {
        return Ok(());
    }
    let current = reading::state(&journal.database, rollout).await?.epoch;
    Err(JournalError::StaleEpoch { rollout, stale: epoch, current })
}
