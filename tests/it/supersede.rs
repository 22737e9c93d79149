//! A newer revision arrives while a rollout runs: replaced, queued, or refused.

use tidegate::{
    End, EngineError,
    machine::{Cause, Phase, Revisions, Rule, Supersede, Weight},
};
use tidegate_mock::WorldSpec;

use crate::fixtures::{
    Rig, at_gate, canary, end_of, rules, story, strategies, superseding, to, until,
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
async fn refuse_says_who_is_running() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let spec = superseding(canary(), Supersede::Refuse);
    let older = rig.start(&engine, spec.clone()).await;
    at_gate(&older).await;
    let refused = engine.start(rig.plan(spec), to("v3"), "ada").await.unwrap_err();
    let EngineError::Refused { active, .. } = refused else { panic!("{refused}") };
    assert_eq!(active, older.rollout());
    assert_eq!(end_of(&older).await, End::Over(Phase::Completed));
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
