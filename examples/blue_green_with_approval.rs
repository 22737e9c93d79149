//! A blue/green that a person lets through: the new side is brought up at half size for a preview,
//! the rollout waits for an approval, switches all traffic at once, watches, and keeps the old side
//! warm before it is retired.
//!
//! The approval is a command that names the gate it is for, so that a late click opens no other.
//!
//! ```text
//! cargo run --example blue_green_with_approval
//! ```

mod common;

use std::{error::Error, sync::Arc, time::Duration};

use tidegate::{
    Engine, EngineError, MonotonicClock, Ports, Status,
    file::{Format, parse_plan},
    machine::{Ask, GateRef, Revisions, WaitingOn},
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::sleep;

use crate::common::Story;

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  blue_green:
    preview: { capacity: 50%, gate: { bake: 2m, approval: true } }
    after: { bake: 5m, checks: [errors] }
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.01, looks: 3 } }
guards: [errors]
policy: { keep_warm: 30m }
";

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = Arc::new(SimWorld::new(WorldSpec::good(), 42));
    let ports = Ports::new(world.clone(), world.clone(), world.clone());
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "blue-green.yaml", &ports.capabilities())?;
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    let revisions = Revisions { stable: Some("blue".into()), candidate: "green".into() };
    let rollout = engine.start(plan, revisions, "ada").await?;

    let mut story = Story::of(&rollout);
    let waiting = story.until(|status| gate_to_approve(status).is_some()).await?;
    let gate = gate_to_approve(&waiting).ok_or("the rollout ended before its gate")?;
    println!("{} is asked to approve {gate}", rollout.head().plan.owner());
    // Nobody is in a hurry: the preview stands as long as it has to.
    sleep(Duration::from_secs(20 * 60)).await;
    rollout.approve(gate, "grace").await?;
    story.until(|_| true).await?;
    // A second click on the same button.
    if let Err(EngineError::Ignored(why)) = rollout.approve(gate, "linus").await {
        println!("linus also approves {gate}; ignored: {why}");
    }
    story.end().await?;
    engine.shutdown().await;
    Ok(())
}

fn gate_to_approve(status: &Status) -> Option<GateRef> {
    match status.waiting_on {
        WaitingOn::Person(Ask::Approve(gate)) => Some(gate),
        _ => None,
    }
}
