//! What the simulated world, its ports, its journal and its conformance suites promise.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod bent;
mod bent_journal;
mod conformance;
mod fleet;
mod generated;
mod kept;
mod laws;
mod sim;
mod support;
