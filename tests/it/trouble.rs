//! Adapters and observers that panic, hang, block, or answer when nobody should listen any more.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use tidegate::{
    End, Engine, Ports,
    machine::{
        Ask, Call, Extra, HealthMetrics, JudgeSpec, Look, Notice, Observer, Phase, PortError,
        Query, Revisions, Rule, Span, Split, Target, Timestamp, TrafficAbility, TrafficReading,
        TrafficShifter, Version, WaitingOn, Weight, record::Record,
    },
};
use tidegate_mock::{Fault, Op, SimWorld, WorldSpec, Wrong};

use crate::fixtures::{Rig, S, canary, end_of, rolled_back, rules, story, strategies, until};

#[derive(Clone, Copy, Debug)]
enum Mood {
    Panics,
    Hangs,
    Slow(Span),
}

/// The world's traffic shifter, out of sorts at its first shift.
#[derive(Debug)]
struct Moody {
    world: SimWorld,
    mood: Mood,
    shifts: AtomicU32,
}

#[async_trait]
impl TrafficShifter for Moody {
    fn ability(&self) -> TrafficAbility {
        TrafficShifter::ability(&self.world)
    }

    async fn observe(&self, t: &Target, r: &Revisions) -> Result<TrafficReading, PortError> {
        TrafficShifter::observe(&self.world, t, r).await
    }

    async fn shift(&self, c: &Call, to: Split, v: Option<&Version>) -> Result<(), PortError> {
        if self.shifts.fetch_add(1, Ordering::Relaxed) == 0 {
            match self.mood {
                Mood::Panics => panic!("on purpose"),
                Mood::Hangs => std::future::pending().await,
                Mood::Slow(by) => tokio::time::sleep(by.duration()).await,
            }
        }
        self.world.shift(c, to, v).await
    }

    async fn mirror(&self, c: &Call, to: Extra) -> Result<(), PortError> {
        self.world.mirror(c, to).await
    }
}

