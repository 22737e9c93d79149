//! Rollouts that come and go: whether memory grows with how many there were.

use std::{
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tidegate::{
    End, Engine,
    machine::{Journal, Phase, Prune, Timestamp},
};
use tidegate_store::{Options, SqliteJournal};

use crate::{Outcome, canary, engine, ports::Obedient, revisions, used};

/// Rollouts under way at one time.
const AT_ONCE: usize = 10_000;

/// How often memory is read on the way.
const READINGS: usize = 10;

/// One rollout from its start to its end.
async fn whole(engine: &Engine, world: &Obedient, n: usize) -> Outcome<()> {
    let target = format!("churned-{n}");
    let plan = canary(&target, "", &engine.capabilities(&target.as_str().into())?)?;
    let handle = engine.start(plan, revisions(), "ada").await?;
    let end = handle.finished().await;
    if end != End::Over(Phase::Completed) {
        return Err(format!("{target} ended otherwise: {end:?}").into());
    }
    world.forget(&target.as_str().into());
    Ok(())
}

/// Runs so many, some at a time, and prints the memory that the process has after each tenth.
/// Whatever ended is pruned, as `docs/operations.md` says.
pub(crate) async fn measure(rollouts: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal.db");
    let world = Arc::new(Obedient::default());
    let journal = SqliteJournal::open(&path, Options::default()).await?;
    let engine = engine(&journal, &world);
    engine.recover().await?;
    let (began, done) = (Instant::now(), AtomicUsize::new(0));
    let every = rollouts.div_ceil(READINGS).max(1);
    let run = |n: usize| {
        let (engine, world, journal, done) = (&engine, &world, &journal, &done);
        async move {
            whole(engine, world, n).await?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done % every == 0 {
                let all = Some(Timestamp::MAX);
                journal.prune(Prune { looks_before: all, rollouts_before: all }).await?;
                let (memory, _) = used()?;
                println!("{done} came and went: {memory:.0} MiB resident");
            }
            Outcome::Ok(())
        }
    };
    stream::iter((0..rollouts).map(run)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let took: Duration = began.elapsed();
    println!("{rollouts} came and went in {:.0} s", took.as_secs_f64());
    engine.shutdown().await;
    Ok(())
}
