//! Decisions as events: told once, in order, whole, or counted; and never in a rollout's way.

use serde_json::Value;
use tidegate_aws::{
    events::{EventBus, Told, Topic},
    fakes::{
        Fake, Fault, When,
        eventbridge::EventBridge,
        sns::{Sns, topic_arn},
    },
};
use tidegate_core::{
    Decision, Evidence, Notice, Observer, PhaseName, RolloutId, Rule, Seq, Timestamp, Weight,
};
use tidegate_mock::conformance::{self, ObserverSubject, assert_conforms};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::support::account;

pub(crate) fn notice(seq: Seq) -> Notice {
    let decision = Decision {
        rule: Rule::GuardFailed,
        at: Timestamp(1_795_219_260_123),
        from: PhaseName::Gating,
        to: PhaseName::RollingBack,
        position: None,
        weight_from: Weight::percent(10),
        weight_to: Weight::ZERO,
        evidence: Evidence::State,
    };
    let (target, rollout) = ("checkout".into(), RolloutId(u64::MAX));
    let sentence = "A guard failed – the rollout goes back [10 % to 0 %]".to_owned();
    Notice { target, rollout, seq, decision, sentence }
}

fn bus(fake: &Fake<EventBridge>) -> EventBus {
    EventBus::new(&fake.client(), &account(), "releases")
}

/// What a reader makes of an event.
fn read(event: &Value) -> Notice {
    let event: Value = serde_json::from_str(event.as_str().unwrap()).unwrap();
    let decision: Decision = serde_json::from_value(event["decision"].clone()).unwrap();
    assert_eq!(event["format"], 1);
    assert_eq!(event["rule"], "guard_failed");
    assert_eq!((&event["from"], &event["to"]), (&"gating".into(), &"rolling_back".into()));
    assert_eq!((&event["weight_from"], &event["weight_to"]), (&1_000.into(), &0.into()));
    assert_eq!(event["at"], 1_795_219_260_123_u64);
    Notice {
        target: event["target"].as_str().unwrap().into(),
        rollout: RolloutId(event["rollout"].as_str().unwrap().parse().unwrap()),
        seq: Seq(event["record"].as_u64().unwrap()),
        decision,
        sentence: event["sentence"].as_str().unwrap().to_owned(),
    }
}

fn tell(observer: &impl Observer, seqs: impl IntoIterator<Item = u64>) {
    seqs.into_iter().for_each(|n| observer.decided(&notice(Seq(n))));
}

const fn told(delivered: u64, failed: u64, lost: u64) -> Told {
    Told { delivered, failed, lost }
}

/// A runtime on a thread of its own, as engines call observers from threads that have none.
struct Elsewhere {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl Elsewhere {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let (_end, ended) = oneshot::channel();
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(ended));
        Self { runtime: handle, _end }
    }

    /// Waits on this thread for what happens on the other.
    fn wait(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (done, waits) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            work.await;
            done.send(()).unwrap();
        });
        waits.recv().unwrap();
    }
}

#[tokio::test]
async fn a_bus_keeps_every_law_of_observers() {
    let make = async || {
        let elsewhere = Elsewhere::new();
        let _entered = elsewhere.runtime.enter();
        let fake = Fake::new(EventBridge::default());
        let port = bus(&fake);
        let flushed = port.clone();
        let told = move || {
            let flushed = flushed.clone();
            elsewhere.wait(async move { flushed.flush().await });
            fake.with(|bus| bus.events.iter().map(|event| read(&event["Detail"])).collect())
        };
        ObserverSubject { port, notice, told: Some(Box::new(told)) }
    };
    assert_conforms(conformance::observer(make).await);
}

#[tokio::test]
async fn a_topic_keeps_every_law_of_observers() {
    let make = async || {
        let elsewhere = Elsewhere::new();
        let _entered = elsewhere.runtime.enter();
        let fake = Fake::new(Sns::with(&["releases"]));
        let port = Topic::new(&fake.client(), &account(), topic_arn("releases"));
        let flushed = port.clone();
        let told = move || {
            let flushed = flushed.clone();
            elsewhere.wait(async move { flushed.flush().await });
            let message = |message: &Value| read(&message["Message"]);
            fake.with(|sns| sns.topics[&topic_arn("releases")].iter().map(message).collect())
        };
        ObserverSubject { port, notice, told: Some(Box::new(told)) }
    };
    assert_conforms(conformance::observer(make).await);
}

