//! An engine that crashes at any port call or commit, and one that goes on from the journal.
//!
//! The outcome is that of an undisturbed run, every transition keeps the invariants, and nothing is
//! created twice.

use std::time::Duration;

use tidegate::{
    End, Engine, Handle,
    machine::{Phase, PlanSpec, RolloutId, Weight, invariants::journal},
};
use tidegate_mock::{CrashPoint, JournalFault, WorldSpec};

use crate::fixtures::{Rig, end_of, revisions, rolled_back, story, strategies};

/// Runs until the engine ends its part, or the world says that it crashes now.
async fn run_until_crash(rig: &Rig, spec: &PlanSpec) -> (Engine, Option<Handle>) {
    let engine = rig.engine();
    let run = async {
        engine.recover().await.unwrap();
        let handle = match engine.claim(RolloutId(1)).await {
            Ok(handle) => {
                // A crash between opening and the order to start leaves it to a person; a second
                // order changes nothing.
                let _ = handle.start("ada").await;
                handle
            }
            Err(_) => rig.start(&engine, spec.clone()).await,
        };
        end_of(&handle).await;
        handle
    };
    let ended = tokio::select! {
        handle = run => Some(handle),
        () = rig.world.crashed() => None,
    };
    (engine, ended)
}

/// One rollout with a crash at one port call. Whether the crash came before the end.
async fn crash_at(name: &str, spec: &PlanSpec, world: &WorldSpec, point: CrashPoint) -> bool {
    let rig = Rig::new(WorldSpec { crashes: vec![point], ..world.clone() });
    let (engine, ended) = run_until_crash(&rig, spec).await;
    if let Some(handle) = ended {
        assert_as_ever(&rig, &handle, world, &format!("{name} {point:?}")).await;
        return false;
    }
    drop(engine);
    let (_engine, ended) = run_until_crash(&rig, spec).await;
    let handle = ended.expect("it crashes once");
    assert_as_ever(&rig, &handle, world, &format!("{name} {point:?}")).await;
    true
}

async fn assert_as_ever(rig: &Rig, handle: &Handle, world: &WorldSpec, what: &str) {
    let end = end_of(handle).await;
    let good = world.effect.errors == 0.0;
    let as_ever = if good { end == End::Over(Phase::Completed) } else { rolled_back(&end) };
    assert!(as_ever, "{what}: {end:?}\n{}", story(handle).await);
    // What was asked for last may still be getting ready.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (seen, _, capacity) = rig.world.with_fleet(|fleet| fleet.truth(&revisions()));
    let expected = if good { Weight::FULL } else { Weight::ZERO };
    assert_eq!((seen.low, seen.high), (expected, expected), "{what}\n{}", story(handle).await);
    let serving = if good { capacity.candidate } else { capacity.stable };
    assert_eq!(serving.total.ready, 10, "{what}\n{}", story(handle).await);
    assert!(rig.world.with_fleet(|fleet| fleet.created_twice().is_empty()), "{what}");
    assert_invariants(handle, what).await;
}

/// The journal, read back after the fact, keeps every invariant and replays to the same states.
pub(crate) async fn assert_invariants(handle: &Handle, what: &str) {
    let findings = journal(handle.head(), &handle.records().await.unwrap());
    if let Some(finding) = findings.first() {
        panic!("{what}: {finding}\n{}", story(handle).await);
    }
}

async fn crash_everywhere(world: WorldSpec) -> u32 {
    let mut runs = 0;
    for (name, spec) in strategies() {
        for after in [false, true] {
            for call in 1.. {
                runs += 1;
                if !crash_at(name, &spec, &world, CrashPoint { call, after }).await {
                    break;
                }
            }
        }
    }
    runs
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_port_call_changes_no_outcome_going_forward() {
    let runs = crash_everywhere(WorldSpec::good()).await;
    println!("{runs} rollouts of good releases, each with one crash at a port call");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_port_call_changes_no_outcome_going_back() {
    let runs = crash_everywhere(WorldSpec::bad()).await;
    println!("{runs} rollouts of bad releases, each with one crash at a port call");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_commit_changes_no_outcome() {
    let mut runs = 0;
    for (name, spec) in strategies() {
        for world in [WorldSpec::good(), WorldSpec::bad()] {
            for fault in [JournalFault::CrashBefore, JournalFault::CrashAfter] {
                for nth in 1.. {
                    let rig = Rig::new(world.clone());
                    rig.journal.fail_write(nth, fault);
                    let what = format!("{name} {fault:?} at {nth}");
                    runs += 1;
                    if !crash_at_commit(&rig, &spec, nth, &world, &what).await {
                        break;
                    }
                }
            }
        }
    }
    println!("{runs} rollouts, each with one crash at a commit");
}

/// Whether the crash came before the end.
async fn crash_at_commit(
    rig: &Rig,
    spec: &PlanSpec,
    nth: u64,
    world: &WorldSpec,
    what: &str,
) -> bool {
    let crashed = async {
        while rig.journal.writes() < nth {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let first = tokio::select! {
        biased;
        (engine, handle) = run_until_crash(rig, spec) => Some((engine, handle)),
        () = crashed => None,
    };
    let Some((_engine, Some(handle))) = first else {
        let (engine, ended) = run_until_crash(rig, spec).await;
        let handle = ended.expect("it crashes once");
        assert_as_ever(rig, &handle, world, what).await;
        drop(engine);
        return true;
    };
    assert_as_ever(rig, &handle, world, what).await;
    false
}
