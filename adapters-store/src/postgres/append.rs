//! One commit: a step is one statement, compared with the row's epoch, version and chain.

use tidegate_core::{Append, Consumed, JournalError, RowVersion, Seq, Timestamp};
use tokio_postgres::types::ToSql;

use super::{
    PostgresJournal,
    ends::End,
    number::{instant, stored},
    pool::{Failed, Open},
    reading::{self, State},
    restored::Acknowledged,
    text,
};

/// The row goes on only from where the writer knows it to be; everything else follows from it.
macro_rules! step {
    ($row:literal, $also:literal) => {
        concat!(
            "WITH step AS (
                UPDATE rollout SET version = version + 1, seq = $5, hash = $6, due = $7,
                    holder = CASE WHEN $8 THEN NULL ELSE holder END, restored = NULL",
            $row,
            " WHERE id = $1 AND epoch = $2 AND version = $3 AND hash = $4 RETURNING version
            ), record AS (
                INSERT INTO journal (rollout, seq, version, epoch, attempt, at, hash, body)
                SELECT $1, given.seq, step.version, $2, $9, given.at, given.hash, given.body
                FROM step, unnest($10::bigint[], $11::bigint[], $12::bytea[], $13::text[])
                    AS given (seq, at, hash, body)
            )",
            $also,
            " SELECT version FROM step"
        )
    };
}

/// Records, and nothing else.
const STEP: &str = step!("", "");

/// How many parameters [`STEP`] takes of all.
const OF_STEP: usize = 13;

/// Everything that a commit may carry. A command that was never submitted is kept as consumed.
const WHOLE_STEP: &str = step!(
    ", over = over OR $16, ended = CASE WHEN $16 THEN coalesce(
            ($11::bigint[])[cardinality($11::bigint[])],
            (SELECT at FROM journal last WHERE last.rollout = $1 AND last.seq = $5), opened
        ) ELSE ended END,
      unread = unread - (SELECT count(*) FROM command
                         WHERE rollout = $1 AND id = ANY ($14::bigint[]) AND command.seq IS NULL)",
    ", bare AS (
        INSERT INTO bare_commit (rollout, attempt, version)
        SELECT $1, $9, version FROM step WHERE cardinality($10::bigint[]) = 0
    ), consumed AS (
        INSERT INTO command (rollout, id, seq, ignored)
        SELECT $1, read.id, $5, read.ignored
        FROM step, unnest($14::bigint[], $15::text[]) AS read (id, ignored)
        ON CONFLICT (rollout, id) DO UPDATE SET seq = EXCLUDED.seq, ignored = EXCLUDED.ignored
        WHERE command.seq IS NULL
    )"
);

/// A commit as the statements take it.
struct Step {
    rollout: i64,
    epoch: i64,
    version: i64,
    before: Vec<u8>,
    seq: i64,
    hash: Vec<u8>,
    due: Option<i64>,
    leave: bool,
    attempt: i64,
    seqs: Vec<i64>,
    at: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    bodies: Vec<String>,
    read: Vec<i64>,
    ignored: Vec<Option<String>>,
    over: bool,
}

