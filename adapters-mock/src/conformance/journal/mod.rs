//! Laws of [`Journal`].

mod commands;
mod engines;
mod evidence;
mod records;
mod serves;
mod targets;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tidegate_core::{
    Actor, Append, AttemptId, Claimed, Command, CommandId, Consumed, EngineId, Epoch, Journal,
    Opening, Order, RolloutId, RowVersion, Seq, Serves, Span, Take, Timestamp,
    record::{Head, Record},
};

use super::{Kept, Laws, Report, ensure, unexpected};

/// Longer than any suite runs.
const LEASE: Span = Span::minutes(10);

/// What the laws need to know of the machine whose records are kept.
pub struct Fixture<J> {
    /// An opening of one target, following nothing.
    pub opening: Opening,
    /// The same for another target.
    pub elsewhere: Opening,
    /// A record of a rollout; it need not make sense beyond the fields given.
    pub record: fn(&Head, Seq, Epoch, AttemptId) -> Record,
    /// Makes the answer of the next append get lost after it was committed; absent if nothing can.
    pub lose_next_answer: Option<fn(&J)>,
}

/// A journal with one rollout, claimed by one engine.
struct Claim<'a, J> {
    journal: &'a J,
    fixture: &'a Fixture<J>,
    head: Head,
    engine: EngineId,
    claimed: Claimed,
}

impl<'a, J: Journal> Claim<'a, J> {
    async fn take(journal: &'a J, fixture: &'a Fixture<J>) -> Result<Self, String> {
        let head = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
        let engine = enlist(journal, "one").await?;
        let claimed = journal.claim(head.identity.rollout, engine, Take::Free).await;
        let claimed = claimed.map_err(unexpected)?;
        Ok(Self { journal, fixture, head, engine, claimed })
    }

    fn id(&self) -> RolloutId {
        self.head.identity.rollout
    }

    /// A commit of the records `seqs` on top of `version`.
    fn commit(&self, version: RowVersion, attempt: u64, seqs: &[u64]) -> Append {
        let (epoch, attempt) = (self.claimed.epoch, AttemptId(attempt));
        let record = |seq: &u64| (self.fixture.record)(&self.head, Seq(*seq), epoch, attempt);
        Append {
            rollout: self.id(),
            epoch,
            version,
            attempt,
            records: seqs.iter().map(record).collect(),
            consumed: Vec::new(),
            due: Some(self.head.at),
            park: false,
            over: false,
        }
    }

    async fn append(&self, commit: Append) -> Result<RowVersion, String> {
        self.journal.append(commit).await.map_err(unexpected)
    }

    async fn seqs(&self) -> Result<Vec<u64>, String> {
        let records = self.journal.read(self.id(), Seq(1)).await.map_err(unexpected)?;
        Ok(records.iter().map(|record| record.seq.0).collect())
    }

    /// Nothing but the records 1 to `last` may be there.
    async fn holds_up_to(&self, last: u64) -> Kept {
        let seqs = self.seqs().await?;
        ensure!(seqs == (1..=last).collect::<Vec<_>>(), "1 to {last} expected, {seqs:?} read");
        Ok(())
    }

    /// Ends it, with its first record.
    async fn end(&self) -> Kept {
        let commit = self.commit(self.claimed.version, 90, &[1]);
        self.append(Append { over: true, due: None, ..commit }).await?;
        Ok(())
    }
}

async fn enlist<J: Journal>(journal: &J, name: &str) -> Result<EngineId, String> {
    Ok(journal.enlist(name, LEASE).await.map_err(unexpected)?.engine)
}

/// What another engine is given as due, which gives it back at once.
async fn due<J: Journal>(
    journal: &J,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RolloutId>, String> {
    let probe = enlist(journal, "probe").await?;
    let work = journal.claim_due(probe, &Serves::Every, now, limit).await.map_err(unexpected)?;
    let mut due = Vec::new();
    for (rollout, claimed) in work.claimed {
        let epoch = claimed.map_err(unexpected)?.epoch;
        journal.release(rollout, epoch).await.map_err(unexpected)?;
        due.push(rollout);
    }
    Ok(due)
}

fn command(id: u64) -> Command {
    Command {
        id: CommandId(id),
        actor: Actor::from("ana"),
        reason: String::new(),
        order: Order::Pause,
    }
}

const fn read(id: u64) -> Consumed {
    Consumed { id: CommandId(id), ignored: None }
}

/// Runs two futures at once.
async fn both<T>(one: impl Future<Output = T>, two: impl Future<Output = T>) -> (T, T) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(done) = one.as_mut().poll(cx)
        {
            first = Some(done);
        }
        if second.is_none()
            && let Poll::Ready(done) = two.as_mut().poll(cx)
        {
            second = Some(done);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(two)) => Poll::Ready((one, two)),
            (one, two) => {
                (first, second) = (one, two);
                Poll::Pending
            }
        }
    })
    .await
}

/// Checks a journal; `make` gives an empty one for each law.
///
/// # Errors
/// The laws that broke.
pub async fn journal<J: Journal>(make: impl AsyncFn() -> J, fixture: &Fixture<J>) -> Report {
    let mut laws = Laws::default();
    records::laws(&mut laws, &make, fixture).await;
    targets::laws(&mut laws, &make, fixture).await;
    engines::laws(&mut laws, &make, fixture).await;
    serves::laws(&mut laws, &make, fixture).await;
    commands::laws(&mut laws, &make, fixture).await;
    evidence::laws(&mut laws, &make, fixture).await;
    laws.report()
}
