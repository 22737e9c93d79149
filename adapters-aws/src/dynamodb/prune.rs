//! Forgetting what is old, of rollouts that are over.
//!
//! A rollout may have more items than one transaction takes. So its row is marked first, and from then on
//! it is gone for everybody; then its items go, and the row last. What was interrupted is gone on with by
//! the next call.

use tidegate_core::{JournalError, Prune, Pruned, RolloutId, Timestamp};

use super::{
    expression::{Change, Condition},
    failed::Failed,
    item::{Key, Misread, PARTITION, SORT, flag},
    keys::{self, ROWS},
    row::{FORGOTTEN, OVER, Row},
    select::Select,
    table::Table,
    write::Write,
};

pub(super) async fn prune(table: &Table, what: Prune) -> Result<Pruned, JournalError> {
    let mut pruned = Pruned::default();
    let (rows, mut from) = (Select::partition(ROWS), None);
    loop {
        let page = table.page(&rows, from).await.map_err(Failed::of_all)?;
        for item in &page.items {
            // One that can not be read keeps no other from being forgotten.
            if let Ok(row) = Row::of(item) {
                forget(table, &row, what, &mut pruned).await?;
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(pruned);
        }
    }
}

async fn forget(
    table: &Table,
    row: &Row,
    what: Prune,
    pruned: &mut Pruned,
) -> Result<(), JournalError> {
    let ended_before = |limit: Option<Timestamp>| {
        limit.is_some_and(|limit| row.ended().is_some_and(|ended| ended < limit))
    };
    let whole = row.forgotten || ended_before(what.rollouts_before);
    if whole && !row.forgotten && !mark(table, row.id).await? {
        return Ok(());
    }
    if whole || ended_before(what.looks_before) {
        pruned.looks += clear(table, keys::looks(row.id)).await?;
    }
    if whole {
        clear(table, keys::own(row.id)).await?;
        pruned.rollouts += u64::from(end(table, row.id).await?);
    }
    Ok(())
}

/// Marks a row as gone. Whether this call did.
async fn mark(table: &Table, rollout: RolloutId) -> Result<bool, JournalError> {
    let unmarked = Condition::new().present(OVER).absent(FORGOTTEN);
    let change = Change::new().set(FORGOTTEN, flag());
    done(table.transact(&[Write::Update(keys::row(rollout), change, unmarked)]).await)
}

/// Removes a row that is gone. Whether this call did.
async fn end(table: &Table, rollout: RolloutId) -> Result<bool, JournalError> {
    let marked = Condition::new().present(FORGOTTEN);
    done(table.transact(&[Write::Delete(keys::row(rollout), marked)]).await)
}

fn done(written: Result<(), Failed>) -> Result<bool, JournalError> {
    match written {
        Ok(()) => Ok(true),
        Err(Failed::Unmet(_)) => Ok(false),
        Err(failed) => Err(failed.of_all()),
    }
}

/// Deletes a partition. How many items it had.
async fn clear(table: &Table, partition: String) -> Result<u64, JournalError> {
    let all = Select::partition(partition).only(&[PARTITION, SORT]);
    let items = table.all(&all).await.map_err(Failed::of_all)?;
    let doomed: Result<Vec<Key>, Misread> = items.iter().map(Key::of).collect();
    let doomed = doomed.map_err(Misread::of_all)?;
    let count = doomed.len() as u64;
    table.delete_all(doomed).await.map_err(Failed::of_all)?;
    Ok(count)
}
