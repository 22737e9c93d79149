//! What is shown: by a sample in plain `cargo test`, by every crash and every pair of crashes with
//! `TIDEGATE_DEEP` set.

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use tidegate::{End, machine::Phase};

use super::{
    bends::Bend,
    boundary::{self, Boundary},
    life::{Case, Outcome, Same, live},
    moment::{Stage, Trap, witnessed},
    runs::{Count, Pick, crash_everywhere, filmed},
    shapes,
};
use crate::{on_paused_time, shard::Shard};

/// Fifty shapes at least, and each goes the way it is called after.
#[test]
fn there_are_fifty_shapes_and_each_goes_its_way() {
    let shapes = shapes::all();
    // Each forward and going back.
    assert!(shapes.len() >= 2 * 50, "{}", shapes.len());
    for shape in shapes {
        let (forward, name) = (shape.forward, shape.name.clone());
        let end = on_paused_time(async {
            let (case, stage) = (Case::new(shape.clone()), Stage::new(&shape));
            live(&case, &stage, "one", stage.seams()).await
        });
        let End::Over(phase) = end else { panic!("{name}: {end:?}") };
        assert_eq!(phase == Phase::Completed, forward, "{name}: {phase:?}");
    }
}

#[test]
fn a_moment_is_what_a_crash_leaves() {
    for shape in shapes::all().into_iter().step_by(13) {
        let case = Case::new(shape);
        let boundaries = on_paused_time(filmed(&case, &Stage::new(&case.shape), "one")).1.len();
        for nth in (0..boundaries).step_by(3) {
            on_paused_time(async {
                let (_, film) = filmed(&case, &Stage::new(&case.shape), "one").await;
                let moment = Stage::at(&film[nth]);
                let end = live(&case, &moment, "one", moment.seams()).await;
                let of_moment = Outcome::of(&case, &moment, end, "of a moment").await;
                let of_crash = crashed_at(&case, nth).await;
                let same = of_crash.compare(&of_moment);
                assert_eq!(same, Same::Yes, "{} at {:?}", case.shape.name, film[nth].at);
            });
        }
    }
}

/// An engine that is really dropped at a boundary, and another that goes on.
async fn crashed_at(case: &Case, nth: usize) -> Outcome {
    let (stage, trap) = (Stage::new(&case.shape), Trap::at(nth));
    tokio::select! {
        biased;
        () = trap.sprung.notified() => {}
        end = live(case, &stage, "one", witnessed(&stage, None, trap.clone())) => panic!("{end:?}"),
    }
    let end = live(case, &stage, "one", stage.seams()).await;
    Outcome::of(case, &stage, end, "crashed").await
}

/// Crashes in every shape of a shard, on as many threads as there are processors.
fn crash_all(pick: Pick, shard: Shard, threads: usize) -> Count {
    let named = env::var("TIDEGATE_SHAPES").unwrap_or_default();
    let mut shapes: Vec<_> = shard.of(shapes::all());
    shapes.retain(|shape| shape.name.contains(&named));
    assert!(!shapes.is_empty(), "no shape is called {named}");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut count = Count::default();
        while let Some(shape) = shapes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (began, before) = (Instant::now(), count.singles + count.pairs);
            on_paused_time(crash_everywhere(&Case::new(shape.clone()), pick, &mut count));
            if matches!(pick, Pick::All) {
                let runs = count.singles + count.pairs - before;
                println!("{}: {runs} runs in {:.1?}", shape.name, began.elapsed());
            }
        }
        count
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Count::default();
        for worker in workers {
            all.add(worker.join().unwrap_or_else(|payload| panic::resume_unwind(payload)));
        }
        all
    })
}

fn report(count: &Count, began: Instant) {
    let Count { singles, pairs, empty_arms, hit } = count;
    println!(
        "{} runs: {singles} with one crash, {pairs} with two, at {} boundaries, in {:.0?}; in \
         {empty_arms} an arm without units was taken for retired",
        singles + pairs,
        hit.len(),
        began.elapsed()
    );
}

#[test]
fn a_crash_at_any_boundary_and_another_changes_no_outcome_and_no_effect() {
    let began = Instant::now();
    let deep = env::var_os("TIDEGATE_DEEP").is_some();
    let (pick, threads) = match thread::available_parallelism() {
        Ok(processors) if deep => (Pick::All, processors.get()),
        _ => (Pick::Some { each: 40 }, 1),
    };
    let shard = if deep { Shard::from_env() } else { Shard::WHOLE };
    let count = crash_all(pick, shard, threads);
    report(&count, began);
    if shard == Shard::WHOLE && env::var_os("TIDEGATE_SHAPES").is_none() {
        let never = |at: &Boundary| !count.hit.contains_key(at);
        let missed: Vec<_> = boundary::all().into_iter().filter(never).collect();
        assert!(missed.is_empty(), "no engine ever crashed at {missed:?}");
        let known = boundary::all();
        let unknown: Vec<_> = count.hit.keys().filter(|at| !known.contains(at)).collect();
        assert!(unknown.is_empty(), "boundaries that nobody listed: {unknown:?}");
    }
}

/// What a shape with crashes says of a bend: each finding is a panic.
fn caught(shape: shapes::Shape, bend: Bend) -> Option<String> {
    let mut case = Case::new(shape);
    case.bend = Some(bend);
    let pick = Pick::Some { each: 10 };
    let run = || on_paused_time(crash_everywhere(&case, pick, &mut Count::default()));
    let finding = panic::catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = finding.downcast_ref::<String>().cloned();
    text.or_else(|| finding.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[test]
fn defects_are_caught_by_crashes_as_the_page_says() {
    if env::var_os("TIDEGATE_DEEP").is_none() && env::var_os("TIDEGATE_TEETH").is_none() {
        return;
    }
    // One that is moved by its router, in the middle of its way, and one by its platform.
    let named = ["canary, three steps, forward", "platform, forward"];
    for bend in Bend::ALL {
        let shapes = shapes::all().into_iter().filter(|shape| named.contains(&&*shape.name));
        let finding = shapes.filter_map(|shape| caught(shape, bend)).next();
        let Some(finding) = finding else { panic!("{bend:?} is not caught") };
        println!("{bend:?}: {}", finding.lines().next().unwrap_or_default());
    }
}
