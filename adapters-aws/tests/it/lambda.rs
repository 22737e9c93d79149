//! A Lambda alias never overwrites what somebody else has written since.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use tidegate_aws::{
    Class,
    fakes::{
        Fake, Fault, When,
        lambda::{FUNCTION, Lambda},
    },
    lambda::LambdaAlias,
};
use tidegate_core::{
    DeploymentActions, FailureKind, Revisions, Split, TrafficShifter, Version, Weight,
};
use tidegate_mock::conformance::{self, DeploymentSubject, TrafficSubject, assert_conforms};

use crate::support::{
    account, both, call, class, in_paused_time, percent, settle, survivable, told,
    wanted_of_a_write,
};

fn alias(fake: &Fake<Lambda>) -> LambdaAlias {
    LambdaAlias::new(&fake.client(), &account(), FUNCTION, "live")
}

async fn read(alias: &LambdaAlias) -> (Split, Version) {
    let reading = TrafficShifter::observe(alias, &"checkout".into(), &both()).await.unwrap();
    (reading.routes[0].split, reading.routes[0].version.clone().unwrap())
}

fn live(fake: &Fake<Lambda>) -> Value {
    fake.with(|state| state.aliases["live"].clone())
}

#[tokio::test(start_paused = true)]
async fn an_alias_keeps_every_law_of_traffic() {
    let make = async || {
        let fake = Fake::new(Lambda::live());
        let port = alias(&fake);
        let interfere = move |weight: Weight| {
            let share = f64::from(weight.bp()) / 10_000.0;
            fake.with(|state| state.point("1", &[("2", share)]));
        };
        let (target, revisions) = ("checkout".into(), both());
        TrafficSubject { port, target, revisions, interfere: Some(Box::new(interfere)) }
    };
    assert_conforms(conformance::traffic(make).await);
}

#[tokio::test(start_paused = true)]
async fn versions_keep_every_law_of_deployment_on_demand_and_provisioned() {
    for provisioned in [false, true] {
        let make = async || {
            let port = alias(&Fake::new(Lambda::live()));
            DeploymentSubject {
                port: if provisioned { port.provisioned() } else { port },
                target: "checkout".into(),
                revisions: both(),
                takes_time: true,
                tagged: None,
                break_lookup: None,
            }
        };
        assert_conforms(conformance::deployment(make).await);
    }
}

#[tokio::test(start_paused = true)]
async fn promotion_and_the_way_back_are_one_call_each() {
    let fake = Fake::new(Lambda::live());
    let alias = alias(&fake);
    for (to, main, beside) in [(25, "1", Some(0.25)), (100, "2", None), (0, "1", None)] {
        let (_, version) = read(&alias).await;
        let before = fake.carried_out("UpdateAlias");
        alias.shift(&call(1, 0), percent(to), Some(&version)).await.unwrap();
        assert_eq!(fake.carried_out("UpdateAlias"), before + 1);
        let live = live(&fake);
        assert_eq!(live["FunctionVersion"], main);
        assert_eq!(live["RoutingConfig"]["AdditionalVersionWeights"]["2"].as_f64(), beside);
        assert_eq!(read(&alias).await.0, percent(to));
    }
}

