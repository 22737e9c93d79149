//! Rollouts as they stand, for whoever looks.

use tidegate_core::{JournalError, Select as Selection};

use super::{
    engines::{Engines, Watch},
    failed::Failed,
    keys::{self, ROWS},
    row::Row,
    select::Select,
    table::Table,
};

/// Rows that are read at once at least: some are not asked for.
const PAGE: usize = 100;

pub(super) async fn list(
    table: &Table,
    watch: &Watch,
    select: &Selection,
) -> Result<Vec<tidegate_core::Row>, JournalError> {
    let engines = Engines::read(table, watch).await?;
    let rows = Select::partition(ROWS).backwards().page(select.limit.max(PAGE));
    let rows = match select.before {
        Some(before) => rows.before(keys::row_sort(before)),
        None => rows,
    };
    let fits = |row: &Row| {
        !row.forgotten
            && select.target.as_ref().is_none_or(|target| row.target == *target)
            && select.over.is_none_or(|over| row.over == over)
    };
    let (mut listed, mut from) = (Vec::new(), None);
    while listed.len() < select.limit {
        let page = table.page(&rows, from).await.map_err(Failed::of_all)?;
        for item in &page.items {
            let row = Row::of(item)?;
            if fits(&row) {
                listed.push(row_of(row, &engines, watch));
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    listed.truncate(select.limit);
    Ok(listed)
}

fn row_of(row: Row, engines: &Engines, watch: &Watch) -> tidegate_core::Row {
    let holder = row.holder.filter(|_| !row.over);
    let holder = holder.and_then(|engine| engines.alive(engine, watch)).map(str::to_owned);
    let Row { id, target, generation, version, epoch, opened, due, unread, over, .. } = row;
    tidegate_core::Row {
        rollout: id,
        target,
        generation,
        version,
        epoch,
        opened,
        due: due.filter(|_| !over),
        holder,
        unread: if over { 0 } else { unread },
        over,
    }
}
