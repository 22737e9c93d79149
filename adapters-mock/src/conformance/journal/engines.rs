//! Engines: who is listed, who holds what, and what is due.

use tidegate_core::{
    Append, EngineId, Journal, JournalError, RolloutId, Select, Serves, Span, Take, Timestamp,
};

use super::{Claim, Fixture, Kept, Laws, both, due, enlist, ensure, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("what is held is not another's to claim", held(&make().await, fixture).await);
    laws.note("what is taken by force is lost to its holder", forced(&make().await, fixture).await);
    laws.note(
        "what a lapsed engine held is free, and its lease is not renewed",
        lapsed(&make().await, fixture).await,
    );
    laws.note("a name listed again frees what it held", listed_again(&make().await, fixture).await);
    laws.note("what an engine that resigned held is free", resigned(&make().await, fixture).await);
    laws.note(
        "an engine that is not listed claims nothing",
        unlisted(&make().await, fixture).await,
    );
    laws.note("what is released or parked is held by nobody", parked(&make().await, fixture).await);
    laws.note(
        "of two engines at once one gets what is due",
        one_gets(&make().await, fixture).await,
    );
    laws.note(
        "what is due comes earliest first, within the limit",
        due_in_order(&make().await, fixture).await,
    );
    laws.note(
        "a list has the newest first, and only what was asked for",
        listed(&make().await, fixture).await,
    );
}

/// Whether the rollout is another engine's to claim.
async fn is_free<J: Journal>(journal: &J, rollout: RolloutId, name: &str) -> Result<bool, String> {
    let other = enlist(journal, name).await?;
    match journal.claim(rollout, other, Take::Free).await {
        Ok(_) => Ok(true),
        Err(JournalError::Held { .. }) => Ok(false),
        Err(error) => Err(unexpected(error)),
    }
}

async fn held<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    ensure!(!is_free(journal, claim.id(), "two").await?, "another engine claimed it");
    let due = due(journal, Timestamp::MAX, 10).await?;
    ensure!(due.is_empty(), "another engine was given {due:?} as due");
    claim.append(claim.commit(claim.claimed.version, 1, &[1])).await?;
    let rows = journal.list(&Select::default()).await.map_err(unexpected)?;
    let holders: Vec<_> = rows.into_iter().map(|row| row.holder).collect();
    ensure!(holders == [Some("one".to_owned())], "{holders:?} are listed as holders");
    Ok(())
}

async fn forced<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let two = enlist(journal, "two").await?;
    journal.claim(claim.id(), two, Take::ByForce).await.map_err(unexpected)?;
    let refused = journal.append(claim.commit(claim.claimed.version, 1, &[1])).await;
    let right = matches!(refused, Err(JournalError::StaleEpoch { .. }));
    ensure!(right, "the holder before wrote, and got {refused:?}");
    let late = journal.release(claim.id(), claim.claimed.epoch).await;
    ensure!(late.is_err(), "the holder before gave the claim of another up");
    ensure!(!is_free(journal, claim.id(), "three").await?, "it is held by nobody");
    Ok(())
}

async fn lapsed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.renew(claim.engine, Span::minutes(5)).await.map_err(unexpected)?;
    ensure!(!is_free(journal, claim.id(), "two").await?, "it is free while its engine is listed");
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: None, ..commit }).await?;
    journal.renew(claim.engine, Span(0)).await.map_err(unexpected)?;
    let orphans = due(journal, claim.head.at.moved(-1), 10).await?;
    ensure!(orphans == [claim.id()], "{orphans:?} are due at once after the lease has lapsed");
    let again = due(journal, Timestamp::MAX, 10).await?;
    ensure!(again.is_empty(), "{again:?} are due after they were given up without a due time");
    ensure!(is_free(journal, claim.id(), "two").await?, "it is held after the lease has lapsed");
    for refused in [
        journal.renew(claim.engine, Span::minutes(1)).await.map(|_| ()),
        journal.claim(claim.id(), claim.engine, Take::ByForce).await.map(|_| ()),
        journal.claim_due(claim.engine, &Serves::Every, Timestamp::MAX, 10).await.map(|_| ()),
    ] {
        let right = matches!(refused, Err(JournalError::Lapsed(_)));
        ensure!(right, "an engine whose lease has lapsed got {refused:?}");
    }
    Ok(())
}

async fn listed_again<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let again = enlist(journal, "one").await?;
    ensure!(again != claim.engine, "{again} was given out twice");
    let refused = journal.renew(claim.engine, Span::minutes(1)).await;
    let right = matches!(refused, Err(JournalError::Unlisted(_)));
    ensure!(right, "the engine before renewed its lease, and got {refused:?}");
    ensure!(is_free(journal, claim.id(), "two").await?, "it is still held");
    Ok(())
}

