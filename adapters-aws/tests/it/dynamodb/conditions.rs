//! What each write is conditional on: who read before others wrote, and writes after them, takes nothing from
//! them.

use std::sync::Arc;

use tidegate_aws::{
    dynamodb::DynamoJournal,
    fakes::{Fake, Fault, dynamodb::Dynamo},
};
use tidegate_core::{
    Actor, Append, AttemptId, Became, Claimed, Command, CommandId, Consumed, EngineId, Epoch,
    Journal, JournalError, Order, RolloutId, RowVersion, Select, Seq, Serves, Span, Take,
    Timestamp,
};

use super::support::{LEASE, TABLE, dynamo, journal, next, opening, step};

const WRITE: &str = "TransactWriteItems";

/// A rollout that one engine holds.
struct Held {
    fake: Fake<Dynamo>,
    journal: DynamoJournal,
    rollout: RolloutId,
    engine: EngineId,
    claimed: Claimed,
}

impl Held {
    async fn new() -> Self {
        let fake = dynamo().await;
        let journal = journal(&fake).await;
        let rollout = journal.open(opening("checkout")).await.unwrap().identity.rollout;
        let engine = journal.enlist("one", LEASE).await.unwrap().engine;
        let claimed = journal.claim(rollout, engine, Take::Free).await.unwrap();
        Self { fake, journal, rollout, engine, claimed }
    }

    /// What others do in `meanwhile` comes between the next readings and the next write.
    async fn between(&self, meanwhile: impl AsyncFnOnce(&Self)) {
        let before = self.fake.with(|state| state.clone());
        meanwhile(self).await;
        let after = self.fake.with(|state| std::mem::replace(state, before));
        let theirs = Fault::ForeignBefore(Arc::new(move |state: &mut Dynamo| {
            state.clone_from(&after);
        }));
        self.fake.fault(WRITE, next(&self.fake, WRITE), theirs);
    }

    async fn submit(&self, id: u64) {
        let (actor, reason) = (Actor::from("ana"), String::new());
        let command = Command { id: CommandId(id), actor, reason, order: Order::Pause };
        self.journal.submit(self.rollout, command).await.unwrap();
    }

    /// What is due at a time, and when the next is.
    async fn due(&self, now: Timestamp) -> (Vec<RolloutId>, Option<Timestamp>) {
        let work = self.journal.claim_due(self.engine, &Serves::Every, now, 10).await.unwrap();
        (work.claimed.into_iter().map(|(rollout, _)| rollout).collect(), work.next)
    }

    async fn holder(&self) -> Option<String> {
        self.journal.list(&Select::default()).await.unwrap()[0].holder.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_what_nobody_holds_is_due_when_it_says_and_not_when_it_was_due_before() {
    let held = Held::new().await;
    held.journal.release(held.rollout, held.claimed.epoch).await.unwrap();
    let later = held.claimed.head.at.after(Span::minutes(10));
    let commit = Append { due: Some(later), ..step(&held.claimed, Seq(1)) };
    held.journal.append(commit).await.unwrap();
    let earlier = held.claimed.head.at.after(Span::minutes(5));
    assert_eq!(held.due(earlier).await, (Vec::new(), Some(later)));
    assert_eq!(held.due(later).await, (vec![held.rollout], None));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_struck_off_after_it_looked_claims_nothing() {
    let held = Held::new().await;
    held.journal.release(held.rollout, held.claimed.epoch).await.unwrap();
    let strike_off = async |held: &Held| held.journal.resign(held.engine).await.unwrap();
    held.between(strike_off).await;
    let claimed = held.journal.claim(held.rollout, held.engine, Take::Free).await;
    assert!(matches!(claimed, Err(JournalError::Unlisted(_))), "{claimed:?}");

    let held = Held::new().await;
    held.journal.release(held.rollout, held.claimed.epoch).await.unwrap();
    held.between(strike_off).await;
    let due = held.journal.claim_due(held.engine, &Serves::Every, Timestamp::MAX, 10).await;
    assert!(matches!(due, Err(JournalError::Unlisted(_))), "{due:?}");
    assert_eq!(held.holder().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_release_by_an_old_claim_leaves_a_newer_one_of_the_same_engine() {
    let held = Held::new().await;
    held.between(async |held| {
        held.journal.claim(held.rollout, held.engine, Take::Free).await.unwrap();
    })
    .await;
    let released = held.journal.release(held.rollout, held.claimed.epoch).await;
    let stale = matches!(released, Err(JournalError::StaleEpoch { current: Epoch(2), .. }));
    assert!(stale, "{released:?}");
    assert_eq!(held.holder().await.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_command_is_kept_although_another_came_and_one_was_read_since_the_inbox_was() {
    let held = Held::new().await;
    held.submit(1).await;
    held.between(async |held| {
        let consumed = vec![Consumed { id: CommandId(1), ignored: None }];
        let commit = Append { consumed, ..step(&held.claimed, Seq(1)) };
        held.journal.append(commit).await.unwrap();
        held.submit(2).await;
    })
    .await;
    held.submit(3).await;
    let unread = held.journal.inbox(held.rollout).await.unwrap();
    let ids: Vec<_> = unread.iter().map(|command| command.id.0).collect();
    assert_eq!(ids, [2, 3]);
    let became = held.journal.became(held.rollout, CommandId(1)).await.unwrap();
    assert_eq!(became, Some(Became::Step(Seq(1))));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_says_less_than_the_records_lets_none_of_them_be_written_over() {
    let held = Held::new().await;
    held.journal.append(step(&held.claimed, Seq(1))).await.unwrap();
    let records = held.journal.read(held.rollout, Seq(1)).await.unwrap();
    // As a copy of some items of a table may be.
    held.fake.with(|state| state.spoil_number(TABLE, "seq", 0));
    let claimed = held.journal.claim(held.rollout, held.engine, Take::Free).await.unwrap();
    let commit = Append { attempt: AttemptId(2), ..step(&claimed, Seq(1)) };
    let written = held.journal.append(commit).await;
    assert!(matches!(written, Err(JournalError::Unavailable(_))), "{written:?}");
    assert_eq!(held.journal.read(held.rollout, Seq(1)).await.unwrap(), records);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_sent_twice_is_carried_out_once_and_answered_as_before() {
    let held = Held::new().await;
    let commit = step(&held.claimed, Seq(1));
    held.fake.fault(WRITE, next(&held.fake, WRITE), Fault::ReplyLost);
    let lost = held.journal.append(commit.clone()).await;
    assert!(matches!(lost, Err(JournalError::AnswerLost(_))), "{lost:?}");
    let made = RowVersion(held.claimed.version.0 + 1);
    assert_eq!(held.journal.append(commit.clone()).await.unwrap(), made);
    assert_eq!(held.journal.read(held.rollout, Seq(1)).await.unwrap(), commit.records);
}
