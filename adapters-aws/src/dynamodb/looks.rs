//! The evidence log.

use std::collections::BTreeSet;

use tidegate_core::{CheckIndex, JournalError, Role, RolloutId, StoredLook};

use super::{
    failed::Failed,
    item::{BODY, Fields, body},
    keys,
    row::Row,
    select::Select,
    table::{MOST_WRITES, Table},
    write::Write,
};

/// Keeps looks, in transactions of at most [`MOST_WRITES`]. What is there already stays as it is.
pub(super) async fn keep(table: &Table, looks: &[StoredLook]) -> Result<(), JournalError> {
    let rollouts: BTreeSet<RolloutId> = looks.iter().map(|look| look.rollout).collect();
    for rollout in rollouts {
        Row::get(table, rollout).await?;
    }
    let mut known = BTreeSet::new();
    let fresh = |look: &&StoredLook| {
        let key = keys::look(look);
        known.insert((key.partition, key.sort))
    };
    let looks: Vec<&StoredLook> = looks.iter().filter(fresh).collect();
    for some in looks.chunks(MOST_WRITES) {
        let writes = some.iter().map(|look| write(look)).collect::<Result<Vec<_>, _>>()?;
        add(table, writes).await?;
    }
    Ok(())
}

fn write(look: &StoredLook) -> Result<Write, JournalError> {
    let mut item = keys::look(look).item();
    item.insert(BODY.to_owned(), body(look.rollout, look)?);
    Ok(Write::first(item))
}

/// Those that are not there yet.
async fn add(table: &Table, mut writes: Vec<Write>) -> Result<(), JournalError> {
    while !writes.is_empty() {
        match table.transact(&writes).await {
            Ok(()) => return Ok(()),
            Err(Failed::Unmet(known)) => {
                let mut place = 0..;
                writes.retain(|_| place.next().is_none_or(|place| !known.contains(&place)));
            }
            Err(failed) => return Err(failed.of_all()),
        }
    }
    Ok(())
}

pub(super) async fn looks(
    table: &Table,
    rollout: RolloutId,
    check: CheckIndex,
    role: Role,
) -> Result<Vec<StoredLook>, JournalError> {
    Row::get(table, rollout).await?;
    let all = Select::partition(keys::looks(rollout)).begins_with(keys::looks_of(check, role));
    let mut looks: Vec<StoredLook> = Vec::new();
    for item in table.all(&all).await.map_err(Failed::of_all)? {
        let look: StoredLook = Fields(&item).body().map_err(|misread| misread.of(rollout))?;
        // Those of one window come one after another, the highest correction last.
        if looks.last().is_some_and(|before| before.look.window == look.look.window) {
            looks.pop();
        }
        looks.push(look);
    }
    Ok(looks)
}
