//! Published sequential methods and intervals that serve for comparison only.
//!
//! A file is a family. Each function names who published what it computes, and is checked against numbers of an
//! independent implementation (`vectors.json`). No judge calls anything in here, and nothing in here knows a judge:
//! these are functions of numbers. An argument outside of the stated range gives NaN, an infinity or an interval that
//! says nothing; it never panics.
//!
//! All logarithms are natural. `alpha` is the tolerated probability of ever being wrong. `log_e` is the logarithm of an
//! e-value: evidence against the null hypothesis, which is rejected when it reaches `ln(1/alpha)`.

pub mod betting;
pub mod bounded_means;
pub mod calibrators;
pub mod classical;
pub mod counts;
pub mod discoveries;
pub mod effects;
pub mod group_sequential;
pub mod mixtures;
pub mod proportions;
pub mod quantiles;
mod search;
pub mod slices;
mod special;
pub mod sprt;
pub mod stitching;
pub mod vendors;

/// The values of a parameter that the data so far have not ruled out, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Smallest value that is still possible.
    pub low: f64,
    /// Largest value that is still possible.
    pub high: f64,
}

/// Which deviations from the null hypothesis count as evidence against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Upwards only.
    One,
    /// Upwards and downwards.
    Two,
}
