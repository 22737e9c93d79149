//! Whole rollouts that CloudWatch judges: back by a metric, back by an alarm, and not back because
//! nobody could ask; and how often it is asked, by one rollout and by two hundred.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate::{
    End, Engine, EngineError, Handle, MonotonicClock, Ports,
    machine::{
        Cause, CheckSpec, CompareSpec, DeadlineSpec, GateSpec, JudgeSpec, OnDeadline, Phase,
        PlanSpec, PolicySpec, Span, ThresholdSpec, Timestamp,
    },
};
use tidegate_aws::{
    cloudwatch::{
        Alarms, CloudWatch, CloudWatchHealth, DimensionValue, Measure, Metric, Series, Source,
        Statistic, sets,
    },
    fakes::{
        Fake, Fault, When,
        alb::group_arn,
        cloudwatch::{Alarm, CloudWatch as Service, MetricName, MetricRead, epoch},
    },
};
use tidegate_mock::MemoryJournal;
use tokio::time::timeout;

use crate::{
    lead::{LONG, canary, compiled, step},
    obedient::Obedient,
    support::{account, both, fixed, told},
};

const MINUTE: u64 = 60;
pub(crate) const BALANCER: &str = "app/shop/0123456789abcdef";

/// Long before the first rollout begins, and long after the last has ended.
fn always() -> (u64, u64) {
    (epoch(Duration::ZERO) - 6 * 60 * MINUTE, epoch(LONG))
}

/// Traffic of both groups, of which green fails so many of a hundred requests.
pub(crate) fn service(failing: f64) -> Service {
    let mut service = Service::default();
    let (from, to) = always();
    for (group, failing) in [("blue", 1.0), ("green", failing)] {
        let arn = group_arn(group);
        let resource = arn.rsplit(':').next().unwrap_or_default();
        let dimensions = [("LoadBalancer", BALANCER), ("TargetGroup", resource)];
        let name = |name| MetricName::new("AWS/ApplicationELB", name, &dimensions);
        service.put(name("RequestCount"), from, to, &[(1.0, 1_000.0)]);
        service.put(name("HTTPCode_Target_5XX_Count"), from, to, &[(1.0, 10.0 * failing)]);
        let times = [(0.02, 700.0), (0.2, 250.0), (2.0, 50.0)];
        service.put(name("TargetResponseTime"), from, to, &times);
    }
    service
}

/// An engine whose clock is that of the fake, and which begins within a minute.
struct Rig {
    fake: Fake<Service>,
    health: CloudWatchHealth,
}

impl Rig {
    async fn new(service: Service) -> Self {
        let fake = Fake::new(service);
        tokio::time::advance(Duration::from_secs(10 * MINUTE + 17)).await;
        let cloudwatch = CloudWatch::new(&fake.client(), &account());
        let groups = fixed(&group_arn("blue"), &group_arn("green"));
        let metrics = five_metrics();
        let health = CloudWatchHealth::new(&cloudwatch, metrics, groups).unwrap();
        let health = health.with_alarms("alarms", Alarms::new(["too many failures"]));
        Self { fake, health }
    }

    fn engine(&self) -> Engine {
        let world = Arc::new(Obedient::default());
        let ports = Ports::new(world.clone(), world, Arc::new(self.health.clone()));
        let now = Timestamp(epoch(Duration::from_secs(10 * MINUTE + 17)) * 1_000);
        let clock = Arc::new(MonotonicClock::starting_at(now));
        Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).name("one").build()
    }

    fn reads(&self) -> Vec<MetricRead> {
        self.fake.with(|service| service.reads.clone())
    }
}

/// Those of a load balancer, and two more.
fn five_metrics() -> BTreeMap<String, Metric> {
    let mut metrics = sets::alb_target_groups(BALANCER);
    let of = Source::new("AWS/ApplicationELB", "TargetResponseTime")
        .dimension("LoadBalancer", DimensionValue::Fixed(BALANCER.to_owned()))
        .dimension("TargetGroup", DimensionValue::PlaceResource);
    let percentile = |percent| Series::Metric(of.clone(), Statistic::Percentile(percent));
    let samples = Series::Metric(of.clone(), Statistic::SampleCount);
    let value =
        |percent| Measure::Value { value: percentile(percent), samples: Some(samples.clone()) };
    metrics.insert("p90".to_owned(), Metric::new(value(90.0)));
    metrics.insert("p99".to_owned(), Metric::new(value(99.0)));
    metrics
}

