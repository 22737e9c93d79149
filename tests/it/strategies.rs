//! Good releases are promoted and bad ones go back, with each strategy.

use tidegate::{
    End,
    machine::{Phase, Rule, Weight},
};
use tidegate_mock::{ArmSpec, WorldSpec};

use crate::fixtures::{
    Rig, S, at_gate, end_of, revisions, rolled_back, rolling, story, strategies, until,
};

#[tokio::test(start_paused = true)]
async fn a_good_release_is_promoted() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{name}:\n{}", story(&handle).await);
        assert_eq!(rig.weight(), Weight::FULL, "{name}");
        assert!(rig.journal.is_over(handle.rollout()), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_release_goes_back() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::bad());
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{name}: {end:?}\n{}", story(&handle).await);
        assert_eq!(rig.weight(), Weight::ZERO, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_without_a_router_is_replaced_batch_by_batch() {
    for (world, good) in [(WorldSpec::without_router(), true), (bad_without_router(), false)] {
        let rig = Rig::new(world);
        let engine = rig.engine();
        let handle = rig.start(&engine, rolling()).await;
        let end = end_of(&handle).await;
        let completed = end == End::Over(Phase::Completed);
        assert_eq!(completed, good, "{end:?}\n{}", story(&handle).await);
        assert!(completed || rolled_back(&end), "{end:?}");
    }
}

fn bad_without_router() -> WorldSpec {
    WorldSpec { routerless: true, mirror: false, test_traffic: false, ..WorldSpec::bad() }
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_completes_without_an_old_revision() {
    let rig = Rig::new(WorldSpec { first: true, ..WorldSpec::good() });
    let engine = rig.engine();
    let plan = rig.plan(crate::fixtures::canary());
    let first = tidegate::machine::Revisions { stable: None, candidate: "v1".into() };
    let handle = engine.start(plan, first, "ada").await.unwrap();
    let end = end_of(&handle).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
}

/// The same plan with a router and without.
fn batch_worlds() -> [WorldSpec; 2] {
    [WorldSpec::good(), WorldSpec::without_router()]
}

#[tokio::test(start_paused = true)]
async fn a_rollback_of_batches_is_reported_with_every_old_unit_ready() {
    for world in batch_worlds() {
        let rig = Rig::new(world);
        let engine = rig.engine();
        let handle = rig.start(&engine, rolling()).await;
        at_gate(&handle).await;
        assert_eq!(handle.status().world.stable.total.ready, 6);
        handle.abort("ada", "on second thoughts").await.unwrap();
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{end:?}\n{}", story(&handle).await);
        let (_, _, capacity) = rig.world.with_fleet(|fleet| fleet.truth(&revisions()));
        assert_eq!(capacity.stable.total.ready, 10, "{}", story(&handle).await);
    }
}

#[tokio::test(start_paused = true)]
async fn old_units_that_never_get_ready_hold_the_report_of_a_rollback_up_for_a_while_only() {
    let crashing = ArmSpec { crash_on_start: 1.0, ..ArmSpec::default() };
    for world in batch_worlds() {
        let rig = Rig::new(WorldSpec { stable: crashing.clone(), ..world });
        let engine = rig.engine();
        let handle = rig.start(&engine, rolling()).await;
        until(&handle, |status| status.world.stable.total.asked == 8).await;
        handle.abort("ada", "on second thoughts").await.unwrap();
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{end:?}\n{}", story(&handle).await);
        let records = handle.records().await.unwrap();
        let (back, told) = (Rule::WayBackDone, Rule::RolledBack);
        let at = |rule| records.iter().rev().find(|record| record.decision.rule == rule).unwrap();
        let waited = at(told).at.since(at(back).at);
        // A minute for what was acknowledged to be seen, and drains of a minute before.
        assert!(waited > S(30) && waited < S(150), "{waited}\n{}", story(&handle).await);
        // What it tells is what is so.
        let sentence = at(told).decision.sentence(&handle.head().plan);
        assert!(sentence.contains("8 stable ready of 10"), "{sentence}");
    }
}
