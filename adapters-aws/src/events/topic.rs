//! SNS: decisions as messages of a topic.

use async_trait::async_trait;
use aws_sdk_sns::{Client, error::BuildError, types::MessageAttributeValue};
use tidegate_core::{Notice, Observer, PortError};

use super::{
    body::{body, identity},
    post::{Outlet, Post, Told},
};
use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    error::{
        Class::{self, Refused, Throttled},
        Effect, Operation,
    },
    limiter::Quota,
    port::unsuitable,
};

/// Characters of a subject, fewer than a hundred (`Publish`).
const LONGEST_SUBJECT: usize = 99;

/// Publishes every decision to a topic. The module says what is in the message; its subject is the
/// target and the sentence, as far as mail allows, and its attributes `target`, `rule` and `to` are for
/// the filters of subscriptions. In a FIFO topic the decisions of a target are a group of their own.
#[derive(Clone, Debug)]
pub struct Topic(Post);

impl Topic {
    /// To a topic, by its ARN. Inside a runtime of tokio, whose task sends; it ends once the last clone
    /// is dropped and everything is sent.
    ///
    /// # Panics
    /// Outside a runtime.
    #[must_use]
    pub fn new(client: &Client, account: &Account, arn: impl Into<String>) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Self(Post::start(Messages { client, channel, arn: arn.into() }))
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

impl Observer for Topic {
    fn decided(&self, notice: &Notice) {
        self.0.take(notice);
    }
}

#[derive(Debug)]
struct Messages {
    client: Bounded<Client>,
    channel: Channel,
    arn: String,
}

#[async_trait]
impl Outlet for Messages {
    /// A batch would be refused message by message, and its order is no better: one at a time.
    const MOST: usize = 1;

    async fn post(&self, notices: &[Notice]) -> Result<Vec<(usize, String)>, PortError> {
        for notice in notices {
            self.publish(notice).await?;
        }
        Ok(Vec::new())
    }
}

impl Messages {
    async fn publish(&self, notice: &Notice) -> Result<(), PortError> {
        let action = format!("publish a decision on {} to {}", notice.target, self.arn);
        let body = body(notice);
        let mut request = self.client.publish().topic_arn(&self.arn).message(body.to_string());
        request = request.subject(subject(notice));
        for name in ["target", "rule", "to"] {
            let text = body[name].as_str().unwrap_or_default();
            let value = attribute(text).map_err(|why| unsuitable(&action, why))?;
            request = request.message_attributes(name, value);
        }
        if self.arn.ends_with(".fifo") {
            let group = notice.target.as_str();
            request = request.message_group_id(group).message_deduplication_id(identity(notice));
        }
        self.channel.send(PUBLISH, WRITES, &action, request.send()).await?;
        Ok(())
    }
}

fn attribute(text: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(text).build()
}

/// Printable characters of ASCII alone, as the headers of mail want them.
fn subject(notice: &Notice) -> String {
    let text = format!("{}: {}", notice.target, notice.sentence);
    text.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).take(LONGEST_SUBJECT).collect()
}

const PUBLISH: Operation =
    Operation { service: "sns", name: "Publish", effect: Effect::Writes, refusals: REFUSALS };

/// The least quota of any region is 300 a second; a fifteenth of it.
const WRITES: Quota = Quota { family: "Publish", burst: 20, per_second: 20 };

/// The 4xx errors that the model names for this operation.
const REFUSALS: &[(&str, Class)] = &[
    ("AuthorizationError", Refused),
    ("EndpointDisabled", Refused),
    ("InvalidParameter", Refused),
    ("InvalidSecurity", Refused),
    ("KMSAccessDenied", Refused),
    ("KMSDisabled", Refused),
    ("KMSInvalidState", Refused),
    ("KMSNotFound", Refused),
    ("KMSOptInRequired", Refused),
    ("KMSThrottling", Throttled),
    ("NotFound", Refused),
    ("ParameterValueInvalid", Refused),
    ("PlatformApplicationDisabled", Refused),
    ("Throttled", Throttled),
];