fn compared(metric: &str) -> (String, CheckSpec) {
    let judge = JudgeSpec::Compare(CompareSpec::default());
    (metric.to_owned(), CheckSpec::new(metric, judge))
}

pub(crate) fn below(metric: &str, max: f64) -> (String, CheckSpec) {
    let line = ThresholdSpec { max: Some(max), ..ThresholdSpec::default() };
    (metric.to_owned(), CheckSpec::new(metric, JudgeSpec::Threshold(line)))
}

/// Half of the traffic for so long, with these checks as guards.
pub(crate) fn plan(target: &str, bake: Span, checks: Vec<(String, CheckSpec)>) -> PlanSpec {
    let gate = GateSpec { bake, ..GateSpec::default() };
    let steps = vec![step(50, gate), step(100, GateSpec::default())];
    let policy = PolicySpec { keep_warm: Some(Span::seconds(30)), ..PolicySpec::default() };
    PlanSpec {
        target: target.into(),
        guards: checks.iter().map(|(name, _)| name.as_str().into()).collect(),
        checks: checks.into_iter().collect(),
        ..canary(steps, None, policy)
    }
}

async fn start(engine: &Engine, spec: PlanSpec) -> Result<Handle, EngineError> {
    engine.start(compiled(engine, &spec), both(), "ada").await
}

async fn end(handle: &Handle) -> End {
    timeout(LONG, handle.finished()).await.expect("a rollout ends")
}

