//! What the simulated world, its ports, its journal and its conformance suites promise.

mod bent;
mod bent_journal;
mod conformance;
mod fleet;
mod generated;
mod support;
