//! A database that was set back to an earlier state is noticed, and what is not over is marked.

use tidegate_core::{
    Claimed, EngineId, Journal, JournalError, Prune, RolloutId, Serves, Take, Timestamp,
};
use tidegate_store::postgres::PostgresJournal;

use crate::{
    faults::times,
    server::Server,
    support::{Claim, LEASE, opening},
};

async fn enlist(journal: &PostgresJournal, name: &str) -> EngineId {
    journal.enlist(name, LEASE).await.unwrap().engine
}

/// What a new engine is given of a rollout.
async fn claimed(journal: &PostgresJournal, rollout: RolloutId) -> Claimed {
    let engine = enlist(journal, "after").await;
    journal.claim(rollout, engine, Take::ByForce).await.unwrap()
}

/// Everything that has to hold once a restore is noticed.
async fn assert_reconciles(journal: &PostgresJournal, before: &Claim, engine: EngineId) {
    let renewed = journal.renew(engine, LEASE).await;
    assert!(matches!(renewed, Err(JournalError::Unlisted(_))), "{renewed:?}");
    let stale = journal.append(before.commit(before.claimed.version, 1)).await;
    assert!(matches!(stale, Err(JournalError::StaleEpoch { .. })), "{stale:?}");
    let again = enlist(journal, "again").await;
    assert!(again.0 > 1_000_000, "{again} may have been given out before");
    let work = journal.claim_due(again, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    let [(rollout, Ok(claimed))] = &work.claimed[..] else { panic!("{work:?}") };
    assert_eq!(*rollout, before.id());
    assert!(claimed.restored.is_some(), "it is not marked");
    let twice = journal.claim(*rollout, again, Take::Free).await.unwrap();
    assert_eq!(twice.restored, claimed.restored, "the number changed");
    let seq = twice.last.map_or(1, |record| record.seq.0 + 1);
    let claim = Claim { head: before.head.clone(), claimed: Claimed { last: None, ..twice } };
    journal.append(claim.commit(claim.claimed.version, seq)).await.unwrap();
    let after = journal.claim(*rollout, again, Take::Free).await.unwrap();
    assert_eq!(after.restored, None, "it is marked after a record was appended");
    let opened = journal.open(opening("opened-later")).await.unwrap().identity.rollout;
    assert!(opened.0 > 1_000_000, "{opened} may have been given out before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_goes_on_notices_that_a_backup_took_its_records_place() {
    let Some(server) = Server::own("backup", &[]) else { return };
    for round in 0..times(2, 20) {
        let schema = format!("tidegate_{round}");
        let journal = server.journal(&schema).await;
        let claim = Claim::take(&journal, "checkout").await;
        let version = claim.append_up_to(&journal, 3).await;
        server.back_up();
        journal.append(claim.commit(version, 4)).await.unwrap();
        server.put_back();
        let engine = EngineId(1);
        assert_reconciles(&journal, &claim, engine).await;
        server.forget_backup();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_or_a_backup_with_every_record_or_pruning_marks_nothing() {
    let Some(server) = Server::own("nothing-lost", &[]) else { return };
    let journal = server.journal("tidegate").await;
    let claim = Claim::take(&journal, "checkout").await;
    claim.append_up_to(&journal, 3).await;
    server.crash();
    assert_eq!(claimed(&journal, claim.id()).await.restored, None, "after a crash");
    server.back_up();
    server.put_back();
    assert_eq!(claimed(&journal, claim.id()).await.restored, None, "after the same state");
    let other = Claim::take(&journal, "cart").await;
    let last = other.commit(other.claimed.version, 1);
    let over = tidegate_core::Append { over: true, due: None, ..last };
    journal.append(over).await.unwrap();
    let all = Some(Timestamp::MAX);
    let gone = journal.prune(Prune { looks_before: all, rollouts_before: all }).await.unwrap();
    assert_eq!(gone.rollouts, 1);
    server.crash();
    assert_eq!(claimed(&journal, claim.id()).await.restored, None, "after pruning");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_took_over_is_noticed_by_whoever_comes() {
    let Some(server) = Server::own("promoted", &[]) else { return };
    let before = server.journal("tidegate").await;
    let claim = Claim::take(&before, "checkout").await;
    let version = claim.append_up_to(&before, 3).await;
    server.back_up();
    before.append(claim.commit(version, 4)).await.unwrap();
    drop(before);
    server.promote_backup();
    let journal = server.journal("tidegate").await;
    assert_reconciles(&journal, &claim, EngineId(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_put_back_while_nobody_runs_is_not_noticed_and_a_person_says_so() {
    let Some(server) = Server::own("by-hand", &[]) else { return };
    let before = server.journal("tidegate").await;
    let claim = Claim::take(&before, "checkout").await;
    let version = claim.append_up_to(&before, 3).await;
    server.back_up();
    before.append(claim.commit(version, 4)).await.unwrap();
    drop(before);
    server.put_back();
    let journal = server.journal("tidegate").await;
    assert_eq!(claimed(&journal, claim.id()).await.restored, None, "there is no sign of it");
    let drawn = journal.mark_restored().await.unwrap();
    let marked = claimed(&journal, claim.id()).await.restored;
    assert_eq!(marked, Some(drawn));
    let other = server.journal("tidegate").await;
    assert_eq!(claimed(&other, claim.id()).await.restored, Some(drawn), "another marked it again");
}
