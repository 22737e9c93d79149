//! `GetMetricData`: statistics of distributions, point by point, page by page.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    Answer, CloudWatch, MetricName, MetricRead, Request, Said, Stretch, begin, cbor, epoch, maths,
    refusal,
};

/// Queries of a call, and points of a page.
const MOST_QUERIES: usize = 500;
const MOST_POINTS: usize = 100_800;

const MINUTE: u64 = 60;

/// The numbers of one query, by the second at which their period begins.
pub(super) type Points = BTreeMap<u64, f64>;

/// A query as it was asked.
struct Query<'a> {
    id: &'a str,
    body: &'a Value,
}

impl<'a> Query<'a> {
    fn of(body: &'a Value) -> Self {
        Self { id: body["Id"].as_str().unwrap_or_default(), body }
    }

    fn is_returned(&self) -> bool {
        self.body["ReturnData"].as_bool().unwrap_or(true)
    }

    /// The metric's name; empty for an expression.
    fn metric(&self) -> &str {
        self.body["MetricStat"]["Metric"]["MetricName"].as_str().unwrap_or_default()
    }

    fn has_identifier(&self) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.id.starts_with(|first: char| first.is_ascii_lowercase())
            && self.id.len() <= 255
            && self.id.chars().all(word)
    }
}

impl CloudWatch {
    pub(super) fn metric_data(&mut self, body: &Value, request: &Request) -> Answer {
        let empty = Vec::new();
        let queries = body["MetricDataQueries"].as_array().unwrap_or(&empty);
        let queries: Vec<_> = queries.iter().map(Query::of).collect();
        let time = |name: &str| body[name].as_u64().ok_or_else(|| refusal(name));
        let (from, to) = (time("StartTime")?, time("EndTime")?);
        if queries.len() > MOST_QUERIES || from >= to {
            return Err(refusal("too many queries, or no time between both ends"));
        }
        let mut series = BTreeMap::new();
        let mut read = MetricRead { at: request.at, queries: queries.len(), points: 0 };
        for query in queries.iter().filter(|query| query.body["MetricStat"].is_object()) {
            let points = self.statistic(query.body, (from, to), request.at)?;
            read.points += (to - from).div_ceil(period(query.body)?);
            if series.insert(query.id, points).is_some() || !query.has_identifier() {
                return Err(refusal(format!("id {}", query.id)));
            }
        }
        for query in queries.iter().filter(|query| query.body["Expression"].is_string()) {
            let expression = query.body["Expression"].as_str().unwrap_or_default();
            let points = maths::evaluated(expression, &series).map_err(refusal)?;
            if series.insert(query.id, points).is_some() {
                return Err(refusal(format!("id {}", query.id)));
            }
        }
        if series.len() != queries.len() {
            return Err(refusal("a query is neither a metric nor an expression"));
        }
        self.reads.push(read);
        self.page(body, request, &queries, &series)
    }

    fn statistic(
        &self,
        query: &Value,
        (from, to): (u64, u64),
        now: Duration,
    ) -> Result<Points, (&'static str, String)> {
        let stat = &query["MetricStat"];
        let period = period(query)?;
        let name = metric_name(&stat["Metric"]);
        let Some(stretches) = self.metrics.get(&name) else { return Ok(Points::new()) };
        let statistic = stat["Stat"].as_str().unwrap_or_default();
        let mut points = Points::new();
        for begin in (from / period..to.div_ceil(period)).map(|n| n * period) {
            let values = happened(stretches, begin, begin + period, epoch(now));
            if !values.is_empty() {
                let value = statistic_of(statistic, &values);
                points.insert(begin, value.ok_or_else(|| refusal(statistic))?);
            }
        }
        Ok(points)
    }

