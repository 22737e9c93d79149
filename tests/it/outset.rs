//! What a rollout does not set out from: one revision as both arms, something that serves and was not
//! named, and what a rollout before it was given up with.

use std::time::Duration;

use tidegate::{
    End, Engine, EngineError, Handle, Unrest,
    machine::{
        CapacityKind, Cause, GateSpec, ObstacleKind, Order, Phase, PlanSpec, Revisions, Rule,
        Supersede, Weight,
    },
};
use tidegate_mock::{EffectSpec, Fault, Happening, Happens, Op, WorldSpec, Wrong};

use crate::fixtures::{
    Rig, S, at_gate, canary, canary_of, checked, end_of, rules, step, story, strategies,
    superseding, to, until,
};

fn one_for_both() -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: "v1".into() }
}

fn first() -> Revisions {
    Revisions { stable: None, candidate: "v2".into() }
}

/// From one named revision to another.
fn between(stable: &str, candidate: &str) -> Revisions {
    Revisions { stable: Some(stable.into()), candidate: candidate.into() }
}

/// The world's log of calls that change it.
fn sent(rig: &Rig) -> usize {
    rig.world.with_fleet(|fleet| fleet.log().len())
}

#[tokio::test(start_paused = true)]
async fn one_revision_for_both_arms_is_refused_by_name_before_anything_moves() {
    for (name, spec) in strategies() {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine();
        let plan = || rig.plan(spec.clone());
        let started = engine.start(plan(), one_for_both(), "ada").await.unwrap_err();
        let opened = engine.open(plan(), one_for_both(), "ada").await.unwrap_err();
        for refused in [started, opened] {
            assert!(matches!(refused, EngineError::SameRevision { .. }), "{name}: {refused}");
            assert!(refused.to_string().starts_with("v1 is named both"), "{name}: {refused}");
        }
        assert!(rig.journal_is_empty().await, "{name}: a rollout was opened");
        assert_eq!(sent(&rig), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_revision_for_both_arms_is_not_queued_either() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let spec = superseding(canary(), Supersede::Queue);
    let running = rig.start(&engine, spec.clone()).await;
    at_gate(&running).await;
    let next = between("v2", "v2");
    let refused = engine.start(rig.plan(spec), next, "ada").await.unwrap_err();
    assert!(matches!(refused, EngineError::SameRevision { .. }), "{refused}");
    assert_eq!(end_of(&running).await, End::Over(Phase::Completed));
}

#[tokio::test(start_paused = true)]
async fn preflight_lists_one_revision_for_both_arms() {
    let rig = Rig::new(WorldSpec::good());
    let found = rig.ports().preflight(&rig.plan(canary()), &one_for_both()).await;
    assert_eq!(found[0].kind, ObstacleKind::Unsuitable);
    assert!(found[0].to_string().starts_with("unsuitable: revision v1 is named both"), "{found:?}");
}

async fn unrest_of(world: WorldSpec, revisions: Revisions) -> Option<Unrest> {
    let rig = Rig::new(world);
    match rig.engine().start(rig.plan(canary()), revisions, "ada").await {
        Ok(_) => None,
        Err(EngineError::NotAtRest { unrest, .. }) => Some(unrest),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_stable_revision_is_refused_where_one_serves_with_its_units() {
    let unrest = unrest_of(WorldSpec::good(), first()).await.unwrap();
    assert_eq!(unrest, Unrest::UnnamedUnits(10));
    assert!(unrest.to_string().contains("10 units serve"), "{unrest}");
    let shares = WorldSpec { capacity: CapacityKind::Percent, ..WorldSpec::good() };
    assert_eq!(unrest_of(shares, first()).await, Some(Unrest::UnnamedCapacity(Weight::FULL)));
    let nothing = WorldSpec { first: true, ..WorldSpec::good() };
    assert_eq!(unrest_of(nothing, first()).await, None);
}

/// A bad v2 that halts with half of the traffic, and a good v3.
async fn halted(after: PlanSpec) -> (Rig, Engine, Handle) {
    let good = [("v3".to_owned(), EffectSpec::default())].into();
    let refused = Fault::between(Op::Shift, S(40), S(400), Wrong::Refused { permanent: true });
    let world = WorldSpec { effects: good, ..WorldSpec::bad() }
        .with_happening(Happening {
            at: S(7_200),
            what: Happens::PersonShifts { to: Weight::ZERO },
        })
        .with_fault(refused);
    let rig = Rig::new(world);
    let engine = rig.engine();
    let handle = rig.start(&engine, after).await;
    until(&handle, |status| matches!(status.phase, Phase::Halted { .. })).await;
    assert_eq!(rig.weight(), Weight::percent(50), "{}", story(&handle).await);
    (rig, engine, handle)
}

fn half() -> PlanSpec {
    canary_of(vec![step(50, checked())])
}

fn half_unchecked() -> PlanSpec {
    canary_of(vec![step(50, GateSpec { bake: S(60), ..GateSpec::default() })])
}

#[tokio::test(start_paused = true)]
async fn a_rollout_does_not_set_out_over_what_another_was_given_up_with() {
    let (rig, engine, handle) = halted(half()).await;
    handle.command(Order::GiveUp, "ada", "later").await.unwrap();
    assert_eq!(end_of(&handle).await, End::Over(Phase::GaveUp));
    let before = sent(&rig);
    // Whatever serves is not one revision, so none of these is right.
    for next in [to("v3"), between("v2", "v3"), between("v2", "v1"), to("v2")] {
        let plan = rig.plan(half_unchecked());
        let refused = engine.start(plan, next, "ada").await.unwrap_err();
        let EngineError::LeftOver { share, revision, rollout, .. } = &refused else {
            panic!("{refused}")
        };
        assert_eq!((*share, *rollout), (Weight::percent(50), handle.rollout()));
        assert_eq!(*revision, "v2".into());
        assert!(refused.to_string().contains("50 % of its traffic to v2"), "{refused}");
    }
    assert_eq!(sent(&rig), before, "something was moved");
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_and_set_right_by_hand_is_in_nobodys_way() {
    let (rig, engine, handle) = halted(half()).await;
    handle.command(Order::GiveUp, "ada", "by hand").await.unwrap();
    end_of(&handle).await;
    // A person sends all of it to v1.
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    assert_eq!(rig.weight(), Weight::ZERO);
    let next = engine.start(rig.plan(half_unchecked()), to("v3"), "ada").await.unwrap();
    assert_eq!(end_of(&next).await, End::Over(Phase::Completed), "{}", story(&next).await);
    let seen = rig.world.with_fleet(|fleet| fleet.truth(&to("v3")).0);
    assert_eq!((seen.low, seen.other), (Weight::FULL, Weight::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_queued_rollout_is_withdrawn_when_the_one_before_is_given_up_in_the_middle() {
    let queued = || superseding(half(), Supersede::Queue);
    let (rig, engine, handle) = halted(queued()).await;
    let next = superseding(half_unchecked(), Supersede::Queue);
    let next = engine.start(rig.plan(next), to("v3"), "ada").await.unwrap();
    let before = sent(&rig);
    handle.command(Order::GiveUp, "ada", "later").await.unwrap();
    let end = end_of(&next).await;
    let what = story(&next).await;
    assert_eq!(end, End::Over(Phase::NeverStarted { cause: Cause::Failed }), "{what}");
    assert_eq!(rules(&next).await.last(), Some(&Rule::StableNotServing), "{what}");
    assert!(what.contains("50 % of all goes to neither"), "{what}");
    assert_eq!(sent(&rig), before, "{what}");
    // The one that was withdrawn does not hide what was left before it.
    let again = engine.start(rig.plan(half_unchecked()), to("v3"), "ada").await.unwrap_err();
    assert!(matches!(again, EngineError::LeftOver { .. }), "{again}");
}
