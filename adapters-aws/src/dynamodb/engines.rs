//! Engines and their leases.
//!
//! DynamoDB has no clock that a condition could ask. So a lease is a number that its owner raises, and
//! lasts until somebody who watched it says that it is over: who has seen the number unchanged for the
//! length of the lease, by its own monotonic clock, may write so. That write and the owner's next
//! are conditional on each other, so one of them comes first, for everybody.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tidegate_core::{EngineId, JournalError, Listed, Span, Timestamp};
use tokio::time::Instant;

use super::{
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    item::{Fields, Item, Misread, PARTITION, SORT, number, text},
    keys::{self, ENGINES, LANE, WAKE, WORK},
    meta::{LAST_ENGINE, is_journal},
    select::Select,
    table::{LEASES, Table},
    write::Write,
};

const NAME: &str = "name";
const BEAT: &str = "beat";
const LEASE: &str = "lease_ms";
/// Why it is not listed any more; absent while it is.
const GONE: &str = "gone";
/// When that was written, in milliseconds since the Unix epoch, by the writer's wall clock.
const GONE_AT: &str = "gone_at_ms";

const LAPSED: &str = "lapsed";
const STRUCK_OFF: &str = "struck off";

/// An engine that is gone is remembered for so long. The contract asks for a day, by clocks that need not
/// agree.
const REMEMBERED: Span = Span::minutes(2 * 24 * 60);

/// What an engine left behind is looked for at once, and then only so often: the index may have been late.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The time of this host. See `docs/journal-dynamodb.md` for what that asks of hosts.
pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// An engine as it stands in the table.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) id: EngineId,
    pub(super) name: String,
    beat: u64,
    lease: Span,
    gone: Option<String>,
    gone_at: Timestamp,
}

impl Engine {
    fn of(item: &Item) -> Result<Self, Misread> {
        let fields = Fields(item);
        let id = fields.text(SORT)?.parse();
        let gone = if fields.has(GONE) { Some(fields.text(GONE)?.to_owned()) } else { None };
        Ok(Self {
            id: EngineId(id.map_err(|_| fields.misread(SORT, "it is no number of an engine"))?),
            name: fields.text(NAME)?.to_owned(),
            beat: fields.number(BEAT)?,
            lease: Span(fields.number(LEASE)?),
            gone,
            gone_at: Timestamp(fields.maybe_number(GONE_AT)?.unwrap_or_default()),
        })
    }

    pub(super) const fn is_listed(&self) -> bool {
        self.gone.is_none()
    }

    fn refusal(&self) -> Option<JournalError> {
        match self.gone.as_deref()? {
            LAPSED => Some(JournalError::Lapsed(self.id)),
            _ => Some(JournalError::Unlisted(self.id)),
        }
    }
}

/// It can not renew, claim, or be struck off twice.
pub(super) fn still_listed() -> Condition {
    Condition::new().present(PARTITION).absent(GONE)
}

fn going(why: &str) -> Change {
    Change::new().set(GONE, text(why)).set(GONE_AT, number(wall_clock().0))
}

/// Since when an engine's number is as it is.
#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: u64,
    since: Instant,
    /// When to look for what it held, once it is gone.
    look_at: Instant,
}

/// What this process has seen of engines.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<HashMap<EngineId, Seen>>);

impl Watch {
    fn seen(&self) -> MutexGuard<'_, HashMap<EngineId, Seen>> {
        // Whole at every instant, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was just read. An engine that is not among it is forgotten.
    fn note(&self, engines: &[Engine]) {
        let now = Instant::now();
        let mut seen = self.seen();
        let mut noted = HashMap::with_capacity(engines.len());
        for engine in engines {
            let before = seen.remove(&engine.id).filter(|before| before.beat == engine.beat);
            let first = Seen { beat: engine.beat, since: now, look_at: now };
            noted.insert(engine.id, before.unwrap_or(first));
        }
        *seen = noted;
    }

