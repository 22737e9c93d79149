//! From the metrics and alarms of a plan file to the adapter that reads them.
//!
//! Must not know clients, nor what is judged by a metric.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_aws::{
    Placement,
    cloudwatch::{
        Alarms, CloudWatch, CloudWatchHealth, DimensionValue, Exceeding, Measure, Metric,
        MetricErrors, Series, Source, Statistic, sets,
    },
};
use tidegate_core::KeyPath;

use super::{
    SECTION,
    check::Found,
    health::{
        AlarmsSpec, AlreadyFiringSpec, CloudWatchSpec, DimensionSpec, ExceedingSpec, MeasureSpec,
        MetricSpec, ReadyMadeSpec, SeriesSpec, SourceSpec, StatisticOfSpec, StatisticSpec,
    },
};

/// The adapter; or everything that is wrong with its metrics, each with its place.
pub(super) fn health(
    cloudwatch: &CloudWatch,
    spec: &CloudWatchSpec,
    arms: Arc<dyn Placement>,
) -> Result<CloudWatchHealth, Vec<Found>> {
    let at = KeyPath::of(SECTION).key("health").key("cloudwatch");
    let ready_made = spec.ready_made.as_ref().map(ready_made).unwrap_or_default();
    let twice: Vec<_> =
        ready_made.keys().filter_map(|name| named_as_well(&at, spec, name)).collect();
    if !twice.is_empty() {
        return Err(twice);
    }
    let own = spec.metrics.iter().map(|(name, spec)| (name.clone(), metric(spec)));
    let metrics = ready_made.into_iter().chain(own).collect();
    let health =
        CloudWatchHealth::new(cloudwatch, metrics, arms).map_err(|MetricErrors(wrong)| {
            let wrong = wrong.into_iter();
            let found = wrong.map(|(name, what)| (at.key("metrics").key(&name), what.to_string()));
            found.collect::<Vec<_>>()
        })?;
    let health = spec
        .alarms
        .iter()
        .fold(health, |health, (name, spec)| health.with_alarms(name.as_str(), alarms(spec)));
    Ok(match spec.lag {
        Some(lag) => health.with_lag(lag),
        None => health,
    })
}

/// That a ready-made metric's name is given to something else.
fn named_as_well(at: &KeyPath, spec: &CloudWatchSpec, name: &str) -> Option<Found> {
    let list = if spec.metrics.contains_key(name) {
        "metrics"
    } else if spec.alarms.contains_key(name) {
        "alarms"
    } else {
        return None;
    };
    let what = "is the name of a ready-made metric; expected another name";
    Some((at.key(list).key(name), what.to_owned()))
}

fn ready_made(spec: &ReadyMadeSpec) -> BTreeMap<String, Metric> {
    match spec {
        ReadyMadeSpec::AlbTargetGroups(load_balancer) => sets::alb_target_groups(load_balancer),
        ReadyMadeSpec::LambdaAlias(of) => sets::lambda_alias(&of.function, &of.alias),
    }
}

fn alarms(spec: &AlarmsSpec) -> Alarms {
    let alarms = Alarms::new(spec.names.iter().map(String::as_str));
    match spec.already_firing {
        AlreadyFiringSpec::Refuse => alarms,
        AlreadyFiringSpec::Disregard => alarms.disregarding(),
    }
}

fn metric(spec: &MetricSpec) -> Metric {
    let metric = Metric::new(measure(&spec.measure));
    Metric {
        period: spec.period.unwrap_or(metric.period),
        least_points: spec.least_points.unwrap_or(metric.least_points),
        whole_target: spec.whole_target,
        ..metric
    }
}

fn measure(spec: &MeasureSpec) -> Measure {
    match spec {
        MeasureSpec::Count(spec) => {
            Measure::Count { events: series(&spec.events), exposures: series(&spec.exposures) }
        }
        MeasureSpec::Sum(spec) => {
            Measure::Sum { sum: series(&spec.sum), samples: series(&spec.samples) }
        }
        MeasureSpec::Value(spec) => Measure::Value {
            value: series(&spec.value),
            samples: spec.samples.as_ref().map(series),
        },
        MeasureSpec::Above(spec) => Measure::Above {
            of: source(&spec.of),
            edges: spec.edges.clone(),
            by: match spec.by {
                ExceedingSpec::Counted => Exceeding::Counted,
                ExceedingSpec::Ranked => Exceeding::Ranked,
            },
        },
    }
}

fn series(spec: &SeriesSpec) -> Series {
    match spec {
        SeriesSpec::Metric(spec) => {
            let (source, statistic) = statistic_of(spec);
            Series::Metric(source, statistic)
        }
        SeriesSpec::Maths(spec) => {
            let of = spec.of.iter().map(|(id, spec)| (id.clone(), statistic_of(spec))).collect();
            Series::Maths { expression: spec.expression.clone(), of }
        }
    }
}

