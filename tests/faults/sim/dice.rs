//! Chance, all of it from one seed.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    /// Independent dice for each `(seed, of)`.
    pub(crate) fn new(seed: u64, of: u64) -> Self {
        let dice = Self(Mutex::new(seed ^ of.wrapping_mul(0xd6e8_feb8_6659_fd93)));
        dice.draw();
        dice
    }

    pub(crate) fn draw(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&self, per_mille: u64) -> bool {
        self.draw() % 1_000 < per_mille
    }

    pub(crate) fn below(&self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A time in a range of milliseconds.
    pub(crate) fn time(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.draw() % (range.end - range.start))
    }
}
