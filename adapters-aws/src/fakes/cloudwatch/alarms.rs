//! `DescribeAlarms`: alarms on metrics, on other alarms, and on logs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Answer, CloudWatch, Request, begin, cbor, epoch, refusal};
use crate::fakes::{ACCOUNT, REGION};

/// Names of a call, and alarms of a page where nothing else is asked for.
const MOST_NAMES: usize = 100;
const PAGE: usize = 50;

/// What an alarm watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// A metric.
    Metric,
    /// Other alarms.
    Composite,
    /// Logs.
    Log,
}

impl AlarmKind {
    const ALL: [Self; 3] = [Self::Metric, Self::Composite, Self::Log];

    const fn name(self) -> &'static str {
        match self {
            Self::Metric => "MetricAlarm",
            Self::Composite => "CompositeAlarm",
            Self::Log => "LogAlarm",
        }
    }
}

/// An alarm.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// What it watches.
    pub kind: AlarmKind,
    /// Its states: since when, in the fake's time, it was each; rising.
    pub states: Vec<(Duration, &'static str)>,
    /// How its evaluation went, where it did not go well.
    pub evaluation: Option<&'static str>,
}

impl Alarm {
    /// An alarm on a metric that has been `OK` for ever.
    #[must_use]
    pub fn ok() -> Self {
        Self { kind: AlarmKind::Metric, states: vec![(Duration::ZERO, "OK")], evaluation: None }
    }

    /// With another state from a time of the fake on.
    #[must_use]
    pub fn then(mut self, at: Duration, state: &'static str) -> Self {
        self.states.push((at, state));
        self
    }

    /// Of another kind.
    #[must_use]
    pub const fn of(mut self, kind: AlarmKind) -> Self {
        self.kind = kind;
        self
    }

    /// With an evaluation that did not go well.
    #[must_use]
    pub const fn evaluated(mut self, state: &'static str) -> Self {
        self.evaluation = Some(state);
        self
    }

    fn described(&self, name: &str, at: Duration) -> Value {
        let state = self.states.iter().rev().find(|(since, _)| *since <= at);
        let (since, state) = state.copied().unwrap_or((Duration::ZERO, "INSUFFICIENT_DATA"));
        let time = cbor::time(i64::try_from(epoch(since)).unwrap_or_default());
        let mut alarm = json!({
            "AlarmName": name,
            "AlarmArn": format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"),
            "ActionsEnabled": true,
            "StateValue": state,
            "StateReason": "as the test says",
            "StateTransitionedTimestamp": time,
            "StateUpdatedTimestamp": time,
        });
        if self.kind == AlarmKind::Composite {
            alarm["AlarmRule"] = json!("ALARM(\"another\")");
        } else {
            alarm["EvaluationState"] = json!(self.evaluation);
        }
        alarm
    }
}

impl CloudWatch {
    pub(super) fn describe_alarms(&self, body: &Value, request: &Request) -> Answer {
        let list = |name: &str| {
            let items = body[name].as_array().into_iter().flatten();
            items.filter_map(Value::as_str).map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let (names, types) = (list("AlarmNames"), list("AlarmTypes"));
        if names.len() > MOST_NAMES {
            return Err(refusal("more than 100 names"));
        }
        // Who names no type sees alarms on metrics alone.
        let wanted = |kind: AlarmKind| match types.is_empty() {
            true => kind == AlarmKind::Metric,
            false => types.iter().any(|name| name == kind.name()),
        };
        let found: Vec<_> = self
            .alarms
            .iter()
            .filter(|(name, alarm)| {
                wanted(alarm.kind) && (names.is_empty() || names.contains(name))
            })
            .collect();
        let begin = begin(body)?;
        let asked = body["MaxRecords"].as_u64().and_then(|most| usize::try_from(most).ok());
        let size = request.page.or(asked).unwrap_or(PAGE);
        let part: Vec<_> = found.iter().skip(begin).take(size).collect();
        let mut reply = Map::new();
        for kind in AlarmKind::ALL {
            let of_kind = part.iter().filter(|(_, alarm)| alarm.kind == kind);
            let described = of_kind.map(|(name, alarm)| alarm.described(name, request.at));
            reply.insert(format!("{}s", kind.name()), described.collect());
        }
        let end = begin + part.len();
        reply.insert("NextToken".to_owned(), json!((end < found.len()).then(|| end.to_string())));
        Ok(Value::Object(reply))
    }
}
