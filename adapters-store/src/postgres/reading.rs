//! Reading rows and records, and checking on the way that they are what was written.

use tidegate_core::{
    AttemptId, Command, Epoch, JournalError, RolloutId, RowVersion, Seq,
    record::{Head, Record},
};
use tokio_postgres::Row;

use super::{
    ends::End,
    number::{given, stored},
    pool::{Database, Failed},
    restored,
};
use crate::{
    chain::Link,
    codec::{check_format, corrupt, decode},
};

/// A rollout's row, as far as a commit is judged by it.
pub(super) struct State {
    pub(super) epoch: Epoch,
    pub(super) version: RowVersion,
    pub(super) end: End,
}

pub(super) async fn state(database: &Database, rollout: RolloutId) -> Result<State, JournalError> {
    let sql = "SELECT epoch, version, seq, hash FROM rollout WHERE id = $1";
    let row = database.row(sql, &[&stored(rollout.0)]).await.map_err(Failed::unavailable)?;
    let row = row.ok_or(JournalError::Unknown(rollout))?;
    let hash = link(rollout, "the row's hash", row.get(3))?;
    Ok(State {
        epoch: Epoch(given(row.get(0))),
        version: RowVersion(given(row.get(1))),
        end: End { seq: Seq(given(row.get(2))), hash },
    })
}

/// The error of a call about a rollout that gave nothing: none, if the rollout is there.
pub(super) async fn known(database: &Database, rollout: RolloutId) -> Result<(), JournalError> {
    let sql = "SELECT FROM rollout WHERE id = $1";
    let row = database.row(sql, &[&stored(rollout.0)]).await.map_err(Failed::unavailable)?;
    row.map(|_| ()).ok_or(JournalError::Unknown(rollout))
}

fn link(rollout: RolloutId, what: &str, column: Option<&[u8]>) -> Result<Link, JournalError> {
    let bytes = column.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Link).ok_or_else(|| corrupt(rollout, format!("{what} is absent or not a hash")))
}

/// A record's place in its chain.
struct Place<'a> {
    rollout: RolloutId,
    seq: Seq,
    before: Link,
    hash: Link,
    body: &'a str,
}

impl Place<'_> {
    fn read(self) -> Result<Record, JournalError> {
        let Self { rollout, seq, before, hash, body } = self;
        let what = format!("record {}", seq.0);
        if before.next(body.as_bytes()) != hash {
            return Err(corrupt(rollout, format!("{what} does not match its hash")));
        }
        let record: Record = decode(rollout, &what, body.as_bytes())?;
        check_format(rollout, record.format)?;
        if record.seq != seq {
            let why = format!("{what} says that it is record {}", record.seq.0);
            return Err(corrupt(rollout, why));
        }
        Ok(record)
    }
}

fn read_head(
    rollout: RolloutId,
    hash: Option<&[u8]>,
    body: Option<&str>,
) -> Result<(Head, Link), JournalError> {
    let body = body.ok_or_else(|| corrupt(rollout, "record 0 is missing".to_owned()))?;
    let hash = link(rollout, "the hash of record 0", hash)?;
    if Link::first(body.as_bytes()) != hash {
        return Err(corrupt(rollout, "record 0 does not match its hash".to_owned()));
    }
    let head: Head = decode(rollout, "record 0", body.as_bytes())?;
    check_format(rollout, head.format)?;
    Ok((head, hash))
}

/// What belongs to rollouts that were just claimed.
pub(super) const CLAIMED: &str = "
    SELECT rollout.id, rollout.seq, rollout.hash, restored, head.hash, head.body,
           before.hash, last.hash, last.body,
           ARRAY (SELECT command.body FROM command
                  WHERE command.rollout = rollout.id AND command.seq IS NULL AND NOT over
                  ORDER BY pos)
    FROM rollout
    LEFT JOIN head ON head.rollout = rollout.id
    LEFT JOIN journal last ON last.rollout = rollout.id AND last.seq = rollout.seq
    LEFT JOIN journal before ON before.rollout = rollout.id AND before.seq = rollout.seq - 1
    WHERE rollout.id = ANY ($1)";

/// What [`CLAIMED`] says of one of them.
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) last: Option<Record>,
    pub(super) inbox: Vec<Command>,
    pub(super) restored: Option<u32>,
    pub(super) end: End,
}

pub(super) fn claimed(rollout: RolloutId, row: &Row) -> Result<Found, JournalError> {
    let end =
        End { seq: Seq(given(row.get(1))), hash: link(rollout, "the row's hash", row.get(2))? };
    let (head, first) = read_head(rollout, row.get(4), row.get(5))?;
    let last = if end.seq == Seq(0) {
        ends_with(rollout, end, first)?;
        None
    } else {
        let before = match end.seq {
            Seq(1) => first,
            _ => link(rollout, "the hash of the record before the last", row.get(6))?,
        };
        Some(last(rollout, end, before, (row.get(7), row.get(8)))?)
    };
    let inbox: Vec<&str> = row.get(9);
    let inbox = inbox.into_iter().map(|body| decode(rollout, "a command", body.as_bytes()));
    let restored = row.get::<_, Option<i64>>(3).map(restored::number);
    Ok(Found { head, last, inbox: inbox.collect::<Result<_, _>>()?, restored, end })
}

