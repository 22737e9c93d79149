//! Reading what was committed: record 0, the records after it, and which attempt made which commit.
//!
//! One commit is one item, however many records it has, and stands under the number of its last. So the
//! commits from one record on are those that stand at its number or later.

use tidegate_core::{
    AttemptId, JournalError, RolloutId, RowVersion, Seq,
    record::{Head, Record},
};

use super::{
    failed::Failed,
    item::{BODY, Fields, Item, Misread, body, check_format, corrupt, number},
    keys,
    row::Row,
    select::Select,
    table::Table,
    write::Write,
};

const ATTEMPT: &str = "attempt";
const VERSION: &str = "version";

/// The commit of an attempt that made `version`.
pub(super) fn commit(
    rollout: RolloutId,
    attempt: AttemptId,
    version: RowVersion,
    records: &[Record],
) -> Result<Write, JournalError> {
    let mut item = match records.last() {
        Some(last) => keys::commit(rollout, last.seq).item(),
        None => keys::bare_commit(rollout, attempt).item(),
    };
    item.insert(ATTEMPT.to_owned(), number(attempt.0));
    item.insert(VERSION.to_owned(), number(version.0));
    if !records.is_empty() {
        item.insert(BODY.to_owned(), body(rollout, &records)?);
    }
    Ok(Write::first(item))
}

/// Record 0.
pub(super) fn head_item(head: &Head) -> Result<Write, JournalError> {
    let rollout = head.identity.rollout;
    let mut item = keys::head(rollout).item();
    item.insert(BODY.to_owned(), body(rollout, head)?);
    Ok(Write::first(item))
}

pub(super) async fn head(table: &Table, rollout: RolloutId) -> Result<Head, JournalError> {
    Row::get(table, rollout).await?;
    head_of(table, rollout).await
}

/// Record 0 of a rollout that is there.
pub(super) async fn head_of(table: &Table, rollout: RolloutId) -> Result<Head, JournalError> {
    let item = table.get(keys::head(rollout)).await.map_err(Failed::of_all)?;
    let item = item.ok_or_else(|| corrupt(rollout, "record 0 is missing".to_owned()))?;
    let head: Head = Fields(&item).body().map_err(|misread| misread.of(rollout))?;
    check_format(rollout, head.format)?;
    if head.identity.rollout != rollout {
        return Err(corrupt(rollout, format!("record 0 is that of {}", head.identity.rollout)));
    }
    Ok(head)
}

pub(super) async fn last(
    table: &Table,
    rollout: RolloutId,
) -> Result<Option<Record>, JournalError> {
    let row = Row::get(table, rollout).await?;
    last_of(table, &row).await
}

/// The last record of a row that was read.
pub(super) async fn last_of(table: &Table, row: &Row) -> Result<Option<Record>, JournalError> {
    if row.seq == Seq(0) {
        return Ok(None);
    }
    let item = table.get(keys::commit(row.id, row.seq)).await.map_err(Failed::of_all)?;
    let missing = || corrupt(row.id, format!("record {} is missing", row.seq.0));
    let records = of_commit(row.id, &item.ok_or_else(missing)?)?;
    let last = records.into_iter().next_back().filter(|last| last.seq == row.seq);
    last.map(Some).ok_or_else(missing)
}

/// Records from `from` on. The row says how many there have to be.
pub(super) async fn read(
    table: &Table,
    rollout: RolloutId,
    from: Seq,
) -> Result<Vec<Record>, JournalError> {
    let row = Row::get(table, rollout).await?;
    let from = from.max(Seq(1));
    let commits = Select::partition(keys::own(rollout));
    let commits = commits.within(keys::commit_sort(from), keys::commit_sort(Seq(u64::MAX)));
    let items = table.all(&commits).await.map_err(Failed::of_all)?;
    let mut records = Vec::new();
    for item in &items {
        records.extend(of_commit(rollout, item)?.into_iter().filter(|record| record.seq >= from));
    }
    let mut expected = from;
    for record in &records {
        if record.seq != expected {
            let why = format!("record {} stands where {} should", record.seq.0, expected.0);
            return Err(corrupt(rollout, why));
        }
        expected = expected.next();
    }
    // Commits that came after the row was read are no fault.
    if expected <= row.seq {
        return Err(corrupt(rollout, format!("record {} is missing", expected.0)));
    }
    Ok(records)
}

fn of_commit(rollout: RolloutId, item: &Item) -> Result<Vec<Record>, JournalError> {
    let records: Vec<Record> = Fields(item).body().map_err(|misread| misread.of(rollout))?;
    records.iter().try_for_each(|record| check_format(rollout, record.format))?;
    Ok(records)
}

pub(super) async fn committed(
    table: &Table,
    rollout: RolloutId,
    attempt: AttemptId,
) -> Result<Option<RowVersion>, JournalError> {
    Row::get(table, rollout).await?;
    let misread = |misread: Misread| misread.of(rollout);
    let bare = table.get(keys::bare_commit(rollout, attempt)).await.map_err(Failed::of_all)?;
    if let Some(bare) = bare {
        return Fields(&bare).number(VERSION).map(RowVersion).map(Some).map_err(misread);
    }
    // Asked after a lost answer, so it is among the last.
    let commits = Select::partition(keys::own(rollout)).begins_with(keys::COMMITS);
    let commits = commits.only(&[ATTEMPT, VERSION]).backwards();
    let mut from = None;
    loop {
        let page = table.page(&commits, from).await.map_err(Failed::of_all)?;
        for item in &page.items {
            let fields = Fields(item);
            if fields.number(ATTEMPT).map_err(misread)? == attempt.0 {
                return fields.number(VERSION).map(RowVersion).map(Some).map_err(misread);
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(None);
        }
    }
}

/// Whether these records go on from the last one.
pub(super) fn check_order(
    rollout: RolloutId,
    records: &[Record],
    last: Seq,
) -> Result<(), JournalError> {
    let mut expected = last.next();
    for record in records {
        if record.seq != expected {
            let got = record.seq;
            return Err(JournalError::Gap { rollout, got, expected });
        }
        expected = expected.next();
    }
    Ok(())
}
