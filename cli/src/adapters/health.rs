//! What a plan file says of where its checks are measured, as types.
//!
//! Must not know any adapter: a program that was built without them reads it all the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_core::Span;

use super::spec::ArmsSpec;

/// What measures: exactly one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthSpec {
    /// Metrics and alarms of CloudWatch.
    Cloudwatch(CloudWatchSpec),
}

/// Metrics and alarms of CloudWatch, by the names that checks give them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatchSpec {
    /// The places that tell the arms apart in dimensions; left out, those of `traffic`, and where that
    /// has none, the revisions.
    pub(crate) arms: Option<ArmsSpec>,
    /// How long until a period's points can be relied on; 3m if left out.
    pub(crate) lag: Option<Span>,
    /// Metrics of a service of AWS, ready made: `errors`, `latency` and `latency-mean`.
    pub(crate) ready_made: Option<ReadyMadeSpec>,
    /// Metrics of one's own, by name.
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, MetricSpec>,
    /// Alarms, by the name under which they are counted together.
    #[serde(default)]
    pub(crate) alarms: BTreeMap<String, AlarmsSpec>,
}

/// Metrics that a service of AWS reports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadyMadeSpec {
    /// Of the target groups of an Application Load Balancer, by what follows `loadbalancer/` in its ARN.
    AlbTargetGroups(String),
    /// Of the versions behind a Lambda alias.
    LambdaAlias(AliasSpec),
}

/// A Lambda alias.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasSpec {
    /// The function, by its name.
    pub(crate) function: String,
    /// The alias.
    pub(crate) alias: String,
}

/// Alarms that are counted together: the value is how many of them fire.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AlarmsSpec {
    /// Their names; at least one.
    pub(crate) names: Vec<String>,
    /// What becomes of those that fire before the rollout.
    #[serde(default)]
    pub(crate) already_firing: AlreadyFiringSpec,
}

/// What an alarm does that fires before the rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlreadyFiringSpec {
    /// It refuses the rollout.
    #[default]
    Refuse,
    /// It is left out until it has stopped.
    Disregard,
}

/// A metric of one's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricSpec {
    /// What is measured.
    pub(crate) measure: MeasureSpec,
    /// How much time one point stands for: 1s, 5s, 10s, 20s, 30s or whole minutes; 1m if left out.
    pub(crate) period: Option<Span>,
    /// An arm with fewer points in a window has no data in it; 1 if left out.
    pub(crate) least_points: Option<u32>,
    /// Whether the arms can not be told apart: what is measured is then of the whole target.
    #[serde(default)]
    pub(crate) whole_target: bool,
}

/// What is measured of an arm: exactly one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeasureSpec {
    /// Events among exposures.
    Count(CountSpec),
    /// A sum over samples, whose value is the mean.
    Sum(SumSpec),
    /// A value that CloudWatch has worked out.
    Value(ValueSpec),
    /// How many samples lay above each edge.
    Above(AboveSpec),
}

/// Events among exposures, joined by time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CountSpec {
    /// Events.
    pub(crate) events: SeriesSpec,
    /// Exposures.
    pub(crate) exposures: SeriesSpec,
}

/// A sum over samples, joined by time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SumSpec {
    /// The sum.
    pub(crate) sum: SeriesSpec,
    /// The number of samples.
    pub(crate) samples: SeriesSpec,
}

/// A value; of several periods, their mean.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueSpec {
    /// The value.
    pub(crate) value: SeriesSpec,
    /// The number of samples, where it is known.
    pub(crate) samples: Option<SeriesSpec>,
}

/// Samples above edges.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AboveSpec {
    /// The samples.
    pub(crate) of: SourceSpec,
    /// The edges, rising, in the metric's unit; 1 to 64.
    pub(crate) edges: Vec<f64>,
    /// How they are counted.
    #[serde(default)]
    pub(crate) by: ExceedingSpec,
}

/// How samples above an edge are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExceedingSpec {
    /// By trimmed counts.
    #[default]
    Counted,
    /// By percentile ranks, times the number of samples.
    Ranked,
}

/// One number for each period: exactly one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeriesSpec {
    /// A statistic of a metric.
    Metric(StatisticOfSpec),
    /// Worked out by CloudWatch's metric maths.
    Maths(MathsSpec),
}

/// Metric maths.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct MathsSpec {
    /// The expression, which gives one series.
    pub(crate) expression: String,
    /// What the identifiers in it stand for.
    pub(crate) of: BTreeMap<String, StatisticOfSpec>,
}

/// A statistic of a metric.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct StatisticOfSpec {
    /// The metric.
    pub(crate) source: SourceSpec,
    /// The statistic.
    pub(crate) statistic: StatisticSpec,
}

/// A metric in CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceSpec {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// All its dimensions.
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, DimensionSpec>,
}

/// Which value a dimension has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum DimensionSpec {
    /// The same for both arms.
    Fixed(String),
    /// The arm's place.
    Place,
    /// What follows the last colon of the arm's place.
    PlaceResource,
}

/// What the samples of one period come to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatisticSpec {
    /// How many there were.
    SampleCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// A percentile, above 0 and below 100.
    Percentile(f64),
    /// How many were greater than this.
    CountAbove(f64),
    /// Which share of them was greater than this, in percent.
    PercentAbove(f64),
    /// Any other, in CloudWatch's words.
    Named(String),
}
