//! `DescribeAlarms`: the alarms that many looks ask for, a hundred names a call, all pages.
//!
//! It must not know what an alarm's state means for a look.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    Client,
    operation::describe_alarms::DescribeAlarmsOutput,
    primitives::DateTime,
    types::{AlarmType, EvaluationState, StateValue},
};
use tidegate_core::{PortError, Timestamp};

use super::{
    alarms::State,
    gather::{Carrier, Failed},
    refusals::{REFUSALS, failed},
};
use crate::{
    account::{Bounded, Channel},
    error::{Effect, Operation},
    limiter::Quota,
    port::{incomplete, unsuitable},
};

/// Names of a call, and alarms of a page.
const MOST_NAMES: usize = 100;
const PAGE: i32 = 100;

/// Pages of one call; its names fit on one.
const MOST_PAGES: usize = 20;

/// Alarms by name.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) names: Vec<String>,
    /// What it is for, as a verb phrase.
    pub(super) action: String,
}

/// Reads alarms in one region of one account.
#[derive(Debug)]
pub(super) struct Descriptions {
    pub(super) client: Bounded<Client>,
    pub(super) channel: Channel,
}

#[async_trait]
impl Carrier for Descriptions {
    type Ask = Ask;
    /// In the order of the names; or that some do not exist.
    type Answer = Result<Vec<State>, PortError>;

    fn fits(&self, group: &[&Ask], next: &Ask) -> bool {
        let all = group.iter().copied().chain([next]).flat_map(|ask| &ask.names);
        all.collect::<BTreeSet<_>>().len() <= MOST_NAMES
    }

    fn order(&self, one: &Ask, other: &Ask) -> Ordering {
        one.names.cmp(&other.names)
    }

    async fn carry(&self, asks: &[Ask]) -> Result<Vec<Self::Answer>, Failed> {
        let names: BTreeSet<&String> = asks.iter().flat_map(|ask| &ask.names).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let action = format!("read {} alarms", names.len());
        let mut found = BTreeMap::new();
        for names in names.chunks(MOST_NAMES) {
            self.describe(names, &action, &mut found).await?;
        }
        Ok(asks.iter().map(|ask| answer(ask, &found)).collect())
    }
}

impl Descriptions {
    async fn describe(
        &self,
        names: &[String],
        action: &str,
        found: &mut BTreeMap<String, State>,
    ) -> Result<(), Failed> {
        let request = self.client.describe_alarms().set_alarm_names(Some(names.to_vec()));
        // Who names no type is told of alarms on metrics alone.
        let types = [AlarmType::MetricAlarm, AlarmType::CompositeAlarm, AlarmType::LogAlarm];
        let request = request.set_alarm_types(Some(types.to_vec())).max_records(PAGE);
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let page = request.clone().set_next_token(token).send();
            let page = self.channel.send(DESCRIBE_ALARMS, READS, action, page).await;
            let page = page.map_err(failed)?;
            take(&page, found);
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(());
            }
        }
        Err(Failed::All(incomplete(action, format!("more than {MOST_PAGES} pages"))))
    }
}

fn take(page: &DescribeAlarmsOutput, found: &mut BTreeMap<String, State>) {
    let mut note = |name: Option<&str>, state| found.insert(name.unwrap_or_default().into(), state);
    for alarm in page.metric_alarms() {
        let since = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
        note(alarm.alarm_name(), state(alarm.state_value(), since, alarm.evaluation_state()));
    }
    for alarm in page.composite_alarms() {
        let since = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
        note(alarm.alarm_name(), state(alarm.state_value(), since, None));
    }
    for alarm in page.log_alarms() {
        let since = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
        note(alarm.alarm_name(), state(alarm.state_value(), since, alarm.evaluation_state()));
    }
}

fn state(
    value: Option<&StateValue>,
    since: Option<&DateTime>,
    evaluation: Option<&EvaluationState>,
) -> State {
    let ms = since.and_then(|since| u64::try_from(since.to_millis().ok()?).ok());
    State { value: value.cloned(), since: ms.map(Timestamp), evaluation: evaluation.cloned() }
}

/// A name that is not answered stands for no alarm: that is a mistake in the set-up, and no state.
fn answer(ask: &Ask, found: &BTreeMap<String, State>) -> Result<Vec<State>, PortError> {
    let unknown = ask.names.iter().filter(|name| !found.contains_key(*name));
    let unknown: Vec<String> = unknown.cloned().collect();
    if unknown.is_empty() {
        return Ok(ask.names.iter().filter_map(|name| found.get(name).cloned()).collect());
    }
    Err(unsuitable(&ask.action, NoAlarms(unknown)))
}

/// Names that stand for no alarm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no alarm of this name: {}", .0.join(", "))]
pub(super) struct NoAlarms(pub(super) Vec<String>);

const DESCRIBE_ALARMS: Operation = Operation {
    service: "cloudwatch",
    name: "DescribeAlarms",
    effect: Effect::Reads,
    refusals: REFUSALS,
};

/// A third of the 9 a second that AWS's quotas page names.
const READS: Quota = Quota { family: "DescribeAlarms", burst: 3, per_second: 3 };
