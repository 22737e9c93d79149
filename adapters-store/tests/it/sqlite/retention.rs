//! What is forgotten gives its space back, and leaves nothing that looks like a loss.

use tidegate_core::{Append, Journal, Prune, Pruned, Timestamp};

use super::Place;
use crate::support::Claim;

/// Many rollouts that are over, the newest record among them.
async fn ended(journal: &impl Journal, rollouts: u64) {
    for n in 0..rollouts {
        let claim = Claim::take(journal, &format!("target-{n}")).await;
        let version = claim.append_up_to(journal, 9).await;
        let end = Append { over: true, due: None, ..claim.commit(version, 10) };
        journal.append(end).await.unwrap();
    }
}

#[tokio::test]
async fn more_than_one_commit_holds_is_forgotten_and_its_space_given_back() {
    let place = Place::new();
    let journal = place.open().await;
    ended(&journal, 70).await;
    let pages =
        || -> i64 { place.raw().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap() };
    let full = pages();
    let all = Prune { rollouts_before: Some(Timestamp::MAX), looks_before: None };
    let gone = journal.prune(all).await.unwrap();
    assert_eq!(gone, Pruned { looks: 0, rollouts: 70 });
    assert_eq!(pages(), full, "space is given back before it was asked for");
    journal.compact().await.unwrap();
    assert!(pages() < full / 4, "{} of {full} pages are left", pages());
}

#[tokio::test]
async fn a_journal_whose_newest_record_was_forgotten_is_not_taken_for_restored() {
    let place = Place::new();
    let journal = place.open().await;
    let running = Claim::take(&journal, "running").await;
    for _ in 0..2 {
        ended(&journal, 3).await;
        let all = Prune { rollouts_before: Some(Timestamp::MAX), looks_before: None };
        assert_eq!(journal.prune(all).await.unwrap().rollouts, 3);
    }
    let kept: i64 =
        place.raw().query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1, "records that keep a place");
    journal.close().await;
    let restored = "SELECT restored FROM rollout WHERE id = ?";
    place.open().await;
    let restored: Option<i64> =
        place.raw().query_row(restored, [running.id().0.cast_signed()], |row| row.get(0)).unwrap();
    assert_eq!(restored, None);
}
