//! Numbers that describe two samples, for reports. They answer one question asked once: no verdict
//! rests on them, because a test that is repeated at every look errs far more often than it says.
//!
//! What is undefined for a sample (nothing in it, no variation) is `None`, and so is what is computed
//! from numbers that are not finite.

mod divergence;
mod kolmogorov;
mod looks;
mod means;
mod proportions;
mod tables;

pub use divergence::{Divergence, jensen_shannon};
pub use kolmogorov::{KsMethod, KsTest, kolmogorov_smirnov};
pub use looks::looks;
pub use means::{Moments, WelchTest, welch_t};
pub use proportions::{
    Proportion, Variance, ZTest, newcombe_difference, two_proportion_z, wilson_interval,
};
pub use tables::{Contingency, chi_square};

/// Which differences count as extreme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// In either direction.
    #[default]
    TwoSided,
    /// The first sample is larger.
    Greater,
    /// The first sample is smaller.
    Less,
}

/// An interval of plausible values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The chance of a standard normal above `z`.
fn above(z: f64) -> f64 {
    0.5 * libm::erfc(z / std::f64::consts::SQRT_2)
}

/// The chance of something as extreme as `z`, if `z` is standard normal.
fn p_of_z(z: f64, tail: Tail) -> f64 {
    match tail {
        Tail::TwoSided => 2.0 * above(z.abs()),
        Tail::Greater => above(z),
        Tail::Less => above(-z),
    }
}
