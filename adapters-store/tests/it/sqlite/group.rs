//! What waits together is committed together, and who loses does not take the others along.

use tidegate_core::{Append, Journal, JournalError, RowVersion, Seq, Serves};
use tokio::task;

use super::{Place, commits};
use crate::support::Claim;

/// Gives all of them to a writer that another process keeps waiting, so that they are one batch.
async fn together(
    place: &Place,
    journal: &tidegate_store::SqliteJournal,
    appends: Vec<Append>,
) -> Vec<Result<RowVersion, JournalError>> {
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tasks: Vec<_> = appends
        .into_iter()
        .map(|append| {
            let journal = journal.clone();
            task::spawn(async move { journal.append(append).await })
        })
        .collect();
    // On one thread every task has run up to its wait once this has.
    task::yield_now().await;
    other.execute_batch("ROLLBACK").unwrap();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn one_commit_holds_many_and_losers_do_not_abort_it() {
    let place = Place::new();
    let journal = place.open().await;
    let mut claims = Vec::new();
    for n in 0..20 {
        claims.push(Claim::take(&journal, &format!("target-{n}")).await);
    }
    let before = commits(&place.path());
    let mut appends = Vec::new();
    for (n, claim) in claims.iter().enumerate() {
        let version = claim.claimed.version;
        let commit = claim.commit(version, 1);
        appends.push(match n % 4 {
            1 => Append { version: RowVersion(version.0 + 1), ..commit },
            2 => Append { epoch: tidegate_core::Epoch(99), ..commit },
            3 => claim.commit(version, 2),
            _ => commit,
        });
    }
    let answers = together(&place, &journal, appends).await;
    assert_eq!(commits(&place.path()) - before, 1, "commits of {} appends", answers.len());
    for (n, (claim, answer)) in claims.iter().zip(answers).enumerate() {
        let right = match n % 4 {
            1 => matches!(answer, Err(JournalError::StaleVersion { .. })),
            2 => matches!(answer, Err(JournalError::StaleEpoch { .. })),
            3 => matches!(answer, Err(JournalError::Gap { .. })),
            _ => answer.is_ok(),
        };
        assert!(right, "append {n} got {answer:?}");
        let there = journal.read(claim.id(), Seq(1)).await.unwrap().len();
        assert_eq!(there, usize::from(n % 4 == 0), "records of append {n}");
    }
}

#[tokio::test]
async fn one_whose_row_is_damaged_fails_alone() {
    let place = Place::new();
    let journal = place.open().await;
    let (one, two) = (Claim::take(&journal, "one").await, Claim::take(&journal, "two").await);
    // A record that the row does not know of stands where the next one goes.
    let orphan = "INSERT INTO record (rollout, seq, version, attempt, epoch, at, rule, chain, body)
                  VALUES (?, 1, 1, 1, 1, 0, '', x'', '')";
    place.raw().execute(orphan, [one.id().0.cast_signed()]).unwrap();
    let appends = [&one, &two].map(|claim| claim.commit(claim.claimed.version, 1)).into();
    let answers = together(&place, &journal, appends).await;
    assert!(matches!(answers[0], Err(JournalError::Corrupt { .. })), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
}

#[tokio::test]
async fn a_step_is_one_commit_and_asking_for_work_none() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let engine = journal.enlist("idle", crate::support::LEASE).await.unwrap();
    let before = commits(&place.path());
    let version = claim.append_up_to(&journal, 3).await;
    assert_eq!(commits(&place.path()) - before, 3, "commits of three steps");
    let parking = Append { park: true, due: None, ..claim.commit(version, 4) };
    journal.append(parking).await.unwrap();
    let before = commits(&place.path());
    for _ in 0..10 {
        let work = journal.claim_due(engine.engine, &Serves::Every, engine.at, 10).await.unwrap();
        assert!(work.claimed.is_empty());
    }
    assert_eq!(commits(&place.path()), before, "commits of asking for work");
}

#[tokio::test]
async fn two_processes_on_one_file_get_each_rollout_once_and_lose_nothing() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    for n in 0..50 {
        one.open(crate::support::opening(&format!("target-{n}"))).await.unwrap();
    }
    let work = |journal: tidegate_store::SqliteJournal, name: &'static str| {
        task::spawn(async move {
            let engine = journal.enlist(name, crate::support::LEASE).await.unwrap();
            let mut done = Vec::new();
            loop {
                let work =
                    journal.claim_due(engine.engine, &Serves::Every, engine.at, 3).await.unwrap();
                if work.claimed.is_empty() {
                    return done;
                }
                for (rollout, claimed) in work.claimed {
                    let claimed = claimed.unwrap();
                    let head = claimed.head.clone();
                    let claim = Claim { head, claimed };
                    claim.append_up_to(&journal, 2).await;
                    done.push(rollout);
                }
            }
        })
    };
    let tasks = [work(one.clone(), "one"), work(two, "two")];
    let mut done = Vec::new();
    for task in tasks {
        done.extend(task.await.unwrap());
    }
    done.sort_unstable();
    let all: Vec<_> = (1..=50).map(tidegate_core::RolloutId).collect();
    assert_eq!(done, all, "each rollout is claimed once");
    for rollout in all {
        assert_eq!(one.read(rollout, Seq(1)).await.unwrap().len(), 2);
    }
}
