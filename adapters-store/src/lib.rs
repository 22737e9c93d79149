//! Durable journals for Tidegate.
//!
//! Must not know the engine: everything here implements
//! [`Journal`](tidegate_core::Journal) of the core, and nothing else.

mod chain;
mod codec;
