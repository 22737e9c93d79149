//! Embedding in a small HTTP service: it starts rollouts, shows them, takes commands, and streams
//! decisions as server-sent events.
//!
//! ```text
//! cargo run --example http_service                    # serves, and is its own client for one rollout
//! cargo run --example http_service -- 127.0.0.1:8080  # serves until Ctrl-C
//!
//! POST /rollouts                  {"revisions": {"stable": "v1", "candidate": "v2"}, "actor": "ada"}
//! GET  /rollouts/1
//! POST /rollouts/1/commands       {"order": "abort", "actor": "ada", "reason": "wrong day"}
//! GET  /rollouts/1/decisions      a stream; goes on after the Last-Event-ID it is given
//! ```
//!
//! `service.rs` is the part to copy, `client.rs` the one rollout of a run without an argument. Time
//! is real here, and the simulated world is a quick one: what takes minutes elsewhere takes a
//! second or two.

mod client;
mod service;

use std::{env, error::Error, sync::Arc};

use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::Span,
};
use tidegate_mock::{
    ArmSpec, MemoryJournal, MetricSpec, OperationSpec, RequestSpec, SimWorld, WorldSpec,
};
use tokio::{net::TcpListener, signal};

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps: [{ weight: 10%, gate: { bake: 300ms, checks: [errors], approval: true } }]
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.02, minimum_samples: 20 } }
    window: 1s
guards: [errors]
policy: { keep_warm: 200ms, observe_every: 50ms, confirm: 200ms }
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = Arc::new(SimWorld::new(quick(), 42));
    let ports = Ports::new(world.clone(), world.clone(), world.clone());
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "checkout.yaml", &ports.capabilities())?;
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    // A journal that outlives the process goes here; then `recover` finds what a crash left.
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    let engine = Arc::new(engine);
    engine.recover().await?;

    let asked = env::args().nth(1);
    let listener = TcpListener::bind(asked.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    let done = async {
        match asked {
            Some(_) => signal::ctrl_c().await,
            None => client::one_rollout(address).await,
        }
    };
    let service = service::router(Arc::clone(&engine), plan);
    tokio::select! {
        served = async { axum::serve(listener, service).await } => served?,
        done = done => done?,
    }
    engine.shutdown().await;
    Ok(())
}

/// A world in which everything is quick, so that a rollout takes two seconds of real time.
fn quick() -> WorldSpec {
    let arm = ArmSpec { starts_in: Span(50), ..ArmSpec::default() };
    let call = OperationSpec { late_bound: Span(100), ..OperationSpec::default() };
    WorldSpec {
        propagation: Span(20),
        drain: Span(100),
        answers_in: Span(2),
        stable: arm.clone(),
        candidate: arm,
        requests: RequestSpec { per_second: 10_000.0, ..RequestSpec::default() },
        metrics: MetricSpec { lag: Span(20), period: Span(10), ..MetricSpec::default() },
        shift: call.clone(),
        scale: call,
        ..WorldSpec::good()
    }
}
