//! Who holds a rollout: claims, by number or of what is due, and giving them up.
//!
//! The index says what may be due, and may be a little old. The claim's own conditions say whether it is.

use std::collections::BTreeSet;

use tidegate_core::{
    Claimed, EngineId, Epoch, JournalError, RolloutId, Serves, Take, Target, Timestamp, Work,
};

use super::{
    engines::{self, Engines, Watch, still_listed},
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    inbox::Inbox,
    item::{Fields, Item, Misread, PARTITION, number, text},
    keys::{self, LANE, TARGET, WAKE, WORK},
    records::{head_of, last_of},
    row::{COMMANDED, EPOCH, FORGOTTEN, HOLDER, OVER, Row, VERSION},
    select::Select,
    table::{MOST_WRITES, Table},
    write::Write,
};

/// Raises epoch and version, so that no earlier claim can write.
fn taking(by: EngineId) -> Change {
    Change::new().add(EPOCH, 1).add(VERSION, 1).set(HOLDER, number(by.0))
}

pub(super) async fn claim(
    table: &Table,
    watch: &Watch,
    rollout: RolloutId,
    by: EngineId,
    take: Take,
) -> Result<Claimed, JournalError> {
    for _ in 0..TRIES {
        let engines = Engines::read_by(table, watch, by).await?;
        let row = Row::get(table, rollout).await?;
        let holder = row.holder.filter(|holder| *holder != by && !row.over);
        if let Some(name) = holder.and_then(|holder| engines.listed(holder))
            && take == Take::Free
        {
            return Err(JournalError::Held { rollout, by: name.to_owned() });
        }
        let taken = Row { holder: Some(by), ..row.clone() };
        let unchanged = row.unmoved().is(VERSION, number(row.version.0));
        let write = Write::Update(keys::row(rollout), taken.place(taking(by)), unchanged);
        let check = Write::Check(keys::engine(by), still_listed());
        match table.transact(&[check, write]).await {
            Ok(()) => return claimed(table, Row::get(table, rollout).await?, by).await,
            // The engine was struck off, or the row has changed: look again.
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of(rollout)),
        }
    }
    Err(Failed::crowded().of_all())
}

/// Everything that a claim gives, read after it was made.
///
/// # Errors
/// When somebody has taken it by force since.
async fn claimed(table: &Table, row: Row, by: EngineId) -> Result<Claimed, JournalError> {
    let rollout = row.id;
    if row.holder != Some(by) {
        let name = row.holder.map_or_else(|| "nobody".to_owned(), |engine| engine.to_string());
        return Err(JournalError::Held { rollout, by: name });
    }
    let head = head_of(table, rollout).await?;
    let last = last_of(table, &row).await?;
    let inbox = Inbox::get(table, rollout).await?.into_unread(&row);
    let Row { epoch, version, restored, .. } = row;
    Ok(Claimed { epoch, version, head, last, inbox, restored })
}

/// A rollout that the index says is due.
#[derive(Clone, Debug)]
struct Candidate {
    at: Timestamp,
    rollout: RolloutId,
    /// The engine that is gone and held it.
    orphan_of: Option<EngineId>,
}

impl Candidate {
    /// The claim of it, if it is still as the index says.
    fn taken(&self, by: EngineId, now: Timestamp) -> Write {
        let due = Condition::new().present(PARTITION).absent(OVER).absent(FORGOTTEN);
        let due = match self.orphan_of {
            Some(gone) => due.is(HOLDER, number(gone.0)),
            None => due.absent(HOLDER).at_most(WAKE, number(Row::wake_at(now))),
        };
        // Where it is due by its time, its time in the index tells it from one with commands.
        let change = taking(by).set(LANE, text(keys::lane(Some(by))));
        Write::Update(keys::row(self.rollout), change, due)
    }
}

pub(super) async fn claim_due(
    table: &Table,
    watch: &Watch,
    by: EngineId,
    serves: &Serves,
    now: Timestamp,
    limit: usize,
) -> Result<Work, JournalError> {
    let engines = Engines::read_by(table, watch, by).await?;
    let mut candidates = orphans(table, watch, &engines, serves).await?;
    candidates.extend(free(table, serves, limit).await?);
    let come = candidates.partition_point(|candidate| candidate.at <= now).min(limit);
    let next = candidates.get(come).map(|candidate| candidate.at);
    candidates.truncate(come);
    let mut claimed = Vec::with_capacity(come);
    for some in candidates.chunks(MOST_WRITES - 1) {
        for rollout in take(table, by, now, some).await? {
            claimed.extend(read(table, rollout, by).await?.map(|read| (rollout, read)));
        }
    }
    let taken: BTreeSet<RolloutId> = claimed.iter().map(|(rollout, _)| *rollout).collect();
    let mut commanded = commanded(table, by, serves).await?;
    commanded.retain(|rollout| !taken.contains(rollout));
    Ok(Work { claimed, commanded, next })
}

/// What a claim of a rollout that was due gives; none when it was taken by force since. One that can
/// not be read is told of; when the table can not be asked, nothing is known of any.
async fn read(
    table: &Table,
    rollout: RolloutId,
    by: EngineId,
) -> Result<Option<Result<Claimed, JournalError>>, JournalError> {
    let read = async { claimed(table, Row::get(table, rollout).await?, by).await };
    match read.await {
        Err(error @ JournalError::Unavailable(_)) => Err(error),
        Err(JournalError::Held { .. }) => Ok(None),
        read => Ok(Some(read)),
    }
}

