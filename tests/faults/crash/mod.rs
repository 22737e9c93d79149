//! An engine that crashes at any boundary, and again at any boundary after it: the rollout ends as
//! it would have, and the target has had the same done to it.

pub(crate) mod bends;
mod boundary;
mod life;
mod moment;
mod runs;
pub(crate) mod shapes;
mod tests;
