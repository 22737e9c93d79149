//! The engine over a simulated world, on paused time.

mod commands;
mod crash;
mod fixtures;
mod journal;
mod strategies;
mod supersede;
mod targets;
mod time;
mod trouble;
