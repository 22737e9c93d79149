//! Leases without a clock of the store: who may say that one is over, and what that does.

use std::time::Duration;

use tidegate_aws::{
    dynamodb::DynamoJournal,
    fakes::{Fake, Fault, dynamodb::Dynamo},
};
use tidegate_core::{
    EngineId, Epoch, Journal, JournalError, RolloutId, Serves, Span, Take, Timestamp,
};
use tokio::time::advance;

use super::support::{dynamo, journal, next, opening};

const LEASE: Span = Span::seconds(10);
const HALF: Duration = Duration::from_secs(5);

/// A rollout that one process holds, and another process that watches.
struct Pair {
    fake: Fake<Dynamo>,
    owner: DynamoJournal,
    watcher: DynamoJournal,
    rollout: RolloutId,
    holds: EngineId,
    watches: EngineId,
}

impl Pair {
    async fn new() -> Self {
        let fake = dynamo().await;
        let (owner, watcher) = (journal(&fake).await, journal(&fake).await);
        let rollout = owner.open(opening("checkout")).await.unwrap().identity.rollout;
        let holds = owner.enlist("owner", LEASE).await.unwrap().engine;
        owner.claim(rollout, holds, Take::Free).await.unwrap();
        let watches = watcher.enlist("watcher", Span::minutes(60)).await.unwrap().engine;
        Self { fake, owner, watcher, rollout, holds, watches }
    }

    /// What the watcher is given as due.
    async fn given(&self) -> Vec<RolloutId> {
        let work = self.watcher.claim_due(self.watches, &Serves::Every, Timestamp::default(), 10);
        work.await.unwrap().claimed.into_iter().map(|(rollout, _)| rollout).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_over_for_who_has_watched_it_for_its_length_and_no_earlier() {
    let pair = Pair::new().await;
    advance(10 * HALF).await;
    let fresh = journal(&pair.fake).await;
    let engine = fresh.enlist("fresh", LEASE).await.unwrap().engine;
    let held = fresh.claim(pair.rollout, engine, Take::Free).await;
    assert!(matches!(held, Err(JournalError::Held { .. })), "{held:?}");
    assert_eq!(pair.given().await, [pair.rollout], "the watcher saw it when it was listed itself");
}

#[tokio::test(start_paused = true)]
async fn who_claims_by_what_was_so_before_another_claim_takes_nothing_from_it() {
    let fake = dynamo().await;
    let (first, second) = (journal(&fake).await, journal(&fake).await);
    let quick = first.enlist("quick", LEASE).await.unwrap().engine;
    let slow = second.enlist("slow", LEASE).await.unwrap().engine;
    let rollout = first.open(opening("checkout")).await.unwrap().identity.rollout;
    first.claim(rollout, quick, Take::Free).await.unwrap();
    fake.fault("GetItem", next(&fake, "GetItem"), Fault::StaleRead);
    let claimed = second.claim(rollout, slow, Take::Free).await;
    assert!(matches!(claimed, Err(JournalError::Held { .. })), "{claimed:?}");
    assert!(fake.log().iter().any(|asked| asked.fault.is_some()), "it read what was so before");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_begins_the_watch_anew_and_its_absence_ends_the_lease() {
    let pair = Pair::new().await;
    for _ in 0..4 {
        assert_eq!(pair.given().await, []);
        advance(HALF).await;
        pair.owner.renew(pair.holds, LEASE).await.unwrap();
    }
    assert_eq!(pair.given().await, []);
    advance(HALF).await;
    assert_eq!(pair.given().await, []);
    advance(HALF).await;
    assert_eq!(pair.given().await, [pair.rollout]);
    let renewed = pair.owner.renew(pair.holds, LEASE).await;
    assert!(matches!(renewed, Err(JournalError::Lapsed(_))), "{renewed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_late_renewal_that_nobody_was_faster_than_succeeds_and_keeps_what_is_held() {
    let pair = Pair::new().await;
    assert_eq!(pair.given().await, []);
    advance(4 * HALF).await;
    pair.owner.renew(pair.holds, LEASE).await.unwrap();
    assert_eq!(pair.given().await, []);
}

#[tokio::test(start_paused = true)]
async fn what_a_gone_engine_held_is_found_although_the_index_lags() {
    let pair = Pair::new().await;
    pair.owner.release(pair.rollout, Epoch(1)).await.unwrap();
    advance(Duration::from_secs(10)).await;
    pair.fake.with(|state| state.lag_by(Duration::from_secs(3)));
    pair.owner.claim(pair.rollout, pair.holds, Take::Free).await.unwrap();
    pair.owner.resign(pair.holds).await.unwrap();
    assert_eq!(pair.given().await, [], "the index does not show it yet");
    advance(Duration::from_secs(60)).await;
    assert_eq!(pair.given().await, [pair.rollout]);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_shows_what_is_past_gives_nothing_twice() {
    let pair = Pair::new().await;
    let other = pair.owner.open(opening("cart")).await.unwrap().identity.rollout;
    advance(Duration::from_secs(1)).await;
    pair.fake.with(|state| state.lag_by(Duration::from_millis(500)));
    let take = async |journal: &DynamoJournal, by: EngineId| {
        let work = journal.claim_due(by, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
        work.claimed.into_iter().map(|(rollout, _)| rollout).collect::<Vec<_>>()
    };
    assert_eq!(take(&pair.owner, pair.holds).await, [other]);
    assert_eq!(take(&pair.watcher, pair.watches).await, []);
}
