//! What the rows of one rollout are worth: decoded, and checked against the hash chain.
//!
//! It must not know which statement they were read with, nor write anything.

use rusqlite::{Connection, OptionalExtension};
use tidegate_core::{
    Claimed, Command, Epoch, JournalError, RolloutId, RowVersion, Seq,
    record::{Head, Record},
};

use super::{
    columns::{bytes, id, maybe_bytes, number},
    error::Op,
};
use crate::{
    chain::Link,
    codec::{check_format, corrupt, decode},
};

/// A record as stored.
pub(super) struct StoredRecord {
    seq: u64,
    /// The link of the record before.
    chain: Vec<u8>,
    body: Vec<u8>,
}

impl StoredRecord {
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let (chain, body) = (bytes(row, "chain")?, bytes(row, "body")?);
        Ok(Self { seq: number(row.get("seq")?), chain, body })
    }
}

/// The end of a chain, as the row of its rollout has it.
pub(super) struct Tail {
    pub(super) last_seq: u64,
    pub(super) chain: Vec<u8>,
}

impl Tail {
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { last_seq: number(row.get("last_seq")?), chain: bytes(row, "chain")? })
    }

    /// The row's, if there is such a rollout.
    pub(super) fn read(conn: &Connection, rollout: RolloutId) -> Op<Self> {
        let mut tail = conn.prepare_cached("SELECT last_seq, chain FROM rollout WHERE id = ?")?;
        let tail = tail.query_row([id(rollout.0)], Self::of).optional()?;
        Ok(tail.ok_or(JournalError::Unknown(rollout))?)
    }
}

/// A link, if it is one.
pub(super) fn link(rollout: RolloutId, stored: &[u8]) -> Result<Link, JournalError> {
    let wrong = |_| corrupt(rollout, format!("a hash of {} bytes", stored.len()));
    stored.try_into().map(Link).map_err(wrong)
}

/// Record 0, as stored.
pub(super) fn head_bytes(conn: &Connection, rollout: RolloutId) -> Op<Vec<u8>> {
    let mut head = conn.prepare_cached("SELECT body FROM head WHERE rollout = ?")?;
    let head = head.query_row([id(rollout.0)], |row| bytes(row, "body")).optional()?;
    Ok(head.ok_or_else(|| corrupt(rollout, "record 0 is missing".to_owned()))?)
}

/// The record at `seq`, if it is there.
pub(super) fn record_at(
    conn: &Connection,
    rollout: RolloutId,
    seq: u64,
) -> rusqlite::Result<Option<StoredRecord>> {
    let mut record =
        conn.prepare_cached("SELECT seq, chain, body FROM record WHERE rollout = ? AND seq = ?")?;
    record.query_row([id(rollout.0), id(seq)], StoredRecord::of).optional()
}

/// Decodes record 0.
pub(super) fn head(rollout: RolloutId, body: &[u8]) -> Result<Head, JournalError> {
    let head: Head = decode(rollout, "record 0", body)?;
    check_format(rollout, head.format)?;
    if head.identity.rollout == rollout {
        Ok(head)
    } else {
        Err(corrupt(rollout, format!("record 0 is of rollout {}", head.identity.rollout)))
    }
}

/// Checks records that follow each other up to the end of the chain, and decodes them.
pub(super) fn records(
    rollout: RolloutId,
    from: u64,
    stored: &[StoredRecord],
    tail: &Tail,
) -> Result<Vec<Record>, JournalError> {
    let mut records = Vec::with_capacity(stored.len());
    let mut before: Option<Link> = None;
    for (expected, stored) in (from..).zip(stored) {
        if stored.seq != expected {
            let why = format!("record {expected} is missing; {} follows", stored.seq);
            return Err(corrupt(rollout, why));
        }
        let link = link(rollout, &stored.chain)?;
        if before.is_some_and(|before| before != link) {
            return Err(corrupt(rollout, format!("record {} was changed", expected - 1)));
        }
        before = Some(link.next(&stored.body));
        records.push(record(rollout, stored)?);
    }
    let end = from.saturating_add(stored.len() as u64);
    if tail.last_seq.checked_add(1).is_none_or(|next| next > end) {
        return Err(corrupt(rollout, format!("record {end} is missing, and what follows it")));
    }
    if before.is_some_and(|before| before.0[..] != tail.chain[..]) {
        return Err(corrupt(rollout, format!("record {} was changed", end - 1)));
    }
    Ok(records)
}

fn record(rollout: RolloutId, stored: &StoredRecord) -> Result<Record, JournalError> {
    let record: Record = decode(rollout, &format!("record {}", stored.seq), &stored.body)?;
    check_format(rollout, record.format)?;
    if record.seq == Seq(stored.seq) {
        Ok(record)
    } else {
        let why = format!("record {} says that it is {}", stored.seq, record.seq.0);
        Err(corrupt(rollout, why))
    }
}

/// What a claim found, not yet decoded: that is not the writer's work.
pub(super) struct Found {
    pub(super) rollout: RolloutId,
    pub(super) epoch: u64,
    pub(super) version: u64,
    pub(super) restored: Option<u32>,
    pub(super) tail: Tail,
    pub(super) head: Vec<u8>,
    /// The first record and the last one; the same if there is one only.
    pub(super) first: Option<StoredRecord>,
    pub(super) last: Option<StoredRecord>,
    pub(super) inbox: Vec<Vec<u8>>,
}

impl Found {
    pub(super) fn decode(self) -> Result<Claimed, JournalError> {
        let rollout = self.rollout;
        let begin = Link::first(&self.head);
        let first = match &self.first {
            Some(first) => &first.chain,
            None => &self.tail.chain,
        };
        if begin.0[..] != first[..] {
            return Err(corrupt(
                rollout,
                "record 0 was changed, or record 1 is missing".to_owned(),
            ));
        }
        let last_seq = self.tail.last_seq;
        let stored: Vec<StoredRecord> = self.last.into_iter().collect();
        let last = records(rollout, last_seq, &stored, &self.tail);
        let last = if last_seq == 0 { None } else { last?.pop() };
        Ok(Claimed {
            epoch: Epoch(self.epoch),
            version: RowVersion(self.version),
            head: head(rollout, &self.head)?,
            last,
            inbox: commands(rollout, &self.inbox)?,
            restored: self.restored,
        })
    }
}

/// Commands that nobody has read, in the order they were submitted; none of a rollout that is over.
pub(super) fn inbox_bytes(conn: &Connection, rollout: RolloutId) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut inbox = conn.prepare_cached(
        "SELECT body FROM command JOIN rollout ON rollout.id = command.rollout
         WHERE command.rollout = ? AND read_at_seq IS NULL AND over = 0 ORDER BY pos",
    )?;
    let inbox = inbox.query_map([id(rollout.0)], |row| maybe_bytes(row, "body"))?;
    inbox.map(|body| body.map(Option::unwrap_or_default)).collect()
}

pub(super) fn commands(
    rollout: RolloutId,
    stored: &[Vec<u8>],
) -> Result<Vec<Command>, JournalError> {
    stored.iter().map(|body| decode(rollout, "a command", body)).collect()
}
