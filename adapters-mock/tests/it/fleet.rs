//! The simulated world by itself.

use tidegate_core::{
    Arm, FailureKind, Look, Measurement, PlatformSeen, SafetyClass, Span, Split, Version, Wait,
    WaitPoint, Weight, Window,
};
use tidegate_mock::{
    ArmSpec, EffectSpec, Fate, Fault, Fleet, Happening, Happens, Op, OperationSpec,
    PlatformWorldSpec, Request, Shape, Signal, WorldSpec, Wrong,
};

use crate::support::{both, call, kind, to};

fn candidate_weight(fleet: &mut Fleet) -> Weight {
    fleet.truth(&both()).0.high
}

fn ready(fleet: &mut Fleet, arm: Arm) -> u32 {
    let capacity = fleet.truth(&both()).2;
    let arm = if arm == Arm::Stable { capacity.stable } else { capacity.candidate };
    arm.total.ready
}

fn provision(units: u32) -> Request {
    Request::Provision { arm: Arm::Candidate, units, zone: None }
}

/// A canary at `percent` with ten ready replicas, five minutes old.
fn running(spec: WorldSpec, percent: u16) -> Fleet {
    let mut fleet = Fleet::new(spec, 1);
    assert!(fleet.send(&call(1), provision(10)).result.is_ok());
    fleet.advance(Span::minutes(1));
    assert!(fleet.send(&call(2), to(percent)).result.is_ok());
    fleet.advance(Span::minutes(5));
    fleet
}

/// The last two minutes before the lag.
fn look(fleet: &mut Fleet, signal: Signal) -> Look {
    let end = fleet.now().moved(-30_000);
    fleet.measure(&both(), signal, Window { from: end.moved(-120_000), to: end }).unwrap()
}

fn value(measurement: Option<Measurement>) -> f64 {
    measurement.and_then(|m| m.value()).unwrap()
}

#[test]
fn replicas_take_their_time_and_weights_are_seen_after_propagation() {
    let mut fleet = Fleet::new(WorldSpec::good(), 1);
    assert!(fleet.send(&call(1), provision(3)).result.is_ok());
    fleet.advance(Span::seconds(19));
    assert_eq!(ready(&mut fleet, Arm::Candidate), 0);
    fleet.advance(Span::seconds(1));
    assert_eq!(ready(&mut fleet, Arm::Candidate), 3);
    assert!(fleet.send(&call(2), to(5)).result.is_ok());
    fleet.advance(Span::seconds(4));
    assert_eq!(candidate_weight(&mut fleet), Weight::ZERO);
    fleet.advance(Span::seconds(1));
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(5));
}

#[test]
fn unready_replicas_are_removed_before_ready_ones() {
    let mut fleet = Fleet::new(WorldSpec::good(), 1);
    let stable = |units| Request::Scale { arm: Arm::Stable, units, zone: None };
    assert!(fleet.send(&call(1), stable(14)).result.is_ok());
    assert!(fleet.send(&call(2), stable(10)).result.is_ok());
    fleet.advance(Span::minutes(1));
    assert_eq!(ready(&mut fleet, Arm::Stable), 10);
    let counts = fleet.truth(&both()).2.stable.total;
    assert_eq!((counts.asked, counts.ready), (10, 10));
}

#[test]
fn a_crashing_candidate_never_gets_ready() {
    let mut fleet = Fleet::new(WorldSpec::crashing(), 1);
    assert!(fleet.send(&call(1), provision(4)).result.is_ok());
    fleet.advance(Span::hours(1));
    assert_eq!(ready(&mut fleet, Arm::Candidate), 0);
}

#[test]
fn the_seed_decides_everything_and_a_window_measured_twice_is_the_same() {
    let mut one = running(WorldSpec::good(), 50);
    let mut two = running(WorldSpec::good(), 50);
    let first = look(&mut one, Signal::ErrorRate);
    assert_eq!(first, look(&mut two, Signal::ErrorRate));
    assert_eq!(first, look(&mut one, Signal::ErrorRate));
    let other = Fleet::new(WorldSpec::good(), 2);
    let window = Window { from: other.now(), to: other.now().after(Span::minutes(1)) };
    let requests = |mut fleet: Fleet| {
        fleet.advance(Span::minutes(3));
        fleet.measure(&both(), Signal::Requests, window).unwrap().stable
    };
    assert_ne!(requests(other), requests(Fleet::new(WorldSpec::good(), 3)));
}

