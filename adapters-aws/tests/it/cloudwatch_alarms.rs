//! Alarms as a guard's metric: a state counts only where it can be relied on, and an alarm that fired
//! before is nobody's fault.

use std::{collections::BTreeMap, time::Duration};

use tidegate_aws::{
    Class,
    cloudwatch::{Alarms, CloudWatch, CloudWatchHealth},
    fakes::{
        Fake, Fault, When,
        cloudwatch::{Alarm, AlarmKind, CloudWatch as Service, epoch},
    },
};
use tidegate_core::{
    FailureKind, HealthMetrics, Look, ObstacleKind, PortError, Query, Timestamp, Window,
};

use crate::support::{account, both, class, fixed, told};

/// Seconds of the fake's time as rollout time.
fn at(seconds: u64) -> Timestamp {
    Timestamp(epoch(Duration::from_secs(seconds)) * 1_000)
}

fn seconds(of: u64) -> Duration {
    Duration::from_secs(of)
}

/// A window of the fake's first minutes, of a rollout that was opened after ten seconds.
fn query(to: u64) -> Query {
    Query {
        target: "checkout".into(),
        revisions: both(),
        metric: "alarms".to_owned(),
        window: Window { from: at(to - 60), to: at(to) },
        opened: at(10),
    }
}

fn service(alarms: &[(&str, Alarm)]) -> Service {
    let owned = alarms.iter().map(|(name, alarm)| ((*name).to_owned(), alarm.clone()));
    Service { alarms: owned.collect(), ..Service::default() }
}

fn health(fake: &Fake<Service>, alarms: Alarms) -> CloudWatchHealth {
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let health = CloudWatchHealth::new(&cloudwatch, BTreeMap::new(), fixed("1", "2")).unwrap();
    health.with_alarms("alarms", alarms)
}

/// A look after five minutes at the window before.
async fn look(service: Service, alarms: Alarms) -> Result<Look, PortError> {
    let fake = Fake::new(service);
    tokio::time::advance(seconds(300)).await;
    health(&fake, alarms).look(&query(300)).await
}

async fn fired(service: Service, alarms: Alarms) -> (Option<f64>, bool) {
    let look = look(service, alarms).await.unwrap();
    assert_eq!(look.stable, None);
    (look.candidate.and_then(|candidate| candidate.value()), look.complete)
}

