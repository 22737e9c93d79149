//! People who change what a rollout has set: its weight above what is wanted, below it, again and
//! again; and its capacity, where traffic follows it.

use std::time::Duration;

use tidegate::{
    End, Handle,
    machine::{Arm, Ask, Cause, GateSpec, Halt, Order, Phase, Rule, WaitingOn, Weight, World},
};
use tidegate_mock::Happens;
use tokio::time::sleep;

use crate::fixtures::{Rig, S, Scene, end_of, rules, scenes, story, until};

/// Each strategy before a gate that bakes long, with nothing that would judge what people do.
fn long_bakes() -> impl Iterator<Item = Scene> {
    let bake = GateSpec { bake: S(600), ..GateSpec::default() };
    scenes(&bake).into_iter().map(|mut scene| {
        scene.spec.guards.clear();
        scene
    })
}

fn routed() -> impl Iterator<Item = Scene> {
    long_bakes().filter(Scene::is_routed)
}

/// Where somebody can give the candidate more than is wanted.
fn raisable() -> impl Iterator<Item = Scene> {
    routed().filter(|scene| scene.weight < Weight::FULL)
}

/// Where somebody can give it less.
fn lowerable() -> impl Iterator<Item = Scene> {
    routed().filter(|scene| scene.weight > Weight::ZERO)
}

fn shifts(rig: &Rig, percent: u16) {
    let to = Weight::percent(percent);
    rig.world.with_fleet(|fleet| fleet.meddle(Happens::PersonShifts { to }));
}

fn scales(rig: &Rig, arm: Arm, units: u32) {
    rig.world.with_fleet(|fleet| fleet.meddle(Happens::PersonScales { arm, units }));
}

