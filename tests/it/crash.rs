//! An engine that crashes at any port call or commit, and one that goes on from the journal.
//!
//! The outcome is that of an undisturbed run, every transition keeps the invariants, and nothing is
//! created twice.

use std::time::Duration;

use tidegate::{
    End, Engine, Handle,
    machine::{Cause, Phase, PlanSpec, Revisions, RolloutId, Weight, invariants::journal},
};
use tidegate_mock::{CrashPoint, JournalFault, WorldSpec};

use crate::{
    fixtures::{Rig, canary, end_of, revisions, rolled_back, rolling, story, strategies},
    targets::{handed_over, with_platform},
};

/// A plan, the world it runs in, and what comes of it undisturbed.
#[derive(Clone, Debug)]
struct Case {
    name: &'static str,
    spec: PlanSpec,
    world: WorldSpec,
    revisions: Revisions,
    /// Whether it completes; it goes back otherwise.
    good: bool,
}

impl Case {
    /// A first deployment that fails before it has traffic never started; it can not roll back.
    fn is_as_ever(&self, end: &End) -> bool {
        if self.good {
            *end == End::Over(Phase::Completed)
        } else if self.revisions.stable.is_none() {
            *end == End::Over(Phase::NeverStarted { cause: Cause::Failed })
        } else {
            rolled_back(end)
        }
    }

    fn with_crash(&self, point: CrashPoint) -> Self {
        let world = WorldSpec { crashes: vec![point], ..self.world.clone() };
        Self { world, ..self.clone() }
    }
}

fn world(good: bool) -> WorldSpec {
    if good { WorldSpec::good() } else { WorldSpec::bad() }
}

/// Each strategy, each way.
fn usual(good: bool) -> Vec<Case> {
    let case = |(name, spec)| Case { name, spec, world: world(good), revisions: revisions(), good };
    strategies().map(case).into()
}

/// What the strategies alone do not reach.
fn special(good: bool) -> Vec<Case> {
    let world = world(good);
    let case = |name, spec, world| Case { name, spec, world, revisions: revisions(), good };
    let routerless =
        WorldSpec { routerless: true, mirror: false, test_traffic: false, ..world.clone() };
    // Past its first traffic there is nothing to go back to, so this one fails before.
    let first = if good { WorldSpec::good() } else { WorldSpec::crashing() };
    let first = case("first deployment", canary(), WorldSpec { first: true, ..first });
    let nothing = Revisions { stable: None, candidate: "v1".into() };
    vec![
        case("platform", handed_over(), with_platform(world)),
        case("rolling without router", rolling(), routerless),
        Case { revisions: nothing, ..first },
    ]
}

/// Runs until the engine ends its part, or the world says that it crashes now.
async fn run_until_crash(rig: &Rig, case: &Case) -> (Engine, Option<Handle>) {
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
            Err(_) => {
                let (plan, revisions) = (rig.plan(case.spec.clone()), case.revisions.clone());
                engine.start(plan, revisions, "ada").await.unwrap()
            }
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
async fn crash_at(case: &Case, point: CrashPoint) -> bool {
    let case = case.with_crash(point);
    let what = format!("{} {point:?}", case.name);
    let rig = Rig::new(case.world.clone());
    let (engine, ended) = run_until_crash(&rig, &case).await;
    if let Some(handle) = ended {
        assert_as_ever(&rig, &handle, &case, &what).await;
        return false;
    }
    drop(engine);
    let (_engine, ended) = run_until_crash(&rig, &case).await;
    let handle = ended.expect("it crashes once");
    assert_as_ever(&rig, &handle, &case, &what).await;
    true
}

async fn assert_as_ever(rig: &Rig, handle: &Handle, case: &Case, what: &str) {
    let end = end_of(handle).await;
    assert!(case.is_as_ever(&end), "{what}: {end:?}\n{}", story(handle).await);
    let (seen, _, capacity) = rig.world.with_fleet(|fleet| fleet.truth(&case.revisions));
    let serving = if case.good { capacity.candidate } else { capacity.stable };
    if case.good || case.revisions.stable.is_some() {
        let expected = if case.good { Weight::FULL } else { Weight::ZERO };
        assert_eq!((seen.low, seen.high), (expected, expected), "{what}\n{}", story(handle).await);
        assert_eq!(serving.total.ready, 10, "{what}\n{}", story(handle).await);
    } else {
        assert_eq!(capacity.candidate.total.asked, 0, "{what}\n{}", story(handle).await);
    }
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

async fn crash_everywhere(cases: Vec<Case>) -> String {
    let mut counts = Vec::new();
    for case in cases {
        let mut runs = 0;
        for after in [false, true] {
            for call in 1.. {
                runs += 1;
                if !crash_at(&case, CrashPoint { call, after }).await {
                    break;
                }
            }
        }
        counts.push(format!("{} {runs}", case.name));
    }
    counts.join(", ")
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_port_call_changes_no_outcome_going_forward() {
    let runs = crash_everywhere(usual(true)).await;
    println!("rollouts of good releases, each with one crash at a port call: {runs}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_port_call_changes_no_outcome_going_back() {
    let runs = crash_everywhere(usual(false)).await;
    println!("rollouts of bad releases, each with one crash at a port call: {runs}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_port_call_changes_no_outcome_of_platforms_batches_and_firsts() {
    for good in [true, false] {
        let runs = crash_everywhere(special(good)).await;
        println!("good {good}, each with one crash at a port call: {runs}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_commit_changes_no_outcome() {
    let cases = [true, false].into_iter().flat_map(|good| [usual(good), special(good)].concat());
    for case in cases {
        let mut runs = 0;
        for fault in [JournalFault::CrashBefore, JournalFault::CrashAfter] {
            for nth in 1.. {
                let rig = Rig::new(case.world.clone());
                rig.journal.fail_write(nth, fault);
                let what = format!("{} {fault:?} at {nth}", case.name);
                runs += 1;
                if !crash_at_commit(&rig, &case, nth, &what).await {
                    break;
                }
            }
        }
        println!("{} good {}: {runs} rollouts with one crash at a commit", case.name, case.good);
    }
}

/// Whether the crash came before the end.
async fn crash_at_commit(rig: &Rig, case: &Case, nth: u64, what: &str) -> bool {
    let crashed = async {
        while rig.journal.writes() < nth {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let first = tokio::select! {
        biased;
        (engine, handle) = run_until_crash(rig, case) => Some((engine, handle)),
        () = crashed => None,
    };
    let Some((_engine, Some(handle))) = first else {
        let (engine, ended) = run_until_crash(rig, case).await;
        let handle = ended.expect("it crashes once");
        assert_as_ever(rig, &handle, case, what).await;
        drop(engine);
        return true;
    };
    assert_as_ever(rig, &handle, case, what).await;
    false
}
