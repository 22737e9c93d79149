//! Lattice rules and default actions: the action is replaced, everything else is kept.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_aws::{
    Class,
    fakes::{
        Fake, Fault, When,
        lattice::{LISTENER, Lattice, SERVICE, forward, group_arn, group_id, rule_id},
    },
    lattice::{LatticeOptions, LatticeRoute, LatticeRoutes},
};
use tidegate_core::{FailureKind, Split, TrafficShifter, Weight};
use tidegate_mock::conformance::{self, TrafficSubject, assert_conforms};

use crate::support::{
    account, both, call, class, fixed, in_paused_time, percent, settle, survivable, told,
    wanted_of_a_read, wanted_of_a_write,
};

fn rule() -> LatticeRoute {
    let rule = Some(rule_id("checkout"));
    LatticeRoute { service: SERVICE.to_owned(), listener: LISTENER.to_owned(), rule }
}

fn listener() -> LatticeRoute {
    LatticeRoute { rule: None, ..rule() }
}

/// Arms are named by ARN, though the answers have ids.
fn over(fake: &Fake<Lattice>, routes: Vec<LatticeRoute>) -> LatticeRoutes {
    let placement = fixed(&group_arn("blue"), &group_arn("green"));
    LatticeRoutes::new(&fake.client(), &account(), routes, placement).unwrap()
}

fn subject(state: Lattice, routes: Vec<LatticeRoute>, fine: bool) -> TrafficSubject<LatticeRoutes> {
    let fake = Fake::new(state);
    let port = over(&fake, routes).with_options(LatticeOptions { fine, ..Default::default() });
    let interfere = move |weight: Weight| {
        let percent = u32::from(weight.bp() / 100);
        let action = forward(&[("blue", 100 - percent), ("green", percent)]);
        fake.with(|state| state.add_rule("checkout", action));
    };
    TrafficSubject {
        port,
        target: "checkout".into(),
        revisions: both(),
        interfere: Some(Box::new(interfere)),
    }
}

