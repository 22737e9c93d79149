//! Looks as a source of metrics would give them, drawn from a model of what goes on.
//!
//! This module must not know judges: what they make of the looks is [`crate::contest`]'s.

mod classes;
mod errors;
mod latency;
mod wobble;

use tidegate_core::{Look, Measurement, Timestamp, Window};

use crate::draws::Draws;

pub use classes::Classes;
pub use errors::{Errors, Shares, Surges};
pub use latency::{Kept, Latency};
pub use wobble::Wobble;

/// Looks before a rollout: four hours of minutes, as the recommended judge asks for by default.
pub const BEFORE: u32 = 240;

/// A model of a service with two arms.
pub trait Telemetry: Sync {
    /// Looks at stable alone, [`BEFORE`] of them, from before the rollout.
    fn before(&self, draws: &mut Draws) -> Vec<Look>;

    /// Looks at both arms during a rollout. A candidate that is not healthy is as bad as the model
    /// says.
    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look>;
}

/// A complete look at the `nth` minute.
fn look(nth: u32, stable: Measurement, candidate: Option<Measurement>) -> Look {
    let at = |nth: u32| Timestamp(u64::from(nth) * 60_000);
    let window = Window { from: at(nth), to: at(nth.saturating_add(1)) };
    Look::complete(window, Some(stable), candidate)
}
