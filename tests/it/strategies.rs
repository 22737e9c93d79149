//! Good releases are promoted and bad ones go back, with each strategy.

use tidegate::{End, machine::Phase};
use tidegate_mock::WorldSpec;

use crate::fixtures::{Rig, end_of, rolled_back, story, strategies};
use tidegate::machine::Weight;

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
        let handle = rig.start(&engine, crate::fixtures::rolling()).await;
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
