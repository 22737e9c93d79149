//! Rollout time: an anchor plus monotonic elapsed time.
//!
//! The engine asks no other clock. This file must not know rollouts; who is told of a step is the
//! runner's affair.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tidegate_core::{Span, Timestamp};
use tokio::{sync::watch, time::Instant};

/// Where an engine takes the time from.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Rollout time now. Never runs backwards except by a step that [`Self::steps`] tells of.
    fn now(&self) -> Timestamp;

    /// All steps so far, summed, in milliseconds. Every rollout moves its stored instants by the
    /// difference when this changes. A step is in the sum before [`Self::now`] gives a time after it.
    fn steps(&self) -> watch::Receiver<i64>;
}

/// An anchor plus the time that tokio's clock has measured since, which tests can pause.
#[derive(Debug)]
pub struct MonotonicClock {
    anchored: Mutex<(Timestamp, Instant)>,
    steps: watch::Sender<i64>,
}

impl MonotonicClock {
    /// A clock that says `anchor` now.
    #[must_use]
    pub fn starting_at(anchor: Timestamp) -> Self {
        Self { anchored: Mutex::new((anchor, Instant::now())), steps: watch::Sender::new(0) }
    }

    /// A clock anchored once at the system's time. The system's clock is not asked again: should it
    /// be set, rollout time goes on as before until [`Self::resync`] is told otherwise.
    #[must_use]
    pub fn system() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Moves rollout time to the time of the clock that vouches for it, usually the store's.
    /// Running rollouts move every stored instant along, so that a step neither shortens a bake nor
    /// revives a deadline. Returns the step in milliseconds.
    pub fn resync(&self, vouched: Timestamp) -> i64 {
        let mut anchored = self.anchored.lock().unwrap_or_else(PoisonError::into_inner);
        let now = reading(*anchored);
        *anchored = (vouched, Instant::now());
        let by_ms = i64::try_from(i128::from(vouched.0) - i128::from(now.0)).unwrap_or(0);
        if by_ms != 0 {
            // Before anybody can read the time after it.
            self.steps.send_modify(|sum| *sum = sum.saturating_add(by_ms));
        }
        drop(anchored);
        by_ms
    }
}

fn reading((anchor, start): (Timestamp, Instant)) -> Timestamp {
    let elapsed = start.elapsed().as_millis();
    anchor.after(Span(u64::try_from(elapsed).unwrap_or(u64::MAX)))
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        reading(*self.anchored.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn steps(&self) -> watch::Receiver<i64> {
        self.steps.subscribe()
    }
}
