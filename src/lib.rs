//! Tidegate moves a service from one revision to the next, a little at a time, judges its health on
//! the way, and goes back by itself when health turns.
//!
//! This package is the engine. What a rollout *is* and what it does next is decided by the pure
//! [`machine`]; the engine carries that out over adapters and keeps the journal. An [`Engine`] runs
//! every rollout on a task of its own; a [`Handle`] watches one and commands it.
//!
//! > **The caller's contract.** The engine owns the order of things: every intent is durable in the
//! > journal before it is sent, every call has a time limit, and a crash at any point loses nothing
//! > but time. The caller owns four things. *One journal* for all engines that may touch a target:
//! > it is what keeps two of them apart. *Adapters that keep their promises*: what a
//! > [`TrafficShifter`](machine::TrafficShifter) or [`DeploymentActions`](machine::DeploymentActions)
//! > declares about late bounds and classes is believed. *Recovery*: after a restart call
//! > [`Engine::recover`] once; until somebody does, rollouts stay where they are. *An end*: call
//! > [`Engine::shutdown`] before the process goes; dropping the engine instead is a crash, which is
//! > safe, and slower.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tidegate::{
//!     End, Engine, MonotonicClock, Ports,
//!     machine::{
//!         CalendarSpec, CanarySpec, CanaryStepSpec, GateSpec, Phase, Plan, PlanSpec, PolicySpec,
//!         Revisions, Span, StrategySpec, Weight,
//!     },
//! };
//! use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Adapters: here a simulated world that is all of them at once.
//! let world = Arc::new(SimWorld::new(WorldSpec::good(), 42));
//! let ports = Ports::new(world.clone(), world.clone(), world.clone());
//!
//! // A plan: 10 % for a minute, then everything.
//! let bake = GateSpec { bake: Span::minutes(1), ..GateSpec::default() };
//! let step = |percent, gate| CanaryStepSpec {
//!     weight: Weight::percent(percent),
//!     capacity: None,
//!     mirror: None,
//!     gate,
//! };
//! let spec = PlanSpec {
//!     target: "checkout".into(),
//!     owner: "payments-oncall".into(),
//!     strategy: StrategySpec::Canary(CanarySpec {
//!         steps: vec![step(10, bake), step(100, GateSpec::default())],
//!         minimum_replicas: 1,
//!         shrink_stable: false,
//!         platform: None,
//!     }),
//!     checks: Default::default(),
//!     hooks: Default::default(),
//!     guards: Vec::new(),
//!     evidence: Default::default(),
//!     policy: PolicySpec::default(),
//!     calendar: CalendarSpec::default(),
//! };
//! let plan = Plan::compile(spec, &ports.capabilities())?;
//!
//! let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
//! let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
//! let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
//! let rollout = engine.start(plan, revisions, "ada").await?;
//! assert_eq!(rollout.finished().await, End::Over(Phase::Completed));
//! engine.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod adopt;
mod bounded;
mod clock;
mod commit;
mod crew;
mod desk;
mod dispatch;
mod engine;
mod error;
mod fallen;
#[cfg(feature = "files")]
pub mod file;
mod fresh;
mod handle;
mod lanes;
mod membership;
mod observers;
mod outset;
mod ports;
mod queued;
mod reads;
mod runner;
mod survey;
mod targets;
mod timing;
mod wind_up;

pub use clock::{Clock, MonotonicClock};
pub use desk::{End, Status};
pub use engine::{Engine, EngineBuilder, EngineHealth};
pub use error::{EngineError, Unrest};
pub use handle::Handle;
pub use ports::{Missing, Ports};
pub use targets::Targets;
pub use tidegate_core as machine;

/// The README's code compiles.
#[cfg(all(doctest, feature = "files"))]
#[doc = include_str!("../README.md")]
struct Readme;