fn is_back(end: &End) -> bool {
    matches!(end, End::Over(Phase::RolledBack { cause: Cause::Failed, .. }))
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_fails_more_often_is_rolled_back_and_one_that_does_not_is_completed() {
    for (failing, back) in [(10.0, true), (1.0, false)] {
        let rig = Rig::new(service(failing)).await;
        let engine = rig.engine();
        let spec = plan("checkout", Span::minutes(15), vec![compared("errors")]);
        let end = end(&start(&engine, spec).await.unwrap()).await;
        assert_eq!(is_back(&end), back, "{end:?}");
        assert_eq!(end == End::Over(Phase::Completed), !back, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_begins_to_fire_rolls_the_rollout_back() {
    for (fires, back) in [(true, true), (false, false)] {
        let alarm = match fires {
            true => Alarm::ok().then(Duration::from_secs(20 * MINUTE), "ALARM"),
            false => Alarm::ok(),
        };
        let alarms = BTreeMap::from([("too many failures".to_owned(), alarm)]);
        let rig = Rig::new(Service { alarms, ..service(1.0) }).await;
        let engine = rig.engine();
        let spec = plan("checkout", Span::minutes(15), vec![below("alarms", 0.0)]);
        let end = end(&start(&engine, spec).await.unwrap()).await;
        assert_eq!(is_back(&end), back, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_fires_already_keeps_the_rollout_from_being_opened() {
    let alarm = Alarm::ok().then(Duration::ZERO, "ALARM");
    let alarms = BTreeMap::from([("too many failures".to_owned(), alarm)]);
    let rig = Rig::new(Service { alarms, ..service(1.0) }).await;
    let engine = rig.engine();
    let spec = || plan("checkout", Span::minutes(15), vec![below("alarms", 0.0)]);
    let error = start(&engine, spec()).await.unwrap_err();
    let EngineError::Unfit { source, .. } = error else { panic!("{error:?}") };
    let text = told(&source);
    assert!(text.contains("alarms fires already: too many failures"), "{text}");
    assert!(engine.handles().is_empty());
    // The same plan is good once the alarm has stopped.
    rig.fake.with(|service| service.alarms.insert("too many failures".to_owned(), Alarm::ok()));
    let handle = start(&engine, spec()).await.unwrap();
    assert_eq!(end(&handle).await, End::Over(Phase::Completed));
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_throttling_roll_nothing_back() {
    let alarms = BTreeMap::from([("too many failures".to_owned(), Alarm::ok())]);
    let rig = Rig::new(Service { alarms, ..service(1.0) }).await;
    let engine = rig.engine();
    let mut checks = vec![below("errors", 0.05), compared("latency"), below("alarms", 0.0)];
    for (_, check) in &mut checks {
        // Whoever takes silence for failure does not mean this one.
        check.lack = Some(DeadlineSpec { within: Span::minutes(6), then: OnDeadline::RollBack });
    }
    let handle = start(&engine, plan("checkout", Span::minutes(30), checks)).await.unwrap();
    let (from, to) = (Duration::from_secs(20 * MINUTE), Duration::from_secs(30 * MINUTE));
    rig.fake.fault(None, When::During { from, to }, Fault::Throttled);
    assert_eq!(end(&handle).await, End::Over(Phase::Completed));
    let throttled = rig.fake.log().iter().filter(|asked| asked.fault.is_some()).count();
    assert!(throttled >= 10, "{throttled} calls were throttled");
}

/// The most of something in any second.
fn most_a_second(reads: &[MetricRead], of: fn(&MetricRead) -> u64) -> u64 {
    let second = |begin: Duration| {
        let within = begin..begin + Duration::from_secs(1);
        reads.iter().filter(|read| within.contains(&read.at)).map(of).sum()
    };
    reads.iter().map(|read| second(read.at)).max().unwrap_or(0)
}

/// What the quotas page of CloudWatch allows an account for `GetMetricData`.
const CALLS_A_SECOND: u64 = 50;
const POINTS_A_SECOND: u64 = 180_000;

fn assert_within_quotas(reads: &[MetricRead]) {
    let (calls, points) = (most_a_second(reads, |_| 1), most_a_second(reads, |read| read.points));
    println!("{} calls, at most {calls} and {points} points a second", reads.len());
    assert!(calls <= CALLS_A_SECOND && points <= POINTS_A_SECOND);
}

/// Five metrics, two of them compared with stable and with four hours before.
fn five_checks() -> Vec<(String, CheckSpec)> {
    vec![
        compared("errors"),
        compared("latency"),
        below("latency-mean", 1.0),
        below("p90", 1.0),
        below("p99", 5.0),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_hour_with_five_metrics_takes_a_call_a_minute_and_a_few_for_the_past() {
    let rig = Rig::new(service(1.0)).await;
    let engine = rig.engine();
    let spec = plan("checkout", Span::minutes(60), five_checks());
    let handle = start(&engine, spec).await.unwrap();
    assert_eq!(end(&handle).await, End::Over(Phase::Completed));
    let reads = rig.reads();
    assert_within_quotas(&reads);
    let alone = reads.iter().filter(|read| read.queries < 36).count();
    let together = reads.iter().filter(|read| read.queries == 4 + 20 + 4 + 4 + 4).count();
    println!("{alone} for the past, {together} for five metrics at once");
    assert!((55..=65).contains(&together), "{together}");
    assert!(reads.len() <= 65 + 245, "{}", reads.len());
}

#[tokio::test(start_paused = true)]
async fn two_hundred_rollouts_of_one_engine_share_calls_and_keep_to_the_quotas() {
    const ROLLOUTS: usize = 200;
    const MINUTES: u64 = 6;
    let rig = Rig::new(service(1.0)).await;
    let engine = rig.engine();
    let checks = || {
        five_checks().into_iter().map(|(name, mut check)| {
            let line = ThresholdSpec { max: Some(5.0), ..ThresholdSpec::default() };
            check.judge = JudgeSpec::Threshold(line);
            (name, check)
        })
    };
    let mut handles = Vec::new();
    for n in 0..ROLLOUTS {
        let spec = plan(&format!("shop-{n}"), Span::minutes(MINUTES + 4), checks().collect());
        handles.push(start(&engine, spec).await.unwrap());
    }
    for handle in &handles {
        assert_eq!(end(handle).await, End::Over(Phase::Completed));
    }
    let reads = rig.reads();
    assert_within_quotas(&reads);
    let queries: usize = reads.iter().map(|read| read.queries).sum();
    // Nobody looked less often for it, and calls are as full as they can be.
    assert!(queries >= ROLLOUTS * 36 * usize::try_from(MINUTES).unwrap(), "{queries}");
    println!("{queries} queries in {} calls", reads.len());
    assert!(queries / reads.len() >= 400, "{queries} in {}", reads.len());
}
