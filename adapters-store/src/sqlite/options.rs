//! How a journal is opened.

use std::{num::NonZeroUsize, time::Duration};

/// What an acknowledged commit outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A crash of the process, of the host, and loss of power: `synchronous=FULL`.
    #[default]
    Full,
    /// The same, and the directory is synced after a rollback journal is removed:
    /// `synchronous=EXTRA`. With a write-ahead log it makes no difference.
    Extra,
    /// A crash of the process only: `synchronous=NORMAL`. For tools that look and for tests. Such a
    /// journal refuses to open, claim or append to a rollout, because an intent that was lost with
    /// the power leaves a move nobody knows of.
    Unsafe,
}

impl Durability {
    /// The value of `PRAGMA synchronous`.
    pub(super) const fn synchronous(self) -> i64 {
        match self {
            Self::Unsafe => 1,
            Self::Full => 2,
            Self::Extra => 3,
        }
    }
}

/// How a journal is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// What an acknowledged commit outlives.
    pub durability: Durability,
    /// How long to wait for another process that writes, before a call is refused as unavailable.
    pub busy_timeout: Duration,
    /// Requests that may wait for the writer. Who comes then waits for a place.
    pub queue: NonZeroUsize,
    /// Requests that are committed together at most.
    pub batch: NonZeroUsize,
    /// Connections that read at once at most.
    pub readers: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        let some = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Self {
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            // A few batches: enough to keep the writer busy, too few to hide that it is slow.
            queue: some(2_048),
            // Long past the point where a sync is shared by enough, short of a long transaction.
            batch: some(512),
            readers: some(4),
        }
    }
}
