//! Targets: how many rollouts each has had, which of them is active, and which waits behind it.

use tidegate_core::{Active, Generation, JournalError, RolloutId, Target};

use super::{
    expression::Condition,
    failed::Failed,
    item::{Fields, Misread, PARTITION, number},
    keys,
    row::GENERATION,
    table::Table,
    write::Write,
};

const ACTIVE: &str = "active";
const WAITING: &str = "waiting";
const NUMBER: &str = "number";

/// A target as it was read, and as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    target: Target,
    /// How often it was written; 0 for one that is not there yet.
    number: u64,
    pub(super) generation: Generation,
    pub(super) active: Option<RolloutId>,
    pub(super) waiting: Option<RolloutId>,
}

impl Holder {
    pub(super) async fn get(table: &Table, target: &Target) -> Result<Self, JournalError> {
        let target = target.clone();
        let item = table.get(keys::target(&target)).await.map_err(Failed::of_all)?;
        let Some(item) = item else {
            let (active, waiting) = (None, None);
            return Ok(Self { target, number: 0, generation: Generation(0), active, waiting });
        };
        let fields = Fields(&item);
        let read = || -> Result<Self, Misread> {
            Ok(Self {
                target,
                number: fields.number(NUMBER)?,
                generation: Generation(fields.number(GENERATION)?),
                active: fields.maybe_number(ACTIVE)?.map(RolloutId),
                waiting: fields.maybe_number(WAITING)?.map(RolloutId),
            })
        };
        read().map_err(Misread::of_all)
    }

    /// Writes it, unless somebody else has since it was read.
    pub(super) fn write(&self) -> Write {
        let mut item = keys::target(&self.target).item();
        item.insert(NUMBER.to_owned(), number(self.number + 1));
        item.insert(GENERATION.to_owned(), number(self.generation.0));
        if let Some(RolloutId(active)) = self.active {
            item.insert(ACTIVE.to_owned(), number(active));
        }
        if let Some(RolloutId(waiting)) = self.waiting {
            item.insert(WAITING.to_owned(), number(waiting));
        }
        let unchanged = match self.number {
            0 => Condition::new().absent(PARTITION),
            read => Condition::new().is(NUMBER, number(read)),
        };
        Write::Put(item, unchanged)
    }
}

pub(super) async fn active(table: &Table, target: &Target) -> Result<Option<Active>, JournalError> {
    let Holder { generation, active, waiting, .. } = Holder::get(table, target).await?;
    Ok(active.map(|rollout| Active { rollout, generation, waiting }))
}