#[test]
fn each_effect_shows_where_and_when_it_should() {
    let bad = |shape| EffectSpec { errors: 0.3, shape, ..EffectSpec::default() };
    let rate = |shape, percent| {
        let mut fleet = running(WorldSpec::good().with_effect(bad(shape)), percent);
        value(look(&mut fleet, Signal::ErrorRate).candidate)
    };
    assert!((rate(Shape::Always, 50) - 0.3).abs() < 0.03);
    assert!(rate(Shape::After(Span::hours(1)), 50) < 0.02);
    let leaked = rate(Shape::Leak(Span::minutes(10)), 50);
    assert!((0.08..0.2).contains(&leaked), "{leaked}");
    assert!(rate(Shape::AboveWeight(Weight::percent(50)), 50) < 0.02);
    assert!(rate(Shape::AboveWeight(Weight::percent(50)), 60) > 0.2);
    let mut slow = running(WorldSpec::slow(), 50);
    let latency = look(&mut slow, Signal::LatencyP99);
    let ratio = value(latency.candidate) / value(latency.stable);
    assert!((2.4..3.6).contains(&ratio), "{ratio}");
}

#[test]
fn an_arm_without_requests_is_absent_and_a_young_window_is_incomplete() {
    let mut fleet = Fleet::new(WorldSpec::good(), 1);
    fleet.advance(Span::minutes(2));
    let old = look(&mut fleet, Signal::ErrorRate);
    assert!(old.complete && old.stable.is_some() && old.candidate.is_none());
    let window = Window { from: fleet.now().moved(-60_000), to: fleet.now() };
    assert!(!fleet.measure(&both(), Signal::ErrorRate, window).unwrap().complete);
}

#[test]
fn traffic_on_an_arm_without_replicas_fails() {
    let mut fleet = Fleet::new(WorldSpec::good(), 1);
    assert!(fleet.send(&call(1), to(50)).result.is_ok());
    fleet.advance(Span::minutes(5));
    assert!(value(look(&mut fleet, Signal::ErrorRate).candidate) > 0.999);
}

#[test]
fn metric_faults_distort_what_is_returned() {
    let distorted = |wrong| {
        let mut fleet = running(WorldSpec::bad().with_fault(Fault::always(Op::Look, wrong)), 50);
        look(&mut fleet, Signal::ErrorRate)
    };
    assert!(distorted(Wrong::Gap).candidate.is_none());
    assert!(distorted(Wrong::NaN).candidate.is_some_and(|m| m.is_absurd()));
    assert!(value(distorted(Wrong::Zeros).candidate).abs() < f64::EPSILON);
    assert!(value(distorted(Wrong::Swapped).stable) > 0.1);
    assert!(!distorted(Wrong::Lag { by: Span::hours(1) }).complete);
}

#[test]
fn a_late_call_lands_after_its_caller_gave_up_and_overwrites() {
    let late = Wrong::Slow { lands: Some(Span::seconds(60)) };
    let spec = WorldSpec::good().with_fault(Fault::nth(Op::Shift, 1, late));
    let mut fleet = Fleet::new(spec, 1);
    let reply = fleet.send(&call(1), to(20));
    assert!(reply.after > Span::seconds(15));
    assert_eq!(kind(reply), Some(FailureKind::Ambiguous));
    assert!(fleet.send(&call(2), to(0)).result.is_ok());
    fleet.advance(Span::seconds(59));
    assert_eq!(candidate_weight(&mut fleet), Weight::ZERO);
    fleet.advance(Span::seconds(10));
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(20));
}

#[test]
fn a_lost_answer_was_done_a_lie_was_not_and_a_refusal_says_so() {
    let with = |wrong| {
        let spec = WorldSpec::good().with_fault(Fault::nth(Op::Shift, 1, wrong));
        let mut fleet = Fleet::new(spec, 1);
        let answer = kind(fleet.send(&call(1), to(20)));
        fleet.advance(Span::minutes(1));
        (answer, candidate_weight(&mut fleet))
    };
    let twenty = Weight::percent(20);
    assert_eq!(with(Wrong::LostAnswer), (Some(FailureKind::Ambiguous), twenty));
    assert_eq!(with(Wrong::Lie), (None, Weight::ZERO));
    let refused = Wrong::Refused { permanent: false };
    assert_eq!(with(refused), (Some(FailureKind::Retryable), Weight::ZERO));
}

#[test]
fn class_1_refuses_a_stale_version_even_when_it_lands_late() {
    let late = Wrong::Late { lands: Some(Span::seconds(60)) };
    let spec = WorldSpec {
        shift: OperationSpec::of_class(SafetyClass::CompareAndSet),
        ..WorldSpec::good().with_fault(Fault::nth(Op::Shift, 1, late))
    };
    let mut fleet = Fleet::new(spec, 1);
    let shift = |percent, version: &str| Request::Shift {
        to: Split::candidate(Weight::percent(percent)),
        version: Some(Version::from(version)),
    };
    assert_eq!(kind(fleet.send(&call(1), shift(20, "0"))), Some(FailureKind::Ambiguous));
    assert!(fleet.send(&call(2), shift(0, "0")).result.is_ok());
    assert_eq!(kind(fleet.send(&call(3), shift(5, "0"))), Some(FailureKind::Conflict));
    fleet.advance(Span::minutes(5));
    assert_eq!(fleet.log()[0].fate, Fate::Conflicted);
    assert_eq!(candidate_weight(&mut fleet), Weight::ZERO);
}

