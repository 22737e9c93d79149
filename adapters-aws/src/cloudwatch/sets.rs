//! Metrics that AWS's own services report, ready made.

use std::collections::BTreeMap;

use super::metric::{DimensionValue, Exceeding, Measure, Metric, Source, Statistic};

/// Edges for latencies in seconds: wide enough for most services, and no more than a judge uses.
const EDGES_SECONDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Metrics of the target groups of an Application Load Balancer, whose placement names each arm's
/// target group by its ARN:
///
/// | name | measures |
/// | --- | --- |
/// | `errors` | answers of targets with a status of 5xx, among requests |
/// | `latency` | requests that took longer than each edge, from 50 ms to 10 s, in seconds |
/// | `latency-mean` | the mean time of answers, in seconds |
///
/// `load_balancer` is how metrics name it: what follows `loadbalancer/` in its ARN, `app/…/…`.
#[must_use]
pub fn alb_target_groups(load_balancer: &str) -> BTreeMap<String, Metric> {
    let source = |name| {
        Source::new("AWS/ApplicationELB", name)
            .dimension("LoadBalancer", DimensionValue::Fixed(load_balancer.to_owned()))
            .dimension("TargetGroup", DimensionValue::PlaceResource)
    };
    let errors = failures(source("HTTPCode_Target_5XX_Count"), source("RequestCount"));
    with_latency(errors, &source("TargetResponseTime"), EDGES_SECONDS.to_vec())
}

/// Metrics of the versions behind a Lambda alias, whose placement names each arm by its version, as
/// [`ByRevision`](crate::ByRevision) does where revisions are versions:
///
/// | name | measures |
/// | --- | --- |
/// | `errors` | invocations that failed, among all |
/// | `latency` | invocations that took longer than each edge, from 50 ms to 10 s, in milliseconds |
/// | `latency-mean` | the mean time of invocations, in milliseconds |
#[must_use]
pub fn lambda_alias(function: &str, alias: &str) -> BTreeMap<String, Metric> {
    let source = |name| {
        Source::new("AWS/Lambda", name)
            .dimension("FunctionName", DimensionValue::Fixed(function.to_owned()))
            .dimension("Resource", DimensionValue::Fixed(format!("{function}:{alias}")))
            .dimension("ExecutedVersion", DimensionValue::Place)
    };
    let errors = failures(source("Errors"), source("Invocations"));
    let edges = EDGES_SECONDS.map(|edge| edge * 1_000.0).to_vec();
    with_latency(errors, &source("Duration"), edges)
}

fn failures(events: Source, exposures: Source) -> Metric {
    let (events, exposures) =
        (events.statistic(Statistic::Sum), exposures.statistic(Statistic::Sum));
    Metric::new(Measure::Count { events, exposures })
}

fn with_latency(errors: Metric, of: &Source, edges: Vec<f64>) -> BTreeMap<String, Metric> {
    let latency = Measure::Above { of: of.clone(), edges, by: Exceeding::Counted };
    let mean = Measure::Sum {
        sum: of.clone().statistic(Statistic::Sum),
        samples: of.clone().statistic(Statistic::SampleCount),
    };
    let named = [
        ("errors", errors),
        ("latency", Metric::new(latency)),
        ("latency-mean", Metric::new(mean)),
    ];
    named.into_iter().map(|(name, metric)| (name.to_owned(), metric)).collect()
}
