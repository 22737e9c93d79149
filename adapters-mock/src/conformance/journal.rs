//! Laws of [`Journal`].

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tidegate_core::{
    Actor, Append, AttemptId, CheckIndex, Claimed, Command, CommandId, Epoch, Journal,
    JournalError, Look, Opening, Order, Role, RolloutId, RowVersion, Seq, StoredLook, Timestamp,
    Window,
    record::{Head, Record},
};

use super::{Kept, Laws, Report, ensure, unexpected};

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

/// A journal with one claimed rollout.
struct Claim<'a, J> {
    journal: &'a J,
    fixture: &'a Fixture<J>,
    head: Head,
    claimed: Claimed,
}

impl<'a, J: Journal> Claim<'a, J> {
    async fn take(journal: &'a J, fixture: &'a Fixture<J>) -> Result<Self, String> {
        let head = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
        let claimed = journal.claim(head.identity.rollout, None).await.map_err(unexpected)?;
        Ok(Self { journal, fixture, head, claimed })
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
}

fn command(id: u64) -> Command {
    Command {
        id: CommandId(id),
        actor: Actor::from("ana"),
        reason: String::new(),
        order: Order::Pause,
    }
}

/// Checks a journal; `make` gives an empty one for each law.
///
/// # Errors
/// The laws that broke.
pub async fn journal<J: Journal>(make: impl AsyncFn() -> J, fixture: &Fixture<J>) -> Report {
    let mut laws = Laws::default();
    laws.note("what was committed is read back", read_back(&make().await, fixture).await);
    laws.note("a stale epoch is refused", stale_epoch(&make().await, fixture).await);
    laws.note("a stale version is refused", stale_version(&make().await, fixture).await);
    laws.note("a claim at a stale version is refused", stale_claim(&make().await, fixture).await);
    laws.note("a gap is refused", gap(&make().await, fixture).await);
    laws.note("a commit is all or nothing", all_or_nothing(&make().await, fixture).await);
    laws.note("a commit can be found by its attempt", attempts(&make().await, fixture).await);
    laws.note("of two commits at once exactly one wins", one_wins(&make().await, fixture).await);
    laws.note("a claim gives the last record", last_record(&make().await, fixture).await);
    openings(&mut laws, &make, fixture).await;
    commands_and_looks(&mut laws, &make, fixture).await;
    laws.report()
}

async fn openings<J: Journal>(laws: &mut Laws, make: &impl AsyncFn() -> J, fixture: &Fixture<J>) {
    laws.note("one rollout a target is active", one_active(&make().await, fixture).await);
    laws.note("the generation rises", generation(&make().await, fixture).await);
    laws.note("a follower is told of in one commit", follower(&make().await, fixture).await);
    laws.note(
        "a newer follower replaces the one that waits",
        replaced(&make().await, fixture).await,
    );
    laws.note("a follower becomes active and due", succeeds(&make().await, fixture).await);
    laws.note(
        "what is due comes earliest first, within the limit",
        due(&make().await, fixture).await,
    );
    laws.note("what is over is never due", never_due(&make().await, fixture).await);
}

async fn commands_and_looks<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("a command is kept once, in order", inbox(&make().await, fixture).await);
    laws.note("a command is consumed with its record", consumed(&make().await, fixture).await);
    laws.note("a command makes its rollout due", commanded(&make().await, fixture).await);
    laws.note("a command does not disturb the writer", undisturbed(&make().await, fixture).await);
    laws.note("a look is kept once and corrections win", looks(&make().await, fixture).await);
    laws.note("an unknown rollout is an error", unknown(&make().await).await);
}

async fn read_back<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let commit = claim.commit(claim.claimed.version, 1, &[1, 2]);
    let wanted = commit.records.clone();
    claim.append(commit).await?;
    let got = journal.read(claim.id(), Seq(1)).await.map_err(unexpected)?;
    ensure!(
        got == wanted,
        "{} records were committed, {} others are read",
        wanted.len(),
        got.len()
    );
    let from = journal.read(claim.id(), Seq(2)).await.map_err(unexpected)?;
    ensure!(from.len() == 1, "{} records are read from the last on", from.len());
    let head = journal.head(claim.id()).await.map_err(unexpected)?;
    ensure!(head == claim.head, "record 0 is another than the one that was opened");
    Ok(())
}

