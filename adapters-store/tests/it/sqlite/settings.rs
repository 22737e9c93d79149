//! What a file has to be before anything is journalled in it.

use tidegate_core::{EngineId, Journal, JournalError, RolloutId, Serves, Take, Timestamp};
use tidegate_store::{Durability, OpenError, Options, SqliteJournal};

use super::Place;
use crate::support::{Claim, LEASE, opening};

fn weak() -> Options {
    Options { durability: Durability::Unsafe, ..Options::default() }
}

#[tokio::test]
async fn with_weaker_settings_no_rollout_is_opened_claimed_or_appended_to() {
    let place = Place::new();
    let safe = place.open().await;
    let claim = Claim::take(&safe, "checkout").await;
    let journal = SqliteJournal::open(place.path(), weak()).await.unwrap();
    let engine = EngineId(1);
    let refused = [
        journal.open(opening("cart")).await.map(|_| ()),
        journal.claim(claim.id(), engine, Take::ByForce).await.map(|_| ()),
        journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 1).await.map(|_| ()),
        journal.append(claim.commit(claim.claimed.version, 1)).await.map(|_| ()),
    ];
    for refused in refused {
        let Err(JournalError::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.to_string().contains("Unsafe"), "{why}");
    }
    assert_eq!(journal.head(claim.id()).await.unwrap(), claim.head);
    safe.append(claim.commit(claim.claimed.version, 1)).await.unwrap();
}

#[tokio::test]
async fn what_is_no_journal_is_refused_and_left_as_it_is() {
    let place = Place::new();
    place.raw().execute_batch("CREATE TABLE theirs (one)").unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let refused = SqliteJournal::open(place.path(), Options::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert!(refused.is_no_journal());
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    let text = place.beside("text.db");
    std::fs::write(&text, "no database, and longer than a header of one has to be to be read so; ")
        .unwrap();
    let refused = SqliteJournal::open(&text, Options::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Sqlite { .. }), "{refused}");
    assert!(refused.is_no_journal(), "{refused}");
    let nowhere = place.beside("no folder").join("journal.db");
    let refused = SqliteJournal::open(&nowhere, Options::default()).await.unwrap_err();
    assert!(refused.to_string().contains("no folder") && !refused.is_no_journal(), "{refused}");
}

#[tokio::test]
async fn a_journal_that_was_moved_away_is_written_no_more() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    std::fs::rename(place.path(), place.beside("moved.db")).unwrap();
    let refused = journal.append(claim.commit(claim.claimed.version, 1)).await;
    let Err(JournalError::Unavailable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("replaced"), "{why}");
    assert!(journal.enlist("two", LEASE).await.is_err());
    std::fs::rename(place.beside("moved.db"), place.path()).unwrap();
    journal.append(claim.commit(claim.claimed.version, 1)).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_is_closed_refuses_its_clones() {
    let place = Place::new();
    let journal = place.open().await;
    let other = journal.clone();
    journal.close().await;
    let refused =
        [other.enlist("one", LEASE).await.map(|_| ()), other.head(RolloutId(1)).await.map(|_| ())];
    for refused in refused {
        assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    }
    assert!(!place.path().with_extension("db-wal").exists(), "the log is left beside the file");
}

#[tokio::test]
async fn ordinary_tools_read_it() {
    let place = Place::new();
    let journal = place.open().await;
    Claim::take(&journal, "checkout").await.append_up_to(&journal, 2).await;
    let line = "SELECT target || ' ' || seq || ' ' || at_utc || ' ' || rule || ' ' || phase_after
                FROM history WHERE seq = 2";
    let line: String = place.raw().query_row(line, [], |row| row.get(0)).unwrap();
    assert_eq!(line, "checkout 2 2026-01-01 00:00:00 Opened pending");
    let row = "SELECT target || ' ' || holder || ' ' || last_seq FROM rollouts";
    let row: String = place.raw().query_row(row, [], |row| row.get(0)).unwrap();
    assert_eq!(row, "checkout for checkout 2");
}