async fn resigned<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.resign(claim.engine).await.map_err(unexpected)?;
    journal.resign(claim.engine).await.map_err(unexpected)?;
    ensure!(is_free(journal, claim.id(), "two").await?, "it is still held");
    Ok(())
}

async fn unlisted<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let head = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let gone = enlist(journal, "one").await?;
    journal.resign(gone).await.map_err(unexpected)?;
    for nobody in [gone, EngineId(4_040_404)] {
        let claims = [
            journal.claim(head.identity.rollout, nobody, Take::ByForce).await.map(|_| ()),
            journal.claim_due(nobody, &Serves::Every, Timestamp::MAX, 10).await.map(|_| ()),
            journal.renew(nobody, Span::minutes(1)).await.map(|_| ()),
        ];
        for refused in claims {
            let right = matches!(refused, Err(JournalError::Unlisted(_)));
            ensure!(right, "{nobody} got {refused:?}");
        }
    }
    Ok(())
}

async fn parked<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.release(claim.id(), claim.claimed.epoch).await.map_err(unexpected)?;
    let two = enlist(journal, "two").await?;
    let again = journal.claim(claim.id(), two, Take::Free).await.map_err(unexpected)?;
    let parking = Append {
        epoch: again.epoch,
        park: true,
        records: Vec::new(),
        ..claim.commit(again.version, 1, &[])
    };
    claim.append(parking).await?;
    ensure!(is_free(journal, claim.id(), "three").await?, "it is held after it was parked");
    Ok(())
}

async fn one_gets<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let head = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let (one, two) = (enlist(journal, "one").await?, enlist(journal, "two").await?);
    let now = head.at;
    let (one, two) = both(
        journal.claim_due(one, &Serves::Every, now, 10),
        journal.claim_due(two, &Serves::Every, now, 10),
    )
    .await;
    let (one, two) = (one.map_err(unexpected)?, two.map_err(unexpected)?);
    let got = one.claimed.len() + two.claimed.len();
    ensure!(got == 1, "one rollout is due, and two engines were given {got}");
    Ok(())
}

async fn due_in_order<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let (early, late) = (claim.head.at.moved(1_000), claim.head.at.moved(2_000));
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: Some(late), park: true, ..commit }).await?;
    let other = journal.open(fixture.elsewhere.clone()).await.map_err(unexpected)?;
    let other = other.identity.rollout;
    let claimed = journal.claim(other, claim.engine, Take::Free).await.map_err(unexpected)?;
    let commit = Append {
        rollout: other,
        epoch: claimed.epoch,
        records: Vec::new(),
        due: Some(early),
        park: true,
        ..claim.commit(claimed.version, 2, &[])
    };
    claim.append(commit).await?;
    for (now, limit, wanted) in [
        (early.moved(-1), 10, vec![]),
        (early, 10, vec![other]),
        (late, 10, vec![other, claim.id()]),
        (late, 1, vec![other]),
    ] {
        let due = due(journal, now, limit).await?;
        ensure!(due == wanted, "{wanted:?} are due with limit {limit}, and {due:?} are given");
    }
    let probe = enlist(journal, "probe").await?;
    let work = journal.claim_due(probe, &Serves::Every, early, 10).await.map_err(unexpected)?;
    ensure!(work.next == Some(late), "the next is due at {late:?}, and {:?} is told", work.next);
    Ok(())
}

async fn listed<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let first = Claim::take(journal, fixture).await?;
    first.end().await?;
    let second = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let third = journal.open(fixture.elsewhere.clone()).await.map_err(unexpected)?;
    let (first, second, third) = (first.id(), second.identity.rollout, third.identity.rollout);
    let all = Select::default;
    let target = Some(fixture.elsewhere.plan.target().clone());
    for (select, wanted) in [
        (all(), vec![third, second, first]),
        (Select { limit: 2, ..all() }, vec![third, second]),
        (Select { before: Some(second), ..all() }, vec![first]),
        (Select { over: Some(true), ..all() }, vec![first]),
        (Select { over: Some(false), ..all() }, vec![third, second]),
        (Select { target, ..all() }, vec![third]),
    ] {
        let rows = journal.list(&select).await.map_err(unexpected)?;
        let rows: Vec<RolloutId> = rows.into_iter().map(|row| row.rollout).collect();
        ensure!(rows == wanted, "{select:?} gives {rows:?}, not {wanted:?}");
    }
    Ok(())
}