async fn stale_epoch<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let later = journal.claim(claim.id(), None).await.map_err(unexpected)?;
    ensure!(later.epoch > claim.claimed.epoch, "a second claim did not raise the epoch");
    let refused = journal.append(claim.commit(later.version, 1, &[1])).await;
    let right = matches!(refused, Err(JournalError::StaleEpoch { .. }));
    ensure!(right, "an earlier claim's commit got {refused:?}");
    claim.holds_up_to(0).await
}

async fn stale_version<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let old = claim.claimed.version;
    let new = claim.append(claim.commit(old, 1, &[1])).await?;
    ensure!(new > old, "a commit did not raise the version");
    let refused = journal.append(claim.commit(old, 2, &[2])).await;
    let right = matches!(refused, Err(JournalError::StaleVersion { .. }));
    ensure!(right, "a commit on an old version got {refused:?}");
    claim.holds_up_to(1).await
}

async fn stale_claim<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let old = claim.claimed.version;
    claim.append(claim.commit(old, 1, &[1])).await?;
    let refused = journal.claim(claim.id(), Some(old)).await;
    let right = matches!(refused, Err(JournalError::StaleVersion { .. }));
    ensure!(right, "a claim at an old version got {:?}", refused.map(|claimed| claimed.epoch));
    Ok(())
}

async fn gap<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let version = claim.claimed.version;
    for seqs in [&[2][..], &[1, 3], &[1, 1], &[0]] {
        let refused = journal.append(claim.commit(version, 1, seqs)).await;
        let right = matches!(refused, Err(JournalError::Gap { .. }));
        ensure!(right, "records {seqs:?} after none got {refused:?}");
    }
    claim.holds_up_to(0).await
}

async fn all_or_nothing<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let commit = Append {
        consumed: vec![CommandId(1)],
        over: true,
        ..claim.commit(claim.claimed.version, 1, &[1, 3])
    };
    let refused = journal.append(commit).await;
    ensure!(refused.is_err(), "records with a gap were committed");
    claim.holds_up_to(0).await?;
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    ensure!(inbox.len() == 1, "a refused commit consumed a command");
    let active = journal.active(&claim.head.plan.target().clone()).await.map_err(unexpected)?;
    ensure!(active.is_some(), "a refused commit ended the rollout");
    Ok(())
}

async fn attempts<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let commit = claim.commit(claim.claimed.version, 7, &[1]);
    let before = journal.committed(claim.id(), AttemptId(7)).await.map_err(unexpected)?;
    ensure!(before.is_none(), "an attempt that was never made is found");
    let lost = fixture.lose_next_answer;
    if let Some(lose) = lost {
        lose(journal);
    }
    let answer = journal.append(commit).await;
    let lost_now = matches!(answer, Err(JournalError::AnswerLost(_)));
    ensure!(answer.is_ok() || lost_now, "a commit got {answer:?}");
    ensure!(lost.is_none() || lost_now, "a lost answer was reported as {answer:?}");
    let found = journal.committed(claim.id(), AttemptId(7)).await.map_err(unexpected)?;
    let Some(version) = found else { return Err("a commit is not found by its attempt".into()) };
    ensure!(answer.is_err() || answer.is_ok_and(|v| v == version), "it is found at {version:?}");
    claim.append(claim.commit(version, 8, &[2])).await?;
    claim.holds_up_to(2).await
}

async fn one_wins<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let version = claim.claimed.version;
    let one = journal.append(claim.commit(version, 1, &[1]));
    let two = journal.append(claim.commit(version, 2, &[1]));
    let (one, two) = both(one, two).await;
    ensure!(one.is_ok() != two.is_ok(), "two commits at once got {one:?} and {two:?}");
    claim.holds_up_to(1).await
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

async fn last_record<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    ensure!(claim.claimed.last.is_none(), "a rollout without records has a last one");
    claim.append(claim.commit(claim.claimed.version, 1, &[1, 2])).await?;
    journal.release(claim.id(), claim.claimed.epoch).await.map_err(unexpected)?;
    let again = journal.claim(claim.id(), None).await.map_err(unexpected)?;
    let last = again.last.map(|record| record.seq.0);
    ensure!(last == Some(2), "the last record is 2, and a claim gives {last:?}");
    Ok(())
}

