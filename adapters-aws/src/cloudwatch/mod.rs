//! CloudWatch: metrics of both arms, and alarms.
//!
//! What is returned is measured and never judged. An arm without data is absent, and a window of which
//! anything is missing, late or in doubt is not complete:
//!
//! - only whole periods that have ended, and whose lag is over, are read;
//! - all pages are read, and what is told twice is told once;
//! - a query that fails inside CloudWatch is a look that failed, not a look without data;
//! - a metric that does not exist has no points, and so no data. It never counts as zero.
//!
//! The looks of all rollouts of a process share calls: make one [`CloudWatch`] for each account and
//! region. It must not know who judges.

mod alarms;
mod arm;
mod data;
mod described;
mod gather;
mod maths;
mod metric;
mod preflight;
mod problems;
mod refusals;
pub mod sets;
mod window;

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_smithy_async::time::SharedTimeSource;
use tidegate_core::{
    FailureKind, HealthMetrics, Look, Obstacle, PortError, Query, Revisions, Span, Target,
    Timestamp, Window,
};

use self::{
    alarms::{Names, State},
    arm::{Measured, measured, queries},
    data::{Ask, Found, MetricData},
    described::Descriptions,
    gather::Gathering,
    window::Closed,
};
use crate::{
    account::{Account, bounded_client},
    place::{Arms, Placement},
    port::{refused, unsuitable},
};

pub use alarms::{Alarms, AlreadyFiring};
pub use maths::MathsError;
pub use metric::{DimensionValue, Exceeding, Measure, Metric, Series, Source, Statistic};
pub use problems::{MetricError, MetricErrors};

/// How long queries are gathered: long enough for looks that are due together to meet, and nothing
/// beside the lag of any metric.
const GATHER: Span = Span(250);

/// One account's CloudWatch in one region, as all rollouts of a process share it. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    data: Gathering<MetricData>,
    alarms: Gathering<Descriptions>,
    time: SharedTimeSource,
}

impl CloudWatch {
    /// By a client of its region. The time is the client's.
    #[must_use]
    pub fn new(client: &Client, account: &Account) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let time = client.config().time_source().unwrap_or_default();
        let client = bounded_client!(Client, client, account);
        let alarms = Descriptions { client: client.clone(), channel: channel.clone() };
        let data = MetricData { client, channel };
        Self { data: Gathering::new(data, GATHER), alarms: Gathering::new(alarms, GATHER), time }
    }

    fn now(&self) -> Timestamp {
        let since = self.time.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What a name in a plan stands for.
#[derive(Clone, Debug)]
enum Named {
    Metric(Metric),
    Alarms(Alarms),
}

/// Measures a target's arms by metrics of CloudWatch, and reads alarms.
#[derive(Clone, Debug)]
pub struct CloudWatchHealth {
    cloudwatch: CloudWatch,
    named: BTreeMap<String, Named>,
    placement: Arc<dyn Placement>,
    lag: Span,
}

impl CloudWatchHealth {
    /// With these metrics, by the names that plans give them; `placement` says which dimensions an arm
    /// has. The lag is three minutes.
    ///
    /// # Errors
    /// Everything that is wrong with the metrics, at once.
    pub fn new(
        cloudwatch: &CloudWatch,
        metrics: BTreeMap<String, Metric>,
        placement: Arc<dyn Placement>,
    ) -> Result<Self, MetricErrors> {
        let wrong = metrics.iter().flat_map(|(name, metric)| {
            metric.problems().into_iter().map(|problem| (name.clone(), problem))
        });
        let wrong: Vec<_> = wrong.collect();
        if !wrong.is_empty() {
            return Err(MetricErrors(wrong));
        }
        let named = metrics.into_iter().map(|(name, metric)| (name, Named::Metric(metric)));
        let (cloudwatch, lag) = (cloudwatch.clone(), Span::minutes(3));
        Ok(Self { cloudwatch, named: named.collect(), placement, lag })
    }

    /// With alarms under a name that plans give them, in place of a metric of that name.
    #[must_use]
    pub fn with_alarms(mut self, name: impl Into<String>, alarms: Alarms) -> Self {
        self.named.insert(name.into(), Named::Alarms(alarms));
        self
    }

    /// With another time until a period's points can be relied on. Load balancers report theirs minutes
    /// late; too short a lag takes what has yet to arrive for what did not happen.
    #[must_use]
    pub const fn with_lag(mut self, lag: Span) -> Self {
        self.lag = lag;
        self
    }

    async fn measure(
        &self,
        query: &Query,
        metric: &Metric,
        action: &str,
    ) -> Result<Look, PortError> {
        let Some(closed) = Closed::of(query.window, metric.period, self.lag, self.cloudwatch.now())
        else {
            let (window, period) = (query.window.length(), metric.period);
            let why = format!("this window of {window} holds no whole period of {period}");
            return Err(refused(action, why));
        };
        let nothing = Look { complete: false, ..Look::complete(closed.aligned, None, None) };
        if closed.arrived.length().is_zero() {
            return Ok(nothing);
        }
        let places = self.places(query, metric).await?;
        let found = self.read(metric, &places, closed.arrived, action).await?;
        let arm = |arm: &str| match places.contains_key(arm) {
            true => measured(metric, arm, &found.points),
            false => Measured { measurement: None, whole: true },
        };
        let (stable, candidate) = (arm(STABLE), arm(CANDIDATE));
        let complete = closed.is_whole() && found.whole && stable.whole && candidate.whole;
        let (stable, candidate) = (stable.measurement, candidate.measurement);
        Ok(Look { complete, ..Look::complete(closed.aligned, stable, candidate) })
    }

    /// What is measured, by the name of the arm in queries.
    async fn places(
        &self,
        query: &Query,
        metric: &Metric,
    ) -> Result<BTreeMap<&'static str, String>, PortError> {
        if metric.whole_target {
            return Ok(BTreeMap::from([(CANDIDATE, String::new())]));
        }
        let Arms { stable, candidate } =
            Arms::find(&*self.placement, &query.target, &query.revisions).await?;
        let stable = stable.map(|place| (STABLE, place));
        Ok(stable.into_iter().chain([(CANDIDATE, candidate)]).collect())
    }

    async fn read(
        &self,
        metric: &Metric,
        places: &BTreeMap<&'static str, String>,
        window: Window,
        action: &str,
    ) -> Result<Found, PortError> {
        let mut all = Vec::new();
        for (arm, place) in places {
            all.extend(queries(metric, arm, place).map_err(|why| unsuitable(action, why))?);
        }
        let (period, of) = (metric.period, action.to_owned());
        let ask = Ask { queries: all, window, period, action: of };
        self.cloudwatch.data.ask(ask).await.map_err(|shared| shared.of(action))?
    }

    async fn states(&self, alarms: &Alarms, action: &str) -> Result<Vec<State>, PortError> {
        let ask = described::Ask { names: alarms.names.clone(), action: action.to_owned() };
        self.cloudwatch.alarms.ask(ask).await.map_err(|shared| shared.of(action))?
    }

    async fn guard(&self, query: &Query, alarms: &Alarms, action: &str) -> Result<Look, PortError> {
        if !window::has_ended(query.window, self.cloudwatch.now()) {
            return Ok(Look { complete: false, ..Look::complete(query.window, None, None) });
        }
        let states = self.states(alarms, action).await?;
        Ok(alarms::look(query, alarms.already_firing, &states))
    }

    /// That names stand for nothing, with those that do.
    fn unknown(&self, names: &[&str]) -> String {
        let known = Names(self.named.keys().map(String::as_str).collect());
        format!("no metric {}; known: {known}", Names(names.to_vec()))
    }
}

