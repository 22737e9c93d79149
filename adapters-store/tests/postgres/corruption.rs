//! Stored bytes that are not what was written: one rollout is told of, and no other is concerned.

use tidegate_core::{Journal, JournalError, Seq, Serves, Timestamp};

use crate::{
    server::{Server, fresh_schema},
    support::{Claim, LEASE},
};

/// What is done to the rollout that has three records, and what is said of it.
const DAMAGE: [(&str, &str); 7] = [
    ("UPDATE journal SET body = replace(body, '{', '{ ') WHERE seq = 3", "does not match its hash"),
    ("UPDATE journal SET body = 'torn' WHERE seq = 3", "does not match its hash"),
    ("DELETE FROM journal WHERE seq = 3", "record 3"),
    ("DELETE FROM journal WHERE seq = 2", "record"),
    ("UPDATE rollout SET seq = 2", "is not the one that the row ends with"),
    ("UPDATE rollout SET hash = ''", "not a hash"),
    ("DELETE FROM head", "record 0 is missing"),
];

#[tokio::test]
async fn a_damaged_rollout_is_claimed_with_an_error_and_keeps_no_other_from_its_turn() {
    let test = "a_damaged_rollout_is_claimed_with_an_error_and_keeps_no_other_from_its_turn";
    let Some(server) = Server::shared(test) else { return };
    let client = server.client().await;
    for (damage, wanted) in DAMAGE {
        let schema = fresh_schema("tidegate_damage");
        let journal = server.journal(&schema).await;
        client.batch_execute(&format!("SET search_path TO {schema}")).await.unwrap();
        let claim = Claim::take(&journal, "damaged").await;
        claim.append_up_to(&journal, 3).await;
        let sound = Claim::take(&journal, "sound").await;
        let id = claim.id().0.cast_signed();
        let key = if damage.contains(" rollout ") { "id" } else { "rollout" };
        let joint = if damage.contains("WHERE") { "AND" } else { "WHERE" };
        let damage = format!("{damage} {joint} {key} = {id}");
        assert_eq!(client.execute(&damage, &[]).await.unwrap(), 1, "{damage}");
        for one in [&claim, &sound] {
            journal.release(one.id(), one.claimed.epoch).await.unwrap();
        }
        let engine = journal.enlist("reader", LEASE).await.unwrap().engine;
        let work = journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
        assert_eq!(work.claimed.len(), 2, "both are given after {damage}");
        for (rollout, claimed) in work.claimed {
            match claimed {
                Ok(_) => assert_eq!(rollout, sound.id(), "{damage} is not noticed"),
                Err(JournalError::Corrupt { rollout: of, why }) => {
                    assert_eq!((rollout, of), (claim.id(), claim.id()));
                    assert!(why.contains(wanted), "{damage} is called {why}");
                }
                Err(error) => panic!("{damage} is called {error}"),
            }
        }
        let read = journal.read(claim.id(), Seq(1)).await;
        assert!(matches!(read, Err(JournalError::Corrupt { .. })), "{damage} is read as {read:?}");
        journal.read(sound.id(), Seq(1)).await.unwrap();
    }
    server.drop_schemas("tidegate_damage").await;
}

#[tokio::test]
async fn a_record_from_the_middle_that_is_missing_is_noticed_when_all_are_read() {
    let test = "a_record_from_the_middle_that_is_missing_is_noticed_when_all_are_read";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_middle");
    let journal = server.journal(&schema).await;
    let claim = Claim::take(&journal, "checkout").await;
    claim.append_up_to(&journal, 5).await;
    let delete = format!("DELETE FROM {schema}.journal WHERE seq = 2");
    server.client().await.batch_execute(&delete).await.unwrap();
    let read = journal.read(claim.id(), Seq(1)).await;
    let Err(JournalError::Corrupt { why, .. }) = read else { panic!("{read:?}") };
    assert_eq!(why, "record 2 is missing");
    // The last one is whole, and what a claim needs.
    assert_eq!(journal.last(claim.id()).await.unwrap().map(|record| record.seq), Some(Seq(5)));
    server.drop_schemas(&schema).await;
}
