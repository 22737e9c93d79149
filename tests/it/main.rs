//! The engine over a simulated world, on paused time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod commands;
mod crash;
mod fixtures;
mod journal;
mod strategies;
mod supersede;
mod targets;
mod time;
mod trouble;
