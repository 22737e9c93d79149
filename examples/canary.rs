//! A canary, twice: a release that is as good as the one before is promoted step by step, and one
//! that fails one request in five goes back by itself at its first step.
//!
//! The plan is a file's text, the target a simulated world that is every adapter at once, and time
//! is tokio's, paused: half an hour of rollout takes no time at all.
//!
//! ```text
//! cargo run --example canary
//! ```

mod common;

use std::{error::Error, sync::Arc};

use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::Revisions,
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};

use crate::common::Story;

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps:
      - { weight: 5%, gate: { bake: 5m, checks: [errors] } }
      - { weight: 50%, gate: { bake: 5m, checks: [errors, latency] } }
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.01, looks: 3, minimum_samples: 100 } }
  latency:
    metric: latency_p99
    judge: { threshold: { max_ratio: 1.5 } }
    baseline: concurrent
guards: [errors]
";

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("A release that is as good as the one before:");
    release(WorldSpec::good()).await?;
    println!("\nA release that fails one request in five:");
    release(WorldSpec::bad()).await
}

async fn release(spec: WorldSpec) -> Result<(), Box<dyn Error>> {
    // Three adapters: one for traffic, one for deployments, one for health.
    let world = Arc::new(SimWorld::new(spec, 42));
    let ports = Ports::new(world.clone(), world.clone(), world.clone());
    // A plan is compiled for what the adapters can do, and refused if they can not carry it out.
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "canary.yaml", &ports.capabilities())?;

    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
    let rollout = engine.start(plan, revisions, "ada").await?;
    Story::of(&rollout).end().await?;
    engine.shutdown().await;
    Ok(())
}
