//! A commit of one rollout: records, consumed commands, and when it is due.

use rusqlite::{OptionalExtension, params};
use tidegate_core::{
    Append, AttemptId, Consumed, Epoch, JournalError, RolloutId, RowVersion, Seq, Timestamp,
};

use crate::{
    chain::Link,
    codec::encode,
    sqlite::{
        columns::{Json, bytes, id, number, time},
        error::Op,
        stored::link,
        writer::Tx,
    },
};

/// A commit whose records are encoded already: that is not the writer's work.
pub(in crate::sqlite) struct Prepared {
    commit: Append,
    bodies: Vec<Vec<u8>>,
}

impl Prepared {
    pub(in crate::sqlite) fn new(commit: Append) -> Result<Self, JournalError> {
        let encode = |record| encode(commit.rollout, record);
        let bodies = commit.records.iter().map(encode).collect::<Result<_, _>>()?;
        Ok(Self { commit, bodies })
    }
}

/// The row as the commit found it.
struct Row {
    version: u64,
    epoch: u64,
    last_seq: u64,
    chain: Vec<u8>,
    opened: i64,
}

fn row(tx: &Tx<'_>, rollout: RolloutId) -> Op<Row> {
    let mut row = tx.conn.prepare_cached(
        "SELECT version, epoch, last_seq, chain, opened FROM rollout WHERE id = ?",
    )?;
    let row = row.query_row([id(rollout.0)], |row| {
        Ok(Row {
            version: number(row.get(0)?),
            epoch: number(row.get(1)?),
            last_seq: number(row.get(2)?),
            chain: bytes(row, "chain")?,
            opened: row.get(4)?,
        })
    });
    Ok(row.optional()?.ok_or(JournalError::Unknown(rollout))?)
}

fn check(commit: &Append, row: &Row) -> Result<(), JournalError> {
    let rollout = commit.rollout;
    let (stale, current) = (commit.epoch, Epoch(row.epoch));
    if stale != current {
        return Err(JournalError::StaleEpoch { rollout, stale, current });
    }
    let (expected, current) = (commit.version, RowVersion(row.version));
    if expected != current {
        return Err(JournalError::StaleVersion { rollout, expected, current });
    }
    let mut expected = Seq(row.last_seq).next();
    for record in &commit.records {
        if record.seq != expected {
            return Err(JournalError::Gap { rollout, got: record.seq, expected });
        }
        expected = expected.next();
    }
    Ok(())
}

pub(in crate::sqlite) fn append(tx: &Tx<'_>, prepared: &Prepared) -> Op<RowVersion> {
    let Prepared { commit, bodies } = prepared;
    let row = row(tx, commit.rollout)?;
    check(commit, &row)?;
    let before = link(commit.rollout, &row.chain)?;
    let version = row.version + 1;
    let chain = insert(tx, commit, bodies, before, version)?;
    let last = Seq(row.last_seq + commit.records.len() as u64);
    update(tx, commit, &row, last, chain)?;
    consume(tx, commit.rollout, &commit.consumed, last)?;
    if commit.over {
        let at = commit.records.last().map_or(Timestamp::default(), |record| record.at);
        free(tx, commit.rollout, at)?;
    }
    Ok(RowVersion(version))
}

/// Appends the records; the link of the last one.
fn insert(
    tx: &Tx<'_>,
    commit: &Append,
    bodies: &[Vec<u8>],
    before: Link,
    version: u64,
) -> Op<Link> {
    let (rollout, attempt) = (id(commit.rollout.0), id(commit.attempt.0));
    let mut chain = before;
    for (record, body) in commit.records.iter().zip(bodies) {
        let mut insert = tx.conn.prepare_cached(
            "INSERT INTO record (rollout, seq, version, attempt, epoch, at, rule, chain, body)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let pos = insert.insert(params![
            rollout,
            id(record.seq.0),
            id(version),
            attempt,
            id(record.epoch.0),
            time(record.at),
            record.decision.rule.name(),
            chain.0,
            Json(body),
        ])?;
        tx.appended(pos, attempt);
        chain = chain.next(body);
    }
    if commit.records.is_empty() {
        let mut bare =
            tx.conn.prepare_cached("INSERT OR REPLACE INTO bare_commit VALUES (?, ?, ?)")?;
        bare.execute([rollout, attempt, id(version)])?;
    }
    Ok(chain)
}

