//! Claims by several connections at once, and claims whose answers are lost.

use std::collections::BTreeSet;

use tidegate_core::{Journal, JournalError, RolloutId, Serves, Span, Take, Timestamp};

use crate::{
    conformance::{behind, relay_to},
    server::{Server, fresh_schema},
    support::{Claim, LEASE, opening},
};

const ROLLOUTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn eight_engines_at_once_are_given_each_rollout_that_they_serve_once_and_leave_none() {
    let test = "eight_engines_at_once_are_given_each_rollout_that_they_serve_once_and_leave_none";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_claims");
    let journal = server.journal(&schema).await;
    let mut wanted = BTreeSet::new();
    // Two engines serve every target, and two each a third of them.
    let mut thirds = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for n in 0..ROLLOUTS {
        let head = journal.open(opening(&format!("target-{n}"))).await.unwrap();
        wanted.insert(head.identity.rollout);
        thirds[n % 3].insert(head.plan.target().clone());
    }
    let engine = async |n: usize| {
        let serves = thirds.get(n % 4).map_or(Serves::Every, |of| Serves::Only(of.clone()));
        let journal = server.journal(&schema).await;
        let engine = journal.enlist(&format!("engine-{n}"), LEASE).await.unwrap().engine;
        let mut got: Vec<RolloutId> = Vec::new();
        loop {
            let work = journal.claim_due(engine, &serves, Timestamp::MAX, 7).await.unwrap();
            if work.claimed.is_empty() && work.next.is_none() {
                return got;
            }
            for (rollout, claimed) in work.claimed {
                assert!(serves.includes(claimed.unwrap().head.plan.target()));
                got.push(rollout);
            }
        }
    };
    let (a, b, c, d, e, f, g, h) = tokio::join!(
        engine(0),
        engine(1),
        engine(2),
        engine(3),
        engine(4),
        engine(5),
        engine(6),
        engine(7)
    );
    let given: Vec<RolloutId> = [a, b, c, d, e, f, g, h].concat();
    assert_eq!(given.len(), ROLLOUTS, "claims of {ROLLOUTS} rollouts");
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), wanted);
    server.drop_schemas(&schema).await;
}

#[tokio::test]
async fn what_a_lost_answer_gave_is_given_again_by_the_next_claim() {
    let test = "what_a_lost_answer_gave_is_given_again_by_the_next_claim";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_lost_claim");
    let proxy = relay_to(&server.url).await;
    let journal = behind(&server.url, &proxy, &schema).await;
    let head = journal.open(opening("checkout")).await.unwrap();
    let one = journal.enlist("one", LEASE).await.unwrap().engine;
    let nothing = journal.claim_due(one, &Serves::Every, Timestamp(0), 10).await.unwrap();
    assert!(nothing.claimed.is_empty(), "due before its time");
    proxy.lose_next_answer();
    let lost = journal.claim_due(one, &Serves::Every, Timestamp::MAX, 10).await;
    assert!(matches!(lost, Err(JournalError::Unavailable(_))), "{lost:?}");
    assert_eq!(proxy.lost(), 1);
    // It was carried out: nobody else is given it.
    let two = journal.enlist("two", LEASE).await.unwrap().engine;
    let other = journal.claim_due(two, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    assert!(other.claimed.is_empty(), "it is held, by an engine that does not know");
    let again = journal.claim_due(one, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    let again: Vec<_> = again.claimed.iter().map(|(rollout, _)| *rollout).collect();
    assert_eq!(again, [head.identity.rollout]);
    let third = journal.claim_due(one, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    assert!(third.claimed.is_empty(), "what an engine knows that it holds is given again");
    server.drop_schemas(&schema).await;
}

#[tokio::test]
async fn what_an_engine_left_behind_is_found_whether_it_lapsed_or_was_struck_off() {
    let test = "what_an_engine_left_behind_is_found_whether_it_lapsed_or_was_struck_off";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_left");
    let journal = server.journal(&schema).await;
    let claim = Claim::take(&journal, "checkout").await;
    let names = ["lapsed", "struck off"];
    let probe = journal.enlist("probe", LEASE).await.unwrap().engine;
    let due =
        async || journal.claim_due(probe, &Serves::Every, Timestamp(0), 10).await.unwrap().claimed;
    assert!(due().await.is_empty(), "it is held");
    for (name, lapse) in names.into_iter().zip([true, false]) {
        let engine = journal.enlist(name, LEASE).await.unwrap().engine;
        journal.claim(claim.id(), engine, Take::ByForce).await.unwrap();
        if lapse {
            journal.renew(engine, Span(0)).await.unwrap();
        } else {
            journal.enlist(name, LEASE).await.unwrap();
        }
        let found: Vec<_> = due().await.into_iter().map(|(rollout, _)| rollout).collect();
        assert_eq!(found, [claim.id()], "its engine has {name}");
    }
    server.drop_schemas(&schema).await;
}

#[tokio::test]
async fn the_answer_to_an_opening_can_be_lost_and_the_error_says_which_rollout_it_may_be() {
    let test = "the_answer_to_an_opening_can_be_lost_and_the_error_says_which_rollout_it_may_be";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_lost_opening");
    let proxy = relay_to(&server.url).await;
    let journal = behind(&server.url, &proxy, &schema).await;
    journal.open(opening("cart")).await.unwrap();
    proxy.lose_next_commit();
    let lost = journal.open(opening("checkout")).await;
    let Err(JournalError::AnswerLost(rollout)) = lost else { panic!("{lost:?}") };
    let head = journal.head(rollout).await.unwrap();
    assert_eq!(head.plan.target().as_str(), "checkout");
    proxy.lose_next_answer();
    let before = journal.open(opening("search")).await;
    assert!(matches!(before, Err(JournalError::Unavailable(_))), "{before:?}");
    assert_eq!(proxy.lost(), 2);
    journal.open(opening("search")).await.unwrap();
    server.drop_schemas(&schema).await;
}
