//! Weighted target groups keep everything else of their rules and listeners.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_aws::{
    Class,
    alb::{AlbOptions, AlbRoute, AlbRoutes, Stickiness},
    fakes::{
        Fake, Fault, When,
        alb::{LoadBalancing, forward, group_arn, listener_arn, rule_arn},
    },
};
use tidegate_core::{FailureKind, Revisions, Span, Split, TrafficShifter, Weight};
use tidegate_mock::conformance::{self, TrafficSubject, assert_conforms};

use crate::support::{
    account, both, call, class, fixed, in_paused_time, percent, settle, survivable, told,
    wanted_of_a_read, wanted_of_a_write,
};

type Elb = Fake<LoadBalancing>;

fn over(fake: &Elb, routes: Vec<AlbRoute>) -> AlbRoutes {
    let placement = fixed(&group_arn("blue"), &group_arn("green"));
    AlbRoutes::new(&fake.client(), &account(), routes, placement).unwrap()
}

fn rule() -> AlbRoute {
    AlbRoute::Rule(rule_arn("checkout"))
}

fn listener() -> AlbRoute {
    AlbRoute::Listener(listener_arn("main"))
}

fn weights(fake: &Elb) -> Vec<(String, u32)> {
    fake.with(|state| state.weights(&rule_arn("checkout")))
}

