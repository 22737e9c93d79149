//! What a state and an ignored event cost in memory. What they cost in time is in docs/benchmarks.md.

use std::{collections::BTreeSet, fs, hint::black_box};

use allocation_counter::measure;
use tidegate::machine::{
    Actor, Answer, ArmCapacity, CalendarState, Capabilities, CheckIndex, Command, CommandId, Event,
    GateRef, HookAnswer, HookIndex, Identity, Judged, Look, Measurement, MoveId, Observation,
    Order, Outcome, Plan, PolicySpec, Position, Reading, Role, Rollout, RolloutId, SeenCapacity,
    SeenTraffic, Span, StoredLook, Supersede, Timestamp, Units, Verdict, Weight, Window, World,
};

use crate::fixtures::{Rig, canary_of, checked, end_of, records, step};

/// Bytes of a state. The goal is 512; docs/benchmarks.md says where they go.
const LARGEST: usize = 616;
const BEGIN: Timestamp = Timestamp(1_767_225_600_000);

fn canary() -> (Plan, World) {
    let mut spec = canary_of(vec![step(5, checked()), step(50, checked())]);
    spec.policy = PolicySpec { supersede: Some(Supersede::Refuse), ..spec.policy };
    let caps = Capabilities::routed();
    (Plan::compile(spec, &caps).unwrap(), World::at_rest(&caps, 10, BEGIN))
}

/// The world as it is once everything that was asked for is there.
fn settled(world: &World, at: Timestamp) -> Event {
    let ready = |capacity: ArmCapacity| {
        let total = Units::steady(capacity.total.asked);
        ArmCapacity { total, ..capacity }
    };
    let (low, high) = (world.traffic.asked, world.traffic.asked);
    Event::Observed(Box::new(Observation {
        traffic: Some(SeenTraffic { low, high, other: Weight::ZERO, at }),
        extra: Some(world.extra.asked),
        capacity: Some(SeenCapacity {
            full: world.full,
            full_by_zone: world.full_by_zone,
            stable: ready(world.stable),
            candidate: ready(world.candidate),
        }),
        ..Observation::begun(at)
    }))
}

/// What moves an ordinary rollout.
fn ordinary(state: &Rollout, at: Timestamp) -> Vec<(Timestamp, Event)> {
    let window = Window { from: at, to: at };
    let (check, role, verdict) = (CheckIndex(0), Role::Gate, Verdict::Pass);
    let reading = Reading::default();
    let pass = Judged { check, role, verdict, past_limit: false, window, reading };
    let mut events = vec![(at, settled(state.world(), at)), (at, Event::Judged(pass))];
    events.extend(state.next_deadline().map(|due| (due, Event::DeadlineReached)));
    if let Some(call) = state.outstanding() {
        let (id, attempt) = (call.sent.id, call.sent.attempt);
        let answer = Answer { id, attempt, outcome: Outcome::Accepted };
        events.push((at, Event::Answered(answer)));
    }
    events
}

/// What people say, and what comes early, late, or of something that is not there.
fn untimely(state: &Rollout, at: Timestamp) -> Vec<Event> {
    let gate = GateRef { at: Position::default(), wait: None };
    let gate = state.phase().gate().unwrap_or(gate);
    let orders = [
        Order::Start,
        Order::Pause,
        Order::Resume,
        Order::Approve(gate),
        Order::PromoteFull,
        Order::Abort,
        Order::Retry,
        Order::Accept,
        Order::GiveUp,
        Order::Supersede { by: RolloutId(9) },
    ];
    let reason = "a reason in words that are stored with it";
    let command = |order| {
        let (id, actor) = (CommandId(1), Actor::from("somebody"));
        Event::Command(Command { id, actor, reason: reason.to_owned(), order })
    };
    let verdict = |check, role, verdict| {
        let (window, reading) = (Window { from: at, to: at }, Reading::default());
        Event::Judged(Judged { check, role, verdict, past_limit: false, window, reading })
    };
    let old = Answer { id: MoveId::default(), attempt: 1, outcome: Outcome::Accepted };
    let calendar = CalendarState { frozen: false, open: true, until: Timestamp::MAX };
    let mut events: Vec<_> = orders.map(command).into();
    events.extend([
        Event::Answered(old),
        Event::DeadlineReached,
        Event::Observed(Box::new(Observation::begun(Timestamp(1)))),
        Event::Observed(Box::new(Observation::begun(at))),
        verdict(CheckIndex(9), Role::Guard, Verdict::Fail),
        verdict(CheckIndex(0), Role::Guard, Verdict::Pass),
        verdict(CheckIndex(0), Role::Gate, Verdict::NoData),
        Event::HookAnswered { hook: HookIndex(0), answer: HookAnswer::Wait },
        Event::CalendarRead(calendar),
        Event::Freed { world: Box::new(state.world().clone()), stable_serves: true },
    ]);
    events
}

