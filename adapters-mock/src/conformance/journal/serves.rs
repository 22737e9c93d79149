//! Targets that an engine serves: of others it is given nothing and told nothing.

use std::collections::BTreeSet;

use tidegate_core::{
    Actor, Append, EngineId, Journal, Opening, RolloutId, Serves, Timestamp, Work,
};

use super::{Claim, Fixture, Kept, Laws, command, enlist, ensure, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note(
        "what is due is given to an engine that serves its target",
        due(&make().await, fixture).await,
    );
    laws.note(
        "what waits for its time concerns only who serves its target",
        next(&make().await, fixture).await,
    );
    laws.note(
        "what a vanished engine held is given to one that serves its target",
        orphan(&make().await, fixture).await,
    );
    laws.note("of commands is told who serves the target", commanded(&make().await, fixture).await);
    laws.note(
        "what waits behind another is its target's too",
        waiting(&make().await, fixture).await,
    );
}

/// Serves the target of one opening only.
fn only(opening: &Opening) -> Serves {
    Serves::Only(BTreeSet::from([opening.plan.target().clone()]))
}

/// What an engine is given when every time has come.
async fn work<J: Journal>(journal: &J, by: EngineId, serves: &Serves) -> Result<Work, String> {
    journal.claim_due(by, serves, Timestamp::MAX, 1).await.map_err(unexpected)
}

fn claimed(work: &Work) -> Vec<RolloutId> {
    work.claimed.iter().map(|(rollout, _)| *rollout).collect()
}

fn is_idle(work: &Work) -> bool {
    work.claimed.is_empty() && work.commanded.is_empty() && work.next.is_none()
}

async fn due<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let first = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let second = journal.open(fixture.elsewhere.clone()).await.map_err(unexpected)?;
    let engine = enlist(journal, "one").await?;
    let nothing = work(journal, engine, &Serves::Only(BTreeSet::new())).await?;
    ensure!(is_idle(&nothing), "an engine that serves nothing is given {nothing:?}");
    for (opening, wanted) in [(&fixture.elsewhere, second), (&fixture.opening, first)] {
        let work = work(journal, engine, &only(opening)).await?;
        let (given, wanted) = (claimed(&work), wanted.identity.rollout);
        ensure!(given == [wanted], "{wanted} alone is of a target served, and {given:?} are given");
        ensure!(work.next.is_none(), "another target's is told as the next, at {:?}", work.next);
    }
    Ok(())
}

async fn next<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let late = claim.head.at.moved(1_000);
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: Some(late), park: true, ..commit }).await?;
    for (opening, wanted) in [(&fixture.elsewhere, None), (&fixture.opening, Some(late))] {
        let now = claim.head.at;
        let work = journal.claim_due(claim.engine, &only(opening), now, 1).await;
        let next = work.map_err(unexpected)?.next;
        ensure!(next == wanted, "the next is due at {wanted:?}, and {next:?} is told");
    }
    Ok(())
}

async fn orphan<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.resign(claim.engine).await.map_err(unexpected)?;
    let engine = enlist(journal, "two").await?;
    let elsewhere = work(journal, engine, &only(&fixture.elsewhere)).await?;
    ensure!(is_idle(&elsewhere), "one that serves another target is given {elsewhere:?}");
    let given = claimed(&work(journal, engine, &only(&fixture.opening)).await?);
    ensure!(given == [claim.id()], "one that serves its target is given {given:?}");
    Ok(())
}

async fn commanded<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.submit(claim.id(), command(1)).await.map_err(unexpected)?;
    let holder = work(journal, claim.engine, &only(&fixture.elsewhere)).await?;
    ensure!(is_idle(&holder), "one that serves another target is told {holder:?}");
    let holder = work(journal, claim.engine, &only(&fixture.opening)).await?.commanded;
    ensure!(holder == [claim.id()], "its holder is told that {holder:?} have commands");
    let commit = claim.commit(claim.claimed.version, 1, &[1]);
    claim.append(Append { due: None, park: true, ..commit }).await?;
    let elsewhere = work(journal, claim.engine, &only(&fixture.elsewhere)).await?;
    ensure!(is_idle(&elsewhere), "one that serves another target is given {elsewhere:?}");
    let given = claimed(&work(journal, claim.engine, &only(&fixture.opening)).await?);
    ensure!(given == [claim.id()], "one that serves its target is given {given:?}");
    Ok(())
}

async fn waiting<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let after = Some((claim.id(), Actor::from("ana")));
    let behind = journal.open(Opening { after, ..fixture.opening.clone() }).await;
    let behind = behind.map_err(unexpected)?.identity.rollout;
    journal.submit(behind, command(1)).await.map_err(unexpected)?;
    let engine = enlist(journal, "two").await?;
    let given = claimed(&work(journal, engine, &only(&fixture.opening)).await?);
    ensure!(given == [behind], "{behind} waits and has a command, and {given:?} are given");
    Ok(())
}
