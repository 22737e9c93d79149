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

mod arm;
mod data;
mod gather;
mod maths;
mod metric;
mod refusals;
pub mod sets;
mod window;

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_smithy_async::time::SharedTimeSource;
use tidegate_core::{HealthMetrics, Look, PortError, Query, Span, Timestamp, Window};

use self::{
    arm::{Measured, measured, queries},
    data::{Ask, Found, MetricData},
    gather::Gathering,
    window::Closed,
};
use crate::{
    account::{Account, bounded_client},
    place::{Arms, Placement},
    port::{refused, unsuitable},
};

pub use maths::MathsError;
pub use metric::{
    DimensionValue, Exceeding, Measure, Metric, MetricError, MetricErrors, Series, Source,
    Statistic,
};

/// How long queries are gathered: long enough for looks that are due together to meet, and nothing
/// beside the lag of any metric.
const GATHER: Span = Span(250);

/// One account's CloudWatch in one region, as all rollouts of a process share it. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    data: Gathering<MetricData>,
    time: SharedTimeSource,
}

impl CloudWatch {
    /// By a client of its region. The time is the client's.
    #[must_use]
    pub fn new(client: &Client, account: &Account) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let time = client.config().time_source().unwrap_or_default();
        let client = Client::from_conf(bounded_client!(client, account));
        Self { data: Gathering::new(MetricData { client, channel }, GATHER), time }
    }

    fn now(&self) -> Timestamp {
        let since = self.time.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Measures a target's arms by metrics of CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatchHealth {
    cloudwatch: CloudWatch,
    metrics: BTreeMap<String, Metric>,
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
        let (cloudwatch, lag) = (cloudwatch.clone(), Span::minutes(3));
        Ok(Self { cloudwatch, metrics, placement, lag })
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
}

/// How ids of queries begin.
const STABLE: &str = "s";
const CANDIDATE: &str = "c";

#[async_trait]
impl HealthMetrics for CloudWatchHealth {
    fn lag(&self) -> Span {
        self.lag
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let action = format!("measure {} of {}", query.metric, query.target);
        match self.metrics.get(&query.metric) {
            Some(metric) => self.measure(query, metric, &action).await,
            None => {
                let known: Vec<_> = self.metrics.keys().map(String::as_str).collect();
                Err(refused(&action, format!("no such metric; known: {}", known.join(", "))))
            }
        }
    }
}