fn statistic_of(spec: &StatisticOfSpec) -> (Source, Statistic) {
    let statistic = match &spec.statistic {
        StatisticSpec::SampleCount => Statistic::SampleCount,
        StatisticSpec::Sum => Statistic::Sum,
        StatisticSpec::Average => Statistic::Average,
        StatisticSpec::Minimum => Statistic::Minimum,
        StatisticSpec::Maximum => Statistic::Maximum,
        StatisticSpec::Percentile(percent) => Statistic::Percentile(*percent),
        StatisticSpec::CountAbove(edge) => Statistic::CountAbove(*edge),
        StatisticSpec::PercentAbove(edge) => Statistic::PercentAbove(*edge),
        StatisticSpec::Named(name) => Statistic::Named(name.clone()),
    };
    (source(&spec.source), statistic)
}

fn source(spec: &SourceSpec) -> Source {
    let named = Source::new(spec.namespace.as_str(), spec.name.as_str());
    spec.dimensions.iter().fold(named, |source, (name, spec)| {
        let value = match spec {
            DimensionSpec::Fixed(value) => DimensionValue::Fixed(value.clone()),
            DimensionSpec::Place => DimensionValue::Place,
            DimensionSpec::PlaceResource => DimensionValue::PlaceResource,
        };
        source.dimension(name.as_str(), value)
    })
}

#[cfg(test)]
mod tests {
    use tidegate::file::{Document, Format};
    use tidegate_aws::{Account, ByRevision, sdk::cloudwatch};
    use tidegate_core::HealthMetrics;

    use super::*;

    /// What becomes of a section. The client is never called.
    fn built(section: &str) -> Result<CloudWatchHealth, Vec<String>> {
        let mut document = Document::parse(section.as_bytes(), Format::Yaml, "test").unwrap();
        let spec: CloudWatchSpec = document.take("cloudwatch").unwrap().unwrap();
        let config = cloudwatch::Config::builder()
            .behavior_version(cloudwatch::config::BehaviorVersion::v2026_01_12())
            .build();
        let client = cloudwatch::Client::from_conf(config);
        let cloudwatch = CloudWatch::new(&client, &Account::new("a test's"));
        health(&cloudwatch, &spec, Arc::new(ByRevision))
            .map_err(|found| found.iter().map(|(at, what)| format!("{at}: {what}")).collect())
    }

    const OF_ONES_OWN: &str = "
cloudwatch:
  lag: 90s
  ready_made: { lambda_alias: { function: checkout, alias: live } }
  metrics:
    orders:
      period: 5m
      measure:
        value:
          value:
            maths:
              expression: made / asked
              of:
                made:
                  source: { namespace: Shop, name: Made, dimensions: { Version: place } }
                  statistic: sum
                asked:
                  source: { namespace: Shop, name: Asked, dimensions: { Version: place, Shop: { fixed: main } } }
                  statistic: { percentile: 99 }
  alarms:
    down: { names: [cart-down], already_firing: disregard }
";

    #[test]
    fn metrics_of_ones_own_stand_beside_ready_made_ones_and_alarms() {
        let health = built(OF_ONES_OWN).unwrap();
        assert_eq!(health.lag(), tidegate_core::Span::seconds(90));
        for (name, minutes) in [("orders", 5), ("errors", 1), ("latency", 1), ("down", 0)] {
            assert_eq!(health.grid(name), tidegate_core::Span::minutes(minutes), "{name}");
        }
    }

    #[test]
    fn each_metric_that_can_not_be_measured_is_told_with_its_place() {
        let wrong = "
cloudwatch:
  metrics:
    alike: { measure: { sum: { sum: S, samples: S } } }
    often: { period: 7s, measure: { above: { of: R, edges: [1] } } }
"
        .replace('S', "{ metric: { source: { namespace: n, name: m }, statistic: sum } }")
        .replace('R', "{ namespace: n, name: m, dimensions: { v: place_resource } }");
        let told = built(&wrong).unwrap_err();
        let at = "adapters.health.cloudwatch.metrics.";
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with(&format!("{at}alike: no dimension")), "{told:?}");
        assert!(told[1].starts_with(&format!("{at}often: 7s is not a period")), "{told:?}");
    }

    #[test]
    fn a_name_of_a_ready_made_metric_is_not_given_twice() {
        let twice = "
cloudwatch:
  ready_made: { alb_target_groups: app/shop/1 }
  metrics: { latency: { measure: { above: { of: { namespace: n, name: m }, edges: [1] } } } }
  alarms: { errors: { names: [cart-down] } }
";
        let told = built(twice).unwrap_err();
        let wanted = ["alarms.errors: is the name", "metrics.latency: is the name"];
        assert_eq!(told.len(), 2, "{told:?}");
        for (told, wanted) in told.iter().zip(wanted) {
            assert!(told.contains(wanted), "{told}");
        }
    }
}
