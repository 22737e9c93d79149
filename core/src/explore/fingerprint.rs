//! A 64-bit fingerprint of a state: the same on every machine and in every run.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Multiplies 64 by 64 bits and folds the 128, for each full word (the mixing step of wyhash).
/// Numbers smaller than a word share one: most fields of a state are bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folding {
    folded: u64,
    word: u64,
    /// Bits of `word` that are taken.
    filled: u32,
}

impl Default for Folding {
    fn default() -> Self {
        Self { folded: 0x9E37_79B9_7F4A_7C15, word: 0, filled: 0 }
    }
}

impl Folding {
    #[expect(clippy::cast_possible_truncation, reason = "folding is taking both halves")]
    const fn mix(&mut self, word: u64) {
        let product =
            ((self.folded ^ word) as u128).wrapping_mul(0xA076_1D64_78BD_642F_E703_7ED1_A0B4_28DB);
        self.folded = (product as u64) ^ ((product >> 64) as u64);
    }

    const fn pack(&mut self, n: u64, bits: u32) {
        if self.filled + bits > 64 {
            self.mix(self.word);
            (self.word, self.filled) = (0, 0);
        }
        self.word |= n << self.filled;
        self.filled += bits;
    }
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        if self.filled == 0 {
            return self.folded;
        }
        let mut last = *self;
        last.mix(self.word ^ u64::from(self.filled) << 56);
        last.folded
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.pack(u64::from(n), 8);
    }

    fn write_u16(&mut self, n: u16) {
        self.pack(u64::from(n), 16);
    }

    fn write_u32(&mut self, n: u32) {
        self.pack(u64::from(n), 32);
    }

    fn write_u64(&mut self, n: u64) {
        self.mix(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        // The number of a variant.
        match u8::try_from(n) {
            Ok(variant) => self.write_u8(variant),
            Err(_) => self.mix(n.cast_unsigned() as u64),
        }
    }
}

/// The fingerprint of a value.
pub(super) fn of(value: &impl Hash) -> u64 {
    let mut hasher = Folding::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where fingerprints were found, for membership alone.
#[expect(clippy::disallowed_types, reason = "asked for members; its order is never observed")]
pub(super) type Places = std::collections::HashMap<u64, u32, BuildHasherDefault<Folding>>;
