//! How the judges of `tidegate-core` fare, and what they are compared with.
//!
//! For development only: nothing that is shipped depends on this package. [`anchors`] are published
//! methods that no judge of ours uses; they are here to be compared with, and to be right about it.
//!
//! The other modules are a simulator of rollouts' telemetry: [`telemetry`] draws looks, [`contest`]
//! gives them to real judges, and [`tables`] holds what comes out against the goals. Every run is
//! drawn from the seed, the name of its scene and its own number, so that a table is the same
//! whatever else is run, and on however many threads.

pub mod anchors;
pub mod contest;
pub mod draws;
pub mod figures;
pub mod goals;
pub mod scenario;
pub mod tables;
pub mod telemetry;
