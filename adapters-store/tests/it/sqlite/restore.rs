//! A journal that was set back to an earlier state is noticed, or says so itself.

use std::fs;

use tidegate_core::{Append, Journal, JournalError, RolloutId, Select, Seq, Serves, Take};

use super::Place;
use crate::support::{Claim, LEASE, opening};

/// What a claim says of a restore.
async fn restored(journal: &impl Journal, rollout: RolloutId) -> Option<u32> {
    let engine = journal.enlist("again", LEASE).await.unwrap().engine;
    journal.claim(rollout, engine, Take::ByForce).await.unwrap().restored
}

#[tokio::test]
async fn a_journal_that_was_only_closed_and_opened_is_not_restored() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    claim.append_up_to(&journal, 3).await;
    journal.close().await;
    let journal = place.open().await;
    assert_eq!(restored(&journal, claim.id()).await, None);
}

#[tokio::test]
async fn an_older_copy_put_in_place_of_the_file_is_noticed() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    claim.append_up_to(&journal, 3).await;
    journal.close().await;
    fs::copy(place.path(), place.beside("copy.db")).unwrap();

    let journal = place.open().await;
    let before = journal.list(&Select::default()).await.unwrap()[0].version;
    journal.append(claim.commit(before, 4)).await.unwrap();
    let lost = journal.open(opening("cart")).await.unwrap();
    journal.close().await;
    fs::copy(place.beside("copy.db"), place.path()).unwrap();

    let journal = place.open().await;
    assert_eq!(journal.read(claim.id(), Seq(1)).await.unwrap().len(), 3);
    let drawn = restored(&journal, claim.id()).await;
    assert!(drawn.is_some(), "an older copy passes for the journal");
    assert_eq!(restored(&journal, claim.id()).await, drawn, "told until the next append");
    let late = journal.append(claim.commit(before, 4)).await;
    assert!(matches!(late, Err(JournalError::StaleEpoch { .. })), "{late:?}");
    let next = journal.open(opening("cart")).await.unwrap().identity.rollout;
    assert!(next > lost.identity.rollout, "{next} was given out before");

    let engine = journal.enlist("again", LEASE).await.unwrap().engine;
    let claimed = journal.claim(claim.id(), engine, Take::ByForce).await.unwrap();
    let again = Claim { head: claimed.head.clone(), claimed };
    journal.append(again.commit(again.claimed.version, 4)).await.unwrap();
    assert_eq!(restored(&journal, claim.id()).await, None, "told after an append");
    journal.close().await;
    let journal = place.open().await;
    assert_eq!(restored(&journal, claim.id()).await, None, "told again after it was settled");
}

#[tokio::test]
async fn another_journal_in_place_of_the_file_gives_out_no_number_again() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    journal.close().await;
    fs::remove_file(place.path()).unwrap();
    let journal = place.open().await;
    let next = journal.open(opening("checkout")).await.unwrap().identity.rollout;
    assert!(next > claim.id(), "{next} was given out before");
}

#[tokio::test]
async fn a_backup_is_one_state_and_says_of_itself_that_it_is_one() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let version = claim.append_up_to(&journal, 3).await;
    journal.backup(place.beside("backup.db")).await.unwrap();
    journal.append(claim.commit(version, 4)).await.unwrap();
    let refused = journal.backup(place.beside("backup.db")).await;
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    assert!(!place.beside("backup.db-wal").exists());

    // On another host, where there is no mark beside it.
    let elsewhere = Place::new();
    fs::copy(place.beside("backup.db"), elsewhere.path()).unwrap();
    let copy = elsewhere.open().await;
    assert_eq!(copy.read(claim.id(), Seq(1)).await.unwrap().len(), 3);
    assert!(restored(&copy, claim.id()).await.is_some(), "a backup passes for the journal");
    assert_eq!(journal.read(claim.id(), Seq(1)).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_person_can_say_that_it_was_restored_and_every_claim_is_void() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let drawn = journal.mark_restored().await.unwrap();
    let late = journal.append(claim.commit(claim.claimed.version, 1)).await;
    assert!(matches!(late, Err(JournalError::StaleEpoch { .. })), "{late:?}");
    assert_eq!(restored(&journal, claim.id()).await, Some(drawn));
}

#[tokio::test]
async fn what_was_restored_is_due_at_once_whatever_its_time() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let commit = claim.commit(claim.claimed.version, 1);
    journal.append(Append { due: None, park: true, ..commit }).await.unwrap();
    let engine = journal.enlist("two", LEASE).await.unwrap().engine;
    let before = claim.head.at.moved(-1);
    let work = journal.claim_due(engine, &Serves::Every, before, 10).await.unwrap();
    assert!(work.claimed.is_empty(), "it is due before it was restored");
    journal.mark_restored().await.unwrap();
    let engine = journal.enlist("two", LEASE).await.unwrap().engine;
    let work = journal.claim_due(engine, &Serves::Every, before, 10).await.unwrap();
    assert_eq!(work.claimed.len(), 1, "it is not due after it was restored");
}
