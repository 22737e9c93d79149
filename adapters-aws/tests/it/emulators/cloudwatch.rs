//! CloudWatch on ministack, in CBOR: metrics of both arms, and alarms.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use tidegate_aws::{
    cloudwatch::{
        Alarms, CloudWatch, CloudWatchHealth, DimensionValue, Measure, Metric, Source, Statistic,
    },
    sdk::cloudwatch::{
        Client,
        primitives::DateTime,
        types::{ComparisonOperator, Dimension, MetricDatum, StateValue},
    },
};
use tidegate_core::{FailureKind, HealthMetrics, Measurement, Query, Span, Timestamp, Window};

use tidegate_aws::client_at;

use super::{account, ministack};
use crate::support::{both, fixed, told};

const NAMESPACE: &str = "Shop";
const MINUTE: u64 = 60;

/// A whole minute some minutes ago, in seconds.
fn minutes_ago(minutes: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    (now / MINUTE - minutes) * MINUTE
}

async fn put(client: &Client, name: &str, version: &str, at: u64, value: f64) {
    let version = Dimension::builder().name("Version").value(version).build();
    let at = DateTime::from_secs(i64::try_from(at).unwrap());
    let datum = MetricDatum::builder().metric_name(name).dimensions(version);
    let datum = datum.timestamp(at).value(value).build();
    client.put_metric_data().namespace(NAMESPACE).metric_data(datum).send().await.unwrap();
}

fn sums(name: &str) -> tidegate_aws::cloudwatch::Series {
    let source = Source::new(NAMESPACE, name).dimension("Version", DimensionValue::Place);
    source.statistic(Statistic::Sum)
}

fn health(client: &Client) -> CloudWatchHealth {
    let count = Measure::Count { events: sums("Failures"), exposures: sums("Requests") };
    let metrics = BTreeMap::from([("errors".to_owned(), Metric::new(count))]);
    let cloudwatch = CloudWatch::new(client, &account());
    let health = CloudWatchHealth::new(&cloudwatch, metrics, fixed("blue", "green")).unwrap();
    health
        .with_lag(Span::minutes(1))
        .with_alarms("alarms", Alarms::new(["cart-down", "cart-slow"]))
        .with_alarms("nowhere", Alarms::new(["cart-down", "cart-nowhere"]))
}

fn query(metric: &str, from: u64, to: u64) -> Query {
    let (target, revisions) = ("checkout".into(), both());
    let window = Window { from: Timestamp(from * 1_000), to: Timestamp(to * 1_000) };
    Query { target, revisions, metric: metric.to_owned(), window, opened: window.from }
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn both_arms_are_measured_apart_and_what_is_not_there_is_no_data() {
    let client = client_at!(cloudwatch, ministack());
    let (from, to) = (minutes_ago(10), minutes_ago(5));
    for (version, requests) in [("blue", 900.0), ("green", 100.0)] {
        for minute in 0..5 {
            put(&client, "Requests", version, from + minute * MINUTE, requests).await;
        }
    }
    put(&client, "Failures", "green", from + MINUTE, 7.0).await;
    let health = health(&client);
    let look = health.look(&query("errors", from, to)).await.unwrap();
    assert!(look.complete, "{look:?}");
    let count = |events, exposures| Some(Measurement::Count { events, exposures });
    assert_eq!(look.stable, count(0.0, 4_500.0));
    assert_eq!(look.candidate, count(7.0, 500.0));
    let before = health.look(&query("errors", from - 600, from - 300)).await.unwrap();
    assert_eq!((before.stable, before.candidate), (None, None));
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn alarms_that_fire_are_counted_refuse_a_rollout_and_are_named_where_they_are_not_there() {
    let client = client_at!(cloudwatch, ministack());
    for name in ["cart-down", "cart-slow"] {
        let alarm = client.put_metric_alarm().alarm_name(name).namespace(NAMESPACE);
        let alarm = alarm
            .metric_name("Absent")
            .statistic(tidegate_aws::sdk::cloudwatch::types::Statistic::Sum);
        let alarm = alarm.comparison_operator(ComparisonOperator::GreaterThanThreshold);
        let alarm = alarm.threshold(0.0).period(60).evaluation_periods(1);
        alarm.send().await.unwrap();
    }
    let set = async |name: &str, state| {
        let request = client.set_alarm_state().alarm_name(name).state_value(state);
        request.state_reason("a test's").send().await.unwrap();
    };
    set("cart-down", StateValue::Ok).await;
    set("cart-slow", StateValue::Ok).await;
    let health = health(&client);
    let fit = async |metric| health.fit(&"checkout".into(), &both(), &[metric]).await;
    fit("alarms").await.unwrap();
    set("cart-slow", StateValue::Alarm).await;
    let refused = fit("alarms").await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Permanent);
    assert!(told(&refused).contains("alarms fires already: cart-slow"), "{}", told(&refused));
    // Opened before it fired.
    let look = health.look(&query("alarms", minutes_ago(10), minutes_ago(5))).await.unwrap();
    let fired = Measurement::Value { value: 1.0, samples: 0.0 };
    assert_eq!((look.candidate, look.complete), (Some(fired), true));
    let refused = fit("nowhere").await.unwrap_err();
    assert!(told(&refused).contains("cart-nowhere"), "{}", told(&refused));
}