#[tokio::test(start_paused = true)]
async fn alarms_of_every_kind_are_seen_and_those_that_fire_are_counted() {
    for kind in [AlarmKind::Metric, AlarmKind::Composite, AlarmKind::Log] {
        let fires = Alarm::ok().then(seconds(200), "ALARM").of(kind);
        let service = service(&[("one", fires), ("other", Alarm::ok().of(kind))]);
        assert_eq!(fired(service, Alarms::new(["other", "one"])).await, (Some(1.0), true));
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_do_not_exist_are_all_named_and_fail_nobody_else() {
    let fake = Fake::new(service(&[("one", Alarm::ok())]));
    tokio::time::advance(seconds(300)).await;
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let health = CloudWatchHealth::new(&cloudwatch, BTreeMap::new(), fixed("1", "2")).unwrap();
    let health = health.with_alarms("alarms", Alarms::new(["one"]));
    let wrong = health.clone().with_alarms("alarms", Alarms::new(["none", "one", "nil"]));
    let query = query(300);
    let (good, bad) = tokio::join!(health.look(&query), wrong.look(&query));
    assert!(good.unwrap().complete);
    let error = bad.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("no alarm of this name: none, nil"), "{}", told(&error));
    assert_eq!(fake.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn insufficient_data_is_no_data_and_a_doubtful_evaluation_is_no_state() {
    let of = |alarm| service(&[("one", alarm)]);
    let unknown = Alarm::ok().then(seconds(100), "INSUFFICIENT_DATA");
    assert_eq!(fired(of(unknown), Alarms::new(["one"])).await, (None, true));
    for evaluation in ["PARTIAL_DATA", "EVALUATION_FAILURE", "EVALUATION_ERROR", "novel-state"] {
        let alarm = Alarm::ok().evaluated(evaluation);
        assert_eq!(fired(of(alarm), Alarms::new(["one"])).await, (None, false), "{evaluation}");
        let alarm = Alarm::ok().then(seconds(200), "ALARM").evaluated(evaluation);
        assert_eq!(fired(of(alarm), Alarms::new(["one"])).await, (None, false), "{evaluation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_has_not_ended_has_no_state() {
    let fake = Fake::new(service(&[("one", Alarm::ok())]));
    tokio::time::advance(seconds(100)).await;
    let look = health(&fake, Alarms::new(["one"])).look(&query(300)).await.unwrap();
    assert!(!look.complete && look.candidate.is_none());
    assert_eq!(fake.log(), []);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_fired_before_refuses_the_rollout_unless_it_is_to_be_disregarded() {
    let fires = || service(&[("one", Alarm::ok().then(seconds(5), "ALARM")), ("two", Alarm::ok())]);
    let fake = Fake::new(fires());
    tokio::time::advance(seconds(10)).await;
    let alarms = || Alarms::new(["one", "two"]);
    let fit = async |alarms: Alarms| {
        let health = health(&fake, alarms);
        health.fit(&"checkout".into(), &both(), &["alarms"]).await
    };
    let error = fit(alarms()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("alarms fires already: one"), "{}", told(&error));
    fit(alarms().disregarding()).await.unwrap();
    // Whoever got in between is not blamed; and until that one has stopped, there is no data.
    assert_eq!(fired(fires(), alarms()).await, (None, true));
    assert_eq!(fired(fires(), alarms().disregarding()).await, (Some(0.0), true));
    let again = Alarm::ok().then(seconds(5), "ALARM").then(seconds(60), "OK");
    let again = again.then(seconds(250), "ALARM");
    let again = service(&[("one", again), ("two", Alarm::ok())]);
    assert_eq!(fired(again, alarms().disregarding()).await, (Some(1.0), true));
}

#[tokio::test(start_paused = true)]
async fn everything_that_makes_metrics_unfit_is_said_at_once() {
    let fake = Fake::new(service(&[("one", Alarm::ok().then(seconds(0), "ALARM"))]));
    tokio::time::advance(seconds(10)).await;
    let health = health(&fake, Alarms::new(["one"])).with_alarms("lost", Alarms::new(["nil"]));
    let error = health.fit(&"checkout".into(), &both(), &["alarms", "eror", "lost"]).await;
    let text = told(&error.unwrap_err());
    for part in ["no metric eror", "alarms fires already: one", "no alarm of this name: nil"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_name_that_stands_for_nothing_and_each_alarm_that_fires_is_in_the_way() {
    let fires = Alarm::ok().then(seconds(0), "ALARM");
    let fake =
        Fake::new(service(&[("one", fires.clone()), ("two", fires), ("three", Alarm::ok())]));
    tokio::time::advance(seconds(10)).await;
    let alarms = Alarms::new(["one", "two", "three"]);
    let health = health(&fake, alarms)
        .with_alarms("lost", Alarms::new(["nil", "three", "null"]))
        .with_alarms("old", Alarms::new(["one"]).disregarding());
    let of = async |metrics: &[&str]| health.preflight(&"checkout".into(), &both(), metrics).await;
    let found = of(&["alarms", "eror", "lost", "old"]).await;
    let found: Vec<_> = found.iter().map(|one| (one.kind, one.subject.as_str())).collect();
    let wanted = [
        (ObstacleKind::NotAtRest, "alarm one"),
        (ObstacleKind::NotAtRest, "alarm two"),
        (ObstacleKind::Missing, "metric eror"),
        (ObstacleKind::Missing, "alarm nil"),
        (ObstacleKind::Missing, "alarm null"),
    ];
    assert_eq!(found, wanted);
    assert!(fake.log().iter().all(|asked| asked.operation == "DescribeAlarms"));
    fake.fault(None, When::From(1), Fault::Denied);
    let found = of(&["alarms"]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, ObstacleKind::Permission, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn many_names_are_read_a_hundred_a_call_and_page_by_page() {
    let names: Vec<String> = (0..250).map(|n| format!("alarm-{n:03}")).collect();
    let alarms: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), Alarm::ok())).collect();
    let fake = Fake::new(Service { alarms, ..Service::default() });
    tokio::time::advance(seconds(300)).await;
    let one = health(&fake, Alarms::new(names.clone()));
    assert!(one.look(&query(300)).await.unwrap().complete);
    assert_eq!(fake.log().len(), 3);
    fake.fault("DescribeAlarms", When::From(4), Fault::PartialPage(30));
    assert!(one.look(&query(300)).await.unwrap().complete);
    assert_eq!(fake.log().len(), 3 + 4 + 4 + 2);
}

#[tokio::test(start_paused = true)]
async fn alarms_of_many_rollouts_are_read_in_one_call() {
    let fake = Fake::new(service(&[("one", Alarm::ok()), ("two", Alarm::ok())]));
    tokio::time::advance(seconds(300)).await;
    let cloudwatch = CloudWatch::new(&fake.client(), &account());
    let looks = (0..200).map(|n| {
        let health = CloudWatchHealth::new(&cloudwatch, BTreeMap::new(), fixed("1", "2")).unwrap();
        let health = health.with_alarms("alarms", Alarms::new([["one", "two"][n % 2]]));
        tokio::spawn(async move { health.look(&query(300)).await })
    });
    for look in looks.collect::<Vec<_>>() {
        assert!(look.await.unwrap().unwrap().complete);
    }
    assert_eq!(fake.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_reading_is_no_state_of_any_alarm() {
    let fake = Fake::new(service(&[("one", Alarm::ok().then(seconds(20), "ALARM"))]));
    tokio::time::advance(seconds(300)).await;
    fake.fault(None, When::From(1), Fault::Throttled);
    let health = health(&fake, Alarms::new(["one"]));
    let error = health.look(&query(300)).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Throttled, Some(Class::Throttled)));
    let error = health.fit(&"checkout".into(), &both(), &["alarms"]).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Throttled);
}