#[test]
fn an_ignored_event_allocates_nothing() {
    let (plan, found) = canary();
    let opened = || Rollout::open(Identity::default(), &plan, &found, BEGIN).next;
    let (mut state, mut ignored, mut reasons) = (opened(), 0, BTreeSet::new());
    for turn in 0..2_000_usize {
        let at = state.clock();
        let mut events = ordinary(&state, at);
        let ahead = events.len();
        events.extend(untimely(&state, at).into_iter().map(|event| (at, event)));
        let mut transitions = Vec::new();
        for (n, (at, event)) in events.iter().enumerate() {
            let mut result = None;
            let cost = measure(|| result = Some(black_box(&state).apply(&plan, *at, event)));
            match result.unwrap() {
                Ok(step) => transitions.push((n, step.next)),
                Err(why) => {
                    assert_eq!(cost.count_total, 0, "{why}: {event:?} in {:?}", state.phase());
                    ignored += 1;
                    reasons.insert(why);
                }
            }
        }
        // Mostly on, sometimes aside; from the start again at the end.
        let on = transitions.iter().filter(|(n, _)| *n < ahead).count();
        let many = if turn % 16 == 0 || on == 0 { transitions.len() } else { on };
        state = match turn.checked_rem(many) {
            Some(nth) => transitions.swap_remove(nth).1,
            None => opened(),
        };
    }
    println!("{ignored} ignored events, for {reasons:?}");
    assert!(ignored > 20_000 && reasons.len() >= 8, "{ignored} ignored events, {reasons:?}");
}

#[test]
fn a_state_is_small_and_the_page_says_how_small() {
    let (plan, found) = canary();
    let mut state = Rollout::open(Identity::default(), &plan, &found, BEGIN).next;
    let mut longest = 0;
    for turn in 0..40_usize {
        let events = ordinary(&state, state.clock().after(Span(turn as u64)));
        let next = events.iter().find_map(|(at, event)| state.apply(&plan, *at, event).ok());
        let Some(step) = next else { break };
        state = step.next;
        longest = longest.max(serde_json::to_vec(&state).unwrap().len());
    }
    let size = size_of::<Rollout>();
    println!("a state has {size} bytes; as JSON up to {longest} on the way of a canary");
    assert!(size <= LARGEST, "{size} bytes");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    assert!(page.contains(&format!("{size} bytes")), "ARCHITECTURE.md does not say {size} bytes");
}

/// Makes a measurement of so many requests.
type Kind = fn(f64) -> Measurement;

/// A look of one kind, as a busy minute makes it.
fn kept(measurement: Kind) -> StoredLook {
    let from = Timestamp(1_767_225_600_000);
    let window = Window { from, to: Timestamp(from.0 + 60_000) };
    let (stable, candidate) = (measurement(54_213.0), measurement(6_017.0));
    let look = Look {
        share: Some(Weight::percent(10)),
        ..Look::complete(window, Some(stable), Some(candidate))
    };
    let (rollout, check) = (RolloutId(12), CheckIndex(3));
    StoredLook { rollout, check, role: Role::Guard, correction: 0, look }
}

#[test]
fn evidence_is_small_and_the_page_says_how_small() {
    let kinds: [(&str, Kind); 5] = [
        ("counts", |n| Measurement::Count { events: (n / 997.0).round(), exposures: n }),
        ("a sum", |n| Measurement::Sum { sum: n * 112.375, samples: n }),
        ("a value", |n| Measurement::Value { value: 112.375, samples: n }),
        ("a histogram", |n| Measurement::Above {
            edges: (1..=12).map(|n| f64::from(n) * 25.0).collect(),
            above: (1..=12).map(|k| (n / f64::from(k * k)).round()).collect(),
            samples: n,
            sum: Some(n * 112.375),
        }),
        ("ten classes", |n| Measurement::Classes(vec![(n / 10.0).round(); 10])),
    ];
    let sizes = kinds.map(|(name, kind)| (name, serde_json::to_vec(&kept(kind)).unwrap().len()));
    // One of each, a minute each, as guard and at gates.
    let minute: usize = sizes.iter().map(|(_, bytes)| 2 * bytes).sum();
    let day = minute * 24 * 60 / 1_000_000;
    println!("{sizes:?}; {day} MB a day");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    for (name, bytes) in sizes {
        assert!(page.contains(&format!("{bytes} ({name})")), "ARCHITECTURE.md: {bytes} ({name})");
    }
    assert!(page.contains(&format!("{day} MB in 24 hours")), "ARCHITECTURE.md: {day} MB");
}

#[tokio::test(start_paused = true)]
async fn a_record_is_about_two_kilobytes() {
    let rig = Rig::new(tidegate_mock::WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, crate::fixtures::canary()).await;
    end_of(&handle).await;
    let sizes: Vec<usize> = records(&handle)
        .await
        .iter()
        .map(|record| serde_json::to_vec(record).unwrap().len())
        .collect();
    let (mean, most) = (sizes.iter().sum::<usize>() / sizes.len(), sizes.iter().max().unwrap());
    println!("{} records of {mean} bytes on average, {most} at most", sizes.len());
    assert!((1_000..=2_500).contains(&mean) && *most < 4_000, "{mean}, {most}");
}