fn named(weights: &[(&str, u32)]) -> Vec<(String, u32)> {
    weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

fn subject(state: LoadBalancing, routes: Vec<AlbRoute>, fine: bool) -> TrafficSubject<AlbRoutes> {
    let fake = Fake::new(state);
    let port = over(&fake, routes).with_options(AlbOptions { fine, ..AlbOptions::default() });
    let interfere = move |weight: Weight| {
        let percent = u32::from(weight.bp() / 100);
        let action = forward(&[("blue", 100 - percent), ("green", percent)]);
        fake.with(|state| state.add_rule("checkout", vec![action]));
    };
    TrafficSubject {
        port,
        target: "checkout".into(),
        revisions: both(),
        interfere: Some(Box::new(interfere)),
    }
}

#[tokio::test(start_paused = true)]
async fn rules_and_listeners_keep_every_law_of_traffic() {
    for fine in [false, true] {
        let make =
            async || subject(LoadBalancing::blue_and_green(), vec![rule(), listener()], fine);
        assert_conforms(conformance::traffic(make).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_others_share_keeps_every_law_of_traffic() {
    let make = async || {
        let mut state = LoadBalancing::blue_and_green();
        state.add_group("theirs", &["healthy"]);
        state.add_rule("checkout", vec![forward(&[("theirs", 25), ("blue", 75)])]);
        subject(state, vec![rule()], false)
    };
    assert_conforms(conformance::traffic(make).await);
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_write_is_typed_by_what_is_known_and_the_next_write_sets_it_right() {
    for fault in survivable() {
        let fake = Fake::new(LoadBalancing::blue_and_green());
        let shifter = over(&fake, vec![rule()]);
        fake.fault("ModifyRule", When::Nth(1), fault.clone());
        let outcome = shifter.shift(&call(1, 0), percent(10), None).await;
        let kind = outcome.as_ref().err().map(|error| error.kind);
        assert_eq!(kind, wanted_of_a_write(&fault), "{fault:?}");
        settle().await;
        shifter.shift(&call(2, 0), percent(20), None).await.unwrap();
        assert_eq!(weights(&fake), named(&[("blue", 80), ("green", 20)]), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_reading_nothing_is_written_and_it_may_be_repeated() {
    for fault in survivable::<LoadBalancing>() {
        let Some(_) = wanted_of_a_write(&fault) else { continue };
        let fake = Fake::new(LoadBalancing::blue_and_green());
        let shifter = over(&fake, vec![rule()]);
        fake.fault("DescribeRules", When::Nth(1), fault.clone());
        let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
        assert_eq!(error.kind, wanted_of_a_read(&fault), "{fault:?}: {}", told(&error));
        assert_eq!(fake.carried_out("ModifyRule"), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_model_refuses_is_permanent_and_says_why() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let gone = over(&fake, vec![AlbRoute::Rule(rule_arn("other"))]);
    let error = gone.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Refused)));
    assert!(
        told(&error).contains("DescribeRules was refused: RuleNotFound (HTTP 400)"),
        "{}",
        told(&error)
    );

    fake.with(|state| {
        state.rules.get_mut(&rule_arn("checkout")).unwrap()["IsDefault"] = json!("true")
    });
    let error = over(&fake, vec![rule()]).shift(&call(2, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("OperationNotPermitted"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn a_sticky_route_is_refused_or_waited_out() {
    let mut state = LoadBalancing::blue_and_green();
    let mut sticky = forward(&[("blue", 100), ("green", 0)]);
    let held = json!({ "Enabled": "true", "DurationSeconds": "3600" });
    sticky["ForwardConfig"]["TargetGroupStickinessConfig"] = held.clone();
    state.add_rule("checkout", vec![sticky]);
    let fake = Fake::new(state);
    let refuses = over(&fake, vec![rule()]);
    let error = refuses.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("stickiness holds clients"), "{}", told(&error));
    assert_eq!(fake.carried_out("ModifyRule"), 0);

    let short = Stickiness::WaitOut { up_to: Span::minutes(59) };
    let short = AlbOptions { stickiness: short, ..AlbOptions::default() };
    let refuses = refuses.with_options(short);
    let error = refuses.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent, "longer than what is waited out");

    let up_to = Span::minutes(60);
    let stickiness = Stickiness::WaitOut { up_to };
    let waits = refuses.with_options(AlbOptions { stickiness, ..AlbOptions::default() });
    assert_eq!(waits.ability().drain, up_to);
    waits.shift(&call(2, 0), percent(10), None).await.unwrap();
    let kept = fake.with(|state| state.rules[&rule_arn("checkout")]["Actions"][0].clone());
    assert_eq!(kept["ForwardConfig"]["TargetGroupStickinessConfig"], held);
}

#[tokio::test(start_paused = true)]
async fn weight_waits_for_healthy_targets_and_the_way_back_for_nobody() {
    let mut state = LoadBalancing::blue_and_green();
    state.add_group("green", &["unhealthy", "draining", "novel-state"]);
    let fake = Fake::new(state);
    let shifter = over(&fake, vec![rule()]);
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable);
    assert!(told(&error).contains("0 of 1 targets"), "{}", told(&error));
    assert_eq!(fake.carried_out("ModifyRule"), 0);

    fake.with(|state| state.add_rule("checkout", vec![forward(&[("blue", 50), ("green", 50)])]));
    fake.with(|state| state.add_group("blue", &["unhealthy"]));
    shifter.shift(&call(2, 0), percent(0), None).await.unwrap();
    assert_eq!(weights(&fake), named(&[("blue", 100), ("green", 0)]));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_new_to_the_rule_is_put_there_without_weight_until_it_is_healthy() {
    let mut state = LoadBalancing::blue_and_green();
    state.add_rule("checkout", vec![forward(&[("blue", 1)])]);
    state.listeners.clear();
    state.first_check = Duration::from_secs(20);
    let fake = Fake::new(state);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let look = move |state: &mut LoadBalancing| {
        note.lock().unwrap().push(state.weights(&rule_arn("checkout")));
    };
    fake.fault("ModifyRule", When::From(1), Fault::ForeignAfter(Arc::new(look)));
    over(&fake, vec![rule()]).shift(&call(1, 0), percent(10), None).await.unwrap();
    let wanted = vec![named(&[("blue", 1), ("green", 0)]), named(&[("blue", 90), ("green", 10)])];
    assert_eq!(*seen.lock().unwrap(), wanted);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_writes_while_health_is_looked_at_is_kept() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let guarded = |state: &mut LoadBalancing| {
        let mut last = forward(&[("blue", 100), ("green", 0)]);
        last["Order"] = json!("2");
        let cognito = json!({
            "UserPoolArn": "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/p",
            "UserPoolClientId": "c", "UserPoolDomain": "d",
        });
        let first = json!({
            "Type": "authenticate-cognito", "Order": "1", "AuthenticateCognitoConfig": cognito,
        });
        state.add_rule("checkout", vec![first, last]);
    };
    fake.fault("DescribeTargetHealth", When::Nth(1), Fault::ForeignBefore(Arc::new(guarded)));
    over(&fake, vec![rule()]).shift(&call(1, 0), percent(10), None).await.unwrap();
    assert_eq!(weights(&fake), named(&[("blue", 90), ("green", 10)]));
    let kept = fake.with(|state| state.rules[&rule_arn("checkout")]["Actions"][0].clone());
    assert_eq!(kept["Type"], "authenticate-cognito");
}

#[tokio::test(start_paused = true)]
async fn answers_in_pages_are_read_to_the_end() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    fake.with(|state| state.add_rule("cart", vec![forward(&[("blue", 30), ("green", 70)])]));
    fake.fault("DescribeRules", When::From(1), Fault::PartialPage(1));
    let routes = vec![rule(), AlbRoute::Rule(rule_arn("cart"))];
    let reading = over(&fake, routes).observe(&"checkout".into(), &both()).await.unwrap();
    let splits: Vec<_> = reading.routes.iter().map(|route| route.split).collect();
    assert_eq!(splits, vec![percent(0), percent(70)]);
    assert_eq!(fake.carried_out("DescribeRules"), 2);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_in_between_is_overruled_or_noticed() {
    // Before our write: it replaces theirs, and what is read is what was asked for.
    let theirs = |weights: &'static [(&'static str, u32)]| {
        Arc::new(move |state: &mut LoadBalancing| {
            state.add_rule("checkout", vec![forward(weights)])
        })
    };
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let shifter = over(&fake, vec![rule()]);
    let before = theirs(&[("blue", 50), ("green", 50)]);
    fake.fault("ModifyRule", When::Nth(1), Fault::ForeignBefore(before));
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    let read = async || shifter.observe(&"checkout".into(), &both()).await.unwrap().routes[0].split;
    assert_eq!(read().await, percent(10));
    // After it: the next reading shows theirs.
    let after = theirs(&[("blue", 40), ("green", 60)]);
    fake.fault("ModifyRule", When::Nth(2), Fault::ForeignAfter(after));
    shifter.shift(&call(2, 0), percent(20), None).await.unwrap();
    assert_eq!(read().await, percent(60));
}

#[tokio::test(start_paused = true)]
async fn an_action_that_nobody_here_knows_is_left_alone() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let novel = json!({ "Type": "novel-action", "Order": "1" });
    let mut last = forward(&[("blue", 100)]);
    last["Order"] = json!("2");
    let actions = vec![novel, last];
    fake.with(|state| state.add_rule("checkout", actions));
    let error = over(&fake, vec![rule()]).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("novel-action"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_gets_everything_or_nothing() {
    let mut state = LoadBalancing::blue_and_green();
    state.add_rule("checkout", vec![forward(&[("green", 100)])]);
    let fake = Fake::new(state);
    let shifter = over(&fake, vec![rule()]);
    let first = |n| {
        let alone = Revisions { stable: None, ..both() };
        tidegate_core::Call { revisions: alone, ..call(n, 0) }
    };
    shifter.shift(&first(1), percent(100), None).await.unwrap();
    let error = shifter.shift(&first(2), percent(50), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("no stable arm"), "{}", told(&error));
}

/// Actions before the one that forwards, in the words of the API.
fn before() -> impl Strategy<Value = Vec<Value>> {
    let oidc = json!({
        "Type": "authenticate-oidc",
        "AuthenticateOidcConfig": {
            "Issuer": "https://issuer.example", "AuthorizationEndpoint": "https://issuer.example/a",
            "TokenEndpoint": "https://issuer.example/t", "UserInfoEndpoint": "https://issuer.example/u",
            "ClientId": "checkout", "ClientSecret": "kept", "SessionTimeout": "600",
            "SessionCookieName": "session", "Scope": "openid",
            "OnUnauthenticatedRequest": "authenticate",
        },
    });
    let cognito = json!({
        "Type": "authenticate-cognito",
        "AuthenticateCognitoConfig": {
            "UserPoolArn": "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/p",
            "UserPoolClientId": "c", "UserPoolDomain": "d", "SessionTimeout": "60",
        },
    });
    let jwt = json!({
        "Type": "jwt-validation",
        "JwtValidationConfig": {
            "JwksEndpoint": "https://issuer.example/jwks", "Issuer": "https://issuer.example",
            "AdditionalClaims": [{ "Format": "single-string", "Name": "tier", "Values": ["gold"] }],
        },
    });
    prop_oneof![Just(vec![]), Just(vec![oidc]), Just(vec![cognito]), Just(vec![jwt])]
}

prop_compose! {
    /// A rule's actions, as a person might have left them.
    fn actions()(
        mut list in before(),
        theirs in prop::collection::vec(0_u32..=50, 0..=3),
        blue in 1_u32..=100,
        green in prop::option::of(0_u32..=100),
        sticky in any::<bool>(),
    ) -> Vec<Value> {
        let names = ["a", "b", "c"];
        let mut groups: Vec<_> = names.iter().zip(theirs).map(|(name, n)| (*name, n)).collect();
        groups.push(("blue", blue));
        groups.extend(green.map(|weight| ("green", weight)));
        let mut action = forward(&groups);
        if sticky {
            let held = json!({ "Enabled": "true", "DurationSeconds": "60" });
            action["ForwardConfig"]["TargetGroupStickinessConfig"] = held;
        }
        list.push(action);
        for (index, action) in list.iter_mut().enumerate() {
            action["Order"] = json!((index + 1).to_string());
        }
        list
    }
}

/// A rule or listener without the numbers of its target groups, which others' may change with ours
/// as long as their shares do not.
fn without_numbers(mut one: Value) -> Value {
    for list in ["Actions", "DefaultActions"] {
        for action in one.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let groups = action.pointer_mut("/ForwardConfig/TargetGroups");
            for group in groups.and_then(Value::as_array_mut).into_iter().flatten() {
                group["Weight"] = Value::Null;
            }
        }
    }
    one
}

/// The state after one shift, and before it.
async fn shifted(actions: Vec<Value>, to: Weight) -> (LoadBalancing, LoadBalancing, bool) {
    let mut state = LoadBalancing::blue_and_green();
    for name in ["a", "b", "c"] {
        state.add_group(name, &["healthy"]);
    }
    let mut known = actions;
    // The rule has green already, so that only numbers may change.
    let groups = known.last_mut().and_then(|one| one.pointer_mut("/ForwardConfig/TargetGroups"));
    let groups = groups.and_then(Value::as_array_mut).unwrap();
    if !groups.iter().any(|group| group["TargetGroupArn"] == group_arn("green")) {
        groups.push(json!({ "TargetGroupArn": group_arn("green"), "Weight": "0" }));
    }
    state.add_rule("checkout", known.clone());
    state.add_listener("main", known);
    let fake = Fake::new(state.clone());
    let stickiness = Stickiness::WaitOut { up_to: Span::minutes(1) };
    let shifter = over(&fake, vec![rule(), listener()])
        .with_options(AlbOptions { stickiness, ..AlbOptions::default() });
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
    fn a_shift_loses_nothing_of_a_rule_or_listener(actions in actions(), percent in 0_u16..=100) {
        let (before, after, done) = in_paused_time(shifted(actions, Weight::percent(percent)));
        let whole = |state: &LoadBalancing| {
            let all = state.rules.values().chain(state.listeners.values());
            all.cloned().map(without_numbers).collect::<Vec<_>>()
        };
        prop_assert_eq!(whole(&before), whole(&after));
        let sum = |weights: &[(String, u32)]| weights.iter().map(|one| u64::from(one.1)).sum::<u64>();
        for arn in [rule_arn("checkout"), listener_arn("main")] {
            let (was, is) = (before.weights(&arn), after.weights(&arn));
            if !done {
                prop_assert_eq!(was, is);
                continue;
            }
            let alone = was.iter().all(|(name, weight)| ["blue", "green"].contains(&name.as_str()) || *weight == 0);
            for ((name, then), (_, now)) in was.iter().zip(&is) {
                let theirs = !["blue", "green"].contains(&name.as_str());
                let kept = u64::from(*then) * sum(&is) == u64::from(*now) * sum(&was);
                prop_assert!(!theirs || alone && now == then || kept, "{name}: {then} became {now}");
            }
        }
    }
}
