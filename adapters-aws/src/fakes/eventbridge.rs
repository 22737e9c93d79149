//! EventBridge: an event bus that keeps what is put on it.

use serde_json::{Value, json};

use super::{Protocol, Reply, Request, Service, client_of};

/// Entries of a call.
const MOST: usize = 10;

/// What was put on buses, and what is to be refused.
#[derive(Clone, Debug, Default)]
pub struct EventBridge {
    /// The entries that were taken, in the words of `PutEvents`.
    pub events: Vec<Value>,
    /// So many entries to come are refused one by one, as throttled.
    pub refuses: usize,
}

client_of!(aws_sdk_eventbridge, EventBridge);

impl EventBridge {
    fn put(&mut self, entry: &Value) -> Value {
        if self.refuses > 0 {
            self.refuses -= 1;
            return json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "scripted" });
        }
        self.events.push(entry.clone());
        json!({ "EventId": format!("{:08}-0000-4000-8000-000000000000", self.events.len()) })
    }
}

impl Service for EventBridge {
    const MODEL: &'static str = "events";
    const PROTOCOL: Protocol = Protocol::Json11;

    fn writes(operation: &str) -> bool {
        operation == "PutEvents"
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        if operation != "PutEvents" {
            return Self::PROTOCOL.error(404, "UnknownOperationException", operation);
        }
        let body = request.json();
        let entries = body["Entries"].as_array().cloned().unwrap_or_default();
        if entries.is_empty() || entries.len() > MOST {
            return Self::PROTOCOL.error(400, "ValidationException", "1 to 10 entries");
        }
        let results: Vec<Value> = entries.iter().map(|entry| self.put(entry)).collect();
        let failed = results.iter().filter(|result| result["ErrorCode"].is_string()).count();
        let reply = json!({ "FailedEntryCount": failed, "Entries": results });
        Reply::rpc_json(Self::PROTOCOL, &reply)
    }
}
