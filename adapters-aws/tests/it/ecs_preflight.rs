//! Before the first move of a service of ECS: each problem is found and named, and nothing is written to find
//! it.

use tidegate_aws::{
    ecs::{
        ServiceName,
        native::{self, EcsOptions, EcsService, RollbackOwner},
    },
    fakes::{
        Fake, Fault, When,
        ecs::{Ecs, Monitor, Strategy, definition},
    },
};
use tidegate_core::{DeploymentActions, Obstacle, ObstacleKind, Revisions};

use crate::{
    ecs::{both, call, name, opened},
    preflight::{only, wrote_nothing},
    support::account,
};

/// A service with one thing changed.
fn service(change: impl FnOnce(&mut Ecs)) -> Fake<Ecs> {
    let mut state = Ecs::with(Strategy::Rolling);
    change(&mut state);
    Fake::new(state)
}

async fn open(
    fake: &Fake<Ecs>,
    name: ServiceName,
    rollback: RollbackOwner,
) -> Result<EcsService, Vec<Obstacle>> {
    let options = EcsOptions { rollback, ..EcsOptions::default() };
    let opened = EcsService::open(&fake.client(), &account(), name.clone(), options).await;
    opened.map_err(|error| native::obstacles(&name, &error))
}

/// What is in the way of opening it.
async fn refused(fake: &Fake<Ecs>) -> Vec<Obstacle> {
    open(fake, name(), RollbackOwner::Engine).await.unwrap_err()
}

async fn of_deployment(service: &EcsService, revisions: &Revisions) -> Vec<Obstacle> {
    service.preflight(&"checkout".into(), revisions).await
}

#[tokio::test(start_paused = true)]
async fn a_service_in_order_has_nothing_in_its_way() {
    let (fake, service) = opened(Strategy::Rolling).await;
    assert_eq!(of_deployment(&service, &both()).await, []);
    wrote_nothing(&fake);
}

#[tokio::test(start_paused = true)]
async fn a_service_with_another_controller_is_found() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        let fake = service(|state| state.setup.controller = controller);
        only(&fake, &refused(&fake).await, ObstacleKind::Controller, controller);
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_breaker_or_alarms_that_own_the_way_back_are_found() {
    let monitor = Monitor { goes_back: true };
    let fake = service(|state| state.setup.breaker = Some(monitor));
    only(&fake, &refused(&fake).await, ObstacleKind::RollbackOwners, "circuit breaker");
    let fake = service(|state| state.setup.alarms = Some((vec!["too-slow"], monitor)));
    only(&fake, &refused(&fake).await, ObstacleKind::RollbackOwners, "too-slow");
    let both_own = open(&fake, name(), RollbackOwner::Service).await.unwrap();
    assert_eq!(of_deployment(&both_own, &both()).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_was_turned_on_since_the_service_was_opened_is_found() {
    let (fake, service) = opened(Strategy::Rolling).await;
    fake.with(|state| state.setup.breaker = Some(Monitor { goes_back: false }));
    let found = of_deployment(&service, &both()).await;
    only(&fake, &found, ObstacleKind::RollbackOwners, "circuit breaker");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_or_a_service_that_is_not_there_or_may_not_be_read_is_found() {
    let fake = service(|_| {});
    let elsewhere = ServiceName { service: "basket".to_owned(), ..name() };
    let found = open(&fake, elsewhere, RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::Missing, "service shop/basket does not exist");
    let elsewhere = ServiceName { cluster: "bazaar".to_owned(), ..name() };
    let found = open(&fake, elsewhere, RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::Missing, "ClusterNotFoundException");
    fake.fault("DescribeServices", When::From(3), Fault::Denied);
    only(&fake, &refused(&fake).await, ObstacleKind::Permission, "ecs:DescribeServices");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_deployment_under_way_is_found() {
    let (fake, service) = opened(Strategy::Rolling).await;
    let theirs = tidegate_core::Call {
        revisions: Revisions { stable: None, candidate: definition(7).as_str().into() },
        ..call(1)
    };
    let by_hand = open(&fake, name(), RollbackOwner::Engine).await.unwrap();
    by_hand.start(&theirs).await.unwrap();
    let written = fake.carried_out("UpdateService");
    let found = of_deployment(&service, &both()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, ObstacleKind::NotAtRest, "{found:?}");
    assert!(found[0].what.contains("is held by deployment"), "{found:?}");
    assert_eq!(fake.carried_out("UpdateService"), written);
}

#[tokio::test(start_paused = true)]
async fn revisions_that_can_not_be_deployed_are_found() {
    let (fake, service) = opened(Strategy::Rolling).await;
    for (stable, candidate, says) in [
        ("checkout:1", "checkout", "no task definition"),
        ("checkout:2", "checkout:2", "both arms are"),
        ("checkout:7", "checkout:1", "serves already"),
        ("checkout:7", "checkout:2", "neither arm's"),
    ] {
        let revisions = Revisions { stable: Some(stable.into()), candidate: candidate.into() };
        let found = of_deployment(&service, &revisions).await;
        only(&fake, &found, ObstacleKind::Unsuitable, says);
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_it_at_once_is_found_at_once() {
    let fake = service(|state| {
        state.setup.controller = "CODE_DEPLOY";
        state.setup.breaker = Some(Monitor { goes_back: true });
        state.setup.alarms = Some((vec!["too-slow"], Monitor { goes_back: false }));
    });
    let kinds: Vec<_> = refused(&fake).await.into_iter().map(|one| one.kind).collect();
    let owners = ObstacleKind::RollbackOwners;
    assert_eq!(kinds, [ObstacleKind::Controller, owners, owners]);
    wrote_nothing(&fake);
}
