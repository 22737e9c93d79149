//! Observers that send by and by: a process that ends waits for what they have yet to send.

#[cfg(feature = "aws")]
use std::sync::Arc;

#[cfg(feature = "aws")]
use tidegate_aws::events::{EventBus, Told, Topic};
#[cfg(feature = "aws")]
use tidegate_core::Observer;

/// Where decisions are told. None, in a program without adapters.
#[derive(Debug, Default)]
pub(crate) struct Outlets {
    #[cfg(feature = "aws")]
    pub(super) buses: Vec<EventBus>,
    #[cfg(feature = "aws")]
    pub(super) topics: Vec<Topic>,
}

#[cfg(feature = "aws")]
impl Outlets {
    /// For an engine.
    pub(super) fn observers(&self) -> Vec<Arc<dyn Observer>> {
        let buses = self.buses.iter().map(|bus| Arc::new(bus.clone()) as Arc<dyn Observer>);
        let topics = self.topics.iter().map(|topic| Arc::new(topic.clone()) as Arc<dyn Observer>);
        buses.chain(topics).collect()
    }

    /// Waits until everything was sent or given up. How many decisions somebody was not told of.
    pub(crate) async fn flush(&self) -> u64 {
        let mut untold = 0;
        for bus in &self.buses {
            bus.flush().await;
            untold += missed(bus.told());
        }
        for topic in &self.topics {
            topic.flush().await;
            untold += missed(topic.told());
        }
        untold
    }
}

#[cfg(not(feature = "aws"))]
impl Outlets {
    /// Nobody is told of anything.
    #[expect(clippy::unused_async, reason = "with adapters it waits")]
    pub(crate) async fn flush(&self) -> u64 {
        0
    }
}

#[cfg(feature = "aws")]
const fn missed(told: Told) -> u64 {
    told.failed + told.lost
}