#[tokio::test(start_paused = true)]
async fn every_percentage_is_read_as_it_is_though_few_are_binary_fractions() {
    let fake = Fake::new(Lambda::live());
    let alias = alias(&fake);
    for share in 1..100 {
        fake.with(|state| state.point("1", &[("2", f64::from(share) / 100.0)]));
        assert_eq!(read(&alias).await.0, percent(share), "{share} %");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_in_between_keeps_what_they_wrote() {
    // Before the adapter's own reading, and after it: AWS refuses the second.
    for operation in ["GetAlias", "UpdateAlias"] {
        let fake = Fake::new(Lambda::live());
        let alias = alias(&fake);
        let (_, version) = read(&alias).await;
        let theirs = Arc::new(|state: &mut Lambda| state.point("1", &[("2", 0.5)]));
        let nth = if operation == "GetAlias" { 2 } else { 1 };
        fake.fault(operation, When::Nth(nth), Fault::ForeignBefore(theirs));
        let error = alias.shift(&call(1, 0), percent(10), Some(&version)).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Conflict, "{}", told(&error));
        assert_eq!(read(&alias).await.0, percent(50));
    }
}

#[tokio::test(start_paused = true)]
async fn a_shift_without_a_version_is_a_conflict_and_sends_nothing() {
    let fake = Fake::new(Lambda::live());
    let error = alias(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Conflict);
    assert_eq!(fake.carried_out("UpdateAlias"), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_write_it_happens_once_or_never() {
    for fault in survivable() {
        let fake = Fake::new(Lambda::live());
        let alias = alias(&fake);
        let (_, version) = read(&alias).await;
        fake.fault("UpdateAlias", When::Nth(1), fault.clone());
        let outcome = alias.shift(&call(1, 0), percent(10), Some(&version)).await;
        let kind = outcome.as_ref().err().map(|error| error.kind);
        assert_eq!(kind, wanted_of_a_write(&fault), "{fault:?}");
        // A later shift, decided on a newer reading, wins for good: nothing of the first lands after.
        let (seen, version) = read(&alias).await;
        assert!([percent(0), percent(10)].contains(&seen), "{fault:?}: {seen:?}");
        alias.shift(&call(2, 0), percent(20), Some(&version)).await.unwrap();
        settle().await;
        assert_eq!(read(&alias).await.0, percent(20), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_third_version_is_left_alone() {
    for (main, beside) in [("3", ("1", 0.5)), ("1", ("3", 0.1))] {
        let fake = Fake::new(Lambda::live());
        fake.with(|state| state.point(main, &[beside]));
        let alias = alias(&fake);
        let (seen, version) = read(&alias).await;
        assert_ne!(seen.other(), Weight::ZERO);
        let before = live(&fake);
        let error = alias.shift(&call(1, 0), percent(10), Some(&version)).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent);
        assert!(told(&error).contains("version 3 is neither arm's"), "{}", told(&error));
        assert_eq!(live(&fake), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_can_not_be_invoked_gets_no_traffic() {
    for (state, wanted) in [
        ("Pending", FailureKind::Retryable),
        ("novel-state", FailureKind::Retryable),
        ("Failed", FailureKind::Permanent),
    ] {
        let fake = Fake::new(Lambda::live());
        fake.with(|lambda| lambda.versions.insert("2".to_owned(), state.to_owned()));
        let alias = alias(&fake);
        let (_, version) = read(&alias).await;
        let error = alias.shift(&call(1, 0), percent(10), Some(&version)).await.unwrap_err();
        assert_eq!(error.kind, wanted, "{state}: {}", told(&error));
        assert_eq!(fake.carried_out("UpdateAlias"), 0, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_published_version_is_refused_before_anything_is_sent() {
    let fake = Fake::new(Lambda::live());
    for revision in ["$LATEST", "", "live", "1.0"] {
        let revisions = Revisions { candidate: revision.into(), ..both() };
        let call = tidegate_core::Call { revisions, ..call(1, 0) };
        let version = Version::from("any");
        let error = alias(&fake).shift(&call, percent(10), Some(&version)).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent, "{revision}: {}", told(&error));
    }
    assert!(fake.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_alias_or_version_is_refused_for_good() {
    let fake = Fake::new(Lambda::live());
    let missing = LambdaAlias::new(&fake.client(), &account(), FUNCTION, "other");
    let read = TrafficShifter::observe(&missing, &"checkout".into(), &both()).await;
    let error = read.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Refused)));
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_provisioned_function_is_what_stable_has() {
    let fake = Fake::new(Lambda::live());
    let alias = alias(&fake).provisioned();
    let seen = DeploymentActions::observe(&alias, &"checkout".into(), &both()).await.unwrap();
    assert_eq!((seen.full, seen.stable.total.ready, seen.candidate.total.asked), (2, 2, 0));
    let error =
        alias.scale(&call(1, 0), tidegate_core::Arm::Candidate, 1, Some(0)).await.unwrap_err();
    assert!(told(&error).contains("no zones"), "{}", told(&error));
}

async fn shifted(before: (u16, bool), to: Weight) -> (Value, Value, Split) {
    let (share, promoted) = before;
    let fake = Fake::new(Lambda::live());
    fake.with(|state| {
        let (main, other) = if promoted { ("2", "1") } else { ("1", "2") };
        let beside = [(other, f64::from(share) / 10_000.0)];
        state.point(main, if share == 0 { &[] } else { &beside[..] });
    });
    let alias = alias(&fake);
    let before = live(&fake);
    let (_, version) = read(&alias).await;
    alias.shift(&call(1, 0), Split::candidate(to), Some(&version)).await.unwrap();
    (before, live(&fake), read(&alias).await.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_shift_loses_nothing_of_an_alias_and_is_exact_to_the_basis_point(
        share in 0_u16..=10_000,
        promoted in any::<bool>(),
        to in 0_u16..=10_000,
    ) {
        let to = Weight::basis_points(to).unwrap();
        let (before, after, seen) = in_paused_time(shifted((share, promoted), to));
        prop_assert_eq!(seen, Split::candidate(to));
        for member in ["AliasArn", "Name", "Description"] {
            prop_assert_eq!(&before[member], &after[member]);
        }
    }
}
