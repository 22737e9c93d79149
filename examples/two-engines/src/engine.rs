//! One engine in a process of its own. Must not know that there is another.

use std::{path::Path, sync::Arc, time::Duration};

use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::{Revisions, Span},
};
use tidegate_mock::{ArmSpec, KeptWorld, OperationSpec, WorldSpec};
use tokio::io::{AsyncReadExt, stdin};

use crate::Failure;

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps: [{ weight: 10%, gate: { bake: 300ms } }, { weight: 50%, gate: { bake: 300ms } }]
policy: { keep_warm: 200ms, observe_every: 50ms }
";

/// A target in which everything is quick. All processes that open its file share it.
pub(crate) fn world(file: &Path) -> Result<Arc<KeptWorld>, Failure> {
    let arm = ArmSpec { starts_in: Span(50), ..ArmSpec::default() };
    let call = OperationSpec { late_bound: Span(100), ..OperationSpec::default() };
    let spec = WorldSpec {
        propagation: Span(20),
        drain: Span(100),
        // Long enough that the first engine is killed before it hears the answer.
        answers_in: Span(400),
        stable: arm.clone(),
        candidate: arm,
        shift: call.clone(),
        scale: call,
        ..WorldSpec::good()
    };
    Ok(Arc::new(KeptWorld::open(file, &"checkout".into(), spec, 42, 1)?))
}

/// The two revisions of the rollout.
pub(crate) fn revisions() -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: "v2".into() }
}

/// Runs an engine until its standard input ends.
pub(crate) async fn run(
    name: &str,
    schema: &str,
    world_file: &Path,
    starts: bool,
) -> Result<(), Failure> {
    let journal = Arc::new(crate::journal(schema).await?);
    let world = world(world_file)?;
    // Engines that share a journal agree on the time: here that of the world they share.
    let clock = Arc::new(MonotonicClock::starting_at(world.now()));
    let ports = Ports::new(world.clone(), world.clone(), world);
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "checkout.yaml", &ports.capabilities())?;
    let engine = Engine::builder(journal, ports)
        .name(name)
        .clock(clock)
        .lease(Duration::from_secs(2))
        .poll(Duration::from_millis(200))
        .build();
    engine.recover().await?;
    if starts {
        engine.start(plan, revisions(), "ada").await?;
    }
    stdin().read_to_end(&mut Vec::new()).await?;
    engine.shutdown().await;
    Ok(())
}