impl Step {
    /// Goes on from `end`, and moves it.
    fn new(commit: &Append, end: &mut End) -> Result<Self, JournalError> {
        let rollout = commit.rollout;
        let before = end.hash.0.to_vec();
        let (mut seqs, mut hashes, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        for record in &commit.records {
            let body = text(rollout, record)?;
            *end = End { seq: record.seq, hash: end.hash.next(body.as_bytes()) };
            seqs.push(stored(record.seq.0));
            hashes.push(end.hash.0.to_vec());
            bodies.push(body);
        }
        let why = |read: &Consumed| read.ignored.map(|ignored| text(rollout, &ignored)).transpose();
        Ok(Self {
            rollout: stored(rollout.0),
            epoch: stored(commit.epoch.0),
            version: stored(commit.version.0),
            before,
            seq: stored(end.seq.0),
            hash: end.hash.0.to_vec(),
            due: commit.due.map(instant),
            leave: commit.park || commit.over,
            attempt: stored(commit.attempt.0),
            seqs,
            at: commit.records.iter().map(|record| instant(record.at)).collect(),
            hashes,
            bodies,
            read: commit.consumed.iter().map(|read| stored(read.id.0)).collect(),
            ignored: commit.consumed.iter().map(why).collect::<Result<_, _>>()?,
            over: commit.over,
        })
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 16] {
        [
            &self.rollout,
            &self.epoch,
            &self.version,
            &self.before,
            &self.seq,
            &self.hash,
            &self.due,
            &self.leave,
            &self.attempt,
            &self.seqs,
            &self.at,
            &self.hashes,
            &self.bodies,
            &self.read,
            &self.ignored,
            &self.over,
        ]
    }

    const fn is_plain(&self) -> bool {
        !self.seqs.is_empty() && self.read.is_empty() && !self.over
    }
}

pub(super) async fn append(
    journal: &PostgresJournal,
    commit: Append,
) -> Result<RowVersion, JournalError> {
    let rollout = commit.rollout;
    let remembered = journal.ends.get(rollout, commit.version);
    let mut end = match remembered.filter(|end| check_order(&commit, *end).is_ok()) {
        Some(end) => end,
        None => check(&commit, &reading::state(&journal.database, rollout).await?)?,
    };
    // Whatever becomes of it, nobody may go on from the end that is remembered.
    journal.ends.forget(rollout);
    while !write(journal, &commit, &mut end).await? {
        // Nothing was written. If nothing speaks against the commit either, the chain ends otherwise
        // than this process remembers.
        end = check(&commit, &reading::state(&journal.database, rollout).await?)?;
    }
    let version = RowVersion(commit.version.0 + 1);
    if !commit.records.is_empty() {
        let End { seq, hash } = end;
        journal.memory.acknowledge(Acknowledged { rollout, seq, hash });
    }
    if !commit.park && !commit.over {
        journal.ends.put(rollout, version, end);
    }
    Ok(version)
}

/// One try. Whether the row was as the writer says.
async fn write(
    journal: &PostgresJournal,
    commit: &Append,
    end: &mut End,
) -> Result<bool, JournalError> {
    let step = Step::new(commit, end)?;
    let all = step.params();
    if commit.over {
        return last_step(journal, commit, &all).await;
    }
    let (sql, params) =
        if step.is_plain() { (STEP, &all[..OF_STEP]) } else { (WHOLE_STEP, &all[..]) };
    let written = journal.database.row(sql, params).await;
    Ok(written.map_err(|failed| failed.commit_of(commit.rollout))?.is_some())
}

/// Ends a rollout. Its target is held first, as whoever opens one holds it first, and so whoever
/// waits by then is seen.
async fn last_step(
    journal: &PostgresJournal,
    commit: &Append,
    params: &[&(dyn ToSql + Sync)],
) -> Result<bool, JournalError> {
    let mut connection = journal.database.connection().await.map_err(Failed::unavailable)?;
    let transaction = connection.begin().await.map_err(Failed::unavailable)?;
    let holder = "SELECT name, active, waiting FROM target
        WHERE name = (SELECT target FROM rollout WHERE id = $1) FOR UPDATE";
    let holder = transaction.row(holder, &[params[0]]).await.map_err(Failed::unavailable)?;
    let holder = holder.ok_or(JournalError::Unknown(commit.rollout))?;
    let written = transaction.row(WHOLE_STEP, params).await.map_err(Failed::unavailable)?;
    if written.is_none() {
        transaction.rollback().await.map_err(Failed::unavailable)?;
        connection.keep();
        return Ok(false);
    }
    let at = commit.records.last().map_or(Timestamp::default(), |record| record.at);
    let target: String = holder.get(0);
    let (active, waiting): (Option<i64>, Option<i64>) = (holder.get(1), holder.get(2));
    let over = stored(commit.rollout.0);
    if active == Some(over) {
        free(&transaction, &target, waiting, at).await.map_err(Failed::unavailable)?;
    } else if waiting == Some(over) {
        let sql = "UPDATE target SET waiting = NULL WHERE name = $1";
        transaction.rows(sql, &[&target]).await.map_err(Failed::unavailable)?;
    }
    transaction.commit().await.map_err(|failed| failed.commit_of(commit.rollout))?;
    connection.keep();
    Ok(true)
}

/// Whoever waits becomes active and due.
async fn free(
    transaction: &Open<'_>,
    target: &str,
    next: Option<i64>,
    at: Timestamp,
) -> Result<(), Failed> {
    let sql = "UPDATE target SET active = $2, waiting = NULL WHERE name = $1";
    transaction.rows(sql, &[&target, &next]).await?;
    if let Some(next) = next {
        let wake = "UPDATE rollout SET due = least(due, $2), version = version + 1 WHERE id = $1";
        transaction.rows(wake, &[&next, &instant(at)]).await?;
    }
    Ok(())
}

/// What speaks against a commit; else where its records go on.
fn check(commit: &Append, state: &State) -> Result<End, JournalError> {
    let rollout = commit.rollout;
    if commit.epoch != state.epoch {
        let (stale, current) = (commit.epoch, state.epoch);
        return Err(JournalError::StaleEpoch { rollout, stale, current });
    }
    if commit.version != state.version {
        let (expected, current) = (commit.version, state.version);
        return Err(JournalError::StaleVersion { rollout, expected, current });
    }
    check_order(commit, state.end).map_err(|(got, expected)| JournalError::Gap {
        rollout,
        got,
        expected,
    })?;
    Ok(state.end)
}

/// The first record that does not follow, and what would.
fn check_order(commit: &Append, end: End) -> Result<(), (Seq, Seq)> {
    let mut expected = end.seq.next();
    for record in &commit.records {
        if record.seq != expected {
            return Err((record.seq, expected));
        }
        expected = expected.next();
    }
    Ok(())
}
