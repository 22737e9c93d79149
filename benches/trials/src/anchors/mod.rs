//! Published sequential methods and intervals that serve for comparison only.
