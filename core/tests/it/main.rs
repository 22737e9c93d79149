//! All of the core's tests that see it from outside, in one binary.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod deep;
mod docs;
mod drift;
mod evidence;
mod explore;
mod extremes;
mod fixtures;
mod late;
mod next_move;
mod plan;
mod report;
mod scripts;
mod spec;
mod values;
mod wanted;
