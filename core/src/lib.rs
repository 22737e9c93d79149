//! The pure rollout machine of Tidegate.

pub mod capability;
pub mod decision;
mod event;
pub mod explore;
pub mod health;
mod ids;
pub mod invariants;
pub mod journal;
mod moves;
pub mod next_move;
mod plan;
pub mod ports;
mod preflight;
pub mod record;
pub mod rollout;
mod rule;
mod throttled;
mod time;
mod weight;
mod world;

pub use capability::{
    Capabilities, CapacityKind, Operation, PlatformAbility, RoutingKind, SafetyClass,
};
pub use decision::{Ask, Decision, Evidence};
pub use event::*;
pub use health::{
    Before, Judge, Judgement, Judging, LogE, Look, Measurement, Panel, Reading, Verdict, Window,
};
pub use ids::*;
pub use journal::*;
pub use moves::*;
pub use plan::*;
pub use ports::*;
pub use preflight::{Obstacle, ObstacleKind};
pub use rollout::*;
pub use rule::Rule;
pub use throttled::ThrottledReads;
pub use time::*;
pub use weight::*;
pub use world::*;
