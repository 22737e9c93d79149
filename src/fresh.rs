//! Numbers that nobody else has drawn: ids of commands and of tries to commit, and the jitter of
//! polls.
//!
//! The only randomness of the engine. Nothing that a decision rests on comes from here.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Ids stay below this: the upper half is for ids that a journal gives itself.
const SPACE: u64 = 1 << 62;

/// The step of Weyl's sequence and the mixer of SplitMix64 (Steele, Lea, Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers, as good as unique over all processes unless its seed is given.
#[derive(Debug)]
pub(crate) struct Fresh(AtomicU64);

impl Fresh {
    /// Seeded by keys that the standard library draws afresh.
    pub(crate) fn random() -> Self {
        Self::seeded(RandomState::new().hash_one(std::process::id()))
    }

    /// The same sequence whenever the seed is the same: for simulations that are run twice.
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number, below 2^62.
    pub(crate) fn draw(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % SPACE
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_its_sequence_and_no_number_twice() {
        let (one, two) = (Fresh::seeded(7), Fresh::seeded(7));
        let drawn: Vec<u64> = (0..10_000).map(|_| one.draw()).collect();
        assert!(drawn.iter().all(|id| *id < SPACE && *id == two.draw()));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
        assert_ne!(Fresh::random().draw(), Fresh::random().draw());
    }
}