#[tokio::test(start_paused = true)]
async fn rules_and_default_actions_keep_every_law_of_traffic() {
    for fine in [false, true] {
        let make = async || subject(Lattice::blue_and_green(), vec![rule(), listener()], fine);
        assert_conforms(conformance::traffic(make).await);
    }
    let make = async || {
        let mut state = Lattice::blue_and_green();
        state.groups.push(group_id("theirs"));
        state.add_rule("checkout", forward(&[("theirs", 10), ("blue", 90)]));
        subject(state, vec![rule()], false)
    };
    assert_conforms(conformance::traffic(make).await);
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_write_is_typed_by_what_is_known_and_the_next_write_sets_it_right() {
    for (route, operation) in [(rule(), "UpdateRule"), (listener(), "UpdateListener")] {
        for fault in survivable() {
            let fake = Fake::new(Lattice::blue_and_green());
            let shifter = over(&fake, vec![route.clone()]);
            fake.fault(operation, When::Nth(1), fault.clone());
            let outcome = shifter.shift(&call(1, 0), percent(10), None).await;
            let kind = outcome.as_ref().err().map(|error| error.kind);
            assert_eq!(kind, wanted_of_a_write(&fault), "{fault:?}");
            settle().await;
            shifter.shift(&call(2, 0), percent(20), None).await.unwrap();
            let reading = shifter.observe(&"checkout".into(), &both()).await.unwrap();
            assert_eq!(reading.routes[0].split, percent(20), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_reading_nothing_is_written_and_it_may_be_repeated() {
    for fault in survivable::<Lattice>() {
        let Some(_) = wanted_of_a_write(&fault) else { continue };
        let fake = Fake::new(Lattice::blue_and_green());
        fake.fault("GetRule", When::Nth(1), fault.clone());
        let error =
            over(&fake, vec![rule()]).shift(&call(1, 0), percent(10), None).await.unwrap_err();
        assert_eq!(error.kind, wanted_of_a_read(&fault), "{fault:?}: {}", told(&error));
        assert_eq!(fake.carried_out("UpdateRule"), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_answers_itself_is_left_alone() {
    let fake = Fake::new(Lattice::blue_and_green());
    fake.with(|state| {
        state.add_rule("checkout", json!({ "fixedResponse": { "statusCode": 404 } }))
    });
    let error = over(&fake, vec![rule()]).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("answers with status 404 itself"), "{}", told(&error));
    fake.with(|state| state.rules.clear());
    let error = over(&fake, vec![rule()]).observe(&"checkout".into(), &both()).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Refused)));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_in_between_is_overruled_or_noticed() {
    let theirs = |green: u32| {
        let action = forward(&[("blue", 100 - green), ("green", green)]);
        Arc::new(move |state: &mut Lattice| state.add_rule("checkout", action.clone()))
    };
    let fake = Fake::new(Lattice::blue_and_green());
    let shifter = over(&fake, vec![rule()]);
    let read = async || shifter.observe(&"checkout".into(), &both()).await.unwrap().routes[0].split;
    fake.fault("UpdateRule", When::Nth(1), Fault::ForeignBefore(theirs(50)));
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    assert_eq!(read().await, percent(10));
    fake.fault("UpdateRule", When::Nth(2), Fault::ForeignAfter(theirs(60)));
    shifter.shift(&call(2, 0), percent(20), None).await.unwrap();
    assert_eq!(read().await, percent(60));
}

/// A rule's or listener's parts other than weights.
fn without_numbers(mut one: Value) -> Value {
    for path in ["/action/forward/targetGroups", "/defaultAction/forward/targetGroups"] {
        let groups = one.pointer_mut(path).and_then(Value::as_array_mut);
        groups.into_iter().flatten().for_each(|group| group["weight"] = Value::Null);
    }
    one["lastUpdatedAt"] = Value::Null;
    one
}

async fn shifted(
    groups: Vec<(&'static str, u32)>,
    priority: u32,
    to: Weight,
) -> (Lattice, Lattice, bool) {
    let mut state = Lattice::blue_and_green();
    state.groups.extend(["a", "b"].map(group_id));
    state.add_rule("checkout", forward(&groups));
    state.add_listener(LISTENER, forward(&groups));
    state.rules.get_mut(&rule_id("checkout")).unwrap()["priority"] = json!(priority);
    let fake = Fake::new(state.clone());
    let shifter = over(&fake, vec![rule(), listener()]);
    let mut done = true;
    for route in 0..2 {
        let outcome = shifter.shift(&call(1, route), Split::candidate(to), None).await;
        done &= outcome.is_ok();
        if let Err(error) = outcome {
            // The one reason there may be: others' shares would need larger numbers.
            assert!(
                told(&error).contains("can not be set with numbers up to 999"),
                "{}",
                told(&error)
            );
        }
    }
    if done {
        let seen = shifter.observe(&"checkout".into(), &both()).await.unwrap();
        assert!(seen.routes.iter().all(|route| route.split.of_arms() == to), "{seen:?}");
    }
    (state, fake.with(|state| state.clone()), done)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_shift_loses_nothing_of_a_rule_or_listener(
        theirs in prop::collection::vec(0_u32..=50, 0..=2),
        arms in (0_u32..=100, 0_u32..=100),
        priority in 1_u32..=100,
        percent in 0_u16..=100,
    ) {
        let mut groups: Vec<_> = ["a", "b"].into_iter().zip(theirs).collect();
        groups.extend([("blue", arms.0), ("green", arms.1)]);
        let to = Weight::percent(percent);
        let (before, after, done) = in_paused_time(shifted(groups, priority, to));
        let whole = |state: &Lattice| {
            let all = state.rules.values().chain(state.listeners.values());
            all.cloned().map(without_numbers).collect::<Vec<_>>()
        };
        prop_assert_eq!(whole(&before), whole(&after));
        for id in [rule_id("checkout"), LISTENER.to_owned()] {
            let (was, is) = (before.weights(&id), after.weights(&id));
            let sum = |weights: &[(String, u64)]| weights.iter().map(|one| one.1).sum::<u64>();
            let others = |name: &str| !["blue", "green"].contains(&name);
            let alone = !was.iter().any(|(name, weight)| others(name) && *weight > 0);
            prop_assert!(done || was == is, "a refused shift changed {was:?} to {is:?}");
            for ((name, then), (_, now)) in was.iter().zip(&is) {
                let kept = if alone { now == then } else { then * sum(&is) == now * sum(&was) };
                prop_assert!(!done || !others(name) || kept, "{name}: {then} became {now}");
            }
        }
    }
}