    /// Whether an engine's number has stood still for the length of its lease.
    fn has_stood_still(&self, engine: &Engine) -> bool {
        let seen = self.seen().get(&engine.id).copied();
        seen.is_some_and(|seen| {
            seen.beat == engine.beat && seen.since.elapsed() >= engine.lease.duration()
        })
    }

    /// Whether it is time to look for what an engine that is gone left behind.
    pub(super) fn is_to_be_looked_for(&self, engine: EngineId) -> bool {
        self.seen().get(&engine).is_none_or(|seen| seen.look_at <= Instant::now())
    }

    /// It left nothing behind that can be seen.
    pub(super) fn left_nothing(&self, engine: EngineId) {
        if let Some(seen) = self.seen().get_mut(&engine) {
            seen.look_at = Instant::now() + LOOK_AGAIN;
        }
    }
}

/// All engines that are listed or remembered.
#[derive(Debug)]
pub(super) struct Engines(Vec<Engine>);

impl Engines {
    /// As they stand, without a word on who has stood still for long.
    pub(super) async fn read(table: &Table, watch: &Watch) -> Result<Self, JournalError> {
        let items = table.all(&Select::partition(ENGINES)).await.map_err(Failed::of_all)?;
        let engines: Result<Vec<_>, Misread> = items.iter().map(Engine::of).collect();
        let engines = engines.map_err(Misread::of_all)?;
        watch.note(&engines);
        Ok(Self(engines))
    }

    /// As they stand, after every lease is ended that was seen to be over, but for that of `by`.
    ///
    /// # Errors
    /// When `by` is not listed.
    pub(super) async fn read_by(
        table: &Table,
        watch: &Watch,
        by: EngineId,
    ) -> Result<Self, JournalError> {
        let mut engines = Self::read(table, watch).await?;
        engines.check(by)?;
        for engine in &mut engines.0 {
            if engine.id != by && engine.is_listed() && watch.has_stood_still(engine) {
                end_lease(table, engine).await?;
            }
        }
        Ok(engines)
    }

    fn of(&self, engine: EngineId) -> Option<&Engine> {
        self.0.iter().find(|one| one.id == engine)
    }

    /// Whether it may claim.
    pub(super) fn check(&self, by: EngineId) -> Result<(), JournalError> {
        let engine = self.of(by).ok_or(JournalError::Unlisted(by))?;
        engine.refusal().map_or(Ok(()), Err)
    }

    /// The name of an engine that is listed.
    pub(super) fn listed(&self, engine: EngineId) -> Option<&str> {
        self.of(engine).filter(|engine| engine.is_listed()).map(|engine| engine.name.as_str())
    }

    /// The same, where one whose lease was seen to be over does not count.
    pub(super) fn alive(&self, engine: EngineId, watch: &Watch) -> Option<&str> {
        let stands_still = self.of(engine).is_some_and(|engine| watch.has_stood_still(engine));
        self.listed(engine).filter(|_| !stands_still)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = EngineId> {
        self.0.iter().map(|engine| engine.id)
    }

    pub(super) fn gone(&self) -> impl Iterator<Item = EngineId> {
        self.0.iter().filter(|engine| !engine.is_listed()).map(|engine| engine.id)
    }
}

/// Writes that a lease is over, unless its owner was faster.
async fn end_lease(table: &Table, engine: &mut Engine) -> Result<(), JournalError> {
    let unchanged = still_listed().is(BEAT, number(engine.beat));
    let write = Write::Update(keys::engine(engine.id), going(LAPSED), unchanged);
    match table.write(write, LEASES).await {
        Ok(_) => engine.gone = Some(LAPSED.to_owned()),
        Err(Failed::Unmet(_)) => {}
        Err(failed) => return Err(failed.of_all()),
    }
    Ok(())
}

pub(super) async fn enlist(
    table: &Table,
    watch: &Watch,
    name: &str,
    lease: Span,
) -> Result<Listed, JournalError> {
    for _ in 0..TRIES {
        let journal = table.get(keys::journal()).await.map_err(Failed::of_all)?.unwrap_or_default();
        let last = Fields(&journal).maybe_number(LAST_ENGINE).map_err(Misread::of_all)?;
        let last = last.unwrap_or_default();
        let engines = Engines::read(table, watch).await?;
        forget(table, &engines).await?;
        let engine = EngineId(last + 1);
        match table.transact(&listing(&engines, engine, name, lease)).await {
            Ok(()) => return Ok(Listed { engine, at: wall_clock() }),
            // Somebody else was listed meanwhile, or struck off.
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of_all()),
        }
    }
    Err(Failed::crowded().of_all())
}

