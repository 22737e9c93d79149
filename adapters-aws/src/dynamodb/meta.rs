//! What this journal is: its layout, the numbers it has given out, and whether its table is the one that
//! it was written in.
//!
//! A restore of DynamoDB makes a new table, with an id of its own. So a journal that finds itself in
//! another table than it remembers was set back, and says so to whoever claims what was not over.

use tidegate_core::{EngineId, Epoch, JournalError, RolloutId};

use super::{
    ConnectError,
    engines::{self, Engines, Watch},
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    item::{Fields, Item, Misread, flag, number, text},
    keys::{self, LAYOUT, ROWS},
    row::{EPOCH, HOLDER, RESTORED, Row, VERSION},
    schema,
    select::Select,
    table::{LEASES, Table},
    write::Write,
};

const VERSION_OF_LAYOUT: &str = "layout";
/// The id of the table that the journal was last written in.
const TABLE: &str = "table_id";
const LAST_ROLLOUT: &str = "last_rollout";
pub(super) const LAST_ENGINE: &str = "last_engine";
/// The last mark: the number drawn for it, and what was there before it.
const DRAWN: &str = "drawn";
const ROLLOUTS_BEFORE: &str = "rollouts_before";
const ENGINES_BEFORE: &str = "engines_before";
/// There until every row is marked.
const MARKING: &str = "marking";
/// On a row: the mark that it has, by the number of the first rollout after it.
const MARKED: &str = "marked";

/// Numbers left out after a restore: rollouts, engines and claims since the backup had them.
const AFTER_RESTORE: u64 = 1_000_000;

/// Numbers are drawn where a journal is, and nowhere else.
pub(super) fn is_journal() -> Condition {
    Condition::new().present(TABLE)
}

/// The next number of a rollout. One that is not used is left out.
pub(super) async fn draw_rollout(table: &Table) -> Result<RolloutId, JournalError> {
    let change = Change::new().add(LAST_ROLLOUT, 1);
    let write = Write::Update(keys::journal(), change, is_journal());
    let journal = table.write(write, LEASES).await.map_err(Failed::of_all)?.unwrap_or_default();
    Fields(&journal).number(LAST_ROLLOUT).map(RolloutId).map_err(Misread::of_all)
}

/// Makes sure that the table is a journal, and one that its rows know themselves to be in.
pub(super) async fn connect(table: &Table, watch: &Watch) -> Result<(), ConnectError> {
    let id = schema::table_id(table).await?;
    loop {
        let Some(journal) = table.get(keys::journal()).await.map_err(Failed::of_all)? else {
            found(table, &id).await?;
            continue;
        };
        let fields = Fields(&journal);
        let layout = fields.number(VERSION_OF_LAYOUT).map_err(Misread::of_all)?;
        if layout > LAYOUT {
            return Err(ConnectError::Later { table: table.name.clone(), found: layout });
        }
        if fields.text(TABLE).map_err(Misread::of_all)? != id {
            begin_mark(table, &journal, &id).await?;
        } else if fields.has(MARKING) {
            mark_all(table, watch, &journal).await?;
        } else {
            return Ok(());
        }
    }
}

/// Begins a journal, unless somebody else has.
async fn found(table: &Table, id: &str) -> Result<(), JournalError> {
    let mut journal = keys::journal().item();
    journal.insert(VERSION_OF_LAYOUT.to_owned(), number(LAYOUT));
    journal.insert(TABLE.to_owned(), text(id));
    settled(table.write(Write::first(journal), LEASES).await.map(|_| ()))
}

/// Whatever a write came to that somebody else may have made first.
fn settled(written: Result<(), Failed>) -> Result<(), JournalError> {
    match written {
        Ok(()) | Err(Failed::Unmet(_)) => Ok(()),
        Err(failed) => Err(failed.of_all()),
    }
}

