//! `GetMetricData`: the queries of many looks in one call, all its pages, and what they come to.
//!
//! It must not know what the numbers measure.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    Client,
    operation::get_metric_data::GetMetricDataOutput,
    primitives::DateTime,
    types::{
        Dimension, MessageData, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
        StatusCode,
    },
};
use tidegate_core::{PortError, Span, Window};

use super::{
    arm::{Points, Query, Wanted},
    gather::{Carrier, Failed},
    maths::Piece,
    refusals::{REFUSALS, failed},
};
use crate::{
    account::{Bounded, Channel},
    error::{Effect, Operation},
    limiter::Quota,
    port::{incomplete, refused},
};

/// Queries of a call (`GetMetricData`).
const MOST_QUERIES: usize = 500;

/// Points that one call may make CloudWatch read. Its quota is 180,000 a second for recent ones; with
/// [`READS`] that is less than half of it.
const MOST_POINTS: u64 = 7_500;

/// Pages of one reply. A page holds 100,800 points, so that one is the rule.
const MOST_PAGES: usize = 20;

/// What one look asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// More than [`MOST_QUERIES`] are refused by CloudWatch.
    pub(super) queries: Vec<Query>,
    /// Whole periods.
    pub(super) window: Window,
    pub(super) period: Span,
    /// What it is for, as a verb phrase.
    pub(super) action: String,
}

/// What one look is told: or why CloudWatch could not say.
pub(super) type Answer = Result<Found, PortError>;

/// The points of one look.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By the queries' ids.
    pub(super) points: HashMap<String, Points>,
    /// Whether CloudWatch says that nothing is missing.
    pub(super) whole: bool,
}

/// Sends queries to one region of one account.
#[derive(Debug)]
pub(super) struct MetricData {
    pub(super) client: Bounded<Client>,
    pub(super) channel: Channel,
}

#[async_trait]
impl Carrier for MetricData {
    type Ask = Ask;
    type Answer = Answer;

    fn fits(&self, group: &[&Ask], next: &Ask) -> bool {
        let all = || group.iter().copied().chain([next]);
        let queries: usize = all().map(|ask| ask.queries.len()).sum();
        queries <= MOST_QUERIES && points(all()) <= MOST_POINTS
    }

    fn order(&self, one: &Ask, other: &Ask) -> Ordering {
        (one.window.from, one.window.to).cmp(&(other.window.from, other.window.to))
    }

    async fn carry(&self, asks: &[Ask]) -> Result<Vec<Answer>, Failed> {
        let reply = self.pages(asks).await?;
        if !reply.messages.is_empty() && asks.len() > 1 {
            // About the call as a whole: who is alone with it is told that something is missing.
            let why = reply.messages.join("; ");
            return Err(Failed::Some(incomplete(&action(asks), why)));
        }
        let answers = asks.iter().enumerate().map(|(nth, ask)| reply.answer(nth, ask));
        Ok(answers.collect())
    }
}

/// Points of one range over all of these queries.
fn points<'a>(asks: impl Iterator<Item = &'a Ask> + Clone) -> u64 {
    let range = range(asks.clone());
    let each = |ask: &Ask| {
        let periods = range.length().0.div_ceil(ask.period.0.max(1));
        periods.saturating_mul(u64::try_from(ask.queries.len()).unwrap_or(u64::MAX))
    };
    asks.map(each).fold(0, u64::saturating_add)
}

/// From the earliest beginning to the latest end: a call has one range for all its queries.
fn range<'a>(asks: impl Iterator<Item = &'a Ask> + Clone) -> Window {
    let from = asks.clone().map(|ask| ask.window.from).min().unwrap_or_default();
    let to = asks.map(|ask| ask.window.to).max().unwrap_or_default();
    Window { from, to }
}

fn action(asks: &[Ask]) -> String {
    match asks {
        [only] => only.action.clone(),
        several => format!("measure for {} looks at once", several.len()),
    }
}

impl MetricData {
    async fn pages(&self, asks: &[Ask]) -> Result<Reply, Failed> {
        let action = action(asks);
        let Window { from, to } = range(asks.iter());
        let queries = asks.iter().enumerate().flat_map(|(nth, ask)| written(nth, ask));
        let request = self.client.get_metric_data();
        let request = request.set_metric_data_queries(Some(queries.collect()));
        let request = request.start_time(time(from.0)).end_time(time(to.0));
        let request = request.scan_by(ScanBy::TimestampAscending);
        let mut reply = Reply::default();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let page = request.clone().set_next_token(token).send();
            let page = self.channel.send(GET_METRIC_DATA, READS, &action, page).await;
            token = reply.take(page.map_err(failed)?, &action).map_err(Failed::All)?;
            if token.is_none() {
                return Ok(reply);
            }
        }
        Err(Failed::All(incomplete(&action, format!("more than {MOST_PAGES} pages"))))
    }
}

/// Unique in a call: the `nth` look's query of this id.
fn unique(nth: usize, id: &str) -> String {
    format!("q{nth}_{id}")
}