#[test]
fn class_2_does_a_token_once() {
    let spec =
        WorldSpec { shift: OperationSpec::of_class(SafetyClass::Token), ..WorldSpec::good() };
    let mut fleet = Fleet::new(spec, 1);
    for _ in 0..2 {
        assert!(fleet.send(&call(1), to(20)).result.is_ok());
    }
    assert_eq!(fleet.log()[1].fate, Fate::Repeated);
}

#[test]
fn class_2_does_a_token_again_once_it_is_forgotten() {
    let shift = OperationSpec::of_class(SafetyClass::Token);
    let spec = WorldSpec { shift, token_window: Some(Span::minutes(1)), ..WorldSpec::good() };
    let mut fleet = Fleet::new(spec, 1);
    for _ in 0..3 {
        assert!(fleet.send(&call(1), to(20)).result.is_ok());
        fleet.advance(Span::seconds(40));
    }
    let fates: Vec<_> = fleet.log().iter().map(|sent| sent.took_effect()).collect();
    assert_eq!(fates, [true, false, true]);
}

#[test]
fn people_change_weights_and_sizes_behind_our_back() {
    let at = |minutes, what| Happening { at: Span::minutes(minutes), what };
    let spec = WorldSpec::good()
        .with_happening(at(10, Happens::Resized { size: 20 }))
        .with_happening(at(7, Happens::PersonShifts { to: Weight::percent(40) }));
    let mut fleet = running(spec, 10);
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(10));
    fleet.advance(Span::minutes(2));
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(40));
    fleet.advance(Span::minutes(5));
    assert_eq!(fleet.truth(&both()).2.full, 20);
}

#[test]
fn without_a_router_traffic_follows_the_replicas() {
    let mut fleet = Fleet::new(WorldSpec::without_router(), 1);
    assert!(fleet.send(&call(1), provision(10)).result.is_ok());
    assert_eq!(kind(fleet.send(&call(2), to(5))), Some(FailureKind::Permanent));
    fleet.advance(Span::minutes(1));
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(50));
}

#[test]
fn the_share_of_others_is_kept() {
    let spec = WorldSpec { other: Weight::percent(10), ..WorldSpec::good() };
    let mut fleet = running(spec, 50);
    let seen = fleet.truth(&both()).0;
    assert_eq!((seen.high, seen.other), (Weight::percent(50), Weight::percent(10)));
}

#[test]
fn a_candidate_that_completed_is_the_stable_arm_of_the_next_rollout() {
    let mut fleet = running(WorldSpec::good(), 100);
    assert!(fleet.send(&call(3), Request::Retire(Arm::Stable)).result.is_ok());
    let mut next = call(4);
    next.revisions = tidegate_core::Revisions { stable: Some("v2".into()), candidate: "v3".into() };
    let found = fleet.truth(&next.revisions);
    assert_eq!((found.2.stable.total.ready, found.0.high), (10, Weight::ZERO));
    assert!(fleet.send(&next, to(30)).result.is_ok());
    fleet.advance(Span::minutes(1));
    assert_eq!(fleet.truth(&next.revisions).0.high, Weight::percent(30));
}

#[test]
fn a_full_fleet_refuses_one_more_revision_and_leaves_the_others_as_they_are() {
    let mut fleet = running(WorldSpec::good(), 30);
    let with = |candidate: &str| {
        let stable = Some("v1".into());
        tidegate_core::Revisions { stable, candidate: candidate.into() }
    };
    let mut create = |n: u64, candidate: &str| {
        let next = tidegate_core::Call { revisions: with(candidate), ..call(n) };
        let created = fleet.send(&next, provision(1));
        fleet.advance(Span::minutes(1));
        (created, fleet.truth(&next.revisions).2.candidate.total.ready)
    };
    let made: Vec<_> = (3..9).map(|n| create(n, &format!("v{n}"))).collect();
    assert!(made.iter().all(|(created, ready)| created.result.is_ok() && *ready == 1));

    let (refused, ready) = create(9, "v9");
    assert_eq!((kind(refused), ready), (Some(FailureKind::Permanent), 0));
    let first = fleet.truth(&with("v3"));
    assert_eq!(first.2.candidate.total.ready, 1, "nobody lost its place");
    assert_eq!(fleet.truth(&both()).0.high, Weight::percent(30));
}

