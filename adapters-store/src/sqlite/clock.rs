//! The clocks of a store that is a file: one for leases, one for rollout time.
//!
//! Leases are measured by the time since the host was started, which all its processes share, and
//! which nobody sets. So no step and no wrong rate of the wall clock makes a lease lapse or last.
//! Elsewhere than on Linux the wall clock has to do; see `docs/journal.md` for what a step does there.

use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_core::{Span, Timestamp};

/// A reading of the clock that leases are measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steady {
    /// Which start of the host. Leases of another one have lapsed.
    pub(super) boot: String,
    /// Milliseconds since then.
    pub(super) now_ms: i64,
}

impl Steady {
    pub(super) fn now(boot: &str) -> Self {
        Self { boot: boot.to_owned(), now_ms: steady_ms() }
    }

    /// When a lease taken now lapses.
    pub(super) fn until(&self, lease: Span) -> i64 {
        self.now_ms.saturating_add(length(lease))
    }
}

/// The length of a lease in milliseconds.
pub(super) fn length(lease: Span) -> i64 {
    i64::try_from(lease.0).unwrap_or(i64::MAX)
}

/// Rollout time: the wall clock.
pub(super) fn wall() -> Timestamp {
    // A clock before 1970 is wrong, and 1970 is as good a guess.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(target_os = "linux")]
fn steady_ms() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(not(target_os = "linux"))]
fn steady_ms() -> i64 {
    super::columns::time(wall())
}

/// Names this start of the host.
#[cfg(target_os = "linux")]
pub(super) fn boot() -> std::io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// Names this start of the host; unknown here.
#[cfg(not(target_os = "linux"))]
pub(super) fn boot() -> std::io::Result<String> {
    Ok(String::new())
}
