//! All of the root package's tests that see it from outside, in one binary.

#[cfg(feature = "files")]
mod bad_plans;
mod schema;