/// Claims candidates, all that are still due, in one transaction. Those that were claimed.
async fn take(
    table: &Table,
    by: EngineId,
    now: Timestamp,
    candidates: &[Candidate],
) -> Result<Vec<RolloutId>, JournalError> {
    let mut candidates = candidates.to_vec();
    while !candidates.is_empty() {
        let mut writes = vec![Write::Check(keys::engine(by), still_listed())];
        writes.extend(candidates.iter().map(|candidate| candidate.taken(by, now)));
        match table.transact(&writes).await {
            Ok(()) => return Ok(candidates.iter().map(|candidate| candidate.rollout).collect()),
            Err(Failed::Unmet(places)) if places.contains(&0) => {
                return Err(engines::why_gone(table, by).await?);
            }
            // Somebody else was quicker with these.
            Err(Failed::Unmet(places)) => {
                let mut place = 0;
                candidates.retain(|_| {
                    place += 1;
                    !places.contains(&place)
                });
            }
            Err(failed) => return Err(failed.of_all()),
        }
    }
    Ok(Vec::new())
}

/// A rollout that is in the index, and the place it has there.
struct Found {
    rollout: RolloutId,
    target: Target,
    wake: u64,
}

impl Found {
    fn of(item: &Item) -> Result<Self, JournalError> {
        let fields = Fields(item);
        let read = || -> Result<Self, Misread> {
            let target = Target::from(fields.text(TARGET)?);
            Ok(Self { rollout: Row::id_of(item)?, target, wake: fields.number(WAKE)? })
        };
        read().map_err(Misread::of_all)
    }
}

fn lane(holder: Option<EngineId>) -> Select {
    Select::index(WORK, (LANE, WAKE), keys::lane(holder))
}

/// What is in a lane of the index and served, in its order: all of it, or at least so much.
async fn found(
    table: &Table,
    lane: &Select,
    serves: &Serves,
    enough: usize,
) -> Result<Vec<Found>, JournalError> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = table.page(lane, from).await.map_err(Failed::of_all)?;
        for item in &page.items {
            let one = Found::of(item)?;
            if serves.includes(&one.target) {
                found.push(one);
            }
        }
        from = page.next;
        if from.is_none() || found.len() >= enough {
            return Ok(found);
        }
    }
}

/// What engines that are gone left behind.
async fn orphans(
    table: &Table,
    watch: &Watch,
    engines: &Engines,
    serves: &Serves,
) -> Result<Vec<Candidate>, JournalError> {
    let mut orphans = Vec::new();
    for gone in engines.gone().filter(|gone| watch.is_to_be_looked_for(*gone)) {
        let left = found(table, &lane(Some(gone)), &Serves::Every, usize::MAX).await?;
        if left.is_empty() {
            watch.left_nothing(gone);
        }
        let served = left.into_iter().filter(|found| serves.includes(&found.target));
        orphans.extend(served.map(|Found { rollout, .. }| Candidate {
            at: Timestamp::default(),
            rollout,
            orphan_of: Some(gone),
        }));
    }
    orphans.sort_by_key(|orphan| orphan.rollout);
    Ok(orphans)
}

/// What nobody holds, earliest due first: one more than asked for, which is the next.
async fn free(
    table: &Table,
    serves: &Serves,
    limit: usize,
) -> Result<Vec<Candidate>, JournalError> {
    let enough = limit.saturating_add(1);
    let free = found(table, &lane(None).page(enough), serves, enough).await?;
    let candidate = |Found { rollout, wake, .. }: Found| Candidate {
        at: Row::time_of(wake),
        rollout,
        orphan_of: None,
    };
    let mut free: Vec<_> = free.into_iter().map(candidate).collect();
    free.sort_by_key(|candidate| (candidate.at, candidate.rollout));
    Ok(free)
}

/// What an engine holds that has commands nobody has read.
async fn commanded(
    table: &Table,
    by: EngineId,
    serves: &Serves,
) -> Result<Vec<RolloutId>, JournalError> {
    let ours = lane(Some(by)).is(number(COMMANDED));
    let ours = found(table, &ours, serves, usize::MAX).await?;
    let mut ids: Vec<_> = ours.into_iter().map(|found| found.rollout).collect();
    ids.sort_unstable();
    Ok(ids)
}

pub(super) async fn release(
    table: &Table,
    rollout: RolloutId,
    epoch: Epoch,
) -> Result<(), JournalError> {
    for _ in 0..TRIES {
        let row = Row::get(table, rollout).await?;
        row.check_epoch(epoch)?;
        let released = Row { holder: None, ..row.clone() };
        let change = released.place(Change::new().remove(HOLDER));
        let unchanged = row.unmoved().is(EPOCH, number(epoch.0));
        let write = Write::Update(keys::row(rollout), change, unchanged);
        match table.transact(&[write]).await {
            Ok(()) => return Ok(()),
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of(rollout)),
        }
    }
    Err(Failed::crowded().of_all())
}
