//! Durable journals for Tidegate.
//!
//! - [`SqliteJournal`] (feature `sqlite`, on by default) keeps everything in one file, for the
//!   processes of one host.
//! - `postgres::PostgresJournal` (feature `postgres`) keeps it in a database that several engines share.
//!
//! Must not know the engine: everything here implements
//! [`Journal`](tidegate_core::Journal) of the core, and nothing else.

mod chain;
mod codec;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, OpenError, Options, SqliteJournal};
