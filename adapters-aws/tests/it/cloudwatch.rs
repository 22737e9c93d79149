//! Looks by CloudWatch: what is there is measured, and what is missing, late or in doubt never passes
//! for something else.

use std::{collections::BTreeMap, time::Duration};

use tidegate_aws::{
    Class,
    cloudwatch::{
        CloudWatch, CloudWatchHealth, DimensionValue, Exceeding, Measure, Metric, Series, Source,
        Statistic, sets,
    },
    fakes::{
        Fake, Fault, When,
        alb::group_arn,
        cloudwatch::{CloudWatch as Service, MetricName, Said, epoch},
    },
};
use tidegate_core::{
    FailureKind, HealthMetrics, Look, Measurement, PortError, Query, Revisions, Span, Timestamp,
    Window,
};
use tidegate_mock::conformance::{self, HealthSubject, assert_conforms};

use crate::support::{account, both, class, fixed, told};

const BALANCER: &str = "app/shop/0123456789abcdef";
const MINUTE: u64 = 60;

/// The name of a load balancer's metric of one group.
fn of_group(name: &str, group: &str) -> MetricName {
    let arn = group_arn(group);
    let resource = arn.rsplit(':').next().unwrap_or_default();
    let dimensions = [("LoadBalancer", BALANCER), ("TargetGroup", resource)];
    MetricName::new("AWS/ApplicationELB", name, &dimensions)
}

/// The beginning of the fake's `n`-th minute.
fn minute(n: u64) -> u64 {
    epoch(Duration::ZERO) + n * MINUTE
}

fn minutes(from: u64, to: u64) -> Window {
    Window { from: Timestamp(minute(from) * 1_000), to: Timestamp(minute(to) * 1_000) }
}

/// An hour of requests to both groups; of a hundred of green's a minute two fail, of blue's none, and
/// blue reports no failures at all.
fn busy() -> Service {
    let mut service = Service::default();
    for (group, requests) in [("blue", 900.0), ("green", 100.0)] {
        let name = of_group("RequestCount", group);
        service.put(name, minute(0), minute(60), &[(1.0, requests)]);
        let times = [(0.02, requests * 0.7), (0.2, requests * 0.2), (2.0, requests * 0.1)];
        let name = of_group("TargetResponseTime", group);
        service.put(name, minute(0), minute(60), &times);
    }
    let name = of_group("HTTPCode_Target_5XX_Count", "green");
    service.put(name, minute(0), minute(60), &[(1.0, 2.0)]);
    service
}

fn health_of(fake: &Fake<Service>, metrics: BTreeMap<String, Metric>) -> CloudWatchHealth {
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let groups = fixed(&group_arn("blue"), &group_arn("green"));
    CloudWatchHealth::new(&cloudwatch, metrics, groups).unwrap()
}

fn health(fake: &Fake<Service>) -> CloudWatchHealth {
    health_of(fake, sets::alb_target_groups(BALANCER))
}

fn query(metric: &str, window: Window) -> Query {
    let (target, revisions) = ("checkout".into(), both());
    let opened = Timestamp(minute(0) * 1_000);
    Query { target, revisions, metric: metric.to_owned(), window, opened }
}

/// Half an hour has passed.
async fn half_an_hour_in(service: Service) -> Fake<Service> {
    let fake = Fake::new(service);
    tokio::time::advance(Duration::from_secs(30 * MINUTE)).await;
    fake
}

async fn look_at(fake: &Fake<Service>, metric: &str) -> Result<Look, PortError> {
    health(fake).look(&query(metric, minutes(10, 15))).await
}

fn count(events: u64, exposures: u64) -> Option<Measurement> {
    Some(Measurement::count(events, exposures))
}

#[tokio::test(start_paused = true)]
async fn metrics_keep_every_law_of_health() {
    let make = async || {
        let mut service = busy();
        let green = |name| of_group(name, "green");
        for name in ["RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"] {
            service.metrics.get_mut(&green(name)).unwrap()[0].from = minute(8);
        }
        HealthSubject {
            port: health(&half_an_hour_in(service).await),
            busy: query("errors", minutes(10, 15)),
            idle: minutes(2, 6),
            young: minutes(28, 31),
        }
    };
    assert_conforms(conformance::health(make).await);
}

#[tokio::test(start_paused = true)]
async fn errors_are_counted_among_requests_and_none_are_reported_where_there_were_none() {
    let look = look_at(&half_an_hour_in(busy()).await, "errors").await.unwrap();
    assert_eq!(look, Look::complete(minutes(10, 15), count(0, 4_500), count(10, 500)));
}

