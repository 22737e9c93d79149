//! Answers of several pages, and records that are not all there: nothing is taken for whole that is not.

use tidegate_aws::dynamodb::DynamoJournal;
use tidegate_aws::fakes::{Fake, Fault, When, dynamodb::Dynamo};
use tidegate_core::{
    Append, AttemptId, CheckIndex, Claimed, Journal, JournalError, Look, Prune, Pruned, Role,
    RolloutId, RowVersion, Select, Seq, Serves, Span, StoredLook, Take, Timestamp, Window,
};

use super::support::{LEASE, TABLE, dynamo, journal, opening, step};

/// So many records and looks are in every journal here.
const MANY: u64 = 3;

/// A rollout that is claimed, with its records, each of another commit, and its looks.
async fn led(journal: &DynamoJournal, target: &str, engine: &str) -> (Claimed, Vec<StoredLook>) {
    let rollout = journal.open(opening(target)).await.unwrap().identity.rollout;
    let engine = journal.enlist(engine, LEASE).await.unwrap().engine;
    let mut claimed = journal.claim(rollout, engine, Take::Free).await.unwrap();
    for n in 1..=MANY {
        claimed.version = journal.append(step(&claimed, Seq(n))).await.unwrap();
    }
    let looks: Vec<_> = (0..MANY).map(|minute| look(rollout, claimed.head.at, minute)).collect();
    journal.keep_looks(looks.clone()).await.unwrap();
    (claimed, looks)
}

fn look(rollout: RolloutId, opened: Timestamp, minute: u64) -> StoredLook {
    let from = opened.after(Span::minutes(minute));
    let look = Look::complete(Window { from, to: from.after(Span::minutes(1)) }, None, None);
    StoredLook { rollout, check: CheckIndex(0), role: Role::Guard, correction: 0, look }
}

/// From now on every answer that lists has one item, and says where to go on.
fn in_pages_of_one(fake: &Fake<Dynamo>) {
    fake.fault("Query", When::From(1), Fault::PartialPage(1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_pages_is_read_to_the_last_of_them() {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    let (claimed, looks) = led(&journal, "checkout", "one").await;
    let rollout = claimed.head.identity.rollout;
    let other = journal.enlist("two", LEASE).await.unwrap().engine;
    let mut free = Vec::new();
    for target in ["cart", "search"] {
        free.push(journal.open(opening(target)).await.unwrap().identity.rollout);
    }
    in_pages_of_one(&fake);
    let records = journal.read(rollout, Seq(1)).await.unwrap();
    assert_eq!(records.len() as u64, MANY);
    assert_eq!(journal.looks(rollout, CheckIndex(0), Role::Guard).await.unwrap(), looks);
    // The newest come first.
    let oldest = journal.committed(rollout, AttemptId(1)).await.unwrap();
    assert_eq!(oldest, Some(RowVersion(claimed.version.0 + 1 - MANY)));
    assert_eq!(journal.list(&Select::default()).await.unwrap().len(), 3);
    let held = journal.claim(rollout, other, Take::Free).await;
    assert!(matches!(held, Err(JournalError::Held { .. })), "{held:?}");
    let work = journal.claim_due(other, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    let due: Vec<_> = work.claimed.into_iter().map(|(rollout, _)| rollout).collect();
    assert_eq!(due, free);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_forgotten_is_found_on_every_page() {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    for (target, engine) in [("checkout", "one"), ("cart", "two")] {
        let (claimed, _) = led(&journal, target, engine).await;
        let last = step(&claimed, Seq(MANY + 1));
        journal.append(Append { due: None, over: true, ..last }).await.unwrap();
    }
    in_pages_of_one(&fake);
    let all = Prune { looks_before: None, rollouts_before: Some(Timestamp::MAX) };
    let pruned = journal.prune(all).await.unwrap();
    assert_eq!(pruned, Pruned { looks: 2 * MANY, rollouts: 2 });
}

#[tokio::test(start_paused = true)]
async fn records_that_are_missing_at_the_end_or_before_it_are_told_of() {
    for (missing, wanted) in [(MANY, "record 3 is missing"), (2, "record 3 stands where 2 should")]
    {
        let fake = dynamo().await;
        let journal = journal(&fake).await;
        let (claimed, _) = led(&journal, "checkout", "one").await;
        let rollout = claimed.head.identity.rollout;
        let (own, sort) = (format!("rollout {:020}", rollout.0), format!("commit {missing:020}"));
        assert!(fake.with(|state| state.remove_item(TABLE, &own, &sort)));
        let read = journal.read(rollout, Seq(1)).await;
        let told = read.unwrap_err();
        assert!(matches!(told, JournalError::Corrupt { .. }), "{told:?}");
        assert!(told.to_string().contains(wanted), "{told}");
    }
}
