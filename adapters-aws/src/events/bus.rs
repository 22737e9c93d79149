//! EventBridge: decisions on an event bus.

use async_trait::async_trait;
use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use tidegate_core::{Notice, Observer, PortError};

use super::{
    body::body,
    post::{Outlet, Post, Told},
};
use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    error::{Class, Effect, Operation},
    limiter::Quota,
};

/// Which events these are, for the patterns of rules.
const SOURCE: &str = "tidegate";
const DETAIL_TYPE: &str = "Rollout Decision";

/// Puts every decision on an event bus, with the source `tidegate` and the detail type
/// `Rollout Decision`. The module says what is in it.
#[derive(Clone, Debug)]
pub struct EventBus(Post);

impl EventBus {
    /// On a bus, by its name or ARN; `default` is the account's own. Inside a runtime of tokio, whose
    /// task sends; it ends once the last clone is dropped and everything is sent.
    ///
    /// # Panics
    /// Outside a runtime.
    #[must_use]
    pub fn new(client: &Client, account: &Account, bus: impl Into<String>) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Self(Post::start(Bus { client, channel, name: bus.into() }))
    }

    /// What became of the decisions so far.
    #[must_use]
    pub fn told(&self) -> Told {
        self.0.told()
    }

    /// Returns once everything that was taken until now was sent, or given up. For the end of a
    /// process: what still waits is lost with it.
    pub async fn flush(&self) {
        self.0.flush().await;
    }
}

impl Observer for EventBus {
    fn decided(&self, notice: &Notice) {
        self.0.take(notice);
    }
}

#[derive(Debug)]
struct Bus {
    client: Bounded<Client>,
    channel: Channel,
    name: String,
}

#[async_trait]
impl Outlet for Bus {
    /// Entries of a call (`PutEvents`).
    const MOST: usize = 10;

    async fn post(&self, notices: &[Notice]) -> Result<Vec<(usize, String)>, PortError> {
        let action = format!("put {} events on the bus {}", notices.len(), self.name);
        let entry = |notice: &Notice| {
            let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(DETAIL_TYPE);
            entry.detail(body(notice).to_string()).event_bus_name(&self.name).build()
        };
        let entries = notices.iter().map(entry).collect();
        let request = self.client.put_events().set_entries(Some(entries)).send();
        let reply = self.channel.send(PUT_EVENTS, WRITES, &action, request).await?;
        let entries = reply.entries().iter().enumerate();
        let refused = entries.filter_map(|(place, entry)| {
            let (code, text) = (entry.error_code()?, entry.error_message().unwrap_or_default());
            Some((place, format!("{code}: {text}")))
        });
        Ok(refused.collect())
    }
}

const PUT_EVENTS: Operation =
    Operation { service: "events", name: "PutEvents", effect: Effect::Writes, refusals: REFUSALS };

/// The least quota of any region is 400 a second; a twentieth of it.
const WRITES: Quota = Quota { family: "PutEvents", burst: 20, per_second: 20 };

/// The model names none for this operation that is no server's error.
const REFUSALS: &[(&str, Class)] = &[];
