//! A newer revision arrives while a rollout runs: replaced, queued, or refused.

use std::{sync::Arc, time::Duration};

use tidegate::{
    End, Engine, EngineError, Handle,
    machine::{Cause, Phase, Revisions, Rule, Supersede, Weight},
};
use tidegate_mock::{EffectSpec, JournalFault, WorldSpec};
use tokio::time::Instant;

use crate::fixtures::{
    Rig, at_gate, canary, end_of, rolled_back, rules, story, strategies, superseding, to, until,
};

#[tokio::test(start_paused = true)]
async fn replace_rolls_the_older_one_back_and_then_starts_the_newer() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine();
        let spec = superseding(spec, Supersede::Replace);
        let older = rig.start(&engine, spec.clone()).await;
        until(&older, |status| status.world.candidate.total.ready > 0).await;
        let newer = engine.start(rig.plan(spec), to("v3"), "ada").await.unwrap();
        let superseded = End::Over(Phase::RolledBack { cause: Cause::Superseded });
        assert_eq!(end_of(&older).await, superseded, "{name}:\n{}", story(&older).await);
        let end = end_of(&newer).await;
        assert_eq!(end, End::Over(Phase::Completed), "{name}:\n{}", story(&newer).await);
        let seen = rig.world.with_fleet(|fleet| fleet.truth(&to("v3")).0);
        assert_eq!(seen.low, Weight::FULL, "{name}");
        assert!(rules(&newer).await.contains(&Rule::StartedAfterPredecessor), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn queue_lets_the_older_one_finish_and_then_starts_the_newer() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine();
        let spec = superseding(spec, Supersede::Queue);
        let older = rig.start(&engine, spec.clone()).await;
        at_gate(&older).await;
        // What serves once the older one is done.
        let next = Revisions { stable: Some("v2".into()), candidate: "v3".into() };
        let newer = engine.start(rig.plan(spec), next, "ada").await.unwrap();
        assert_eq!(end_of(&older).await, End::Over(Phase::Completed), "{name}");
        let end = end_of(&newer).await;
        assert_eq!(end, End::Over(Phase::Completed), "{name}:\n{}", story(&newer).await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_very_same_release_is_not_started_twice_and_goes_on() {
    for (name, spec) in strategies() {
        for how in [Supersede::Replace, Supersede::Queue, Supersede::Refuse] {
            let rig = Rig::new(WorldSpec::good());
            let engine = rig.engine();
            let spec = superseding(spec.clone(), how);
            let first = rig.start(&engine, spec.clone()).await;
            at_gate(&first).await;
            let again = engine.start(rig.plan(spec), to("v2"), "ada").await.unwrap_err();
            let EngineError::Already { rollout, .. } = again else { panic!("{name}: {again}") };
            assert_eq!(rollout, first.rollout(), "{name}");
            assert!(again.to_string().contains("on its way already as rollout r1"), "{again}");
            let end = end_of(&first).await;
            assert_eq!(end, End::Over(Phase::Completed), "{name}:\n{}", story(&first).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_queued_is_not_queued_twice_and_one_that_goes_back_may_be_tried_again() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let spec = superseding(canary(), Supersede::Queue);
    let older = rig.start(&engine, spec.clone()).await;
    at_gate(&older).await;
    let queued = engine.start(rig.plan(spec.clone()), to("v3"), "ada").await.unwrap();
    let again = engine.start(rig.plan(spec.clone()), to("v3"), "ada").await.unwrap_err();
    let EngineError::Already { rollout, .. } = again else { panic!("{again}") };
    assert_eq!(rollout, queued.rollout());
    older.abort("ada", "once more").await.unwrap();
    until(&older, |status| status.phase.is_backward()).await;
    let retried = engine.start(rig.plan(spec), to("v2"), "ada").await.unwrap();
    assert!(rolled_back(&end_of(&older).await));
    let end = end_of(&retried).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&retried).await);
}

#[tokio::test(start_paused = true)]
async fn refuse_says_who_is_running() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine();
        let spec = superseding(spec, Supersede::Refuse);
        let older = rig.start(&engine, spec.clone()).await;
        at_gate(&older).await;
        let refused = engine.start(rig.plan(spec), to("v3"), "ada").await.unwrap_err();
        let EngineError::Refused { active, .. } = refused else { panic!("{name}: {refused}") };
        assert_eq!(active, older.rollout(), "{name}");
        assert_eq!(end_of(&older).await, End::Over(Phase::Completed), "{name}");
    }
}

/// What a successor names as stable, and whether that is what its predecessor leaves.
async fn queued_behind(good: bool, stable: &str) -> Vec<(String, End, Handle, Rig)> {
    let mut ended = Vec::new();
    for (name, spec) in strategies() {
        let good_v3 = [("v3".to_owned(), EffectSpec::default())].into();
        let world = if good { WorldSpec::good() } else { WorldSpec::bad() };
        let rig = Rig::new(WorldSpec { effects: good_v3, ..world });
        let engine = rig.engine();
        let spec = superseding(spec, Supersede::Queue);
        let older = rig.start(&engine, spec.clone()).await;
        until(&older, |status| status.world.candidate.total.ready > 0).await;
        let next = Revisions { stable: Some(stable.into()), candidate: "v3".into() };
        let newer = engine.start(rig.plan(spec), next, "ada").await.unwrap();
        let end = end_of(&older).await;
        let what = format!("{name}: good {good}, stable {stable}\n{}", story(&older).await);
        assert_eq!(end == End::Over(Phase::Completed), good, "{what}");
        assert_eq!(rolled_back(&end), !good, "{what}");
        let end = end_of(&newer).await;
        ended.push((format!("{what}\n{}", story(&newer).await), end, newer, rig));
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn a_queued_rollout_sets_out_from_what_its_predecessor_left() {
    // After a completed one that is its candidate, after one that went back its stable.
    for (good, stable) in [(true, "v2"), (false, "v1")] {
        for (what, end, newer, rig) in queued_behind(good, stable).await {
            assert_eq!(end, End::Over(Phase::Completed), "{what}");
            let seen = rig.world.with_fleet(|fleet| fleet.truth(&newer.head().revisions).0);
            assert_eq!(seen.low, Weight::FULL, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_rollout_that_names_another_stable_than_what_is_left_moves_nothing() {
    for (good, stable, left) in [(true, "v1", "v2"), (false, "v2", "v1")] {
        for (what, end, newer, rig) in queued_behind(good, stable).await {
            let never = End::Over(Phase::NeverStarted { cause: Cause::Failed });
            assert_eq!(end, never, "{what}");
            assert_eq!(rules(&newer).await.last(), Some(&Rule::StableNotServing), "{what}");
            // What was left serves on, whatever this one believed.
            let left = Revisions { stable: Some(left.into()), candidate: "v3".into() };
            let (seen, _, capacity) = rig.world.with_fleet(|fleet| fleet.truth(&left));
            assert_eq!((seen.high, seen.other), (Weight::ZERO, Weight::ZERO), "{what}");
            assert_eq!(capacity.stable.total.ready, 10, "{what}");
            assert_eq!(capacity.candidate.total.asked, 0, "{what}");
            // The target is free: named right, the same candidate goes out.
            let engine = rig.engine();
            let plan = newer.head().plan.clone();
            let again = engine.start(plan, left, "ada").await.unwrap();
            assert_eq!(end_of(&again).await, End::Over(Phase::Completed), "{what}");
        }
    }
}

/// A rollout at its gate under one engine, and one queued behind it under another; both engines draw what they
/// draw from seeds, so that all happens at the same times again.
async fn queue_of_two(rig: &Rig) -> ([Engine; 2], Handle, Handle) {
    let engine = |name: &str, seed| {
        let journal = Arc::new(rig.journal.clone());
        Engine::builder(journal, rig.ports()).clock(rig.clock()).name(name).seed(seed).build()
    };
    let (first, second) = (engine("one", 1), engine("two", 2));
    let spec = superseding(canary(), Supersede::Queue);
    let older = rig.start(&first, spec.clone()).await;
    at_gate(&older).await;
    let queued = second.start(rig.plan(spec), to("v3"), "ada").await.unwrap();
    older.abort("ada", "make way").await.unwrap();
    ([first, second], older, queued)
}

#[tokio::test(start_paused = true)]
async fn a_queued_one_whose_turn_comes_while_its_engine_can_not_look_begins_all_the_same() {
    let rig = Rig::new(WorldSpec::good());
    let (_engines, older, _) = queue_of_two(&rig).await;
    let began = Instant::now();
    end_of(&older).await;
    let takes = began.elapsed();

    // Just before that end the second engine writes that an order came to nothing, and can not. When it tries
    // again it finds that something has changed; and when it asks who is active now, it is not told.
    let rig = Rig::new(WorldSpec::good());
    let (_engines, older, queued) = queue_of_two(&rig).await;
    tokio::time::sleep(takes - Duration::from_millis(50)).await;
    let failing = rig.journal.writes() + 2;
    rig.journal.fail_write(failing, JournalFault::Unavailable);
    let over = async {
        end_of(&older).await;
        assert!(rig.journal.writes() > failing, "the order was read before the end");
        rig.journal.fail_next_active();
    };
    let (ordered, ()) = tokio::join!(queued.resume("ada"), over);
    assert!(matches!(ordered, Err(EngineError::Ignored(_))), "{ordered:?}");
    let end = end_of(&queued).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&queued).await);
    assert!(rules(&queued).await.contains(&Rule::StartedAfterPredecessor));
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_takes_the_place_of_a_queued_one() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let spec = superseding(canary(), Supersede::Queue);
    let older = rig.start(&engine, spec.clone()).await;
    at_gate(&older).await;
    let queued = engine.start(rig.plan(spec.clone()), to("v3"), "ada").await.unwrap();
    let next = Revisions { stable: Some("v2".into()), candidate: "v4".into() };
    let newest = engine.start(rig.plan(spec), next, "ada").await.unwrap();
    assert_eq!(end_of(&queued).await, End::Replaced);
    assert_eq!(end_of(&older).await, End::Over(Phase::Completed));
    assert_eq!(end_of(&newest).await, End::Over(Phase::Completed), "{}", story(&newest).await);
}

#[tokio::test(start_paused = true)]
async fn retry_opens_a_new_rollout_and_only_after_the_end() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let first = rig.start(&engine, canary()).await;
    at_gate(&first).await;
    let early = engine.retry(first.rollout(), "ada").await.unwrap_err();
    assert!(matches!(early, EngineError::NotOver(_)), "{early}");
    first.abort("ada", "again, please").await.unwrap();
    end_of(&first).await;
    let second = engine.retry(first.rollout(), "ada").await.unwrap();
    assert_ne!(second.rollout(), first.rollout());
    assert_eq!(end_of(&second).await, End::Over(Phase::Completed), "{}", story(&second).await);
}
