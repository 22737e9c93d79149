//! Several engines, one store, several targets, and faults of every kind: all from one seed.

mod bakes;
mod clock;
mod cluster;
mod dice;
pub(crate) mod machine;
mod strays;
mod tests;
mod trouble;
mod verdict;
