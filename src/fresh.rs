//! Numbers that nobody else has drawn: ids of commands and of tries to commit.
//!
//! The only randomness of the engine. Nothing that a decision rests on comes from here.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Ids stay below this: the upper half is for ids that a journal gives itself.
const SPACE: u64 = 1 << 62;

/// A number that is as good as unique over all processes: a counter, hashed with keys that the
/// standard library draws afresh.
pub(crate) fn fresh_id() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    hasher.finish() % SPACE
}