/// Waits, for a quarter of an hour at most, until a rule has fired.
async fn fires(handle: &Handle, rule: Rule, what: &str) {
    for _ in 0..900 {
        if rules(handle).await.contains(&rule) {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("{what}: {rule} never fired\n{}", story(handle).await);
}

/// Sets a weight again and again, until the rollout halts.
async fn contest(rig: &Rig, handle: &Handle, percent: u16) {
    let theirs = Weight::percent(percent);
    for _ in 0..600 {
        if matches!(handle.status().phase, Phase::Halted { .. }) {
            return;
        }
        if rig.weight() != theirs {
            shifts(rig, percent);
        }
        sleep(Duration::from_secs(7)).await;
    }
    panic!("it never halted:\n{}", story(handle).await);
}

fn contested(phase: &Phase) -> bool {
    matches!(phase, Phase::Halted { why: Halt::Contested, .. })
}

fn is_seen_back(world: &World) -> bool {
    world.traffic.asked == Weight::ZERO && world.traffic.seen_as_asked()
}

fn is_aborted(end: &End) -> bool {
    *end == End::Over(Phase::RolledBack { cause: Cause::Aborted })
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_somebody_raised_is_set_back_at_once() {
    for scene in raisable() {
        let (rig, _engine, handle) = scene.set().await;
        shifts(&rig, 50);
        fires(&handle, Rule::DriftReset, scene.name).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(rig.weight(), scene.weight, "{}", scene.name);
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}:\n{story}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_somebody_lowered_holds_and_asks_until_it_is_put_back() {
    for scene in lowerable() {
        let (rig, _engine, handle) = scene.set().await;
        shifts(&rig, 10);
        fires(&handle, Rule::DriftHeld, scene.name).await;
        sleep(Duration::from_secs(7_200)).await;
        assert_eq!(rig.weight(), Weight::percent(10), "{}: it is theirs", scene.name);
        assert_eq!(handle.status().waiting_on, WaitingOn::Person(Ask::Resume), "{}", scene.name);
        let wanted = scene.weight.bp() / 100;
        shifts(&rig, wanted);
        fires(&handle, Rule::DriftGone, scene.name).await;
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}:\n{story}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_somebody_lowered_is_sent_again_when_a_person_resumes() {
    for scene in lowerable() {
        let (rig, _engine, handle) = scene.set().await;
        shifts(&rig, 10);
        fires(&handle, Rule::DriftHeld, scene.name).await;
        handle.resume("ada").await.unwrap();
        fires(&handle, Rule::ShiftReasserted, scene.name).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(rig.weight(), scene.weight, "{}", scene.name);
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}:\n{story}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_somebody_lowered_while_old_units_are_kept_warm_keeps_them() {
    // Batches leave no old units to be kept.
    for scene in routed().filter(|scene| !scene.name.starts_with("rolling")) {
        let (rig, _engine, handle) = scene.set().await;
        until(&handle, |status| matches!(status.phase, Phase::KeepWarm { .. })).await;
        shifts(&rig, 50);
        fires(&handle, Rule::DriftHeld, scene.name).await;
        sleep(Duration::from_secs(7_200)).await;
        let (_, _, capacity) =
            rig.world.with_fleet(|fleet| fleet.truth(&crate::fixtures::revisions()));
        assert_eq!(capacity.stable.total.ready, 10, "{}: half needs them", scene.name);
        assert!(matches!(handle.status().phase, Phase::KeepWarm { .. }), "{}", scene.name);
        shifts(&rig, 100);
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}:\n{story}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weight_that_somebody_keeps_raising_is_contested_and_waits_for_a_person() {
    for (scene, order) in raisable().flat_map(|s| [(s.clone(), Order::Retry), (s, Order::GiveUp)]) {
        let (rig, _engine, handle) = scene.set().await;
        contest(&rig, &handle, 60).await;
        let status = handle.status();
        assert!(contested(&status.phase), "{}: {status:?}", scene.name);
        assert!(matches!(status.waiting_on, WaitingOn::Person(_)), "{}", scene.name);
        handle.command(order, "ada", "we talked").await.unwrap();
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        if order == Order::GiveUp {
            assert_eq!(end, End::Over(Phase::GaveUp), "{}:\n{story}", scene.name);
        } else {
            assert!(is_aborted(&end), "{}: {end:?}\n{story}", scene.name);
            assert_eq!(rig.weight(), Weight::ZERO, "{}", scene.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_that_somebody_gives_the_candidate_while_it_goes_back_is_taken_away_again() {
    for scene in lowerable() {
        let (rig, _engine, handle) = scene.set().await;
        handle.abort("ada", "on second thoughts").await.unwrap();
        until(&handle, |status| is_seen_back(&status.world)).await;
        shifts(&rig, 40);
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert!(is_aborted(&end), "{}: {end:?}\n{story}", scene.name);
        assert_eq!(rig.weight(), Weight::ZERO, "{}:\n{story}", scene.name);
        let rules = rules(&handle).await;
        let corrected = [Rule::DriftReasserted, Rule::RollbackContradicted];
        assert!(corrected.iter().any(|rule| rules.contains(rule)), "{}:\n{story}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_that_somebody_keeps_giving_the_candidate_while_it_goes_back_is_contested() {
    for scene in lowerable() {
        let (rig, _engine, handle) = scene.set().await;
        handle.abort("ada", "on second thoughts").await.unwrap();
        until(&handle, |status| is_seen_back(&status.world)).await;
        contest(&rig, &handle, 40).await;
        assert!(contested(&handle.status().phase), "{}:\n{}", scene.name, story(&handle).await);
        handle.command(Order::Retry, "ada", "we talked").await.unwrap();
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert!(is_aborted(&end), "{}: {end:?}\n{story}", scene.name);
        assert_eq!(rig.weight(), Weight::ZERO, "{}:\n{story}", scene.name);
    }
}

fn routerless() -> Scene {
    long_bakes().find(|scene| !scene.is_routed()).unwrap()
}

/// What somebody does to the fleet of a target without a router, at a gate where six old units and
/// four new ones serve.
const CAPACITY: [(Arm, u32); 4] =
    [(Arm::Candidate, 7), (Arm::Candidate, 2), (Arm::Stable, 9), (Arm::Stable, 5)];

#[tokio::test(start_paused = true)]
async fn units_that_somebody_adds_or_takes_where_traffic_follows_them_are_set_right() {
    for (arm, units) in CAPACITY {
        let what = format!("{arm} to {units}");
        let scene = routerless();
        let (rig, _engine, handle) = scene.set().await;
        scales(&rig, arm, units);
        if (arm, units) != (Arm::Stable, 5) {
            fires(&handle, Rule::WorldRepaired, &what).await;
        }
        let end = end_of(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{what}:\n{}", story(&handle).await);
    }
}

#[tokio::test(start_paused = true)]
async fn units_that_somebody_adds_or_takes_while_batches_go_back_are_set_right() {
    for (arm, units) in CAPACITY {
        let what = format!("{arm} to {units}");
        let scene = routerless();
        let (rig, _engine, handle) = scene.set().await;
        handle.abort("ada", "on second thoughts").await.unwrap();
        until(&handle, |status| status.phase.is_backward()).await;
        sleep(Duration::from_secs(5)).await;
        scales(&rig, arm, units);
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert!(is_aborted(&end), "{what}: {end:?}\n{story}");
        let (_, _, capacity) =
            rig.world.with_fleet(|fleet| fleet.truth(&crate::fixtures::revisions()));
        assert_eq!(capacity.candidate.total.asked, 0, "{what}:\n{story}");
        assert_eq!(capacity.stable.total.ready, 10, "{what}:\n{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn units_that_somebody_keeps_adding_end_with_the_deadline_of_the_batch() {
    let scene = routerless();
    let (rig, _engine, handle) = scene.set().await;
    for _ in 0..600 {
        if rules(&handle).await.contains(&Rule::StageOverdueRolledBack) {
            break;
        }
        scales(&rig, Arm::Candidate, 7);
        sleep(Duration::from_secs(12)).await;
    }
    assert!(rules(&handle).await.iter().filter(|rule| **rule == Rule::WorldRepaired).count() > 10);
    let end = end_of(&handle).await;
    let back = End::Over(Phase::RolledBack { cause: Cause::Failed });
    assert_eq!(end, back, "{}", story(&handle).await);
}
