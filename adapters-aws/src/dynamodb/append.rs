//! One commit, in one transaction: the row goes on only from the epoch, the version and the record that
//! the writer knows.
//!
//! A step of a rollout that stays held and read no command is written without reading first.

use tidegate_core::{Append, Epoch, JournalError, RolloutId, RowVersion, Seq, Timestamp};

use super::{
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    inbox::Inbox,
    item::{flag, number},
    keys,
    records::{check_order, commit},
    row::{AT, DUE, EPOCH, HOLDER, OVER, RESTORED, Row, SEQ, UNREAD, VERSION},
    table::Table,
    target::Holder,
    write::Write,
};

pub(super) async fn append(table: &Table, append: &Append) -> Result<RowVersion, JournalError> {
    let rollout = append.rollout;
    let mut nth = 0;
    while nth < TRIES {
        let plain = !append.park && !append.over && append.consumed.is_empty();
        let writes = match append.records.first() {
            // Only at first: should anything speak against it, the row says what.
            Some(first) if plain && nth == 0 && first.seq > Seq(0) => {
                check_order(rollout, &append.records, Seq(first.seq.0 - 1))?;
                plain_step(append, Seq(first.seq.0 - 1))?
            }
            _ => {
                let row = Row::get(table, rollout).await?;
                check(append, &row)?;
                whole_step(table, append, &row).await?
            }
        };
        let token = keys::token(&table.name, rollout, append.attempt, nth);
        nth = match table.transact_once(&writes, Some(token)).await {
            Ok(()) => return Ok(RowVersion(append.version.0 + 1)),
            Err(Failed::Unmet(_)) => nth + 1,
            Err(Failed::Met(error)) => {
                table.met(nth, error).await.map_err(|failed| failed.of(rollout))?
            }
            Err(failed) => return Err(failed.of(rollout)),
        };
    }
    Err(Failed::crowded().of(rollout))
}

/// What speaks against a commit.
fn check(append: &Append, row: &Row) -> Result<(), JournalError> {
    row.check_epoch(append.epoch)?;
    if append.version != row.version {
        let (rollout, expected, current) = (row.id, append.version, row.version);
        return Err(JournalError::StaleVersion { rollout, expected, current });
    }
    check_order(row.id, &append.records, row.seq)
}

/// What every commit changes of the row.
fn change(append: &Append) -> Change {
    let change = Change::new().add(VERSION, 1).remove(RESTORED);
    let due = append.due.filter(|_| !append.over);
    let change = change.put(DUE, due.map(|due| number(due.0)));
    match append.records.last() {
        Some(last) => change.set(SEQ, number(last.seq.0)).set(AT, number(last.at.0)),
        None => change,
    }
}

/// Where every commit goes on from.
fn goes_on(append: &Append, last: Seq) -> Condition {
    let Append { epoch: Epoch(epoch), version: RowVersion(version), .. } = *append;
    let condition = Condition::new().is(EPOCH, number(epoch)).is(VERSION, number(version));
    condition.is(SEQ, number(last.0))
}

fn records(append: &Append) -> Result<Write, JournalError> {
    let version = RowVersion(append.version.0 + 1);
    commit(append.rollout, append.attempt, version, &append.records)
}

/// Records, and nothing else.
fn plain_step(append: &Append, last: Seq) -> Result<Vec<Write>, JournalError> {
    let row = keys::row(append.rollout);
    let held = goes_on(append, last).present(HOLDER);
    Ok(vec![Write::Update(row, change(append), held), records(append)?])
}

/// Everything that a commit may carry.
async fn whole_step(table: &Table, append: &Append, row: &Row) -> Result<Vec<Write>, JournalError> {
    let seq = append.records.last().map_or(row.seq, |record| record.seq);
    let mut writes = vec![records(append)?];
    let mut next = row.clone();
    next.due = append.due.filter(|_| !append.over);
    next.over |= append.over;
    next.restored = None;
    next.holder = row.holder.filter(|_| !append.park && !append.over);
    if !append.consumed.is_empty() {
        let mut inbox = Inbox::get(table, append.rollout).await?;
        inbox.consume(&append.consumed, seq);
        next.unread = inbox.unread().len() as u64;
        writes.push(inbox.write()?);
    }
    let change = change(append).set(UNREAD, number(next.unread));
    let change = change.put(HOLDER, next.holder.map(|engine| number(engine.0)));
    let change = if next.over { change.set(OVER, flag()) } else { change };
    let unchanged = goes_on(append, row.seq).is(UNREAD, number(row.unread));
    let unchanged = unchanged.same(HOLDER, row.holder.map(|engine| number(engine.0)));
    writes.push(Write::Update(keys::row(row.id), next.place(change), unchanged));
    if append.over {
        let at = append.records.last().map_or(Timestamp::default(), |record| record.at);
        writes.extend(free(table, row, at).await?);
    }
    Ok(writes)
}

/// A rollout is over: the one that waits behind it becomes active and due.
async fn free(table: &Table, row: &Row, at: Timestamp) -> Result<Vec<Write>, JournalError> {
    let rollout = row.id;
    let mut holder = Holder::get(table, &row.target).await?;
    if holder.waiting == Some(rollout) {
        holder.waiting = None;
        return Ok(vec![holder.write()]);
    }
    if holder.active != Some(rollout) {
        return Ok(Vec::new());
    }
    let next = holder.waiting.take();
    holder.active = next;
    let mut writes = vec![holder.write()];
    if let Some(next) = next {
        writes.push(wake(table, next, at).await?);
    }
    Ok(writes)
}

async fn wake(table: &Table, rollout: RolloutId, at: Timestamp) -> Result<Write, JournalError> {
    let row = Row::get(table, rollout).await?;
    let due = row.due.map_or(at, |due| due.min(at));
    let woken = Row { due: Some(due), ..row.clone() };
    let change = woken.place(Change::new().set(DUE, number(due.0)).add(VERSION, 1));
    Ok(Write::Update(keys::row(rollout), change, row.unmoved()))
}
