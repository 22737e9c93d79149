//! CloudWatch: metrics as distributions over time, read page by page; alarms of every kind.
//!
//! Periods that have not ended hold what has happened of them, points may arrive late, and what is told
//! may be partial, doubtful or told twice.

mod alarms;
mod data;
mod maths;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::{FIRST_DAY, Protocol, Reply, Request, Service, cbor, client_of};
pub use alarms::{Alarm, AlarmKind};

/// A metric: its namespace, its name, and its dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The dimensions; their order is of no meaning.
    pub dimensions: BTreeSet<(String, String)>,
}

impl MetricName {
    /// A metric with these dimensions.
    #[must_use]
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(owned).collect(),
        }
    }
}

/// What a metric is in each minute of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// From here on, in seconds since the Unix epoch; a whole minute.
    pub from: u64,
    /// Up to here, exclusive.
    pub to: u64,
    /// Values, and how often each occurs in a minute.
    pub values: Vec<(f64, f64)>,
    /// How long after its end a minute can be read.
    pub late: Duration,
}

/// What CloudWatch says of a metric in place of the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The status code of its results; absent for the true one.
    pub status: Option<&'static str>,
    /// A message beside its results: code and text.
    pub message: Option<(&'static str, &'static str)>,
}

/// What one call for metrics made it read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricRead {
    /// When, in the fake's time.
    pub at: Duration,
    /// Queries.
    pub queries: usize,
    /// Points of the range that was asked for, over all queries, whether there are any or not.
    pub points: u64,
}

/// Metrics and alarms.
#[derive(Clone, Debug, Default)]
pub struct CloudWatch {
    /// What each metric is over time.
    pub metrics: BTreeMap<MetricName, Vec<Stretch>>,
    /// Alarms by name.
    pub alarms: BTreeMap<String, Alarm>,
    /// What is said of metrics of this name.
    pub said: BTreeMap<String, Said>,
    /// A message about calls that ask for a metric of this name: name, code and text.
    pub message: Option<(&'static str, &'static str, &'static str)>,
    /// Whether each page repeats the last point of the one before it.
    pub repeats: bool,
    /// What each call and page for metrics made it read so far.
    pub reads: Vec<MetricRead>,
}

client_of!(aws_sdk_cloudwatch, CloudWatch);

/// A time of the fake in seconds since the Unix epoch.
#[must_use]
pub const fn epoch(at: Duration) -> u64 {
    FIRST_DAY + at.as_secs()
}

impl CloudWatch {
    /// From `from` to `to`, both in seconds since the Unix epoch, a metric has these values in each
    /// minute.
    pub fn put(&mut self, name: MetricName, from: u64, to: u64, values: &[(f64, f64)]) {
        let stretch = Stretch { from, to, values: values.to_vec(), late: Duration::ZERO };
        self.metrics.entry(name).or_default().push(stretch);
    }

    /// As [`put`](Self::put), readable only so long after each minute's end.
    pub fn put_late(
        &mut self,
        name: MetricName,
        (from, to): (u64, u64),
        values: &[(f64, f64)],
        late: Duration,
    ) {
        let stretch = Stretch { from, to, values: values.to_vec(), late };
        self.metrics.entry(name).or_default().push(stretch);
    }
}

impl Service for CloudWatch {
    const MODEL: &'static str = "cloudwatch";
    const PROTOCOL: Protocol = Protocol::Cbor;

    fn writes(_: &str) -> bool {
        false
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        let body = cbor::decode(&request.body);
        let answer = match operation {
            "GetMetricData" => self.metric_data(&body, request),
            "DescribeAlarms" => self.describe_alarms(&body, request),
            _ => return Self::PROTOCOL.error(404, "UnknownOperationException", operation),
        };
        match answer {
            Ok(value) => Reply::cbor(cbor::encode(&value)),
            Err((code, text)) => Self::PROTOCOL.error(400, code, &text),
        }
    }
}

/// What is answered, or the code and the text of a refusal.
type Answer = Result<Value, (&'static str, String)>;

fn refusal(text: impl Into<String>) -> (&'static str, String) {
    ("ValidationError", text.into())
}

/// Where a list goes on, of a token that an earlier page gave.
fn begin(body: &Value) -> Result<usize, (&'static str, String)> {
    match body["NextToken"].as_str() {
        None => Ok(0),
        Some(token) => token.parse().map_err(|_| ("InvalidNextToken", token.to_owned())),
    }
}
