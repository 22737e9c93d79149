//! A 64-bit fingerprint of a state: the same on every machine and in every run.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Multiplies 64 by 64 bits and folds the 128, for each word written (the mixing step of wyhash).
#[derive(Clone, Copy, Debug)]
pub(super) struct Folding(u64);

impl Default for Folding {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Folding {
    #[expect(clippy::cast_possible_truncation, reason = "folding is taking both halves")]
    const fn mix(&mut self, word: u64) {
        let product =
            ((self.0 ^ word) as u128).wrapping_mul(0xA076_1D64_78BD_642F_E703_7ED1_A0B4_28DB);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Folding {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.mix(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.mix(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.mix(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.mix(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.mix(n.cast_unsigned() as u64);
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