#[tokio::test(start_paused = true)]
async fn decisions_that_come_together_share_a_call_and_keep_their_order() {
    let fake = Fake::new(EventBridge::default());
    let bus = bus(&fake);
    tell(&bus, 1..=25);
    bus.flush().await;
    assert_eq!(bus.told(), told(25, 0, 0));
    assert_eq!(fake.carried_out("PutEvents"), 3);
    let events = fake.with(|state| state.events.clone());
    let seqs: Vec<u64> = events.iter().map(|event| read(&event["Detail"]).seq.0).collect();
    assert_eq!(seqs, (1..=25).collect::<Vec<u64>>());
    let of = |name: &str| events[0][name].as_str().unwrap().to_owned();
    assert_eq!(of("EventBusName"), "releases");
    assert_eq!((of("Source"), of("DetailType")), ("tidegate".into(), "Rollout Decision".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_sure_not_to_have_been_told_is_sent_again_and_what_may_have_been_is_not() {
    for (fault, wanted, calls) in [
        (Fault::Throttled, told(1, 0, 0), 2),
        (Fault::ReplyLost, told(0, 1, 0), 1),
        (Fault::Hang { lands: None }, told(0, 1, 0), 1),
        (Fault::ServerError { after: true }, told(0, 1, 0), 1),
    ] {
        let fake = Fake::new(EventBridge::default());
        fake.fault(None, When::Nth(1), fault.clone());
        let bus = bus(&fake);
        tell(&bus, [1]);
        bus.flush().await;
        assert_eq!((bus.told(), fake.log().len()), (wanted, calls), "{fault:?}");
        assert!(fake.with(|state| state.events.len()) <= 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_call_that_was_taken_in_part_the_rest_is_sent_again() {
    let fake = Fake::new(EventBridge { refuses: 2, ..EventBridge::default() });
    let bus = bus(&fake);
    tell(&bus, 1..=5);
    bus.flush().await;
    assert_eq!(bus.told(), told(5, 0, 0));
    let events = fake.with(|state| state.events.clone());
    let seqs: Vec<u64> = events.iter().map(|event| read(&event["Detail"]).seq.0).collect();
    assert_eq!(seqs, [3, 4, 5, 1, 2]);
    fake.with(|state| state.refuses = usize::MAX);
    tell(&bus, 6..=7);
    bus.flush().await;
    assert_eq!(bus.told(), told(5, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_costs_notices_and_nothing_else() {
    let fake = Fake::new(EventBridge::default());
    fake.fault(None, When::From(1), Fault::Hang { lands: None });
    let bus = bus(&fake);
    tell(&bus, 1..=2_000);
    let lost = bus.told().lost;
    assert!((900..1_000).contains(&lost), "{lost}");
    bus.flush().await;
    assert_eq!(bus.told(), told(0, 2_000 - lost, lost));
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_when_nobody_observes_any_more() {
    let fake = Fake::new(EventBridge::default());
    let one = bus(&fake);
    tell(&one, [1, 2]);
    let other = one.clone();
    drop(one);
    other.flush().await;
    assert_eq!(fake.with(|state| state.events.len()), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_has_a_subject_for_mail_and_attributes_for_filters() {
    let fake = Fake::new(Sns::with(&["releases", "releases.fifo"]));
    for name in ["releases", "releases.fifo"] {
        let topic = Topic::new(&fake.client(), &account(), topic_arn(name));
        tell(&topic, [7]);
        topic.flush().await;
        assert_eq!(topic.told(), told(1, 0, 0));
        let message = fake.with(|sns| sns.topics[&topic_arn(name)][0].clone());
        let subject = "checkout: A guard failed  the rollout goes back [10 % to 0 %]";
        assert_eq!(message["Subject"], subject);
        let text = message["MessageAttributes"].to_string();
        for part in ["checkout", "guard_failed", "rolling_back"] {
            assert!(text.contains(part), "{text}");
        }
        let group = message["MessageGroupId"].as_str();
        assert_eq!(group, name.ends_with("fifo").then_some("checkout"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_there_is_not_asked_again() {
    let fake = Fake::new(Sns::default());
    let topic = Topic::new(&fake.client(), &account(), topic_arn("nowhere"));
    tell(&topic, [1]);
    topic.flush().await;
    assert_eq!((topic.told(), fake.log().len()), (told(0, 1, 0), 1));
}
