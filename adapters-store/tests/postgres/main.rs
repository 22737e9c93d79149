//! The journal in PostgreSQL against real servers.
//!
//! `TIDEGATE_POSTGRES` is the URL of one, which tests share, each in schemas of its own that are
//! dropped at its end. `TIDEGATE_POSTGRES_SERVERS` is a directory in which `.ci/postgres` may make
//! more, for tests that crash them. Without the first nothing runs, without the second those are
//! left out, and each one left out is named. `.ci/run` sets both.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod claims;
mod conformance;
mod corruption;
mod faults;
mod processes;
mod proxy;
mod refused;
mod restored;
mod secrets;
mod server;
mod support;
mod writer;
