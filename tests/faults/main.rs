//! What the engine does when everything around it fails: crashes at every boundary and at every
//! pair of them, and seeded simulations of several engines with faults of every kind. In a binary of
//! its own, because the deep variants are run by themselves, in release mode.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod crash;
mod shard;
mod sim;
mod taps;
mod teeth;

/// Runs something on a runtime of its own whose time passes only while it sleeps.
pub(crate) fn on_paused_time<T>(run: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(run)
}
