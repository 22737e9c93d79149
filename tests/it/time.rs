//! Clocks that step, calendars that freeze, and people who change the world meanwhile.

use std::{sync::Arc, time::Duration};

use tidegate::{
    Clock, End, Engine,
    machine::{
        FreezeSpec, GateSpec, Halt, Hold, Order, Phase, Rule, Span, Timestamp, WaitingOn, Weight,
    },
};
use tidegate_mock::{Happening, Happens, WorldSpec};
use tokio::time::Instant;

use crate::fixtures::{
    Rig, S, at_gate, blue_green, canary, canary_of, end_of, rolled_back, rules, step, story,
    strategies, until,
};

#[tokio::test(start_paused = true)]
async fn a_step_of_the_clock_neither_shortens_nor_lengthens_a_bake() {
    for by_ms in [3_600_000, -3_600_000_i64] {
        let rig = Rig::new(WorldSpec::good());
        let clock = rig.clock();
        let journal = Arc::new(rig.journal.clone());
        let engine = Engine::builder(journal, rig.ports()).clock(clock.clone()).build();
        let mut spec = canary_of(vec![
            step(10, GateSpec { bake: S(600), ..GateSpec::default() }),
            step(100, GateSpec::default()),
        ]);
        spec.guards.clear();
        let handle = rig.start(&engine, spec).await;
        let gate = at_gate(&handle).await;
        let began = Instant::now();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let stepped = clock.resync(Timestamp(clock.now().0.saturating_add_signed(by_ms)));
        assert_eq!(stepped, by_ms);
        until(&handle, |status| status.phase.gate() != Some(gate)).await;
        let baked = began.elapsed();
        let slack = Duration::from_secs(1);
        assert!(baked + slack >= Duration::from_secs(600), "{by_ms}: only {baked:?}");
        assert!(baked <= Duration::from_secs(600) + slack, "{by_ms}: as long as {baked:?}");
        assert!(rules(&handle).await.contains(&Rule::ClockStepped));
        let end = end_of(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_freeze_holds_the_way_forward_and_never_the_way_back() {
    for (name, mut spec) in strategies() {
        let (from, to) = ("2026-01-01 00:01".to_owned(), "2026-01-02 00:00".to_owned());
        spec.calendar.freezes = vec![FreezeSpec { from, to }];
        let rig = Rig::new(WorldSpec::bad());
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        until(&handle, |status| status.holds.has(Hold::Freeze)).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        if handle.status().end.is_none() {
            handle.abort("ada", "no use waiting").await.unwrap();
        }
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{name}: {end:?}\n{}", story(&handle).await);
        let rules = rules(&handle).await;
        assert!(rules.contains(&Rule::Frozen), "{name}:\n{}", story(&handle).await);
        let last = handle.records().await.unwrap().last().map(|record| record.at).unwrap();
        assert!(!hours_on(Some(last)), "{name}: it waited for the thaw");
    }
}

fn hours_on(at: Option<Timestamp>) -> bool {
    at.is_some_and(|at| at.since(tidegate_mock::Fleet::BEGIN) > Span::hours(20))
}

#[tokio::test(start_paused = true)]
async fn a_freeze_ends_by_itself() {
    let mut spec = canary();
    let (from, to) = ("2026-01-01 00:01".to_owned(), "2026-01-01 02:00".to_owned());
    spec.calendar.freezes = vec![FreezeSpec { from, to }];
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    let end = end_of(&handle).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
    let rules = rules(&handle).await;
    assert!(rules.contains(&Rule::Frozen) && rules.contains(&Rule::Thawed), "{rules:?}");
}

/// A person who gives the candidate this share at these seconds.
fn meddled(shifts: &[(u64, u16)]) -> WorldSpec {
    let happening = |(at, percent): &(u64, u16)| Happening {
        at: S(*at),
        what: Happens::PersonShifts { to: Weight::percent(*percent) },
    };
    WorldSpec { happenings: shifts.iter().map(happening).collect(), ..WorldSpec::good() }
}

#[tokio::test(start_paused = true)]
async fn drift_above_is_reset_and_drift_below_holds_until_it_is_gone() {
    let long = GateSpec { bake: S(600), ..GateSpec::default() };
    let spec = canary_of(vec![step(30, long), step(100, GateSpec::default())]);
    for (shifts, expected) in [
        (vec![(300, 40)], vec![Rule::DriftReset]),
        (vec![(300, 10), (500, 30)], vec![Rule::DriftHeld, Rule::DriftGone]),
    ] {
        let rig = Rig::new(meddled(&shifts));
        let engine = rig.engine();
        let handle = rig.start(&engine, spec.clone()).await;
        let end = end_of(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
        let rules = rules(&handle).await;
        for rule in expected {
            assert!(rules.contains(&rule), "{rule:?}:\n{}", story(&handle).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_that_somebody_keeps_changing_is_contested_and_waits_for_a_person() {
    let shifts: Vec<_> = (0..12).map(|n| (200 + 60 * n, 80)).collect();
    let long = GateSpec { bake: S(1_800), ..GateSpec::default() };
    let spec = canary_of(vec![step(30, long), step(100, GateSpec::default())]);
    let rig = Rig::new(meddled(&shifts));
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    until(&handle, |status| matches!(status.phase, Phase::Halted { .. })).await;
    let status = handle.status();
    assert!(matches!(status.phase, Phase::Halted { why: Halt::Contested, .. }), "{status:?}");
    assert!(matches!(status.waiting_on, WaitingOn::Person(_)));
    handle.command(Order::GiveUp, "ada", "theirs now").await.unwrap();
    assert_eq!(end_of(&handle).await, End::Over(Phase::GaveUp));
}

#[tokio::test(start_paused = true)]
async fn drift_while_going_back_is_pushed_towards_nothing() {
    for spec in [canary(), blue_green()] {
        let rig = Rig::new(WorldSpec {
            happenings: meddled(&[(230, 40), (290, 40)]).happenings,
            ..WorldSpec::bad()
        });
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{end:?}\n{}", story(&handle).await);
        assert_eq!(rig.weight(), Weight::ZERO, "{}", story(&handle).await);
    }
}