fn last(
    rollout: RolloutId,
    end: End,
    before: Link,
    (hash, body): (Option<&[u8]>, Option<&str>),
) -> Result<Record, JournalError> {
    let seq = end.seq;
    let missing = || corrupt(rollout, format!("record {}, the last one, is missing", seq.0));
    let body = body.ok_or_else(missing)?;
    let hash = link(rollout, "the hash of the last record", hash)?;
    ends_with(rollout, end, hash)?;
    Place { rollout, seq, before, hash, body }.read()
}

/// The row's hash must be that of the last record.
fn ends_with(rollout: RolloutId, end: End, last: Link) -> Result<(), JournalError> {
    if end.hash == last {
        return Ok(());
    }
    Err(corrupt(rollout, format!("record {} is not the one that the row ends with", end.seq.0)))
}

pub(super) async fn head(database: &Database, rollout: RolloutId) -> Result<Head, JournalError> {
    let sql = "SELECT head.hash, head.body FROM rollout
        LEFT JOIN head ON head.rollout = rollout.id WHERE rollout.id = $1";
    let row = database.row(sql, &[&stored(rollout.0)]).await.map_err(Failed::unavailable)?;
    let row = row.ok_or(JournalError::Unknown(rollout))?;
    Ok(read_head(rollout, row.get(0), row.get(1))?.0)
}

/// The last record, alone.
pub(super) async fn last_record(
    database: &Database,
    rollout: RolloutId,
) -> Result<Option<Record>, JournalError> {
    let rows = database.rows(CLAIMED, &[&vec![stored(rollout.0)]]).await;
    let rows = rows.map_err(Failed::unavailable)?;
    let row = rows.first().ok_or(JournalError::Unknown(rollout))?;
    Ok(claimed(rollout, row)?.last)
}

/// Records from `from` on, each checked against the one before it, and the last against the row.
pub(super) async fn records(
    database: &Database,
    rollout: RolloutId,
    from: Seq,
) -> Result<Vec<Record>, JournalError> {
    let from = from.max(Seq(1));
    let sql = "
        SELECT journal.seq, journal.hash, CASE WHEN journal.seq >= $2::bigint THEN journal.body END,
               rollout.seq, rollout.hash, head.hash
        FROM rollout
        LEFT JOIN head ON head.rollout = rollout.id
        LEFT JOIN journal ON journal.rollout = rollout.id AND journal.seq >= $2::bigint - 1
        WHERE rollout.id = $1 ORDER BY journal.seq";
    let rows = database.rows(sql, &[&stored(rollout.0), &stored(from.0)]).await;
    let rows = rows.map_err(Failed::unavailable)?;
    let row = rows.first().ok_or(JournalError::Unknown(rollout))?;
    let end =
        End { seq: Seq(given(row.get(3))), hash: link(rollout, "the row's hash", row.get(4))? };
    if from > end.seq {
        return Ok(Vec::new());
    }
    let first = link(rollout, "the hash of record 0", row.get(5))?;
    let mut at = End { seq: Seq(from.0 - 1), hash: first };
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        let seq = Seq(row.get::<_, Option<i64>>(0).map_or(0, given));
        let hash = link(rollout, "a record's hash", row.get(1))?;
        if seq < from {
            at = End { seq, hash };
            continue;
        }
        let seq = at.seq.next();
        let body: Option<&str> = row.get(2);
        let body = body.filter(|_| given(row.get(0)) == seq.0);
        let missing = || corrupt(rollout, format!("record {} is missing", seq.0));
        let body = body.ok_or_else(missing)?;
        records.push(Place { rollout, seq, before: at.hash, hash, body }.read()?);
        at = End { seq, hash };
    }
    if at.seq != end.seq {
        return Err(corrupt(rollout, format!("record {} is missing", at.seq.next().0)));
    }
    ends_with(rollout, end, at.hash)?;
    Ok(records)
}

/// Whether a commit is in the journal, by its try.
pub(super) async fn committed(
    database: &Database,
    rollout: RolloutId,
    attempt: AttemptId,
) -> Result<Option<RowVersion>, JournalError> {
    let sql = "SELECT version FROM journal WHERE rollout = $1 AND attempt = $2
        UNION ALL SELECT version FROM bare_commit WHERE rollout = $1 AND attempt = $2 LIMIT 1";
    let row = database.row(sql, &[&stored(rollout.0), &stored(attempt.0)]).await;
    match row.map_err(Failed::unavailable)? {
        Some(row) => Ok(Some(RowVersion(given(row.get(0))))),
        None => known(database, rollout).await.map(|()| None),
    }
}
