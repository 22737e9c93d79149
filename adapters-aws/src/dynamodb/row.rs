//! The thin row of a rollout: all that changes of it, and where it stands in the index of work.
//!
//! A row that nobody holds is in the lane `free`, by the time when there is something to be done, and in
//! no lane when only a command can move it. A row that is held is in the lane of its engine, by
//! whether it has commands, so that no step changes the index.

use tidegate_core::{
    EngineId, Epoch, Generation, JournalError, RolloutId, RowVersion, Seq, Target, Timestamp,
};

use super::{
    expression::{Change, Condition},
    failed::Failed,
    item::{Fields, Item, Misread, PARTITION, SORT, flag, number, text},
    keys::{self, LANE, TARGET, WAKE},
    table::Table,
};

pub(super) const GENERATION: &str = "generation";
pub(super) const VERSION: &str = "version";
pub(super) const EPOCH: &str = "epoch";
const OPENED: &str = "opened";
pub(super) const DUE: &str = "due";
pub(super) const HOLDER: &str = "holder";
pub(super) const UNREAD: &str = "unread";
pub(super) const OVER: &str = "over";
/// The sequence number of the last record.
pub(super) const SEQ: &str = "seq";
/// Its time; that of the opening where there is none.
pub(super) const AT: &str = "at";
pub(super) const RESTORED: &str = "restored";
/// There while the rollout is being forgotten: to everybody else it is gone.
pub(super) const FORGOTTEN: &str = "forgotten";

/// Where rows with unread commands stand in their lanes: before all others.
pub(super) const COMMANDED: u64 = 0;
/// Where those stand that are held and have none.
const NOT_COMMANDED: u64 = 1;

/// A thin row as it was read.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: RolloutId,
    pub(super) target: Target,
    pub(super) generation: Generation,
    pub(super) version: RowVersion,
    pub(super) epoch: Epoch,
    pub(super) opened: Timestamp,
    pub(super) due: Option<Timestamp>,
    pub(super) holder: Option<EngineId>,
    pub(super) unread: u64,
    pub(super) over: bool,
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) restored: Option<u32>,
    pub(super) forgotten: bool,
}

impl Row {
    /// A rollout that is just opened: due at once, unless it waits for another.
    pub(super) fn first(
        id: RolloutId,
        target: Target,
        generation: Generation,
        at: Timestamp,
        waits: bool,
    ) -> Self {
        Self {
            id,
            target,
            generation,
            version: RowVersion(0),
            epoch: Epoch(0),
            opened: at,
            due: (!waits).then_some(at),
            holder: None,
            unread: 0,
            over: false,
            seq: Seq(0),
            at,
            restored: None,
            forgotten: false,
        }
    }

    /// The number of the rollout that a row stands for, or what the index has of it.
    pub(super) fn id_of(item: &Item) -> Result<RolloutId, Misread> {
        let fields = Fields(item);
        let id = fields.text(SORT)?.parse();
        id.map(RolloutId).map_err(|_| fields.misread(SORT, "it is no number of a rollout"))
    }

    pub(super) fn of(item: &Item) -> Result<Self, JournalError> {
        let id = Self::id_of(item).map_err(Misread::of_all)?;
        Self::read(id, &Fields(item)).map_err(|misread| misread.of(id))
    }

    fn read(id: RolloutId, fields: &Fields<'_>) -> Result<Self, Misread> {
        let restored = fields.maybe_number(RESTORED)?;
        let restored = restored.map(|drawn| {
            u32::try_from(drawn).map_err(|_| fields.misread(RESTORED, "it is too large"))
        });
        Ok(Self {
            id,
            target: Target::from(fields.text(TARGET)?),
            generation: Generation(fields.number(GENERATION)?),
            version: RowVersion(fields.number(VERSION)?),
            epoch: Epoch(fields.number(EPOCH)?),
            opened: Timestamp(fields.number(OPENED)?),
            due: fields.maybe_number(DUE)?.map(Timestamp),
            holder: fields.maybe_number(HOLDER)?.map(EngineId),
            unread: fields.number(UNREAD)?,
            over: fields.has(OVER),
            seq: Seq(fields.number(SEQ)?),
            at: Timestamp(fields.number(AT)?),
            restored: restored.transpose()?,
            forgotten: fields.has(FORGOTTEN),
        })
    }

    /// The item of a row that was just opened.
    pub(super) fn item(&self) -> Item {
        let mut item = keys::row(self.id).item();
        let mut put = |name: &str, value| item.insert(name.to_owned(), value);
        put(TARGET, text(self.target.as_str()));
        put(GENERATION, number(self.generation.0));
        put(VERSION, number(self.version.0));
        put(EPOCH, number(self.epoch.0));
        put(OPENED, number(self.opened.0));
        put(UNREAD, number(self.unread));
        put(SEQ, number(self.seq.0));
        put(AT, number(self.at.0));
        if let Some(due) = self.due {
            put(DUE, number(due.0));
        }
        if let Some(wake) = self.wake() {
            put(LANE, text(keys::lane(None)));
            put(WAKE, number(wake));
        }
        item
    }

    /// When there is something to be done, as the index has it.
    fn wake(&self) -> Option<u64> {
        match self.holder {
            _ if self.over => None,
            _ if self.unread > 0 => Some(COMMANDED),
            Some(_) => Some(NOT_COMMANDED),
            None if self.restored.is_some() => Some(Self::wake_at(Timestamp::default())),
            None => self.due.map(Self::wake_at),
        }
    }

    /// What time a place in the index means.
    pub(super) const fn time_of(wake: u64) -> Timestamp {
        Timestamp(wake.saturating_sub(1))
    }

    /// The place in the index of what is due at a time.
    pub(super) const fn wake_at(due: Timestamp) -> u64 {
        due.0.saturating_add(1)
    }

    /// Puts the row where it belongs in the index.
    pub(super) fn place(&self, change: Change) -> Change {
        let wake = self.wake();
        let lane = wake.map(|_| text(keys::lane(self.holder)));
        change.put(LANE, lane).put(WAKE, wake.map(number))
    }

    /// The row is held, and waits in the index, as it was read.
    pub(super) fn unmoved(&self) -> Condition {
        let condition = Condition::new().present(PARTITION);
        let condition = condition.same(HOLDER, self.holder.map(|engine| number(engine.0)));
        let condition = condition.is(UNREAD, number(self.unread));
        condition.same(DUE, self.due.map(|due| number(due.0))).same(OVER, self.over.then(flag))
    }

    /// When it ended, if it is over.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.over.then_some(self.at)
    }

    /// A row of a journal, if there is one.
    pub(super) async fn find(
        table: &Table,
        rollout: RolloutId,
    ) -> Result<Option<Self>, JournalError> {
        let item = table.get(keys::row(rollout)).await.map_err(Failed::of_all)?;
        let row = item.as_ref().map(Self::of).transpose()?;
        Ok(row.filter(|row| !row.forgotten))
    }

    /// A row of a journal.
    pub(super) async fn get(table: &Table, rollout: RolloutId) -> Result<Self, JournalError> {
        Self::find(table, rollout).await?.ok_or(JournalError::Unknown(rollout))
    }

    /// What speaks against a writer with this epoch.
    pub(super) fn check_epoch(&self, stale: Epoch) -> Result<(), JournalError> {
        let (rollout, current) = (self.id, self.epoch);
        if stale == current {
            return Ok(());
        }
        Err(JournalError::StaleEpoch { rollout, stale, current })
    }
}
