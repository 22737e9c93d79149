//! The protocol between engines, journal and target as a model, explored state by state.
//!
//! The rollout machine has its own explorer (`tidegate_core::explore`). This is the layer below it: who may
//! write, who may send, what a lost answer means, and what a call that lands late can do. What is found stands in
//! `docs/protocol.md`. Nothing here knows the engine or any store: it is what both have to keep to.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod claims;
mod classes;
mod clocks;
mod defects;
mod engine;
/// That of the explorer: fingerprints are compared, and mean nothing beyond.
#[path = "../../src/explore/fingerprint.rs"]
mod fingerprint;
mod journal;
mod limits;
mod model;
mod offers;
mod page;
mod rules;
mod search;
mod steps;
mod target;
mod variants;
