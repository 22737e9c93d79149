//! Durable journals against the contract, and against what goes wrong with a store.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod sqlite;
mod support;
