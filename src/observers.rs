//! Tells observers of decisions without ever waiting for them.
//!
//! Each observer has a thread and a bounded queue of its own. One that is slow, or blocks for good,
//! loses notices; one that panics is told of the next decision all the same.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tidegate_core::{Notice, Observer};

/// A whole rollout is some hundred decisions: an observer that is so far behind is not looking.
const QUEUE: usize = 1_024;

/// The queues of all observers.
#[derive(Debug)]
pub(crate) struct Observers(Vec<SyncSender<Arc<Notice>>>);

impl Observers {
    /// Starts a thread for each. It ends when the queue is dropped and the observer returns.
    pub(crate) fn start(observers: &[Arc<dyn Observer>]) -> Self {
        let start = |observer: &Arc<dyn Observer>| {
            let (queue, notices) = sync_channel(QUEUE);
            let observer = Arc::clone(observer);
            let named = thread::Builder::new().name("tidegate-observer".into());
            match named.spawn(move || tell(&*observer, &notices)) {
                Ok(_) => Some(queue),
                Err(error) => {
                    tracing::error!(%error, "no thread for an observer; it will not be told");
                    None
                }
            }
        };
        Self(observers.iter().filter_map(start).collect())
    }

    /// Puts a notice into every queue that has room.
    pub(crate) fn tell(&self, notice: &Arc<Notice>) {
        for queue in &self.0 {
            if queue.try_send(Arc::clone(notice)).is_err() {
                tracing::warn!(seq = notice.seq.0, "an observer is behind and loses a notice");
            }
        }
    }
}

fn tell(observer: &dyn Observer, notices: &Receiver<Arc<Notice>>) {
    while let Ok(notice) = notices.recv() {
        if catch_unwind(AssertUnwindSafe(|| observer.decided(&notice))).is_err() {
            tracing::error!(seq = notice.seq.0, "an observer panicked");
        }
    }
}
