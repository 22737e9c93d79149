//! A queue of notices with an end, and the one task that sends what is in it.
//!
//! It must not know where they go.

use std::{
    fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use tidegate_core::{FailureKind, Notice, PortError, Span};
use tokio::sync::{mpsc, watch};

use crate::pause::jittered;

/// Notices that wait: a rollout makes some hundred, so that this is a burst of several.
const QUEUE: usize = 1_024;

/// Times that a notice is sent while it is sure not to have been told.
const ATTEMPTS: u32 = 3;

/// Before the second attempt; twice as long before the third.
const PAUSE: Span = Span::seconds(1);

/// Where notices go.
#[async_trait]
pub(super) trait Outlet: fmt::Debug + Send + Sync + 'static {
    /// Notices that one call takes.
    const MOST: usize;

    /// Sends these. Gives the places of those that were refused one by one, and why.
    async fn post(&self, notices: &[Notice]) -> Result<Vec<(usize, String)>, PortError>;
}

/// What became of the notices so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Taken by the service.
    pub delivered: u64,
    /// Refused, or not known to have been taken.
    pub failed: u64,
    /// Never sent, because too many waited.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
}

/// Takes notices without waiting, and sends them by and by.
#[derive(Clone, Debug)]
pub(super) struct Post {
    queue: mpsc::Sender<Notice>,
    counts: Arc<Counts>,
    settled: watch::Receiver<u64>,
}

impl Post {
    /// Starts the task, which ends once the last of these is dropped and the queue is empty.
    pub(super) fn start<O: Outlet>(outlet: O) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (settle, settled) = watch::channel(0);
        let counts = Arc::<Counts>::default();
        let work = Work { outlet, counts: Arc::clone(&counts), settle };
        tokio::spawn(work.deliver(waiting));
        Self { queue, counts, settled }
    }

    pub(super) fn take(&self, notice: &Notice) {
        // Counted before it is sent, so that nobody sees more settled than accepted.
        self.counts.accepted.fetch_add(1, Relaxed);
        if self.queue.try_send(notice.clone()).is_err() {
            self.counts.accepted.fetch_sub(1, Relaxed);
            self.counts.lost.fetch_add(1, Relaxed);
            tracing::warn!(target = %notice.target, seq = notice.seq.0, "too many notices wait; one is lost");
        }
    }

    pub(super) fn told(&self) -> Told {
        let Counts { delivered, failed, lost, .. } = &*self.counts;
        let now = |count: &AtomicU64| count.load(Relaxed);
        Told { delivered: now(delivered), failed: now(failed), lost: now(lost) }
    }

    pub(super) async fn flush(&self) {
        let accepted = self.counts.accepted.load(Relaxed);
        // Without the task nothing more is sent, and there is nothing to wait for.
        let _ = self.settled.clone().wait_for(|settled| *settled >= accepted).await;
    }
}

struct Work<O> {
    outlet: O,
    counts: Arc<Counts>,
    settle: watch::Sender<u64>,
}

impl<O: Outlet> Work<O> {
    async fn deliver(self, mut waiting: mpsc::Receiver<Notice>) {
        let mut batch = Vec::with_capacity(O::MOST);
        while waiting.recv_many(&mut batch, O::MOST).await > 0 {
            let size = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let failed = u64::try_from(self.send(mem::take(&mut batch)).await).unwrap_or(size);
            self.counts.failed.fetch_add(failed, Relaxed);
            self.counts.delivered.fetch_add(size - failed, Relaxed);
            self.settle.send_modify(|settled| *settled += size);
        }
    }

    /// Sends a batch, and again what is sure not to have been told. Gives how many failed.
    async fn send(&self, mut batch: Vec<Notice>) -> usize {
        let mut why = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(jittered(Span(PAUSE.0 << (attempt - 1)))).await;
            }
            match self.outlet.post(&batch).await {
                Ok(refused) if refused.is_empty() => return 0,
                Ok(refused) => {
                    why.clone_from(&refused[0].1);
                    let refused: Vec<usize> = refused.into_iter().map(|(place, _)| place).collect();
                    let places = batch.into_iter().enumerate();
                    let left = places.filter(|(place, _)| refused.contains(place));
                    batch = left.map(|(_, notice)| notice).collect();
                }
                Err(error) => {
                    why = said(&error);
                    if matches!(error.kind, FailureKind::Permanent | FailureKind::Ambiguous) {
                        break;
                    }
                }
            }
        }
        tracing::warn!(notices = batch.len(), why, "notices could not be told");
        batch.len()
    }
}

/// A failure with what stands behind it.
fn said(error: &PortError) -> String {
    match &error.source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
