//! Published sequential methods and intervals that serve for comparison only.

pub mod classical;
