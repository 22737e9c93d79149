//! How the judges of `tidegate-core` fare, and what they are compared with.
//!
//! For development only: nothing that is shipped depends on this package. [`anchors`] are published
//! methods that no judge of ours uses; they are here to be compared with, and to be right about it.

pub mod anchors;