/// How ids of queries begin.
const STABLE: &str = "s";
const CANDIDATE: &str = "c";

#[async_trait]
impl HealthMetrics for CloudWatchHealth {
    fn lag(&self) -> Span {
        self.lag
    }

    fn grid(&self, metric: &str) -> Span {
        match self.named.get(metric) {
            Some(Named::Metric(metric)) => metric.period,
            Some(Named::Alarms(_)) | None => Span::ZERO,
        }
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let action = format!("measure {} of {}", query.metric, query.target);
        match self.named.get(&query.metric) {
            Some(Named::Metric(metric)) => self.measure(query, metric, &action).await,
            Some(Named::Alarms(alarms)) => self.guard(query, alarms, &action).await,
            None => Err(refused(&action, self.unknown(&[&query.metric]))),
        }
    }

    async fn fit(&self, target: &Target, _: &Revisions, metrics: &[&str]) -> Result<(), PortError> {
        let action = format!("set out with the metrics of {target}");
        let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
        for name in metrics {
            match self.named.get(*name) {
                Some(Named::Alarms(alarms)) => match self.states(alarms, &action).await {
                    Ok(states) => {
                        let fire = already_fire(alarms, &states);
                        if !fire.is_empty() {
                            wrong.push(format!("{name} fires already: {}", Names(fire)));
                        }
                    }
                    Err(error) if error.kind == FailureKind::Permanent => {
                        wrong.push(reason(&error))
                    }
                    Err(error) => return Err(error),
                },
                Some(Named::Metric(_)) => {}
                None => unknown.push(*name),
            }
        }
        if !unknown.is_empty() {
            wrong.push(self.unknown(&unknown));
        }
        if wrong.is_empty() { Ok(()) } else { Err(refused(&action, wrong.join("; "))) }
    }

    async fn preflight(&self, _: &Target, _: &Revisions, metrics: &[&str]) -> Vec<Obstacle> {
        self.obstacles(metrics).await
    }
}

/// The alarms that fire already, where that matters.
fn already_fire<'a>(alarms: &'a Alarms, states: &[State]) -> Vec<&'a str> {
    if alarms.already_firing == AlreadyFiring::Disregard {
        return Vec::new();
    }
    let fire = alarms.names.iter().zip(states).filter(|(_, state)| state.fires());
    fire.map(|(name, _)| name.as_str()).collect()
}

/// What stands behind a failure, for a sentence that names several.
fn reason(error: &PortError) -> String {
    error.source.as_ref().map_or_else(|| error.to_string(), ToString::to_string)
}
