//! A part of a long job: `TIDEGATE_SHARD=2/8` is the second of eight.

use std::env;

/// One of so many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 0.
    index: usize,
    of: usize,
}

impl Shard {
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    /// What the environment says; the whole where it says nothing.
    pub(crate) fn from_env() -> Self {
        let Ok(text) = env::var("TIDEGATE_SHARD") else { return Self::WHOLE };
        Self::parse(&text).unwrap_or_else(|| panic!("TIDEGATE_SHARD={text} is not like 2/8"))
    }

    fn parse(text: &str) -> Option<Self> {
        let (index, of) = text.split_once('/')?;
        let (index, of) = (index.parse::<usize>().ok()?.checked_sub(1)?, of.parse().ok()?);
        (index < of).then_some(Self { index, of })
    }

    /// Its n-th of all numbers, from 0.
    pub(crate) const fn nth(self, nth: u64) -> u64 {
        nth * self.of as u64 + self.index as u64
    }

    /// Its part of an amount.
    pub(crate) const fn part(self, amount: u64) -> u64 {
        amount.div_ceil(self.of as u64)
    }

    /// Its part of a list.
    pub(crate) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.index).step_by(self.of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_out_everything_once() {
        let parts = (1..=3).filter_map(|index| Shard::parse(&format!("{index}/3")));
        let mut all: Vec<u32> = parts.flat_map(|shard| shard.of((0..10).collect())).collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert!(
            ["", "1", "0/3", "4/3", "a/b"].into_iter().all(|text| Shard::parse(text).is_none())
        );
    }
}