fn moody(rig: &Rig, mood: Mood) -> Ports {
    let world = rig.world.clone();
    Ports { traffic: Arc::new(Moody { world, mood, shifts: AtomicU32::new(0) }), ..rig.ports() }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_or_hangs_counts_as_unknown_and_the_rollout_goes_on() {
    for mood in [Mood::Panics, Mood::Hangs] {
        let rig = Rig::new(WorldSpec::good());
        let engine = rig.engine_with(moody(&rig, mood));
        let handle = rig.start(&engine, canary()).await;
        let end = end_of(&handle).await;
        assert_eq!(end, End::Over(Phase::Completed), "{mood:?}\n{}", story(&handle).await);
        assert!(rules(&handle).await.contains(&Rule::MoveUncertain), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_shutdown_began_is_kept_and_nothing_more_is_sent() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine_with(moody(&rig, Mood::Slow(S(5))));
    let handle = rig.start(&engine, canary()).await;
    until(&handle, |status| is_shifting(&status.waiting_on, &status.world)).await;
    engine.shutdown().await;
    assert_eq!(end_of(&handle).await, End::Stopped);
    assert_eq!(rules(&handle).await.last(), Some(&Rule::MoveAcknowledged));
    let sent = rig.world.with_fleet(|fleet| fleet.log().len());

    let next = rig.engine();
    let recovered = next.recover().await.unwrap();
    assert_eq!(rig.world.with_fleet(|fleet| fleet.log().len()), sent);
    assert_eq!(end_of(&recovered[0]).await, End::Over(Phase::Completed));
    assert!(!rules(&handle).await.contains(&Rule::MoveUncertain), "{}", story(&handle).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_the_grace_is_unknown_to_whoever_recovers() {
    let rig = Rig::new(WorldSpec::good());
    let ports = moody(&rig, Mood::Slow(S(10)));
    let journal = Arc::new(rig.journal.clone());
    let grace = Duration::from_secs(2);
    let engine =
        Engine::builder(journal, ports).clock(rig.clock()).name("one").grace(grace).build();
    let handle = rig.start(&engine, canary()).await;
    until(&handle, |status| is_shifting(&status.waiting_on, &status.world)).await;
    engine.shutdown().await;
    assert_eq!(end_of(&handle).await, End::Stopped);

    let next = rig.engine();
    let recovered = next.recover().await.unwrap();
    assert_eq!(end_of(&recovered[0]).await, End::Over(Phase::Completed));
    assert!(rules(&handle).await.contains(&Rule::MoveUncertain));
}

fn is_shifting(waiting: &WaitingOn, world: &tidegate::machine::World) -> bool {
    matches!(waiting, WaitingOn::Move { .. }) && world.traffic.asked > Weight::ZERO
}

/// Blocks its thread at the first decision, until it is let go.
#[derive(Debug)]
struct Blocks(Mutex<mpsc::Receiver<()>>);

impl Observer for Blocks {
    fn decided(&self, _: &Notice) {
        let _ = self.0.lock().unwrap().recv();
    }
}

#[derive(Debug)]
struct PanickingObserver;

impl Observer for PanickingObserver {
    fn decided(&self, _: &Notice) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_blocks_or_panics_holds_nothing_up() {
    let rig = Rig::new(WorldSpec::good());
    let (let_go, blocked) = mpsc::channel();
    let ports = rig.ports().with_observer(Arc::new(Blocks(Mutex::new(blocked))));
    let engine = rig.engine_with(ports.with_observer(Arc::new(PanickingObserver)));
    let handle = rig.start(&engine, canary()).await;
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed));
    drop(let_go);
}

/// Measures nothing, in one way or another.
#[derive(Debug)]
struct Blind(Mood, SimWorld);

#[async_trait]
impl HealthMetrics for Blind {
    fn lag(&self) -> Span {
        self.1.lag()
    }

    async fn look(&self, _: &Query) -> Result<Look, PortError> {
        match self.0 {
            Mood::Panics => panic!("on purpose"),
            _ => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_that_panic_or_hang_are_errors_and_never_a_pass() {
    for mood in [Mood::Panics, Mood::Hangs] {
        let rig = Rig::new(WorldSpec::good());
        let health = Arc::new(Blind(mood, rig.world.clone()));
        let engine = rig.engine_with(Ports { health, ..rig.ports() });
        let handle = rig.start(&engine, canary()).await;
        until(&handle, |status| matches!(status.waiting_on, WaitingOn::Person(Ask::Resume))).await;
        let rules = rules(&handle).await;
        assert!(rules.contains(&Rule::GuardLacksEvidence), "{}", story(&handle).await);
        assert!(!rules.contains(&Rule::GateCheckPassed), "{}", story(&handle).await);
        assert!(rig.weight() <= Weight::percent(10));
        handle.abort("ada", "blind").await.unwrap();
        assert!(rolled_back(&end_of(&handle).await), "{}", story(&handle).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_engine_leaves_nothing_running_and_its_handles_say_so() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    until(&handle, |status| status.phase.gate().is_some()).await;
    drop(engine);
    assert_eq!(end_of(&handle).await, End::Stopped);
    let (calls, writes) = (rig.world.with_fleet(|f| f.port_calls()), rig.journal.writes());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(rig.world.with_fleet(|f| f.port_calls()), calls);
    assert_eq!(rig.journal.writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn whoever_recovers_takes_a_call_under_way_as_unknown_at_once() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine_with(moody(&rig, Mood::Hangs));
    let handle = rig.start(&engine, canary()).await;
    until(&handle, |status| is_shifting(&status.waiting_on, &status.world)).await;
    drop(engine);
    let (next, now) = (rig.engine(), rig.world.clock().now());
    let recovered = next.recover().await.unwrap();
    until(&recovered[0], |status| !matches!(status.waiting_on, WaitingOn::Move { .. })).await;
    let records = recovered[0].records().await.unwrap();
    let unknown = records.iter().find(|record| record.decision.rule == Rule::MoveUncertain);
    assert!(unknown.is_some_and(|record| record.at.since(now) < S(1)));
}

/// Has nothing from before an instant.
#[derive(Debug)]
struct Forgetful(Timestamp, SimWorld);

#[async_trait]
impl HealthMetrics for Forgetful {
    fn lag(&self) -> Span {
        self.1.lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let gone = query.window.from < self.0;
        if gone { Ok(Look::complete(query.window, None, None)) } else { self.1.look(query).await }
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_from_before_a_crash_counts_after_it() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let mut spec = canary();
    for check in spec.checks.values_mut() {
        if let JudgeSpec::Threshold(threshold) = &mut check.judge {
            threshold.looks = Some(4);
        }
    }
    let handle = rig.start(&engine, spec).await;
    until(&handle, |status| status.phase.gate().is_some()).await;
    let since = rig.world.clock().now();
    // Three windows of 30 s, and 30 s until they are complete.
    tokio::time::sleep(Duration::from_secs(125)).await;
    drop(engine);
    // Ninety seconds after the gate began, less what the windows may overlap.
    let health = Arc::new(Forgetful(since.after(S(85)), rig.world.clone()));
    let next = rig.engine_with(Ports { health, ..rig.ports() });
    let recovered = next.recover().await.unwrap();
    let passed = |record: &Record| record.decision.rule == Rule::GateCheckPassed;
    let mut status = recovered[0].watch();
    let first = loop {
        status.changed().await.unwrap();
        let records = recovered[0].records().await.unwrap();
        if let Some(record) = records.into_iter().find(passed) {
            break record;
        }
    };
    assert!(first.at.since(since) < S(160), "{}", story(&handle).await);
}

/// Everything is throttled for ten minutes that begin so long after the world did.
fn throttled(world: WorldSpec, ops: &[Op], from: Span) -> WorldSpec {
    let fault = |op| Fault::between(op, from, from.plus(Span::minutes(10)), Wrong::Throttled);
    ops.iter().fold(world, |world, op| world.with_fault(fault(*op)))
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_throttling_turn_no_rollout_back() {
    use Op::*;
    let moves = [Shift, Mirror, Provision, Scale, Retire];
    let reads = [ReadTraffic, ReadCapacity];
    let all: Vec<Op> = moves.into_iter().chain(reads).chain([Look]).collect();
    let kinds: [(&str, &[Op]); 4] =
        [("moves", &moves), ("readings", &reads), ("looks", &[Look]), ("all", &all)];
    for (kind, ops) in kinds {
        for (name, spec) in strategies() {
            for from in [0, 5, 20, 70, 90, 200] {
                let rig = Rig::new(throttled(WorldSpec::good(), ops, S(from)));
                let engine = rig.engine();
                // Nobody can say what a target is that can not be read.
                if from == 0 && (kind == "readings" || kind == "all") {
                    continue;
                }
                let handle = rig.start(&engine, spec.clone()).await;
                let end = end_of(&handle).await;
                let what = format!("{name}, {kind} from {from} s: {}", story(&handle).await);
                assert_eq!(end, End::Over(Phase::Completed), "{what}");
                assert_eq!(rig.weight(), Weight::FULL, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_release_goes_back_once_throttling_lets_it() {
    for (name, spec) in strategies() {
        let rig = Rig::new(throttled(WorldSpec::bad(), &[Op::Shift, Op::Scale, Op::Retire], S(60)));
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        assert!(rolled_back(&end), "{name}, {end:?}: {}", story(&handle).await);
        assert_eq!(rig.weight(), Weight::ZERO, "{name}: {}", story(&handle).await);
    }
}
