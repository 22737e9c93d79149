//! A world in a file: whoever opens it finds the same world, whatever happened to the process before.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use tidegate_core::{
    Arm, Call, DeploymentActions, Epoch, FailureKind, Generation, HealthMetrics, Hook, HookAnswer,
    Identity, MoveId, Query, Question, Revisions, RolloutId, Seq, Split, Target, TrafficShifter,
    Weight, Window,
};
use tidegate_mock::{Fault, KeptError, KeptWorld, Op, WorldSpec, Wrong};

fn revisions() -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: "v2".into() }
}

fn call(seq: u64) -> Call {
    let of = Identity { rollout: RolloutId(1), generation: Generation(1) };
    let id = MoveId { of, seq: Seq(seq) };
    let (target, epoch) = (Target::from("checkout"), Epoch(1));
    Call { target, revisions: revisions(), id, attempt: 1, epoch, route: 0 }
}

fn spec() -> WorldSpec {
    let mut spec = WorldSpec::good();
    // Which call it hits is counted over all processes.
    spec.faults = vec![Fault::nth(Op::Shift, 2, Wrong::Refused { permanent: false })];
    spec.hooks.insert("smoke".to_owned(), vec![HookAnswer::Wait, HookAnswer::Approved]);
    spec
}

fn open(path: &Path) -> KeptWorld {
    KeptWorld::open(path, &"checkout".into(), spec(), 7, 1).unwrap()
}

fn question() -> Question {
    Question {
        hook: "smoke".to_owned(),
        target: "checkout".into(),
        rollout: RolloutId(1),
        revisions: revisions(),
        stage: "1".to_owned(),
    }
}

/// What the fleet has been asked and what it made of it.
fn log(world: &KeptWorld) -> Vec<tidegate_mock::Logged> {
    world.with_fleet(|fleet| fleet.log().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_world_that_is_opened_again_has_every_call_and_counts_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let first = open(&path);
    first.provision(&call(1), Arm::Candidate, 5, None).await.unwrap();
    first.shift(&call(2), Split::candidate(Weight::percent(10)), None).await.unwrap();
    TrafficShifter::observe(&first, &"checkout".into(), &revisions()).await.unwrap();
    assert_eq!(first.ask(&question()).await.unwrap(), HookAnswer::Wait);
    let before = log(&first);
    drop(first);

    let second = open(&path);
    assert_eq!(log(&second), before);
    assert_eq!(second.ask(&question()).await.unwrap(), HookAnswer::Approved);
    let again = second.shift(&call(3), Split::candidate(Weight::percent(20)), None).await;
    assert_eq!(again.unwrap_err().kind, FailureKind::Retryable, "it is the second shift");
}

#[tokio::test(start_paused = true)]
async fn two_that_have_it_open_see_each_others_calls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let (one, other) = (open(&path), open(&path));
    one.provision(&call(1), Arm::Candidate, 5, None).await.unwrap();
    other.shift(&call(2), Split::candidate(Weight::percent(10)), None).await.unwrap();
    one.scale(&call(3), Arm::Candidate, 6, None).await.unwrap();
    assert_eq!(log(&one), log(&other));
    assert_eq!(log(&one).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn measurements_are_the_same_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let (one, other) = (open(&path), open(&path));
    tokio::time::advance(std::time::Duration::from_secs(300)).await;
    let to = one.now();
    let window = Window { from: tidegate_core::Timestamp(to.0 - 240_000), to };
    let metric = "error_rate".to_owned();
    let (target, opened) = ("checkout".into(), window.from);
    let query = Query { target, revisions: revisions(), metric, window, opened };
    let look = one.look(&query).await.unwrap();
    assert!(look.stable.is_some(), "{look:?}");
    assert_eq!(look, other.look(&query).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn of_a_line_that_was_left_half_the_call_was_never_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let world = open(&path);
    world.provision(&call(1), Arm::Candidate, 5, None).await.unwrap();
    let (before, whole) = (log(&world), fs::read(&path).unwrap());
    drop(world);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"at":1767225600000,"asked":{"send"#).unwrap();
    let world = open(&path);
    assert_eq!(log(&world), before);
    assert_eq!(fs::read(&path).unwrap(), whole);
    world.retire(&call(2), Arm::Candidate).await.unwrap();
    assert_eq!(log(&open(&path)).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_changed_is_named_and_another_world_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    open(&path).provision(&call(1), Arm::Candidate, 5, None).await.unwrap();
    let other = KeptWorld::open(&path, &"search".into(), spec(), 7, 1).unwrap_err();
    assert!(other.to_string().contains("target differs"), "{other}");
    let other = KeptWorld::open(&path, &"checkout".into(), spec(), 8, 1).unwrap_err();
    assert!(other.to_string().contains("seed differs"), "{other}");
    let other = KeptWorld::open(&path, &"checkout".into(), WorldSpec::bad(), 7, 1).unwrap_err();
    assert!(other.to_string().contains("world file differs"), "{other}");
    let text = fs::read_to_string(&path).unwrap().replace("\"send\"", "\"sent\"");
    fs::write(&path, text).unwrap();
    let broken = open(&path).with_fleet(|_| ()).unwrap_err();
    assert!(matches!(broken, KeptError::Line { line: 2, .. }), "{broken}");
}

#[tokio::test(start_paused = true)]
async fn calls_for_another_target_are_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let world = open(&path);
    let stray = Call { target: "search".into(), ..call(1) };
    let refused = world.retire(&stray, Arm::Stable).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Permanent);
    assert!(log(&world).is_empty());
}