async fn one_active<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let head = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let (one, two) =
        both(journal.open(fixture.opening.clone()), journal.open(fixture.opening.clone())).await;
    for refused in [one, two] {
        let right = matches!(refused, Err(JournalError::Busy { .. }));
        ensure!(right, "a second opening got {:?}", refused.map(|head| head.identity));
    }
    journal.open(fixture.elsewhere.clone()).await.map_err(unexpected)?;
    let active = journal.active(head.plan.target()).await.map_err(unexpected)?;
    let active = active.map(|active| active.rollout);
    ensure!(active == Some(head.identity.rollout), "{active:?} is reported as active");
    Ok(())
}

async fn end<J: Journal>(claim: &Claim<'_, J>) -> Kept {
    let commit = claim.commit(claim.claimed.version, 90, &[1]);
    claim.append(Append { over: true, due: None, ..commit }).await?;
    Ok(())
}

async fn generation<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let first = Claim::take(journal, fixture).await?;
    end(&first).await?;
    let second = Claim::take(journal, fixture).await?;
    let (one, two) = (first.head.identity, second.head.identity);
    ensure!(two.generation.0 == one.generation.0 + 1, "{:?} follows {:?}", two, one);
    ensure!(two.rollout > one.rollout, "rollout ids do not rise: {one:?}, {two:?}");
    Ok(())
}

fn following<J>(fixture: &Fixture<J>, before: RolloutId) -> Opening {
    Opening { after: Some((before, Actor::from("ana"))), ..fixture.opening.clone() }
}

async fn follower<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let next = journal.open(following(fixture, claim.id())).await.map_err(unexpected)?;
    ensure!(next.after == Some(claim.id()), "its head names {:?}", next.after);
    let active = journal.active(next.plan.target()).await.map_err(unexpected)?;
    let Some(active) = active else { return Err("nothing is active".into()) };
    ensure!(active.rollout == claim.id(), "the follower is active before its turn");
    ensure!(active.waiting == Some(next.identity.rollout), "{:?} waits", active.waiting);
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    let by = next.identity.rollout;
    let told = inbox.iter().any(|command| command.order == Order::Supersede { by });
    ensure!(told, "the one before was told {inbox:?}");
    Ok(())
}

async fn replaced<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let older = journal.open(following(fixture, claim.id())).await.map_err(unexpected)?;
    let newer = journal.open(following(fixture, claim.id())).await.map_err(unexpected)?;
    let active = journal.active(newer.plan.target()).await.map_err(unexpected)?;
    let waiting = active.and_then(|active| active.waiting);
    ensure!(waiting == Some(newer.identity.rollout), "{waiting:?} waits");
    end(&claim).await?;
    let due = journal.due(Timestamp::MAX, 10).await.map_err(unexpected)?;
    ensure!(!due.contains(&older.identity.rollout), "the one that was replaced is due");
    Ok(())
}

async fn succeeds<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let next = journal.open(following(fixture, claim.id())).await.map_err(unexpected)?;
    let early = journal.due(Timestamp::MAX, 10).await.map_err(unexpected)?;
    ensure!(!early.contains(&next.identity.rollout), "it is due before the one before is over");
    end(&claim).await?;
    let active = journal.active(next.plan.target()).await.map_err(unexpected)?;
    let active = active.map(|active| active.rollout);
    ensure!(active == Some(next.identity.rollout), "{active:?} is active after the one before");
    let due = journal.due(Timestamp::MAX, 10).await.map_err(unexpected)?;
    ensure!(due.contains(&next.identity.rollout), "it is not due after the one before is over");
    Ok(())
}

async fn due<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let (early, late) = (claim.head.at.moved(1_000), claim.head.at.moved(2_000));
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: Some(late), ..commit }).await?;
    let other = journal.open(fixture.elsewhere.clone()).await.map_err(unexpected)?;
    let other = other.identity.rollout;
    let claimed = journal.claim(other, None).await.map_err(unexpected)?;
    let commit = Append {
        rollout: other,
        epoch: claimed.epoch,
        records: Vec::new(),
        due: Some(early),
        ..claim.commit(claimed.version, 2, &[])
    };
    claim.append(commit).await?;
    for (now, limit, wanted) in [
        (early.moved(-1), 10, vec![]),
        (early, 10, vec![other]),
        (late, 10, vec![other, claim.id()]),
        (late, 1, vec![other]),
    ] {
        let due = journal.due(now, limit).await.map_err(unexpected)?;
        ensure!(due == wanted, "{wanted:?} are due with limit {limit}, and {due:?} are given");
    }
    Ok(())
}

