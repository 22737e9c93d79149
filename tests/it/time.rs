//! Clocks that step, and calendars that freeze.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tidegate::{
    Clock, End, Engine, MonotonicClock,
    machine::{FreezeSpec, GateSpec, Hold, Phase, PlanSpec, Rule, Span, Timestamp},
};
use tidegate_mock::{Fault, Fleet, JournalFault, Op, WorldSpec, Wrong};
use tokio::{sync::watch, time::Instant};

use crate::fixtures::{
    Rig, S, canary, end_of, revisions, rolled_back, rules, scenes, story, strategies, until,
};

#[tokio::test(start_paused = true)]
async fn a_step_of_the_clock_neither_shortens_nor_lengthens_a_bake() {
    let bake = GateSpec { bake: S(600), ..GateSpec::default() };
    for scene in scenes(&bake) {
        for by_ms in [3_600_000, -3_600_000_i64] {
            let what = format!("{} stepped by {by_ms} ms", scene.name);
            let rig = Rig::new(scene.world.clone());
            let clock = rig.clock();
            let journal = Arc::new(rig.journal.clone());
            let engine = Engine::builder(journal, rig.ports()).clock(clock.clone()).build();
            let mut spec = scene.spec.clone();
            spec.guards.clear();
            let handle = rig.start(&engine, spec).await;
            let gate = scene.wait(&handle).await;
            let began = Instant::now();
            tokio::time::sleep(Duration::from_secs(60)).await;
            let stepped = clock.resync(Timestamp(clock.now().0.saturating_add_signed(by_ms)));
            assert_eq!(stepped, by_ms);
            until(&handle, |status| status.phase.gate() != Some(gate)).await;
            let baked = began.elapsed();
            let slack = Duration::from_secs(1);
            assert!(baked + slack >= Duration::from_secs(600), "{what}: only {baked:?}");
            assert!(baked <= Duration::from_secs(600) + slack, "{what}: as long as {baked:?}");
            assert!(rules(&handle).await.contains(&Rule::ClockStepped), "{what}");
            let end = end_of(&handle).await;
            assert_eq!(end, End::Over(Phase::Completed), "{what}\n{}", story(&handle).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_clock_while_a_commit_is_tried_again_changes_no_bake() {
    let bake = Duration::from_secs(600);
    let [scene, ..] = scenes(&GateSpec { bake: S(600), ..GateSpec::default() });
    let mut reached = 0;
    for (nth, by_ms) in (1..=12).flat_map(|nth| [(nth, 3_600_000), (nth, -3_600_000_i64)]) {
        let what = format!("{by_ms} ms at write {nth}");
        let rig = Rig::new(scene.world.clone());
        rig.journal.fail_write(nth, JournalFault::Unavailable);
        let clock = rig.clock();
        let journal = Arc::new(rig.journal.clone());
        let engine = Engine::builder(journal, rig.ports()).clock(clock.clone()).build();
        let mut spec = scene.spec.clone();
        spec.guards.clear();
        let steps = async {
            while rig.journal.writes() < nth {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            clock.resync(Timestamp(clock.now().0.saturating_add_signed(by_ms)));
            std::future::pending::<Duration>().await
        };
        let bakes = async {
            let Ok(handle) = engine.start(rig.plan(spec), revisions(), "ada").await else {
                return bake;
            };
            let gate = scene.wait(&handle).await;
            let began = Instant::now();
            reached += u32::from(rig.journal.writes() >= nth);
            until(&handle, |status| status.phase.gate() != Some(gate)).await;
            began.elapsed()
        };
        let baked = tokio::select! {
            biased;
            baked = steps => baked,
            baked = bakes => baked,
        };
        assert!(baked.abs_diff(bake) <= Duration::from_secs(1), "{what}: {baked:?}");
    }
    assert!(reached > 8, "the clock stepped after the gate was reached: {reached}");
}

/// A clock that is wrong for one look at it.
#[derive(Debug)]
struct Blinks {
    right: Arc<MonotonicClock>,
    looks: AtomicU64,
    at: u64,
    by_ms: i64,
    steps: watch::Sender<i64>,
}

impl Clock for Blinks {
    fn now(&self) -> Timestamp {
        let (look, now) = (self.looks.fetch_add(1, Ordering::Relaxed) + 1, self.right.now());
        if look == self.at {
            self.steps.send_modify(|sum| *sum += self.by_ms);
            return now.moved(self.by_ms);
        }
        if look == self.at + 1 {
            self.steps.send_modify(|sum| *sum -= self.by_ms);
        }
        now
    }

    fn steps(&self) -> watch::Receiver<i64> {
        self.steps.subscribe()
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_an_hour_wrong_for_one_look_holds_nothing_up() {
    let mut looks = 0;
    for (at, by_ms) in (1..=100).flat_map(|at| [(at, 3_600_000), (at, -3_600_000_i64)]) {
        let rig = Rig::new(WorldSpec::good());
        let (right, steps) = (rig.clock(), watch::Sender::new(0));
        let clock = Arc::new(Blinks { right, looks: AtomicU64::new(0), at, by_ms, steps });
        let journal = Arc::new(rig.journal.clone());
        let engine = Engine::builder(journal, rig.ports()).clock(clock.clone()).build();
        let began = Instant::now();
        let handle = rig.start(&engine, canary()).await;
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "look {at}, {by_ms} ms\n{story}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1_800), "look {at}, {by_ms} ms took {took:?}\n{story}");
        looks = looks.max(clock.looks.load(Ordering::Relaxed));
    }
    assert!(looks > 100, "it was looked at {looks} times");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_left_by_a_clock_that_was_an_hour_ahead_goes_on_at_once() {
    for (name, spec) in strategies() {
        for good in [true, false] {
            let rig = Rig::new(if good { WorldSpec::good() } else { WorldSpec::bad() });
            let clock = rig.clock();
            let journal = Arc::new(rig.journal.clone());
            let ahead = Engine::builder(journal, rig.ports()).clock(clock.clone()).name("one");
            let ahead = ahead.build();
            let rollout = rig.start(&ahead, spec.clone()).await.rollout();
            tokio::time::sleep(Duration::from_secs(15)).await;
            clock.resync(clock.now().after(Span::hours(1)));
            tokio::time::sleep(Duration::from_secs(15)).await;
            drop(ahead);
            let began = Instant::now();
            let engine = rig.engine();
            engine.recover().await.unwrap();
            let handle = engine.attach(rollout).await.unwrap();
            let end = end_of(&handle).await;
            let story = story(&handle).await;
            let took = began.elapsed();
            assert!(took < Duration::from_secs(1_800), "{name} took {took:?}\n{story}");
            let right = if good { end == End::Over(Phase::Completed) } else { rolled_back(&end) };
            assert!(right, "{name}: {end:?}\n{story}");
        }
    }
}

/// Goes back under one engine, which is gone then; what another makes of it that comes so much later, and
/// whose clock is so much ahead of the first one's, and is set right after a while.
async fn taken_over_going_back(spec: PlanSpec, later: Duration, ahead: Duration) -> (End, String) {
    let rig = Rig::new(WorldSpec::good());
    let first = rig.engine();
    let handle = rig.start(&first, spec).await;
    until(&handle, |status| status.world.candidate.total.ready > 0).await;
    handle.abort("ada", "on purpose").await.unwrap();
    let rollout = handle.rollout();
    assert!(handle.status().phase.is_backward());
    drop((handle, first));
    tokio::time::sleep(later).await;
    let clock = rig.clock();
    let right = clock.now();
    clock.resync(right.after(Span(u64::try_from(ahead.as_millis()).unwrap())));
    let journal = Arc::new(rig.journal.clone());
    let second = Engine::builder(journal, rig.ports()).clock(clock.clone()).name("two").build();
    rig.journal.let_leases_lapse();
    let began = Instant::now();
    second.recover().await.unwrap();
    let handle = second.attach(rollout).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    clock.resync(right.after(S(7)));
    let end = end_of(&handle).await;
    let story = story(&handle).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1_800), "it took {took:?}\n{story}");
    (end, story)
}

#[tokio::test(start_paused = true)]
async fn a_way_back_is_not_given_up_for_time_that_no_engine_saw_pass() {
    let (none, hour) = (Duration::ZERO, Duration::from_secs(3_600));
    for (name, spec) in strategies() {
        for (later, ahead) in [(none, none), (hour, none), (none, hour), (hour, hour)] {
            let (end, story) = taken_over_going_back(spec.clone(), later, ahead).await;
            let what = format!("{name}, {later:?} later, {ahead:?} ahead\n{story}");
            assert!(rolled_back(&end), "{end:?}: {what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_is_taken_for_dead_for_time_that_no_engine_saw_pass() {
    let on = Op::Shift;
    let lost = Fault { on, nth: Some(1), from: Span::ZERO, to: None, wrong: Wrong::LostAnswer };
    let rig = Rig::new(WorldSpec { faults: vec![lost], ..WorldSpec::good() });
    let first = rig.engine();
    let handle = rig.start(&first, canary()).await;
    while !rules(&handle).await.contains(&Rule::MoveUncertain) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (rollout, uncertain) = (handle.rollout(), Instant::now());
    drop((handle, first));
    let clock = rig.clock();
    clock.resync(clock.now().after(Span::hours(1)));
    let journal = Arc::new(rig.journal.clone());
    let second = Engine::builder(journal, rig.ports()).clock(clock.clone()).name("two").build();
    rig.journal.let_leases_lapse();
    second.recover().await.unwrap();
    let handle = second.attach(rollout).await.unwrap();
    while !rules(&handle).await.contains(&Rule::MoveSettled) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (waited, bound) = (uncertain.elapsed(), WorldSpec::good().shift.late_bound.duration());
    let least = bound.saturating_sub(Duration::from_secs(5));
    assert!(waited >= least, "{waited:?} of {bound:?}\n{}", story(&handle).await);
    // Measurements are by the clock of those who measure.
    clock.resync(clock.now().moved(-3_600_000));
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", story(&handle).await);
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
    at.is_some_and(|at| at.since(Fleet::BEGIN) > Span::hours(20))
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

#[tokio::test(start_paused = true)]
async fn a_freeze_that_begins_while_it_goes_back_changes_nothing() {
    let bake = GateSpec { bake: S(600), ..GateSpec::default() };
    for mut scene in scenes(&bake) {
        // Every scene stands before its gate by then; each way back has drains or units to wait for,
        // but that from a new side which never had traffic.
        let (from, to) = ("2026-01-01 00:03".to_owned(), "2026-01-02 00:00".to_owned());
        scene.spec.calendar.freezes = vec![FreezeSpec { from, to }];
        let (_rig, _engine, handle) = scene.set().await;
        let begins = Fleet::BEGIN.after(S(180));
        let now = handle.records().await.unwrap().last().map(|record| record.at).unwrap();
        tokio::time::sleep(begins.since(now.after(S(5))).duration()).await;
        handle.abort("ada", "the freeze is near").await.unwrap();
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert!(rolled_back(&end), "{}: {end:?}\n{story}", scene.name);
        let last = handle.records().await.unwrap().last().map(|record| record.at).unwrap();
        assert!(last > begins, "{}: over before the freeze\n{story}", scene.name);
        assert!(last.since(begins) < S(300), "{}: it waited\n{story}", scene.name);
        assert!(!rules(&handle).await.contains(&Rule::Frozen), "{}:\n{story}", scene.name);
    }
}
