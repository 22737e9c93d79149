//! What is stored wrongly is noticed, named, and concerns nobody else.

use tidegate_core::{Journal, JournalError, RolloutId, Seq, Serves, Timestamp};

use super::Place;
use crate::support::{Claim, LEASE};

const DAMAGED: RolloutId = RolloutId(1);

/// Two rollouts with three records each; the first is damaged by a statement.
async fn damaged(sql: &str) -> (Place, tidegate_store::SqliteJournal) {
    let place = Place::new();
    let journal = place.open().await;
    for target in ["checkout", "cart"] {
        let claim = Claim::take(&journal, target).await;
        assert_eq!(claim.id() == DAMAGED, target == "checkout");
        claim.append_up_to(&journal, 3).await;
        journal.release(claim.id(), claim.claimed.epoch).await.unwrap();
    }
    assert_eq!(place.raw().execute(sql, []).unwrap(), 1, "{sql}");
    (place, journal)
}

#[track_caller]
fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, JournalError>, says: &str) {
    let error = result.unwrap_err();
    let right = matches!(&error, JournalError::Corrupt { rollout: DAMAGED, .. });
    assert!(right && error.to_string().contains(says), "{error} does not say: {says}");
}

#[tokio::test]
async fn one_rollout_that_can_not_be_read_is_told_of_and_the_others_are_claimed() {
    for sql in [
        "UPDATE record SET body = '{}' WHERE rollout = 1 AND seq = 3",
        "UPDATE record SET body = replace(body, '\"epoch\":1', '\"epoch\":2')
             WHERE rollout = 1 AND seq = 3",
        "DELETE FROM record WHERE rollout = 1 AND seq = 3",
        "DELETE FROM record WHERE rollout = 1 AND seq = 1",
        "UPDATE head SET body = replace(body, '\"v2\"', '\"v3\"') WHERE rollout = 1",
        "UPDATE head SET body = replace(body, '\"format\":1', '\"format\":2') WHERE rollout = 1",
        "DELETE FROM head WHERE rollout = 1",
        "UPDATE rollout SET chain = x'00' WHERE id = 1",
        "UPDATE rollout SET last_seq = 4 WHERE id = 1",
        "UPDATE rollout SET restored = -1 WHERE id = 1",
        "INSERT INTO command (rollout, id, body) VALUES (1, 5, 'no JSON')",
    ] {
        let (_place, journal) = damaged(sql).await;
        let engine = journal.enlist("two", LEASE).await.unwrap().engine;
        let work = journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
        assert_eq!(work.claimed.len(), 2, "{sql}");
        for (rollout, claimed) in work.claimed {
            let names_it =
                matches!(&claimed, Err(JournalError::Corrupt { rollout: r, .. }) if *r == rollout);
            assert_eq!(names_it, rollout == DAMAGED, "{sql}: {rollout} is {claimed:?}");
            assert_eq!(claimed.is_ok(), rollout != DAMAGED, "{sql}: {rollout} is {claimed:?}");
        }
        let again = journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
        assert!(again.claimed.is_empty(), "{sql}: it is told of again");
    }
}

#[tokio::test]
async fn a_changed_byte_is_noticed_wherever_it_is() {
    for (sql, says) in [
        (
            "UPDATE record SET body = replace(body, '\"epoch\":1', '\"epoch\":2')
                 WHERE rollout = 1 AND seq = 2",
            "record 2 was changed",
        ),
        (
            "UPDATE record SET body = replace(body, '\"epoch\":1', '\"epoch\":2')
                 WHERE rollout = 1 AND seq = 3",
            "record 3 was changed",
        ),
        ("UPDATE head SET body = replace(body, '\"v2\"', '\"v3\"') WHERE rollout = 1", "record 0"),
    ] {
        let (_place, journal) = damaged(sql).await;
        assert_corrupt(journal.read(DAMAGED, Seq(1)).await, says);
        journal.read(RolloutId(2), Seq(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_record_that_is_missing_is_noticed_at_the_end_too() {
    for (seq, says) in
        [(1, "record 1 is missing"), (2, "record 2 is missing"), (3, "record 3 is missing")]
    {
        let sql = format!("DELETE FROM record WHERE rollout = 1 AND seq = {seq}");
        let (_place, journal) = damaged(&sql).await;
        if seq == 1 {
            assert_corrupt(journal.read(DAMAGED, Seq(1)).await, "");
        } else {
            assert_corrupt(journal.read(DAMAGED, Seq(1)).await, says);
        }
    }
    let (_place, journal) = damaged("DELETE FROM record WHERE rollout = 1 AND seq = 3").await;
    assert_corrupt(journal.last(DAMAGED).await, "record 3 is missing");
    assert_corrupt(journal.read(DAMAGED, Seq(3)).await, "record 3 is missing");
}

#[tokio::test]
async fn a_page_that_sqlite_can_not_read_fails_a_call_and_never_the_process() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    claim.append_up_to(&journal, 200).await;
    journal.close().await;
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'record'";
    let root: i64 = place.raw().query_row(root, [], |row| row.get(0)).unwrap();
    let mut file = std::fs::read(place.path()).unwrap();
    let begin = usize::try_from((root - 1) * 4096).unwrap();
    file[begin..begin + 4096].fill(0xa5);
    std::fs::write(place.path(), file).unwrap();
    match tidegate_store::SqliteJournal::open(place.path(), Default::default()).await {
        Err(error) => assert!(error.to_string().contains("journal.db"), "{error}"),
        Ok(journal) => assert_corrupt(journal.read(claim.id(), Seq(1)).await, "SQLite"),
    }
}