async fn never_due<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    end(&claim).await?;
    let due = journal.due(Timestamp::MAX, 10).await.map_err(unexpected)?;
    ensure!(due.is_empty(), "{due:?} are due after the end");
    let active = journal.active(claim.head.plan.target()).await.map_err(unexpected)?;
    ensure!(active.is_none(), "{active:?} still holds the target");
    Ok(())
}

async fn inbox<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    for id in [5, 3, 5, 9] {
        journal.submit(claim.id(), command(id)).await.map_err(unexpected)?;
    }
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    let ids: Vec<u64> = inbox.iter().map(|command| command.id.0).collect();
    ensure!(ids == [5, 3, 9], "5, 3, 5, 9 were submitted, and {ids:?} are there");
    let claimed = journal.claim(claim.id(), None).await.map_err(unexpected)?;
    ensure!(claimed.inbox == inbox, "a claim gives another inbox");
    Ok(())
}

async fn consumed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    for id in [1, 2] {
        journal.submit(claim.id(), command(id)).await.map_err(unexpected)?;
    }
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { consumed: vec![CommandId(1)], ..commit }).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    let ids: Vec<u64> = inbox.iter().map(|command| command.id.0).collect();
    ensure!(ids == [2], "1 was consumed, and {ids:?} are there");
    Ok(())
}

async fn commanded<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: None, ..commit }).await?;
    let parked = journal.due(Timestamp::MAX, 10).await.map_err(unexpected)?;
    ensure!(parked.is_empty(), "{parked:?} are due without a reason");
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let due = journal.due(claim.head.at, 10).await.map_err(unexpected)?;
    ensure!(due == [claim.id()], "{due:?} are due after a command");
    Ok(())
}

async fn undisturbed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    claim.append(claim.commit(claim.claimed.version, 1, &[1])).await?;
    let inbox = journal.inbox(claim.id()).await.map_err(unexpected)?;
    ensure!(inbox.len() == 1, "a commit that consumed nothing left {} commands", inbox.len());
    Ok(())
}

async fn looks<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let look = |minute: u64, correction: u32| {
        let from = claim.head.at.moved(0).after(tidegate_core::Span::minutes(minute));
        let window = Window { from, to: from.after(tidegate_core::Span::minutes(1)) };
        let look = Look { complete: correction > 0, ..Look::complete(window, None, None) };
        let (check, role) = (CheckIndex(1), Role::Guard);
        StoredLook { rollout: claim.id(), check, role, correction, look }
    };
    let gate = StoredLook { role: Role::Gate, ..look(0, 0) };
    let batches = [vec![look(1, 0), look(0, 0)], vec![look(0, 1), gate.clone()], vec![look(0, 0)]];
    for batch in batches {
        journal.keep_looks(batch).await.map_err(unexpected)?;
    }
    let kept = journal.looks(claim.id(), CheckIndex(1), Role::Guard).await.map_err(unexpected)?;
    let wanted = [look(0, 1), look(1, 0)];
    ensure!(kept == wanted, "two windows, the first corrected, are kept as {kept:?}");
    let other = journal.looks(claim.id(), CheckIndex(1), Role::Gate).await.map_err(unexpected)?;
    ensure!(other == [gate], "one look for the gate is kept as {other:?}");
    Ok(())
}

async fn unknown<J: Journal>(journal: &J) -> Kept {
    let nobody = RolloutId(404);
    let refused = journal.claim(nobody, None).await.map(|claimed| claimed.epoch);
    let right = matches!(refused, Err(JournalError::Unknown(_)));
    ensure!(right, "a claim of an unknown rollout got {refused:?}");
    let refused = journal.submit(nobody, command(1)).await;
    let right = matches!(refused, Err(JournalError::Unknown(_)));
    ensure!(right, "a command to an unknown rollout got {refused:?}");
    Ok(())
}