/// Moves the row on. Whether the claim goes on decides which indexes are touched.
fn update(tx: &Tx<'_>, commit: &Append, row: &Row, last: Seq, chain: Link) -> Op<()> {
    let (rollout, due) = (id(commit.rollout.0), commit.due.map(time));
    let changed = if commit.over {
        let ended = commit.records.last().map(|record| time(record.at));
        let mut end = tx.conn.prepare_cached(
            "UPDATE rollout SET version = version + 1, due = ?, last_seq = ?, chain = ?,
                 restored = NULL, holder = NULL, over = 1, ended = coalesce(?, ended, ?)
             WHERE id = ? AND version = ? AND epoch = ?",
        )?;
        end.execute(params![
            due,
            id(last.0),
            chain.0,
            ended,
            row.opened,
            rollout,
            id(row.version),
            id(row.epoch),
        ])?
    } else {
        let sql = if commit.park {
            "UPDATE rollout SET version = version + 1, due = ?, last_seq = ?, chain = ?,
                 restored = NULL, holder = NULL
             WHERE id = ? AND version = ? AND epoch = ?"
        } else {
            "UPDATE rollout SET version = version + 1, due = ?, last_seq = ?, chain = ?,
                 restored = NULL
             WHERE id = ? AND version = ? AND epoch = ?"
        };
        let mut go_on = tx.conn.prepare_cached(sql)?;
        let (version, epoch) = (id(row.version), id(row.epoch));
        go_on.execute(params![due, id(last.0), chain.0, rollout, version, epoch])?
    };
    one(changed)
}

/// Exactly one row was meant, and seen in the same transaction.
fn one(changed: usize) -> Op<()> {
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(changed).into()) }
}

/// Commands leave the inbox, with what became of them. One that was never in it is noted as well.
fn consume(tx: &Tx<'_>, rollout: RolloutId, consumed: &[Consumed], last: Seq) -> Op<()> {
    let mut read = 0;
    for consumed in consumed {
        let ignored = consumed.ignored.map(|ignored| encode(rollout, &ignored)).transpose()?;
        let ignored = ignored.as_deref().map(Json);
        let (rollout, command) = (id(rollout.0), id(consumed.id.0));
        let mut take = tx.conn.prepare_cached(
            "UPDATE command SET read_at_seq = ?, ignored = ?
             WHERE rollout = ? AND id = ? AND read_at_seq IS NULL",
        )?;
        if take.execute(params![id(last.0), ignored, rollout, command])? == 1 {
            read += 1;
        } else {
            let mut note = tx.conn.prepare_cached(
                "INSERT OR IGNORE INTO command (rollout, id, read_at_seq, ignored)
                 VALUES (?, ?, ?, ?)",
            )?;
            note.execute(params![rollout, command, id(last.0), ignored])?;
        }
    }
    if read > 0 {
        let mut fewer =
            tx.conn.prepare_cached("UPDATE rollout SET unread = unread - ? WHERE id = ?")?;
        one(fewer.execute([read, id(rollout.0)])?)?;
    }
    Ok(())
}

/// A rollout is over: the one that waits behind it becomes active and due.
fn free(tx: &Tx<'_>, over: RolloutId, at: Timestamp) -> Op<()> {
    let over = id(over.0);
    let mut holder = tx.conn.prepare_cached(
        "SELECT name, active, waiting FROM target
         WHERE name = (SELECT target FROM rollout WHERE id = ?)",
    )?;
    let (target, active, waiting): (String, Option<i64>, Option<i64>) =
        holder.query_row([over], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let next = if waiting == Some(over) {
        active
    } else if active == Some(over) {
        waiting
    } else {
        return Ok(());
    };
    let mut hand =
        tx.conn.prepare_cached("UPDATE target SET active = ?, waiting = NULL WHERE name = ?")?;
    hand.execute(params![next, target])?;
    if active == Some(over)
        && let Some(next) = next
    {
        let mut wake = tx.conn.prepare_cached(
            "UPDATE rollout SET due = min(coalesce(due, ?1), ?1), version = version + 1
             WHERE id = ?2",
        )?;
        wake.execute([time(at), next])?;
    }
    Ok(())
}

/// The version that an attempt made. Asked of the writer, so that a commit in doubt is settled.
pub(in crate::sqlite) fn committed(
    tx: &Tx<'_>,
    rollout: RolloutId,
    attempt: AttemptId,
) -> Op<Option<RowVersion>> {
    row(tx, rollout)?;
    // Read back rarely, and then of the newest records.
    let mut version = tx.conn.prepare_cached(
        "SELECT version FROM record WHERE rollout = ?1 AND attempt = ?2
         UNION ALL SELECT version FROM bare_commit WHERE rollout = ?1 AND attempt = ?2 LIMIT 1",
    )?;
    let version = version.query_row([id(rollout.0), id(attempt.0)], |row| row.get(0)).optional()?;
    Ok(version.map(|version| RowVersion(number(version))))
}

pub(in crate::sqlite) fn release(tx: &Tx<'_>, rollout: RolloutId, epoch: Epoch) -> Op<()> {
    let row = row(tx, rollout)?;
    let (stale, current) = (epoch, Epoch(row.epoch));
    if stale != current {
        return Err(JournalError::StaleEpoch { rollout, stale, current }.into());
    }
    let mut release = tx
        .conn
        .prepare_cached("UPDATE rollout SET holder = NULL WHERE id = ? AND holder IS NOT NULL")?;
    release.execute([id(rollout.0)])?;
    Ok(())
}
