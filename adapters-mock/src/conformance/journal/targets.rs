//! Targets: one rollout of each is active, and one may wait behind it.

use tidegate_core::{
    Actor, Append, AttemptId, Journal, JournalError, Opening, Order, RolloutId, Take, Timestamp,
};

use super::{Claim, Fixture, Kept, Laws, both, due, enlist, ensure, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("one rollout a target is active", one_active(&make().await, fixture).await);
    laws.note("the generation rises", generation(&make().await, fixture).await);
    laws.note("a follower is told of in one commit", follower(&make().await, fixture).await);
    laws.note(
        "a newer follower replaces the one that waits",
        replaced(&make().await, fixture).await,
    );
    laws.note("a follower becomes active and due", succeeds(&make().await, fixture).await);
    laws.note(
        "a follower that is run is not parked over its turn",
        turn(&make().await, fixture).await,
    );
    laws.note("what is over is never due", never_due(&make().await, fixture).await);
    laws.note("what a rollout tries again is kept", retried(&make().await, fixture).await);
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

async fn generation<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let first = Claim::take(journal, fixture).await?;
    first.end().await?;
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
    claim.end().await?;
    let due = due(journal, Timestamp::MAX, 10).await?;
    ensure!(!due.contains(&older.identity.rollout), "the one that was replaced is due");
    Ok(())
}

async fn succeeds<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let next = journal.open(following(fixture, claim.id())).await.map_err(unexpected)?;
    let early = due(journal, Timestamp::MAX, 10).await?;
    ensure!(!early.contains(&next.identity.rollout), "it is due before the one before is over");
    claim.end().await?;
    let active = journal.active(next.plan.target()).await.map_err(unexpected)?;
    let active = active.map(|active| active.rollout);
    ensure!(active == Some(next.identity.rollout), "{active:?} is active after the one before");
    let due = due(journal, Timestamp::MAX, 10).await?;
    ensure!(due.contains(&next.identity.rollout), "it is not due after the one before is over");
    Ok(())
}

/// Whoever runs the follower may be about to park it, for nothing but the end of the one before wakes
/// it: what it decided before that end must not be written after it.
async fn turn<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let before = Claim::take(journal, fixture).await?;
    let next = journal.open(following(fixture, before.id())).await.map_err(unexpected)?;
    let engine = enlist(journal, "two").await?;
    let claimed = journal.claim(next.identity.rollout, engine, Take::Free).await;
    let claimed = claimed.map_err(unexpected)?;
    before.end().await?;
    let park = Append {
        rollout: next.identity.rollout,
        epoch: claimed.epoch,
        version: claimed.version,
        attempt: AttemptId(91),
        records: Vec::new(),
        consumed: Vec::new(),
        due: None,
        park: true,
        over: false,
    };
    let refused = journal.append(park).await;
    let stale = matches!(refused, Err(JournalError::StaleVersion { current, .. }) if current > claimed.version);
    ensure!(stale, "it was parked although its turn had come: {refused:?}");
    journal.resign(engine).await.map_err(unexpected)?;
    let due = due(journal, Timestamp::MAX, 10).await?;
    ensure!(due.contains(&next.identity.rollout), "it is not due although its turn has come");
    Ok(())
}

async fn never_due<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    claim.end().await?;
    let due = due(journal, Timestamp::MAX, 10).await?;
    ensure!(due.is_empty(), "{due:?} are due after the end");
    let active = journal.active(claim.head.plan.target()).await.map_err(unexpected)?;
    ensure!(active.is_none(), "{active:?} still holds the target");
    Ok(())
}

async fn retried<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    claim.end().await?;
    let opening = Opening { retry_of: Some(claim.id()), ..fixture.opening.clone() };
    let head = journal.open(opening).await.map_err(unexpected)?;
    let head = journal.head(head.identity.rollout).await.map_err(unexpected)?;
    ensure!(head.retry_of == Some(claim.id()), "it tries {:?} again", head.retry_of);
    Ok(())
}
