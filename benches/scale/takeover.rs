//! An engine that is gone in the middle of a move: how long until another one takes its rollout up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate::{
    Engine,
    machine::{Target, Weight},
};
use tidegate_store::{Options, SqliteJournal};

use crate::{Outcome, plan, ports, ports::Obedient, revisions};

/// How often it is measured.
const TIMES: usize = 5;

/// The lease of both engines.
const LEASE: Duration = Duration::from_secs(10);

fn engine(journal: &SqliteJournal, world: &Arc<Obedient>, name: &str) -> Engine {
    Engine::builder(Arc::new(journal.clone()), ports(world)).name(name).lease(LEASE).build()
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One engine sends a call that is not answered, and is gone. The time until the other one looks at
/// what became of it.
async fn once() -> Outcome<Duration> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal.db");
    let world = Arc::new(Obedient::default());
    let first = SqliteJournal::open(&path, Options::default()).await?;
    let second = SqliteJournal::open(&path, Options::default()).await?;
    let other = engine(&second, &world, "second");
    other.recover().await?;
    let one = engine(&first, &world, "first");
    let target = Target::from("stuck");
    world.keep_silent(true);
    let shifted = || world.place(&target, |place| place.share) > Weight::ZERO;
    one.start(plan("stuck", &one.capabilities(&target)?)?, revisions(), "ada").await?;
    until(shifted).await;
    drop(one);
    let gone = Instant::now();
    until(|| world.last_read().is_some_and(|at| at > gone)).await;
    let after = gone.elapsed();
    other.shutdown().await;
    Ok(after)
}

/// Measures it some times, one after the other, and prints each.
pub(crate) async fn measure() -> Outcome<()> {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        took.push(format!("{:.1}", once().await?.as_secs_f64()));
    }
    println!(
        "gone in the middle of a move with a lease of {} s, taken up by another after {} s",
        LEASE.as_secs(),
        took.join(", ")
    );
    Ok(())
}
