//! All of the core's tests that see it from outside, in one binary.

mod explore;
mod fixtures;
mod plan;
