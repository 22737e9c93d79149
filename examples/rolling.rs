//! A rolling replacement without a router: traffic follows the replicas, batch by batch. A good
//! release replaces all ten; one whose replicas crash on every start never gets ready, and what was
//! taken away for it is given back.
//!
//! ```text
//! cargo run --example rolling
//! ```

mod common;

use std::{error::Error, sync::Arc, time::Duration};

use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::Revisions,
};
use tidegate_mock::{ArmSpec, MemoryJournal, SimWorld, WorldSpec};
use tokio::time::sleep;

use crate::common::Story;

/// At most two more than ten and at most two fewer; a minute's look at the errors after each batch.
const PLAN: &str = "
target: search-workers
owner: search-oncall
strategy:
  rolling:
    max_surge: 2
    max_unavailable: 2
    gates: { each_batch: { bake: 1m, checks: [errors] } }
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.01 } }
guards: [errors]
policy: { progress: { within: 3m, then: roll_back } }
";

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("A good release:");
    release(WorldSpec::without_router()).await?;
    println!("\nA release that crashes on every start:");
    let candidate = ArmSpec { crash_on_start: 1.0, ..ArmSpec::default() };
    release(WorldSpec { candidate, ..WorldSpec::without_router() }).await
}

async fn release(spec: WorldSpec) -> Result<(), Box<dyn Error>> {
    let world = Arc::new(SimWorld::new(spec, 42));
    let ports = Ports::new(world.clone(), world.clone(), world.clone());
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "rolling.yaml", &ports.capabilities())?;
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
    let rollout = engine.start(plan, revisions.clone(), "ada").await?;
    Story::of(&rollout).end().await?;
    // What was asked for last may still be starting.
    sleep(Duration::from_secs(60)).await;
    let (_, _, replicas) = world.with_fleet(|fleet| fleet.truth(&revisions));
    let (old, new) = (replicas.stable.total.ready, replicas.candidate.total.ready);
    println!(
        "           a minute later: {old} of the old revision and {new} of the new one are ready"
    );
    engine.shutdown().await;
    Ok(())
}