/// Says that the journal was set back, and leaves numbers out, so that nobody from before can be taken for
/// somebody after.
async fn begin_mark(table: &Table, journal: &Item, id: &str) -> Result<(), JournalError> {
    let last = |name| Fields(journal).maybe_number(name).map_err(Misread::of_all);
    let (rollout, engine) = (last(LAST_ROLLOUT)?, last(LAST_ENGINE)?);
    let after = |last: Option<u64>| number(last.unwrap_or_default() + AFTER_RESTORE);
    let change = Change::new().set(TABLE, text(id)).set(MARKING, flag());
    let change = change.set(DRAWN, number(fastrand::u32(..).into()));
    let change = change.set(LAST_ROLLOUT, after(rollout)).set(ROLLOUTS_BEFORE, after(rollout));
    let change = change.set(LAST_ENGINE, after(engine)).set(ENGINES_BEFORE, after(engine));
    let unchanged = Condition::new().same(LAST_ROLLOUT, rollout.map(number));
    let unchanged = unchanged.same(LAST_ENGINE, engine.map(number));
    let unchanged = unchanged.same(TABLE, journal.get(TABLE).cloned());
    let write = Write::Update(keys::journal(), change, unchanged);
    settled(table.write(write, LEASES).await.map(|_| ()))
}

/// Strikes every engine from before off, and marks every rollout from before. Several processes may do it
/// at once, and one may go on with what another left.
async fn mark_all(table: &Table, watch: &Watch, journal: &Item) -> Result<(), JournalError> {
    let mark = Mark::of(journal).map_err(Misread::of_all)?;
    let engines = Engines::read(table, watch).await?;
    for engine in engines.all().filter(|engine| *engine <= mark.engines) {
        engines::resign(table, engine).await?;
    }
    let (rows, mut from) = (Select::partition(ROWS), None);
    loop {
        let page = table.page(&rows, from).await.map_err(Failed::of_all)?;
        for item in &page.items {
            let rollout = Row::id_of(item).map_err(Misread::of_all)?;
            if rollout <= mark.rollouts {
                mark_row(table, &mark, rollout).await?;
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let same = Condition::new().is(ROLLOUTS_BEFORE, number(mark.rollouts.0)).present(MARKING);
    let write = Write::Update(keys::journal(), Change::new().remove(MARKING), same);
    settled(table.write(write, LEASES).await.map(|_| ()))
}

/// What every row is told.
#[derive(Clone, Copy, Debug)]
struct Mark {
    drawn: u32,
    rollouts: RolloutId,
    engines: EngineId,
}

impl Mark {
    fn of(journal: &Item) -> Result<Self, Misread> {
        let fields = Fields(journal);
        let drawn = u32::try_from(fields.number(DRAWN)?);
        Ok(Self {
            drawn: drawn.map_err(|_| fields.misread(DRAWN, "it is too large"))?,
            rollouts: RolloutId(fields.number(ROLLOUTS_BEFORE)?),
            engines: EngineId(fields.number(ENGINES_BEFORE)?),
        })
    }
}

/// Marks one row, unless it has this mark already.
async fn mark_row(table: &Table, mark: &Mark, rollout: RolloutId) -> Result<(), JournalError> {
    for _ in 0..TRIES {
        let item = table.get(keys::row(rollout)).await.map_err(Failed::of_all)?;
        let Some(item) = item else { return Ok(()) };
        let marked = Fields(&item).maybe_number(MARKED).map_err(|misread| misread.of(rollout))?;
        if marked == Some(mark.rollouts.0) {
            return Ok(());
        }
        // One that can not be read is told of when it is claimed, and keeps no other from being marked.
        let Ok(row) = Row::of(&item) else { return Ok(()) };
        if row.over {
            return Ok(());
        }
        let Epoch(epoch) = row.epoch;
        let back = Row { holder: None, restored: Some(mark.drawn), ..row.clone() };
        let change = Change::new().set(EPOCH, number(epoch + AFTER_RESTORE)).remove(HOLDER);
        let change = change.set(RESTORED, number(mark.drawn.into()));
        let change = back.place(change.set(MARKED, number(mark.rollouts.0)));
        let unchanged = row.unmoved().is(EPOCH, number(epoch)).is(VERSION, number(row.version.0));
        match table.transact(&[Write::Update(keys::row(rollout), change, unchanged)]).await {
            Ok(()) => return Ok(()),
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of_all()),
        }
    }
    Err(Failed::crowded().of_all())
}

/// Marks the journal because a person says that it was set back.
pub(super) async fn mark_by_hand(table: &Table, watch: &Watch) -> Result<(), ConnectError> {
    connect(table, watch).await?;
    let id = schema::table_id(table).await?;
    let journal = table.get(keys::journal()).await.map_err(Failed::of_all)?.unwrap_or_default();
    begin_mark(table, &journal, &id).await?;
    connect(table, watch).await
}
