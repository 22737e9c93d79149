//! Where the ports take the time from: tokio's clock (which tests pause), or one moved by hand.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tidegate_core::{Span, Timestamp};
use tokio::{sync::watch, time};

/// A source of time, and a way to wait.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Returns once so much time has passed.
    async fn sleep(&self, span: Span);
}

/// Tokio's clock, anchored at an instant. Follows `tokio::time::pause` and `advance`.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    anchor: Timestamp,
    start: time::Instant,
}

impl TokioClock {
    /// A clock that says `anchor` now.
    #[must_use]
    pub fn starting_at(anchor: Timestamp) -> Self {
        Self { anchor, start: time::Instant::now() }
    }

    /// The clock as it would be had it stood still for so long.
    pub(crate) fn set_back(self, by: std::time::Duration) -> Self {
        Self { start: self.start + by, ..self }
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.start.elapsed().as_millis();
        self.anchor.after(Span(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }

    async fn sleep(&self, span: Span) {
        time::sleep(span.duration()).await;
    }
}

/// A clock moved by hand. Clones share it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that says `now` until it is moved.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Moves it forward and wakes whoever waited for that.
    pub fn advance(&self, by: Span) {
        self.0.send_modify(|now| *now = now.after(by));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep(&self, span: Span) {
        let until = self.now().after(span);
        // The sender lives as long as this clock, so the wait ends by the time alone.
        let _ = self.0.subscribe().wait_for(|now| *now >= until).await;
    }
}
