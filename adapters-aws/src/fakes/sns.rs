//! SNS: topics that keep what is published to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, Protocol, REGION, Reply, Request, Service, client_of};

/// Messages by topic.
#[derive(Clone, Debug, Default)]
pub struct Sns {
    /// What was published, in the words of `Publish`, by the topic's ARN.
    pub topics: BTreeMap<String, Vec<Value>>,
}

client_of!(aws_sdk_sns, Sns);

/// The ARN of a topic of this name.
#[must_use]
pub fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

impl Sns {
    /// With these topics, by name.
    #[must_use]
    pub fn with(topics: &[&str]) -> Self {
        Self { topics: topics.iter().map(|name| (topic_arn(name), Vec::new())).collect() }
    }
}

impl Service for Sns {
    const MODEL: &'static str = "sns";
    const PROTOCOL: Protocol = Protocol::Query;

    fn writes(operation: &str) -> bool {
        operation == "Publish"
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        if operation != "Publish" {
            return Self::PROTOCOL.error(400, "InvalidAction", operation);
        }
        let message = request.form();
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        let (arn, subject) = (text("TopicArn"), text("Subject"));
        let fifo = arn.ends_with(".fifo");
        let group = !text("MessageGroupId").is_empty();
        if subject.len() >= 100 || subject.contains(|c: char| !c.is_ascii() || c.is_control()) {
            return Self::PROTOCOL.error(400, "InvalidParameter", "Subject");
        }
        if fifo != group {
            return Self::PROTOCOL.error(400, "InvalidParameter", "MessageGroupId");
        }
        let Some(messages) = self.topics.get_mut(arn) else {
            return Self::PROTOCOL.error(404, "NotFound", "Topic does not exist");
        };
        let id = format!("{:08}-0000-4000-8000-000000000000", messages.len());
        let number = fifo.then(|| format!("{:020}", messages.len()));
        messages.push(message.clone());
        let result = json!({ "MessageId": id, "SequenceNumber": number });
        Reply::xml(operation, "http://sns.amazonaws.com/doc/2010-03-31/", &result)
    }
}