#[tokio::test(start_paused = true)]
async fn latencies_are_counted_above_edges_by_counts_and_by_ranks_alike() {
    let fake = half_an_hour_in(busy()).await;
    let by_count = look_at(&fake, "latency").await.unwrap();
    let Some(Measurement::Above { above, samples, sum, .. }) = by_count.candidate.clone() else {
        panic!("{by_count:?}")
    };
    assert_eq!(above, [150.0, 150.0, 50.0, 50.0, 50.0, 0.0, 0.0, 0.0]);
    assert_eq!((samples, sum.map(f64::round)), (500.0, Some(127.0)));
    let mut metrics = sets::alb_target_groups(BALANCER);
    let latency = metrics.get_mut("latency").unwrap();
    let Measure::Above { by, .. } = &mut latency.measure else { panic!("{latency:?}") };
    *by = Exceeding::Ranked;
    let by_rank = health_of(&fake, metrics).look(&query("latency", minutes(10, 15))).await.unwrap();
    assert_eq!(by_rank, by_count);
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_does_not_exist_has_no_data_and_is_no_zero() {
    let mut service = busy();
    service.metrics.retain(|name, _| !name.dimensions.iter().any(|(_, v)| v.contains("green")));
    let look = look_at(&half_an_hour_in(service).await, "errors").await.unwrap();
    assert_eq!(look, Look::complete(minutes(10, 15), count(0, 4_500), None));
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_has_no_stable_to_measure() {
    let fake = half_an_hour_in(busy()).await;
    let revisions = Revisions { stable: None, ..both() };
    let query = Query { revisions, ..query("errors", minutes(10, 15)) };
    let look = health(&fake).look(&query).await.unwrap();
    assert_eq!(look, Look::complete(minutes(10, 15), None, count(10, 500)));
    assert_eq!(fake.with(|service| service.reads[0].queries), 2);
}

#[tokio::test(start_paused = true)]
async fn a_period_that_has_not_ended_or_not_arrived_is_not_measured() {
    let fake = half_an_hour_in(busy()).await;
    // The lag is three minutes, so that of these only two have arrived.
    let look = health(&fake).look(&query("errors", minutes(25, 30))).await.unwrap();
    let wanted = Look::complete(minutes(25, 30), count(0, 1_800), count(4, 200));
    assert_eq!(look, Look { complete: false, ..wanted });
    let look = health(&fake).look(&query("errors", minutes(28, 31))).await.unwrap();
    let wanted = Look::complete(minutes(28, 31), None, None);
    assert_eq!(look, Look { complete: false, ..wanted });
}

#[tokio::test(start_paused = true)]
async fn a_window_without_a_whole_period_is_refused_with_both_lengths() {
    let fake = half_an_hour_in(busy()).await;
    let window = Window { from: Timestamp(minute(10) * 1_000 + 1), ..minutes(10, 11) };
    let error = health(&fake).look(&query("errors", window)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("holds no whole period of 1m"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn requests_that_arrive_after_their_errors_leave_the_look_incomplete() {
    let mut service = busy();
    let requests = of_group("RequestCount", "green");
    service.metrics.remove(&requests);
    let late = Duration::from_secs(16 * MINUTE);
    service.put_late(requests, (minute(0), minute(60)), &[(1.0, 100.0)], late);
    let look = look_at(&half_an_hour_in(service).await, "errors").await.unwrap();
    let wanted = Look::complete(minutes(10, 15), count(0, 4_500), count(8, 400));
    assert_eq!(look, Look { complete: false, ..wanted });
    let mut service = busy();
    service.metrics.remove(&of_group("RequestCount", "green"));
    let look = look_at(&half_an_hour_in(service).await, "errors").await.unwrap();
    let wanted = Look::complete(minutes(10, 15), count(0, 4_500), None);
    assert_eq!(look, Look { complete: false, ..wanted });
}

#[tokio::test(start_paused = true)]
async fn pages_are_joined_whatever_their_size_and_whatever_they_repeat() {
    let whole = look_at(&half_an_hour_in(busy()).await, "latency").await.unwrap();
    for size in [7, 25, 50] {
        for repeats in [false, true] {
            let fake = half_an_hour_in(Service { repeats, ..busy() }).await;
            fake.fault("GetMetricData", When::From(1), Fault::PartialPage(size));
            let look = look_at(&fake, "latency").await.unwrap();
            assert_eq!(look, whole, "pages of {size}, repeats {repeats}");
            assert!(fake.carried_out("GetMetricData") > 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_an_end_is_given_up() {
    let fake = half_an_hour_in(busy()).await;
    fake.fault("GetMetricData", When::From(1), Fault::PartialPage(1));
    let error = look_at(&fake, "latency").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable);
    assert!(told(&error).contains("more than 20 pages"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn what_cloudwatch_says_of_a_metric_decides_whether_it_is_trusted() {
    let requests = "RequestCount";
    for (status, message, wanted) in [
        (None, None, Ok(true)),
        (Some("PartialData"), None, Ok(false)),
        (Some("novel-status"), None, Ok(false)),
        (None, Some(("novel-code", "something is missing")), Ok(false)),
        (Some("InternalError"), None, Err(FailureKind::Retryable)),
        (Some("Forbidden"), None, Err(FailureKind::Permanent)),
    ] {
        let said = BTreeMap::from([(requests.to_owned(), Said { status, message })]);
        let fake = half_an_hour_in(Service { said, ..busy() }).await;
        let look = look_at(&fake, "errors").await;
        let got = look.map(|look| look.complete).map_err(|error| error.kind);
        assert_eq!(got, wanted, "{status:?} {message:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_word_about_the_whole_call_is_kept_from_the_looks_it_is_not_about() {
    let message = Some(("TargetResponseTime", "novel-code", "too much"));
    let fake = half_an_hour_in(Service { message, ..busy() }).await;
    let health = health(&fake);
    let (errors, latency) = (query("errors", minutes(10, 15)), query("latency", minutes(10, 15)));
    let (errors, latency) = tokio::join!(health.look(&errors), health.look(&latency));
    assert!(errors.unwrap().complete);
    assert!(!latency.unwrap().complete);
}

/// A free metric with an expression over counts of shops.
fn maths(expression: &str) -> Metric {
    let of = |name| {
        let version = DimensionValue::Place;
        (Source::new("Shop", name).dimension("Version", version), Statistic::Sum)
    };
    let of = BTreeMap::from([("sold".to_owned(), of("Sold")), ("seen".to_owned(), of("Seen"))]);
    let value = Series::Maths { expression: expression.to_owned(), of };
    Metric::new(Measure::Value { value, samples: None })
}

fn shop() -> Service {
    let mut service = busy();
    for (version, sold) in [(group_arn("blue"), 30.0), (group_arn("green"), 20.0)] {
        let name = |name| MetricName::new("Shop", name, &[("Version", &version)]);
        service.put(name("Sold"), minute(0), minute(60), &[(1.0, sold)]);
        service.put(name("Seen"), minute(0), minute(60), &[(1.0, 100.0)]);
    }
    service
}

#[tokio::test(start_paused = true)]
async fn an_expression_is_worked_out_for_each_arm_by_itself() {
    let fake = half_an_hour_in(shop()).await;
    let metrics = BTreeMap::from([("sales".to_owned(), maths("sold / seen * 100"))]);
    let health = health_of(&fake, metrics);
    let look = health.look(&query("sales", minutes(10, 15))).await.unwrap();
    let value = |value| Some(Measurement::Value { value, samples: 0.0 });
    assert_eq!(look, Look::complete(minutes(10, 15), value(30.0), value(20.0)));
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_refused_fails_no_look_but_its_own() {
    let fake = half_an_hour_in(shop()).await;
    let mut metrics = sets::alb_target_groups(BALANCER);
    metrics.insert("sales".to_owned(), maths("SIN ( sold / seen )"));
    let health = health_of(&fake, metrics);
    let [errors, latency, sales] = ["errors", "latency", "sales"].map(|metric| {
        let (health, query) = (health.clone(), query(metric, minutes(10, 15)));
        tokio::spawn(async move { health.look(&query).await })
    });
    assert!(errors.await.unwrap().unwrap().complete);
    assert!(latency.await.unwrap().unwrap().complete);
    let error = sales.await.unwrap().unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Refused)));
}

#[tokio::test(start_paused = true)]
async fn looks_of_many_rollouts_share_a_call_and_get_their_own_numbers() {
    let fake = half_an_hour_in(busy()).await;
    let health = health(&fake);
    let looks: Vec<_> = (0..120)
        .map(|n| {
            // Two minutes each, of ten different windows.
            let window = minutes(10 + n % 10, 12 + n % 10);
            let (health, query) = (health.clone(), query("errors", window));
            tokio::spawn(async move { (window, health.look(&query).await) })
        })
        .collect();
    for look in looks {
        let (window, look) = look.await.unwrap();
        assert_eq!(look.unwrap(), Look::complete(window, count(0, 1_800), count(4, 200)));
    }
    let reads = fake.with(|service| service.reads.clone());
    assert_eq!(reads.iter().map(|read| read.queries).collect::<Vec<_>>(), [480]);
}

#[tokio::test(start_paused = true)]
async fn windows_that_lie_far_apart_do_not_share_a_call() {
    let fake = half_an_hour_in(busy()).await;
    let health = health(&fake);
    let looks = (0..100).map(|n| {
        let window = if n % 2 == 0 { minutes(1, 3) } else { minutes(24, 26) };
        let (health, query) = (health.clone(), query("errors", window));
        tokio::spawn(async move { health.look(&query).await })
    });
    for look in looks.collect::<Vec<_>>() {
        assert!(look.await.unwrap().unwrap().complete);
    }
    // All of them in one call would make it read 400 series of 25 minutes.
    let reads = fake.with(|service| service.reads.clone());
    assert!(reads.len() == 2 && reads.iter().all(|read| read.points <= 7_500), "{reads:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_or_broken_reading_is_a_failure_to_be_repeated_and_no_look() {
    use FailureKind::{Retryable, Throttled};
    for (fault, wanted) in [
        (Fault::Throttled, (Throttled, Some(Class::Throttled))),
        (Fault::ServerError { after: false }, (Retryable, Some(Class::Unknown))),
        (Fault::NotSent, (Retryable, Some(Class::Unknown))),
        (Fault::ReplyLost, (Retryable, Some(Class::Unknown))),
        (Fault::Hang { lands: None }, (Retryable, Some(Class::Unknown))),
    ] {
        let fake = half_an_hour_in(busy()).await;
        fake.fault("GetMetricData", When::From(1), fault);
        let error = look_at(&fake, "errors").await.unwrap_err();
        assert_eq!((error.kind, class(&error)), wanted);
        assert_eq!(fake.log().len(), 1, "the engine decides about attempts");
    }
}

#[tokio::test(start_paused = true)]
async fn a_metric_that_no_plan_may_name_is_said_with_those_it_may() {
    let fake = half_an_hour_in(busy()).await;
    let error = look_at(&fake, "eror").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("known: errors, latency, latency-mean"), "{}", told(&error));
    assert_eq!(fake.log(), []);
}

#[tokio::test(start_paused = true)]
async fn a_lambda_alias_is_measured_by_the_versions_behind_it() {
    let mut service = Service::default();
    for (version, errors) in [("1", 0.0), ("2", 3.0)] {
        let name = |name| {
            let dimensions =
                [("FunctionName", "pay"), ("Resource", "pay:live"), ("ExecutedVersion", version)];
            MetricName::new("AWS/Lambda", name, &dimensions)
        };
        service.put(name("Invocations"), minute(0), minute(60), &[(1.0, 50.0)]);
        service.put(name("Errors"), minute(0), minute(60), &[(1.0, errors), (0.0, 50.0 - errors)]);
        service.put(name("Duration"), minute(0), minute(60), &[(80.0, 50.0)]);
    }
    let fake = half_an_hour_in(service).await;
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let metrics = sets::lambda_alias("pay", "live");
    let placement = std::sync::Arc::new(tidegate_aws::ByRevision);
    let health = CloudWatchHealth::new(&cloudwatch, metrics, placement).unwrap();
    let look = health.look(&query("errors", minutes(10, 15))).await.unwrap();
    assert_eq!(look, Look::complete(minutes(10, 15), count(0, 250), count(15, 250)));
    let look = health.look(&query("latency-mean", minutes(10, 15))).await.unwrap();
    let sum = Some(Measurement::Sum { sum: 20_000.0, samples: 250.0 });
    assert_eq!(look, Look::complete(minutes(10, 15), sum.clone(), sum));
}

#[test]
fn metrics_that_can_not_be_measured_are_refused_all_at_once() {
    let sum = || Source::new("Shop", "Sold").statistic(Statistic::Sum);
    let alike = Metric::new(Measure::Value { value: sum(), samples: None });
    let off = maths("sold / bought").every(Span::seconds(45));
    let metrics = BTreeMap::from([("alike".to_owned(), alike), ("off".to_owned(), off)]);
    let fake = crate::support::in_paused_time(async { Fake::new(Service::default()) });
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let error = CloudWatchHealth::new(&cloudwatch, metrics, fixed("1", "2")).unwrap_err();
    let text = error.to_string();
    for part in ["alike: no dimension", "off: 45s is not a period", "\"bought\" is in the expr"] {
        assert!(text.contains(part), "{text}");
    }
}
