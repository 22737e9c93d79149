//! Tidegate moves a service from one revision to the next, a little at a time, judges its health on
//! the way, and goes back by itself when health turns.
//!
//! This package is the engine: it runs rollouts of [`machine`], the pure core, over adapters.

mod bounded;
mod clock;
mod desk;
mod dispatch;
mod engine;
mod error;
#[cfg(feature = "files")]
pub mod file;
mod fresh;
mod handle;
mod lanes;
mod observers;
mod ports;
mod reads;
mod runner;
mod survey;

pub use clock::{Clock, MonotonicClock};
pub use desk::{End, Status};
pub use engine::{Engine, EngineBuilder};
pub use error::{EngineError, Unrest};
pub use handle::Handle;
pub use ports::{Missing, Ports};
pub use tidegate_core as machine;
