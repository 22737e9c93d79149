//! A table that was restored from a backup: what is noticed, and what everybody is told.

use tidegate_aws::{
    dynamodb::{ConnectError, DynamoJournal},
    fakes::{Fault, When, dynamodb::Backup},
};
use tidegate_core::{
    Append, AttemptId, Epoch, Journal, JournalError, RolloutId, RowVersion, Seq, Serves, Take,
    Timestamp,
};

use super::support::{LEASE, TABLE, commit, dynamo, journal, opening};

/// A journal with a rollout of `checkout` that has one record in the backup and two now.
async fn set_back() -> (tidegate_aws::fakes::Fake<tidegate_aws::fakes::dynamodb::Dynamo>, Backup) {
    let fake = dynamo().await;
    let before = journal(&fake).await;
    let head = before.open(opening("checkout")).await.unwrap();
    let engine = before.enlist("one", LEASE).await.unwrap().engine;
    let claimed = before.claim(head.identity.rollout, engine, Take::Free).await.unwrap();
    let version =
        before.append(commit(&head, claimed.epoch, claimed.version, Seq(1))).await.unwrap();
    let backup = fake.with(|state| state.backup(TABLE));
    before.append(commit(&head, claimed.epoch, version, Seq(2))).await.unwrap();
    (fake, backup)
}

async fn given(journal: &DynamoJournal) -> Vec<(RolloutId, Option<u32>, Epoch)> {
    let engine = journal.enlist("two", LEASE).await.unwrap().engine;
    let work = journal.claim_due(engine, &Serves::Every, Timestamp::default(), 10).await.unwrap();
    let claimed = work.claimed.into_iter().map(|(rollout, claimed)| (rollout, claimed.unwrap()));
    claimed.map(|(rollout, claimed)| (rollout, claimed.restored, claimed.epoch)).collect()
}

#[tokio::test(start_paused = true)]
async fn whoever_claims_after_a_restore_is_told_and_nobody_from_before_can_write() {
    let (fake, backup) = set_back().await;
    fake.with(|state| state.restore(TABLE, &backup));
    let after = journal(&fake).await;
    let given = given(&after).await;
    let [(rollout, Some(_), epoch)] = given[..] else { panic!("{given:?}") };
    assert!(epoch > Epoch(1_000_000), "{epoch:?}");
    let head = after.head(rollout).await.unwrap();
    let late = Append { attempt: AttemptId(99), ..commit(&head, Epoch(1), RowVersion(2), Seq(2)) };
    let late = after.append(late).await;
    assert!(matches!(late, Err(JournalError::StaleEpoch { .. })), "{late:?}");
    let next = after.open(opening("cart")).await.unwrap().identity.rollout;
    assert!(next > RolloutId(1_000_000), "{next}");
    let told = after.claim(rollout, after.enlist("two", LEASE).await.unwrap().engine, Take::Free);
    let told = told.await.unwrap();
    let next =
        Append { attempt: AttemptId(100), ..commit(&head, told.epoch, told.version, Seq(2)) };
    after.append(next).await.unwrap();
    let engine = after.enlist("two", LEASE).await.unwrap().engine;
    let again = after.claim(rollout, engine, Take::Free).await.unwrap();
    assert_eq!(again.restored, None, "told until the next commit");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_found_its_table_gone_notices_that_it_came_back_as_another() {
    let (fake, backup) = set_back().await;
    let running = journal(&fake).await;
    fake.with(|state| state.delete_table(TABLE));
    let gone = running.list(&Default::default()).await;
    assert!(matches!(gone, Err(JournalError::Unavailable(_))), "{gone:?}");
    fake.with(|state| state.restore(TABLE, &backup));
    let given = given(&running).await;
    assert!(matches!(given[..], [(_, Some(_), _)]), "{given:?}");
}

#[tokio::test(start_paused = true)]
async fn marking_that_was_interrupted_anywhere_is_gone_on_with() {
    for nth in 1..40 {
        let (fake, backup) = set_back().await;
        fake.with(|state| state.restore(TABLE, &backup));
        let before = u32::try_from(fake.log().len()).unwrap();
        fake.fault(None, When::Nth(before + nth), Fault::Crash { after: true });
        let account = crate::support::account();
        let (client, mut interrupted) = (fake.client(), true);
        tokio::select! {
            () = fake.crashed() => {}
            connected = DynamoJournal::connect(&client, &account, TABLE) => {
                connected.unwrap();
                interrupted = false;
            }
        }
        fake.heal();
        let given = given(&journal(&fake).await).await;
        assert!(matches!(given[..], [(_, Some(_), _)]), "interrupted at {nth}: {given:?}");
        if !interrupted {
            assert!(nth > 5, "only {nth} requests");
            return;
        }
    }
    panic!("marking takes more requests than were tried");
}

#[tokio::test(start_paused = true)]
async fn a_journal_in_its_own_table_is_not_marked_and_one_marked_by_hand_is() {
    let (fake, _) = set_back().await;
    let again = journal(&fake).await;
    assert_eq!(given(&again).await, [], "its holder has not lapsed");
    again.mark_restored().await.unwrap();
    assert!(matches!(given(&again).await[..], [(_, Some(_), _)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_journal_is_refused_by_its_name() {
    let fake = dynamo().await;
    let (client, account) = (fake.client(), crate::support::account());
    let missing = DynamoJournal::connect(&client, &account, "nowhere").await;
    assert!(
        matches!(&missing, Err(ConnectError::Missing(name)) if name == "nowhere"),
        "{missing:?}"
    );
    journal(&fake).await;
    fake.with(|state| state.spoil_number(TABLE, "layout", 99));
    let later = DynamoJournal::connect(&client, &account, TABLE).await;
    assert!(matches!(later, Err(ConnectError::Later { found: 99, .. })), "{later:?}");
}
