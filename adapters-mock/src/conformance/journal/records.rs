//! Records: what is committed, by whom, and in which order.

use tidegate_core::{Append, AttemptId, Epoch, Journal, JournalError, RolloutId, Seq, Take};

use super::{Claim, Fixture, Kept, Laws, both, command, enlist, ensure, read, unexpected};

pub(super) async fn laws<J: Journal>(
    laws: &mut Laws,
    make: &impl AsyncFn() -> J,
    fixture: &Fixture<J>,
) {
    laws.note("what was committed is read back", read_back(&make().await, fixture).await);
    laws.note("a stale epoch is refused", stale_epoch(&make().await, fixture).await);
    laws.note("a stale version is refused", stale_version(&make().await, fixture).await);
    laws.note("a gap is refused", gap(&make().await, fixture).await);
    laws.note("a commit is all or nothing", all_or_nothing(&make().await, fixture).await);
    laws.note("a commit can be found by its attempt", attempts(&make().await, fixture).await);
    laws.note("of two commits at once exactly one wins", one_wins(&make().await, fixture).await);
    laws.note("a claim gives the last record", last_record(&make().await, fixture).await);
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
    let later = journal.claim(claim.id(), claim.engine, Take::Free).await.map_err(unexpected)?;
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
        consumed: vec![read(1)],
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

async fn last_record<J: Journal>(journal: &J, fixture: &Fixture<J>) -> Kept {
    let claim = Claim::take(journal, fixture).await?;
    ensure!(claim.claimed.last.is_none(), "a rollout without records has a last one");
    claim.append(claim.commit(claim.claimed.version, 1, &[1, 2])).await?;
    journal.release(claim.id(), claim.claimed.epoch).await.map_err(unexpected)?;
    let again = journal.claim(claim.id(), claim.engine, Take::Free).await.map_err(unexpected)?;
    let last = again.last.map(|record| record.seq.0);
    ensure!(last == Some(2), "the last record is 2, and a claim gives {last:?}");
    let alone = journal.last(claim.id()).await.map_err(unexpected)?;
    let alone = alone.map(|record| record.seq.0);
    ensure!(alone == Some(2), "the last record is 2, and asked for it gives {alone:?}");
    Ok(())
}

async fn unknown<J: Journal>(journal: &J) -> Kept {
    let nobody = RolloutId(404);
    let engine = enlist(journal, "one").await?;
    let refused = [
        journal.claim(nobody, engine, Take::ByForce).await.map(|_| ()),
        journal.submit(nobody, command(1)).await,
        journal.release(nobody, Epoch(1)).await,
        journal.head(nobody).await.map(|_| ()),
        journal.last(nobody).await.map(|_| ()),
        journal.read(nobody, Seq(1)).await.map(|_| ()),
        journal.inbox(nobody).await.map(|_| ()),
    ];
    for (n, refused) in refused.iter().enumerate() {
        let right = matches!(refused, Err(JournalError::Unknown(_)));
        ensure!(right, "call {n} about an unknown rollout got {refused:?}");
    }
    Ok(())
}
