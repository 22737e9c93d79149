//! Opening a rollout, in one transaction with everything that it changes for others of its target.

use tidegate_core::{
    Actor, Generation, Identity, JournalError, Opening, RolloutId,
    record::{FORMAT, Head, LOGIC},
};

use super::{
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    inbox::Inbox,
    item::{PARTITION, flag},
    keys::{self, LANE, WAKE},
    meta,
    records::head_item,
    row::{DUE, OVER, Row, VERSION},
    table::Table,
    target::Holder,
    write::Write,
};

pub(super) async fn open(table: &Table, opening: Opening) -> Result<Head, JournalError> {
    let mut drawn = None;
    for _ in 0..TRIES {
        let holder = Holder::get(table, opening.plan.target()).await?;
        let follows = opening.after.as_ref().map(|(before, _)| *before);
        if let Some(active) = holder.active.filter(|active| follows != Some(*active)) {
            return Err(JournalError::Busy { target: opening.plan.target().clone(), active });
        }
        let rollout = match drawn {
            Some(rollout) => rollout,
            None => *drawn.insert(meta::draw_rollout(table).await?),
        };
        let (head, writes) = opened(table, &opening, rollout, holder).await?;
        match table.transact(&writes).await {
            Ok(()) => return Ok(head),
            // The target, or a rollout that is concerned, has changed: look again.
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of(rollout)),
        }
    }
    Err(Failed::crowded().of_all())
}

async fn opened(
    table: &Table,
    opening: &Opening,
    rollout: RolloutId,
    mut holder: Holder,
) -> Result<(Head, Vec<Write>), JournalError> {
    let after = opening.after.as_ref().filter(|(before, _)| holder.active == Some(*before));
    let mut writes = Vec::new();
    if let Some((before, actor)) = after {
        writes.extend(supersede(table, *before, rollout, actor).await?);
    }
    writes.extend(holder.waiting.map(close));
    let generation = Generation(holder.generation.0 + 1);
    let (active, waiting) = match holder.active {
        None => (rollout, None),
        Some(active) => (active, Some(rollout)),
    };
    (holder.generation, holder.active, holder.waiting) = (generation, Some(active), waiting);
    writes.push(holder.write());
    let head = Head {
        format: FORMAT,
        logic: LOGIC,
        identity: Identity { rollout, generation },
        plan: opening.plan.clone(),
        revisions: opening.revisions.clone(),
        found: opening.found.clone(),
        at: opening.at,
        after: after.map(|(before, _)| *before),
        retry_of: opening.retry_of,
    };
    let target = opening.plan.target().clone();
    let row = Row::first(rollout, target, generation, opening.at, head.after.is_some());
    writes.push(Write::first(row.item()));
    writes.push(head_item(&head)?);
    Ok((head, writes))
}

/// Tells the rollout before.
async fn supersede(
    table: &Table,
    before: RolloutId,
    by: RolloutId,
    actor: &Actor,
) -> Result<[Write; 2], JournalError> {
    let row = Row::get(table, before).await?;
    let mut inbox = Inbox::get(table, before).await?;
    inbox.supersede(by, actor);
    Ok([inbox.write()?, inbox.tell(&row)])
}

/// Ends a rollout that waited and never started.
fn close(replaced: RolloutId) -> Write {
    let change = Change::new().set(OVER, flag()).add(VERSION, 1);
    let change = change.remove(DUE).remove(LANE).remove(WAKE);
    Write::Update(keys::row(replaced), change, Condition::new().present(PARTITION))
}