/// One listed engine a name: whoever has it is struck off in the same transaction.
fn listing(engines: &Engines, engine: EngineId, name: &str, lease: Span) -> Vec<Write> {
    let (before, last) = (engine.0 - 1, number(engine.0));
    let drawn = Change::new().set(LAST_ENGINE, last);
    let undrawn = match before {
        0 => is_journal().absent(LAST_ENGINE),
        before => is_journal().is(LAST_ENGINE, number(before)),
    };
    let mut item = keys::engine(engine).item();
    item.insert(NAME.to_owned(), text(name));
    item.insert(BEAT.to_owned(), number(0));
    item.insert(LEASE.to_owned(), number(lease.0));
    let mut writes = vec![Write::Update(keys::journal(), drawn, undrawn), Write::first(item)];
    let namesakes = engines.0.iter().filter(|other| other.name == name && other.is_listed());
    writes.extend(namesakes.map(|namesake| {
        Write::Update(keys::engine(namesake.id), going(STRUCK_OFF), still_listed())
    }));
    writes
}

/// Forgets engines that are long gone and left nothing behind.
async fn forget(table: &Table, engines: &Engines) -> Result<(), JournalError> {
    let old = wall_clock().moved(-i64::try_from(REMEMBERED.0).unwrap_or(i64::MAX));
    for engine in engines.0.iter().filter(|engine| !engine.is_listed() && engine.gone_at < old) {
        let left = Select::index(WORK, (LANE, WAKE), keys::lane(Some(engine.id))).page(1);
        if table.page(&left, None).await.map_err(Failed::of_all)?.items.is_empty() {
            let gone = Condition::new().present(GONE);
            let write = Write::Delete(keys::engine(engine.id), gone);
            match table.write(write, LEASES).await {
                // Another process forgot it first.
                Ok(_) | Err(Failed::Unmet(_)) => {}
                Err(failed) => return Err(failed.of_all()),
            }
        }
    }
    Ok(())
}

pub(super) async fn renew(
    table: &Table,
    engine: EngineId,
    lease: Span,
) -> Result<Timestamp, JournalError> {
    let beat = Change::new().add(BEAT, 1).set(LEASE, number(lease.0));
    let write = Write::Update(keys::engine(engine), beat, still_listed());
    match table.write(write, LEASES).await {
        Ok(_) => Ok(wall_clock()),
        Err(Failed::Unmet(_)) => Err(why_gone(table, engine).await?),
        Err(failed) => Err(failed.of_all()),
    }
}

/// What to tell an engine that may do nothing any more.
pub(super) async fn why_gone(
    table: &Table,
    engine: EngineId,
) -> Result<JournalError, JournalError> {
    let item = table.get(keys::engine(engine)).await.map_err(Failed::of_all)?;
    let found = item.as_ref().map(Engine::of).transpose().map_err(Misread::of_all)?;
    let refusal = found.as_ref().and_then(Engine::refusal);
    Ok(refusal.unwrap_or(JournalError::Unlisted(engine)))
}

pub(super) async fn resign(table: &Table, engine: EngineId) -> Result<(), JournalError> {
    let write = Write::Update(keys::engine(engine), going(STRUCK_OFF), still_listed());
    match table.write(write, LEASES).await {
        Ok(_) | Err(Failed::Unmet(_)) => Ok(()),
        Err(failed) => Err(failed.of_all()),
    }
}