    fn page(
        &self,
        body: &Value,
        request: &Request,
        queries: &[Query<'_>],
        series: &BTreeMap<&str, Points>,
    ) -> Answer {
        let descending = body["ScanBy"].as_str() != Some("TimestampAscending");
        let mut all: Vec<(&str, u64, f64)> = Vec::new();
        for query in queries.iter().filter(|query| query.is_returned()) {
            let points = series[query.id].iter().map(|(at, value)| (query.id, *at, *value));
            if descending { all.extend(points.rev()) } else { all.extend(points) }
        }
        let begin = begin(body)?;
        let asked = body["MaxDatapoints"].as_u64().and_then(|most| usize::try_from(most).ok());
        let size = request.page.or(asked).unwrap_or(MOST_POINTS).max(1);
        let end = all.len().min(begin.saturating_add(size));
        let from = if self.repeats { begin.saturating_sub(1) } else { begin };
        let part = &all[from.min(end)..end];
        let results = queries.iter().filter(|query| query.is_returned()).filter_map(|query| {
            let here: Vec<_> = part.iter().filter(|(id, ..)| *id == query.id).collect();
            let nothing = series[query.id].is_empty() && begin == 0;
            let more = all[end..].iter().any(|(id, ..)| *id == query.id);
            (nothing || !here.is_empty()).then(|| self.result(query, &here, more))
        });
        let results: Vec<_> = results.collect();
        let next = (end < all.len()).then(|| end.to_string());
        let about = |name: &str| queries.iter().any(|query| query.metric() == name);
        let message = self.message.filter(|(name, ..)| about(name));
        let messages = message.map(|(_, code, text)| json!([{ "Code": code, "Value": text }]));
        Ok(json!({ "MetricDataResults": results, "NextToken": next, "Messages": messages }))
    }

    fn result(&self, query: &Query<'_>, points: &[&(&str, u64, f64)], more: bool) -> Value {
        let Said { status, message } = self.said.get(query.metric()).cloned().unwrap_or_default();
        let truly = if more { "PartialData" } else { "Complete" };
        let time = |at: u64| cbor::time(i64::try_from(at).unwrap_or_default());
        json!({
            "Id": query.id,
            "Label": if query.metric().is_empty() { query.id } else { query.metric() },
            "StatusCode": status.unwrap_or(truly),
            "Timestamps": points.iter().map(|(_, at, _)| time(*at)).collect::<Vec<_>>(),
            "Values": points.iter().map(|(.., value)| *value).collect::<Vec<f64>>(),
            "Messages": message.map(|(code, text)| json!([{ "Code": code, "Value": text }])),
        })
    }
}

fn period(query: &Value) -> Result<u64, (&'static str, String)> {
    let period = query["MetricStat"]["Period"].as_u64().unwrap_or_default();
    let fits =
        [1, 5, 10, 20, 30].contains(&period) || (period > 0 && period.is_multiple_of(MINUTE));
    if fits { Ok(period) } else { Err(refusal(format!("period {period}"))) }
}

fn metric_name(metric: &Value) -> MetricName {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
    let dimension = |one: &Value| (text(&one["Name"]), text(&one["Value"]));
    MetricName {
        namespace: text(&metric["Namespace"]),
        name: text(&metric["MetricName"]),
        dimensions: dimensions.map(dimension).collect(),
    }
}

/// The values of a period, with how often each occurred so far, as far as that has arrived.
#[expect(clippy::cast_precision_loss, reason = "seconds of a period are few")]
fn happened(stretches: &[Stretch], begin: u64, end: u64, now: u64) -> Vec<(f64, f64)> {
    let mut values = Vec::new();
    for stretch in stretches {
        let from = begin.max(stretch.from);
        let to = end.min(stretch.to).min(now.saturating_sub(stretch.late.as_secs()));
        let minutes = to.saturating_sub(from) as f64 / MINUTE as f64;
        if minutes > 0.0 {
            values.extend(stretch.values.iter().map(|(value, n)| (*value, n * minutes)));
        }
    }
    values
}

/// A statistic over values that occurred so often; none for one that is not known.
fn statistic_of(statistic: &str, values: &[(f64, f64)]) -> Option<f64> {
    let count = |wanted: &dyn Fn(f64) -> bool| {
        values.iter().filter(|(value, _)| wanted(*value)).map(|(_, n)| n).sum::<f64>()
    };
    let all = count(&|_| true);
    let sum: f64 = values.iter().map(|(value, n)| value * n).sum();
    let above =
        |edge: &str| Some(edge.parse::<f64>().ok().map_or(0.0, |edge| count(&|v| v > edge)));
    match statistic {
        "SampleCount" => Some(all),
        "Sum" => Some(sum),
        "Average" => Some(sum / all),
        "Minimum" => values.iter().map(|(value, _)| *value).reduce(f64::min),
        "Maximum" => values.iter().map(|(value, _)| *value).reduce(f64::max),
        other => {
            let between = |name: &str| other.strip_prefix(name)?.strip_suffix(":)");
            if let Some(edge) = between("TC(") {
                above(edge)
            } else if let Some(edge) = between("PR(") {
                above(edge).map(|above| 100.0 * above / all)
            } else {
                percentile(other.strip_prefix('p')?.parse().ok()?, values)
            }
        }
    }
}

/// The least value that so many percent of the samples do not exceed.
fn percentile(percent: f64, values: &[(f64, f64)]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all: f64 = sorted.iter().map(|(_, n)| n).sum();
    let mut below = 0.0;
    let reached = sorted.iter().find(|(_, n)| {
        below += n;
        below >= all * percent / 100.0
    });
    reached.map(|(value, _)| *value)
}