fn platform_world(platform: PlatformWorldSpec) -> WorldSpec {
    WorldSpec { platform: Some(platform), ..WorldSpec::good() }
}

#[test]
fn a_platform_waits_walks_its_steps_and_asks_before_it_terminates() {
    let platform = PlatformWorldSpec {
        waits_ready: true,
        waits_termination: true,
        ..PlatformWorldSpec::default()
    };
    let mut fleet = Fleet::new(platform_world(platform), 1);
    let tag = call(1).token();
    assert_eq!(fleet.platform(&"checkout".into(), &tag).unwrap(), PlatformSeen::Absent);
    assert!(fleet.send(&call(1), Request::Start).result.is_ok());
    fleet.advance(Span::minutes(1));
    let state = |fleet: &mut Fleet| fleet.platform(&"checkout".into(), &tag).unwrap();
    let [at_ready, at_end] = [WaitPoint::Ready, WaitPoint::Termination].map(Wait::only);
    assert!(matches!(state(&mut fleet), PlatformSeen::AtWait { wait, .. } if wait == at_ready));
    assert!(fleet.send(&call(2), Request::Release(at_ready)).result.is_ok());
    fleet.advance(Span::minutes(1));
    assert_eq!(candidate_weight(&mut fleet), Weight::percent(10));
    fleet.advance(Span::minutes(10));
    assert_eq!(candidate_weight(&mut fleet), Weight::FULL);
    assert!(matches!(state(&mut fleet), PlatformSeen::AtWait { wait, .. } if wait == at_end));
    assert!(fleet.send(&call(3), Request::Release(at_end)).result.is_ok());
    assert_eq!(state(&mut fleet), PlatformSeen::Succeeded);
    assert_eq!(ready(&mut fleet, Arm::Stable), 0);
    assert!(fleet.send(&call(4), Request::Redeploy).result.is_ok());
    fleet.advance(Span::minutes(2));
    assert_eq!((ready(&mut fleet, Arm::Stable), candidate_weight(&mut fleet)), (10, Weight::ZERO));
}

#[test]
fn a_platform_goes_back_by_its_own_alarm_and_when_told() {
    let platform =
        PlatformWorldSpec { rolls_back_above: Some(0.1), ..PlatformWorldSpec::default() };
    let spec = WorldSpec { platform: Some(platform), ..WorldSpec::bad() };
    let mut fleet = Fleet::new(spec, 1);
    assert!(fleet.send(&call(1), Request::Start).result.is_ok());
    fleet.advance(Span::minutes(10));
    let tag = call(1).token();
    let seen = fleet.platform(&"checkout".into(), &tag).unwrap();
    assert_eq!(seen, PlatformSeen::RolledBack);
    assert!(fleet.send(&call(2), Request::Start).result.is_ok());
    fleet.advance(Span::minutes(1));
    assert!(fleet.send(&call(3), Request::Stop).result.is_ok());
    let seen = fleet.platform(&"checkout".into(), &call(2).token()).unwrap();
    assert_eq!(seen, PlatformSeen::RollingBack);
}

#[test]
fn a_creation_that_lands_late_is_created_twice_if_it_was_repeated_too_soon() {
    let late = Wrong::Late { lands: Some(Span::hours(1)) };
    let spec =
        platform_world(PlatformWorldSpec::default()).with_fault(Fault::nth(Op::Start, 1, late));
    let mut fleet = Fleet::new(spec, 1);
    assert_eq!(kind(fleet.send(&call(1), Request::Start)), Some(FailureKind::Ambiguous));
    assert!(fleet.send(&call(1), Request::Start).result.is_ok());
    fleet.advance(Span::hours(2));
    assert_eq!(fleet.deployments_tagged(&call(1).token()), 2);
    assert_eq!(fleet.created_twice().len(), 1);
}

#[test]
fn a_world_file_says_only_what_is_special_and_refuses_unknown_keys() {
    let text = r#"{"size": 4, "candidate": {"starts_in": "3s"}, "effect": {"shape": {"leak": "10m"}},
        "faults": [{"call": "shift", "nth": 2, "do": {"slow": {"lands": "30s"}}},
                   {"call": "look", "from": "5m", "to": "7m", "do": "gap"}],
        "happenings": [{"at": "8m", "do": {"person_shifts": {"to": "40%"}}}]}"#;
    let spec: WorldSpec = serde_json::from_str(text).unwrap();
    assert_eq!(spec.candidate, ArmSpec { starts_in: Span::seconds(3), ..ArmSpec::default() });
    assert_eq!(spec.faults.len(), 2);
    let again: WorldSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
    let error = serde_json::from_str::<WorldSpec>(r#"{"sizes": 4}"#).unwrap_err().to_string();
    assert!(error.contains("unknown field `sizes`"), "{error}");
}
