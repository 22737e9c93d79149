//! Two engines on one table: wherever the one that runs a rollout ends, the other goes on with it, to the
//! same end.

use std::{env, sync::Arc, time::Duration};

use tidegate::{Engine, MonotonicClock, Ports};
use tidegate_aws::fakes::{Fake, Fault, When, dynamodb::Dynamo};
use tidegate_core::{Journal, Phase, Plan, RolloutId, Select, Seq};
use tidegate_mock::{SimWorld, WorldSpec};
use tokio::time::{Instant, sleep};

use super::support::{dynamo, journal, opening};

/// Longer than a rollout and a takeover take.
const LONG: Duration = Duration::from_secs(6 * 3_600);

/// What every commit is.
const WRITE: &str = "TransactWriteItems";

async fn engine(fake: &Fake<Dynamo>, world: &SimWorld, name: &str) -> Engine {
    let sim = Arc::new(world.clone());
    let ports = Ports::new(sim.clone(), sim.clone(), sim);
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    Engine::builder(Arc::new(journal(fake).await), ports).clock(clock).name(name).build()
}

/// Runs one rollout by two engines, the first of which ends where the fault befalls its n-th write from now;
/// how many requests it befell, and by how many claims the records were written.
async fn run(fault: Option<(u32, Fault<Dynamo>)>) -> (usize, usize) {
    let (fake, world) = (dynamo().await, SimWorld::new(WorldSpec::good(), 1));
    let second = engine(&fake, &world, "second").await;
    second.recover().await.unwrap();
    let first = engine(&fake, &world, "first").await;
    let opening = opening("checkout");
    let plan: Plan = opening.plan;
    let handle = first.start(plan, opening.revisions, "ana").await.unwrap();
    let rollout = handle.rollout();
    if let Some((nth, fault)) = fault {
        let sent = fake.log().iter().filter(|asked| asked.operation == WRITE).count();
        fake.fault(WRITE, When::Nth(u32::try_from(sent).unwrap() + nth), fault);
    }
    let ended = tokio::select! {
        () = fake.crashed() => false,
        _ = handle.finished() => true,
    };
    if !ended {
        drop((handle, first));
    }
    let writers = over(&fake, rollout).await;
    (fake.log().iter().filter(|asked| asked.fault.is_some()).count(), writers)
}

/// Waits for the end, which has to be the good one; how many epochs wrote.
async fn over(fake: &Fake<Dynamo>, rollout: RolloutId) -> usize {
    let looking = journal(fake).await;
    let until = Instant::now() + LONG;
    loop {
        let rows = looking.list(&Select::default()).await.unwrap();
        if rows.iter().any(|row| row.rollout == rollout && row.over) {
            break;
        }
        assert!(Instant::now() < until, "it is not over: {rows:?}");
        sleep(Duration::from_secs(60)).await;
    }
    let records = looking.read(rollout, Seq(1)).await.unwrap();
    let phase = records.last().map(|last| *last.after.phase());
    assert_eq!(phase, Some(Phase::Completed), "{records:?}");
    let mut epochs: Vec<_> = records.iter().map(|record| record.epoch).collect();
    epochs.dedup();
    epochs.len()
}

#[tokio::test(start_paused = true)]
async fn wherever_one_of_two_engines_is_killed_the_other_completes_the_rollout() {
    assert_eq!(run(None).await.0, 0);
    let every = if env::var_os("TIDEGATE_DEEP").is_some() { 1 } else { 6 };
    let (mut killed, mut taken_over) = (0, 0);
    for after in [false, true] {
        for nth in (1..).step_by(every) {
            let (befell, writers) = run(Some((nth, Fault::Crash { after }))).await;
            if befell == 0 {
                break;
            }
            killed += 1;
            taken_over += usize::from(writers > 1);
        }
    }
    assert!(killed >= 6 && taken_over >= 3, "{taken_over} of {killed} were taken over");
}
