//! An engine that dies in the middle of a call, and another that goes on from the journal.
//!
//! The first engine is dropped while its request to shift half of the traffic is with the router
//! and the answer is not back. The intent was durable before the request was sent; so the second
//! engine knows what may have happened, reads what did, and finishes.
//!
//! ```text
//! cargo run --example crash_and_resume
//! ```

mod common;

use std::{error::Error, sync::Arc, time::Duration};

use tidegate::{
    Engine, MonotonicClock, Ports, Status,
    file::{Format, parse_plan},
    machine::{Revisions, WaitingOn, Weight},
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::sleep;

use crate::common::Story;

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps:
      - { weight: 10%, gate: { bake: 2m, checks: [errors] } }
      - { weight: 50%, gate: { bake: 2m, checks: [errors] } }
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.01 } }
guards: [errors]
";

/// An engine of one process. The journal and the world outlive it.
fn engine(journal: &MemoryJournal, world: &SimWorld) -> Engine {
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    Engine::builder(Arc::new(journal.clone()), ports(world)).clock(clock).build()
}

fn ports(world: &SimWorld) -> Ports {
    let world = Arc::new(world.clone());
    Ports::new(world.clone(), world.clone(), world)
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (journal, world) = (MemoryJournal::new(), SimWorld::new(WorldSpec::good(), 42));
    let caps = ports(&world).capabilities();
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "canary.yaml", &caps)?;
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };

    let first = engine(&journal, &world);
    let rollout = first.start(plan, revisions, "ada").await?;
    let mut story = Story::of(&rollout);
    story.until(shifting_half).await?;
    // The router answers after 50 ms: 10 ms later the request is there and the answer is not.
    sleep(Duration::from_millis(10)).await;
    drop(first);
    println!("--- the engine dies in the middle of that call; somebody restarts it a minute later");
    sleep(Duration::from_secs(60)).await;

    let second = engine(&journal, &world);
    for rollout in second.recover().await? {
        println!("--- another engine recovers rollout {}", rollout.rollout());
        Story { rollout: &rollout, told: story.told }.end().await?;
    }
    second.shutdown().await;
    Ok(())
}

fn shifting_half(status: &Status) -> bool {
    let asked = status.world.traffic.asked == Weight::percent(50);
    asked && matches!(status.waiting_on, WaitingOn::Move { .. })
}
