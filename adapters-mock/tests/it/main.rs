//! What the simulated world, its ports, its journal and its conformance suites promise.

mod fleet;
mod support;
