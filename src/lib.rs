//! Tidegate.

#[cfg(feature = "files")]
pub mod file;
