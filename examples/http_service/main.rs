//! Embedding in a small HTTP service: it starts rollouts, shows them, takes commands, and streams
//! decisions as server-sent events.
//!
//! ```text
//! cargo run --example http_service                    # serves, and is its own client for one rollout
//! cargo run --example http_service -- 127.0.0.1:8080  # serves until Ctrl-C
//! cargo run --example http_service -- 127.0.0.1:8080 --journal rollouts.db  # and goes on after a restart
//!
//! POST /rollouts                  {"revisions": {"stable": "v1", "candidate": "v2"}, "actor": "ada"}
//! GET  /rollouts/1
//! POST /rollouts/1/commands       {"order": "abort", "actor": "ada", "reason": "wrong day"}
//! GET  /rollouts/1/decisions      a stream; goes on after the Last-Event-ID it is given
//! ```
//!
//! `service.rs` is the part to copy, `client.rs` the one rollout of a run without an argument. Time
//! is real here, and the simulated world is a quick one: what takes minutes elsewhere takes a
//! second or two. With a journal in a file the world is kept in another beside it, so that both are
//! there after a crash.

mod client;
mod service;

use std::{env, error::Error, path::Path, sync::Arc};

use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::{DeploymentActions, HealthMetrics, Journal, Span, Timestamp, TrafficShifter},
};
use tidegate_mock::{
    ArmSpec, KeptWorld, MemoryJournal, MetricSpec, OperationSpec, RequestSpec, SimWorld, WorldSpec,
};
use tidegate_store::SqliteJournal;
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
    let (asked, file) = arguments()?;
    let Outside { journal, ports, now } = match &file {
        Some(file) => durable(Path::new(file)).await?,
        None => in_memory(),
    };
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "checkout.yaml", &ports.capabilities())?;
    let clock = Arc::new(MonotonicClock::starting_at(now));
    // Under one name a process that starts again goes on at once with what it held when it died.
    let engine = Engine::builder(journal, ports).clock(clock).name("http_service").build();
    let engine = Arc::new(engine);
    engine.recover().await?;

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

/// The address to listen on, and the file of the journal.
fn arguments() -> Result<(Option<String>, Option<String>), Box<dyn Error>> {
    let mut given = env::args().skip(1);
    let (mut address, mut file) = (None, None);
    while let Some(word) = given.next() {
        match word.as_str() {
            "--journal" => file = Some(given.next().ok_or("--journal needs a file")?),
            _ => address = Some(word),
        }
    }
    Ok((address, file))
}

/// What the engine is given from outside.
struct Outside {
    journal: Arc<dyn Journal>,
    ports: Ports,
    now: Timestamp,
}

/// A journal and a world that end with this process.
fn in_memory() -> Outside {
    let world = Arc::new(SimWorld::new(quick(), 42));
    let (ports, now) = (ports(&world), world.clock().now());
    Outside { journal: Arc::new(MemoryJournal::new()), ports, now }
}

/// Those that outlive it.
async fn durable(file: &Path) -> Result<Outside, Box<dyn Error>> {
    let journal = SqliteJournal::open(file, tidegate_store::Options::default()).await?;
    let beside = file.with_extension("world");
    let world = Arc::new(KeptWorld::open(&beside, &"checkout".into(), quick(), 42, 1)?);
    Ok(Outside { journal: Arc::new(journal), ports: ports(&world), now: world.now() })
}

/// Adapters: here a simulated world that is all of them at once.
fn ports<W>(world: &Arc<W>) -> Ports
where
    W: TrafficShifter + DeploymentActions + HealthMetrics + 'static,
{
    Ports::new(world.clone(), world.clone(), world.clone())
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
