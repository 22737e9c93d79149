//! All of the root package's tests that see it from outside, in one binary. The engine's run over a
//! simulated world, on paused time.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[cfg(feature = "files")]
mod bad_plans;
mod baselines;
mod calibration;
mod commands;
mod commits;
mod costs;
mod crash;
mod drift;
#[cfg(feature = "files")]
mod examples;
mod fixtures;
mod house;
mod journal;
mod outset;
#[cfg(feature = "files")]
mod own_rule;
mod random;
#[cfg(feature = "files")]
mod rule;
mod secrets;
mod serves;
#[cfg(feature = "files")]
mod service;
mod set_back;
mod strategies;
mod supersede;
mod targets;
mod time;
mod trouble;
mod windows;
