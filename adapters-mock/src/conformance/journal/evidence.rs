//! Looks, and what is forgotten.

use tidegate_core::{
    CheckIndex, Journal, JournalError, Look, Prune, Pruned, Role, Select, Seq, Span, StoredLook,
    Timestamp, Window,
};

use super::{Claim, Fixture, Kept, Laws, ensure, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("a look is kept once and corrections win", looks(&make().await, fixture).await);
    laws.note("looks are kept all or none", half(&make().await, fixture).await);
    laws.note("only what is over and old is forgotten", pruned(&make().await, fixture).await);
}

async fn looks<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let look = |minute: u64, correction: u32| {
        let from = claim.head.at.moved(0).after(Span::minutes(minute));
        let window = Window { from, to: from.after(Span::minutes(1)) };
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

fn one_look<J>(claim: &Claim<'_, J>) -> StoredLook {
    let from = claim.head.at;
    let window = Window { from, to: from.after(Span::minutes(1)) };
    let look = Look::complete(window, None, None);
    let rollout = claim.head.identity.rollout;
    StoredLook { rollout, check: CheckIndex(0), role: Role::Guard, correction: 0, look }
}

async fn half<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    let look = one_look(&claim);
    let nobody = StoredLook { rollout: tidegate_core::RolloutId(404), ..look.clone() };
    let refused = journal.keep_looks(vec![look, nobody]).await;
    let right = matches!(refused, Err(JournalError::Unknown(_)));
    ensure!(right, "a look of an unknown rollout got {refused:?}");
    let kept = journal.looks(claim.id(), CheckIndex(0), Role::Guard).await.map_err(unexpected)?;
    ensure!(kept.is_empty(), "{} looks of a refused batch are kept", kept.len());
    Ok(())
}

async fn pruned<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    journal.keep_looks(vec![one_look(&claim)]).await.map_err(unexpected)?;
    let (ended, all) = (claim.head.at, Some(Timestamp::MAX));
    let prune = async |what| journal.prune(what).await.map_err(unexpected);
    let everything = Prune { looks_before: all, rollouts_before: all };
    ensure!(prune(everything).await? == Pruned::default(), "a rollout that runs was forgotten");
    claim.end().await?;
    let next = journal.open(fixture.opening.clone()).await.map_err(unexpected)?;
    let early = Prune { looks_before: Some(ended), rollouts_before: Some(ended) };
    ensure!(prune(early).await? == Pruned::default(), "what ended later was forgotten");
    let looks = Prune { looks_before: all, rollouts_before: None };
    let gone = prune(looks).await?;
    ensure!(gone == Pruned { looks: 1, rollouts: 0 }, "one look was kept, {gone:?} forgotten");
    claim.holds_up_to(1).await?;
    let gone = prune(everything).await?;
    ensure!(gone == Pruned { looks: 0, rollouts: 1 }, "one rollout was over, {gone:?} forgotten");
    let rows = journal.list(&Select::default()).await.map_err(unexpected)?;
    let rows: Vec<_> = rows.into_iter().map(|row| row.rollout).collect();
    ensure!(rows == [next.identity.rollout], "{rows:?} are left");
    let read = journal.read(claim.id(), Seq(1)).await;
    let right = matches!(read, Err(JournalError::Unknown(_)));
    ensure!(right, "what was forgotten is read as {read:?}");
    Ok(())
}
