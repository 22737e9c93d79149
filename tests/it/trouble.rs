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
        Ask, Call, Extra, HealthMetrics, Look, Notice, Observer, Phase, PortError, Query,
        Revisions, Rule, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter,
        Version, WaitingOn, Weight,
    },
};
use tidegate_mock::{SimWorld, WorldSpec};

use crate::fixtures::{Rig, S, canary, end_of, rolled_back, rules, story, until};

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
    let engine = Engine::builder(journal, ports).clock(rig.clock()).grace(grace).build();
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
