//! What only the writer's own connection can be made to do.

use tidegate_core::{EngineId, JournalError, Span};

use super::*;

const LEASE: Span = Span::minutes(10);

/// Lets the file grow to so many pages at most, as a disk would.
async fn limit(journal: &SqliteJournal, pages: i64) {
    let limit = move |tx: &Tx<'_>| Ok(tx.conn.pragma_update(None, "max_page_count", pages)?);
    journal.write(limit).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_of_the_commit_is_kept_and_then_it_goes_on() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(path, Options::default()).await.unwrap();
    limit(&journal, 1).await;
    let mut listed = Vec::new();
    let refused = loop {
        // Long names, so that a page is soon full.
        let name = format!("{}-{}", "engine".repeat(300), listed.len());
        match journal.enlist(&name, LEASE).await {
            Ok(one) => listed.push(one.engine),
            Err(error) => break error,
        }
    };
    let JournalError::Unavailable(why) = &refused else { panic!("{refused}") };
    assert!(why.to_string().contains("full"), "{why}");
    let next = EngineId(listed.len() as u64 + 1);
    let unknown = journal.renew(next, LEASE).await;
    assert!(matches!(unknown, Err(JournalError::Unlisted(_))), "{unknown:?}");
    for engine in &listed {
        journal.renew(*engine, LEASE).await.unwrap();
    }
    limit(&journal, i64::from(u32::MAX)).await;
    assert_eq!(journal.enlist("one more", LEASE).await.unwrap().engine, next);
}

#[tokio::test]
async fn a_request_that_panics_ends_the_writer_and_every_later_call_says_so() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path, Options::default()).await.unwrap();
    let fails = |_: &Tx<'_>| -> Op<()> { panic!("on purpose") };
    for rollout in [None, Some(RolloutId(1))] {
        let told = journal.0.writer.call(move |_: Option<&()>| rollout, fails).await;
        let right = match told.unwrap_err() {
            JournalError::AnswerLost(_) => rollout.is_some(),
            JournalError::Unavailable(_) => true,
            _ => false,
        };
        assert!(right, "of {rollout:?}");
    }
    let refused = journal.enlist("one", LEASE).await;
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    SqliteJournal::open(&path, Options::default()).await.unwrap();
}
