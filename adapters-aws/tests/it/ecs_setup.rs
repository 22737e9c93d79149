//! How a service of ECS is set up: what is refused, what is declared, and that none of it is changed.

use proptest::{
    prelude::{ProptestConfig, any, prop},
    proptest,
    strategy::Strategy as _,
};
use serde_json::{Value, json};
use tidegate_aws::{
    ecs::{
        Problems, ServiceName,
        native::{EcsOptions, EcsService, Problem, RollbackOwner},
    },
    fakes::{
        Fake,
        ecs::{Ecs, Monitor, Strategy, definition},
    },
};
use tidegate_core::{Call, DeploymentActions, FailureKind, PlatformSeen, Revisions};

use crate::{
    ecs::{call, name, open, opened, pass, seen},
    support::{account, in_paused_time, told},
};

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_deployments_by_itself_is_refused_with_all_reasons_unless_it_may() {
    let fake = Fake::new(Ecs::with(Strategy::Rolling));
    fake.with(|state| {
        state.setup.breaker = Some(Monitor { goes_back: true });
        state.setup.alarms = Some((vec!["too-slow"], Monitor { goes_back: false }));
    });
    let error = open(&fake, RollbackOwner::Engine).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    let problems =
        error.source.as_deref().and_then(|one| one.downcast_ref::<Problems<Problem>>()).unwrap();
    assert_eq!(problems.problems.len(), 2, "{problems}");
    assert!(told(&error).contains("too-slow"), "{}", told(&error));
    assert!(open(&fake, RollbackOwner::Service).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_a_breaker_or_an_alarm_does_is_followed() {
    for (breaks, goes_back, wanted) in [
        (true, true, PlatformSeen::RolledBack),
        (false, true, PlatformSeen::RolledBack),
        (true, false, PlatformSeen::Failed),
    ] {
        let fake = Fake::new(Ecs::with(Strategy::Rolling));
        fake.with(|state| {
            let monitor = Monitor { goes_back };
            state.setup.breaker = Some(monitor);
            state.setup.alarms = Some((vec!["too-slow"], monitor));
            state.broken = breaks.then(|| definition(2));
            state.alarm_at = (!breaks).then_some(75);
        });
        let service = open(&fake, RollbackOwner::Service).await.unwrap();
        service.start(&call(1)).await.unwrap();
        pass(300).await;
        assert_eq!(seen(&service).await, wanted, "{breaks} {goes_back}");
        assert_eq!(fake.carried_out("StopServiceDeployment"), 0, "it is not fought");
    }
}

#[tokio::test(start_paused = true)]
async fn another_controller_status_or_strategy_is_refused() {
    type Change = fn(&mut Ecs);
    let changes: [(&str, Change); 4] = [
        ("CODE_DEPLOY", |state| state.setup.controller = "CODE_DEPLOY"),
        ("EXTERNAL", |state| state.setup.controller = "EXTERNAL"),
        ("novel-strategy", |state| state.setup.strategy = "novel-strategy"),
        ("DRAINING", |state| state.setup.other = json!({ "status": "DRAINING" })),
    ];
    for (named, change) in changes {
        let fake = Fake::new(Ecs::with(Strategy::Rolling));
        fake.with(change);
        let error = open(&fake, RollbackOwner::Engine).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent, "{named}");
        assert!(told(&error).contains(named), "{}", told(&error));
    }
    let fake = Fake::new(Ecs::with(Strategy::Rolling));
    let elsewhere = ServiceName { service: "basket".to_owned(), ..name() };
    let opened =
        EcsService::open(&fake.client(), &account(), elsewhere, EcsOptions::default()).await;
    assert!(told(&opened.unwrap_err()).contains("there is no service shop/basket"));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_goes_on_by_itself_and_an_old_side_that_goes_are_declared() {
    let ability = async |fake: &Fake<Ecs>| {
        let service = open(fake, RollbackOwner::Engine).await.unwrap();
        DeploymentActions::ability(&service).platform.unwrap()
    };
    let fake = Fake::new(Ecs::with(Strategy::Canary));
    let held = ability(&fake).await;
    assert_eq!((held.continues_on_expiry, held.terminates_after), (false, None));
    fake.with(|state| state.setup.pauses[0].then = "CONTINUE");
    assert!(ability(&fake).await.continues_on_expiry);
    fake.with(|state| state.setup.pauses.clear());
    let bake = Some(tidegate_core::Span::minutes(2));
    assert_eq!(ability(&fake).await.terminates_after, bake);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_changed_since_it_was_opened_starts_nothing() {
    let (fake, service) = opened(Strategy::Canary).await;
    fake.with(|state| state.setup.pauses.truncate(1));
    let error = service.start(&call(1)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("when it was opened"), "{}", told(&error));
    assert_eq!(fake.carried_out("UpdateService"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_told_apart_is_refused_before_anything_is_sent() {
    let (fake, service) = opened(Strategy::Rolling).await;
    let with = |stable: &str, candidate: &str| Call {
        revisions: Revisions { stable: Some(stable.into()), candidate: candidate.into() },
        ..call(1)
    };
    for (call, why) in [
        (with("checkout:1", "checkout"), "no task definition"),
        (with(&definition(2), "checkout:2"), "both arms are"),
        (with("checkout:7", "checkout:2"), "neither arm's"),
        (with("checkout:7", "checkout:1"), "serves already"),
    ] {
        let error = service.start(&call).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent);
        assert!(told(&error).contains(why), "{}", told(&error));
    }
    assert_eq!(fake.carried_out("UpdateService"), 0);
    service.start(&with("checkout:1", "checkout:2")).await.unwrap();
}

/// Members of a service that no deployment of ours is to touch.
fn others() -> impl proptest::strategy::Strategy<Value = Value> {
    let text = "[a-z]{1,12}";
    (any::<bool>(), 0..900_u32, prop::collection::vec((text, text), 0..4), text).prop_map(
        |(execute, grace, tags, group)| {
            let tags: Vec<_> =
                tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            json!({
                "enableExecuteCommand": execute,
                "healthCheckGracePeriodSeconds": grace,
                "tags": tags,
                "propagateTags": "SERVICE",
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": [group] } },
                "placementStrategy": [{ "type": "spread", "field": group }],
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_else_of_a_service_is_changed(other in others(), which in 0..4_usize, back: bool) {
        in_paused_time(async {
            let fake = Fake::new(Ecs::with(Strategy::ALL[which]));
            fake.with(|state| state.setup.other = other);
            let before = fake.with(|state| state.setup.clone());
            let service = open(&fake, RollbackOwner::Engine).await.unwrap();
            service.start(&call(1)).await.unwrap();
            for n in 2..20 {
                pass(100).await;
                if let PlatformSeen::AtWait { wait, .. } = seen(&service).await {
                    service.release(&call(n), wait).await.unwrap();
                }
            }
            if back {
                service.redeploy(&call(20)).await.unwrap();
            }
            assert_eq!(fake.with(|state| state.setup.clone()), before);
            assert_eq!(fake.carried_out("UpdateService"), 1 + usize::from(back));
        });
    }
}