fn written(nth: usize, ask: &Ask) -> impl Iterator<Item = MetricDataQuery> {
    let seconds = i32::try_from(ask.period.0 / 1_000).unwrap_or(i32::MAX);
    ask.queries.iter().map(move |query| {
        let written = MetricDataQuery::builder().id(unique(nth, &query.id));
        let written = written.return_data(query.returned);
        match &query.wanted {
            Wanted::Statistic { metric: (namespace, name), dimensions, statistic } => {
                let dimensions = dimensions
                    .iter()
                    .map(|(name, value)| Dimension::builder().name(name).value(value).build());
                let metric = Metric::builder().namespace(namespace).metric_name(name);
                let metric = metric.set_dimensions(Some(dimensions.collect())).build();
                let statistic = MetricStat::builder().metric(metric).stat(statistic);
                written.metric_stat(statistic.period(seconds).build()).build()
            }
            Wanted::Maths(pieces) => {
                let text = pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Of(id) => unique(nth, id),
                });
                written.expression(text.collect::<String>()).period(seconds).build()
            }
        }
    })
}

fn time(ms: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// All pages of one call.
#[derive(Debug, Default)]
struct Reply {
    results: BTreeMap<String, Series>,
    messages: Vec<String>,
}

/// One query's results over all pages.
#[derive(Debug, Default)]
struct Series {
    points: Points,
    /// As the last page with this query says.
    status: Option<StatusCode>,
    messages: Vec<String>,
    /// Two numbers for one period.
    contradicted: bool,
    /// Expressions that give several series have one label for each.
    labels: Vec<String>,
}

impl Reply {
    /// Takes a page in; the token of the next.
    fn take(
        &mut self,
        page: GetMetricDataOutput,
        action: &str,
    ) -> Result<Option<String>, PortError> {
        self.messages.extend(page.messages().iter().map(said));
        for result in page.metric_data_results() {
            let id = result.id().unwrap_or_default().to_owned();
            self.results.entry(id).or_default().take(result, action)?;
        }
        Ok(page.next_token.filter(|token| !token.is_empty()))
    }

    fn answer(&self, nth: usize, ask: &Ask) -> Answer {
        let mut found = Found { points: HashMap::new(), whole: self.messages.is_empty() };
        let inside = ask.window.from.0..ask.window.to.0;
        for query in ask.queries.iter().filter(|query| query.returned) {
            let Some(result) = self.results.get(&unique(nth, &query.id)) else {
                return Err(incomplete(&ask.action, "a query was left without an answer"));
            };
            found.whole &= result.is_whole(&ask.action)?;
            let ms = |at: i64| u64::try_from(at).unwrap_or_default().saturating_mul(1_000);
            let points = result.points.iter().filter(|(at, _)| inside.contains(&ms(**at)));
            found.points.insert(query.id.clone(), points.map(|(at, n)| (*at, *n)).collect());
        }
        Ok(found)
    }
}

impl Series {
    fn take(&mut self, result: &MetricDataResult, action: &str) -> Result<(), PortError> {
        let (times, values) = (result.timestamps(), result.values());
        if times.len() != values.len() {
            let why = format!("{} values for {} times", values.len(), times.len());
            return Err(incomplete(action, why));
        }
        for (at, value) in times.iter().zip(values) {
            let before = self.points.insert(at.secs(), *value);
            self.contradicted |= before.is_some_and(|before| before.to_bits() != value.to_bits());
        }
        self.status = result.status_code().cloned();
        self.messages.extend(result.messages().iter().map(said));
        let label = result.label().unwrap_or_default().to_owned();
        if !self.labels.contains(&label) {
            self.labels.push(label);
        }
        Ok(())
    }

    /// Whether all of it is there and to be trusted.
    fn is_whole(&self, action: &str) -> Result<bool, PortError> {
        if self.labels.len() > 1 {
            let series = self.labels.join(", ");
            let why = format!("an expression gives several series, where one is wanted: {series}");
            return Err(refused(action, why));
        }
        match self.status {
            Some(StatusCode::Forbidden) => Err(refused(action, "a metric may not be read")),
            Some(StatusCode::InternalError) => {
                Err(incomplete(action, "CloudWatch could not read a metric"))
            }
            Some(StatusCode::Complete) => Ok(self.messages.is_empty() && !self.contradicted),
            // Partial, or in words that this version does not know.
            _ => Ok(false),
        }
    }
}

fn said(message: &MessageData) -> String {
    let (code, value) = (message.code().unwrap_or_default(), message.value().unwrap_or_default());
    format!("{code}: {value}")
}

const GET_METRIC_DATA: Operation = Operation {
    service: "cloudwatch",
    name: "GetMetricData",
    effect: Effect::Reads,
    refusals: REFUSALS,
};

/// A fifth of the 50 a second that AWS's quotas page names.
const READS: Quota = Quota { family: "GetMetricData", burst: 10, per_second: 10 };

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of one query over two pages, at one time.
    fn told_twice(first: f64, again: f64) -> Series {
        let mut series = Series::default();
        for value in [first, again] {
            let page = MetricDataResult::builder().id("q0").status_code(StatusCode::Complete);
            let page = page.timestamps(DateTime::from_secs(60)).values(value).build();
            series.take(&page, "measure").unwrap();
        }
        series
    }

    #[test]
    fn a_point_that_comes_twice_counts_once_and_two_numbers_for_one_period_are_not_trusted() {
        let same = told_twice(3.0, 3.0);
        assert_eq!(same.points, Points::from([(60, 3.0)]));
        assert!(same.is_whole("measure").unwrap());
        assert!(!told_twice(3.0, 4.0).is_whole("measure").unwrap());
    }
}
