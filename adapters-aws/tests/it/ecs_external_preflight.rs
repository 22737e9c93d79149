//! Before the first move of a service that is deployed by task sets: each problem is found and named, and
//! nothing is written to find it.

use serde_json::json;
use tidegate_aws::{
    ecs::{
        ServiceName,
        external::{self, Blueprint, TaskSets},
    },
    fakes::{
        Fake, Fault, When,
        alb::group_arn,
        ecs::{Ecs, TaskSet, definition},
    },
    sdk::ecs::types::{
        AwsVpcConfiguration, CapacityProviderStrategyItem, LaunchType, NetworkConfiguration,
    },
};
use tidegate_core::{DeploymentActions, Obstacle, ObstacleKind, Revisions};

use crate::{
    ecs::{both, name},
    ecs_external::blueprint,
    preflight::{only, wrote_nothing},
    support::account,
};

/// A service in order with one thing changed: stable's set is the primary one, behind `blue`.
fn service(change: impl FnOnce(&mut Ecs)) -> Fake<Ecs> {
    let mut state = Ecs::external();
    state.sets[0] = state.sets[0].clone().behind(&group_arn("blue"));
    change(&mut state);
    Fake::new(state)
}

async fn open_as(
    fake: &Fake<Ecs>,
    name: ServiceName,
    blueprint: Blueprint,
) -> Result<TaskSets, Vec<Obstacle>> {
    let opened = TaskSets::open(&fake.client(), &account(), name.clone(), blueprint).await;
    opened.map_err(|error| external::obstacles(&name, &error))
}

async fn open(fake: &Fake<Ecs>) -> Result<TaskSets, Vec<Obstacle>> {
    open_as(fake, name(), blueprint()).await
}

async fn of(sets: &TaskSets, revisions: &Revisions) -> Vec<Obstacle> {
    sets.preflight(&"checkout".into(), revisions).await
}

/// What is in the way of a service that was opened, and then changed.
async fn found(change: impl FnOnce(&mut Ecs)) -> (Fake<Ecs>, Vec<Obstacle>) {
    let fake = service(|_| {});
    let sets = open(&fake).await.unwrap();
    fake.with(change);
    let found = of(&sets, &both()).await;
    (fake, found)
}

fn first() -> Revisions {
    Revisions { stable: None, ..both() }
}

#[tokio::test(start_paused = true)]
async fn a_service_in_order_has_nothing_in_its_way_nor_has_one_without_a_set_before_its_first() {
    let (fake, found) = found(|_| {}).await;
    assert_eq!(found, []);
    wrote_nothing(&fake);
    let fake = service(|state| (state.sets, state.primary) = (Vec::new(), None));
    assert_eq!(of(&open(&fake).await.unwrap(), &first()).await, []);
    // As a first deployment leaves it.
    let fake = service(|state| state.primary = None);
    assert_eq!(of(&open(&fake).await.unwrap(), &both()).await, []);
}

#[tokio::test(start_paused = true)]
async fn another_controller_or_a_service_on_its_way_out_is_found() {
    for controller in ["ECS", "CODE_DEPLOY"] {
        let fake = service(|state| state.setup.controller = controller);
        let refused = open(&fake).await.unwrap_err();
        only(&fake, &refused, ObstacleKind::Controller, &format!("{controller}, not EXTERNAL"));
    }
    let draining = |state: &mut Ecs| state.setup.other = json!({ "status": "DRAINING" });
    let fake = service(draining);
    let refused = open(&fake).await.unwrap_err();
    only(&fake, &refused, ObstacleKind::Unsuitable, "DRAINING, not ACTIVE");
    let (fake, later) = found(draining).await;
    only(&fake, &later, ObstacleKind::Unsuitable, "DRAINING, not ACTIVE");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_or_a_service_that_is_not_there_or_may_not_be_read_is_found() {
    let fake = service(|_| {});
    let elsewhere = ServiceName { service: "basket".to_owned(), ..name() };
    let refused = open_as(&fake, elsewhere, blueprint()).await.unwrap_err();
    only(&fake, &refused, ObstacleKind::Missing, "service shop/basket does not exist");
    let elsewhere = ServiceName { cluster: "bazaar".to_owned(), ..name() };
    let refused = open_as(&fake, elsewhere, blueprint()).await.unwrap_err();
    only(&fake, &refused, ObstacleKind::Missing, "ClusterNotFoundException");
    fake.fault("DescribeServices", When::From(3), Fault::Denied);
    let refused = open(&fake).await.unwrap_err();
    only(&fake, &refused, ObstacleKind::Permission, "ecs:DescribeServices");
}

#[tokio::test(start_paused = true)]
async fn a_stable_arm_without_a_set_or_with_several_is_found() {
    let (fake, none) = found(|state| (state.sets, state.primary) = (Vec::new(), None)).await;
    only(&fake, &none, ObstacleKind::Missing, "the task set of");
    let (fake, two) = found(|state| state.sets.push(state.sets[0].clone())).await;
    only(&fake, &two, ObstacleKind::Unsuitable, "the same task definition");
}

#[tokio::test(start_paused = true)]
async fn a_primary_set_that_is_not_stables_is_found() {
    let theirs = |state: &mut Ecs| {
        let set = TaskSet { definition: definition(7), ..state.sets[0].clone() };
        state.sets.push(set.behind(&group_arn("red")));
        state.primary = Some(1);
    };
    let (fake, found) = found(theirs).await;
    only(&fake, &found, ObstacleKind::NotAtRest, "checkout:7; expected");
    let fake = service(|_| {});
    let found = of(&open(&fake).await.unwrap(), &first()).await;
    only(&fake, &found, ObstacleKind::NotAtRest, "no stable is named");
}

#[tokio::test(start_paused = true)]
async fn a_set_behind_another_target_group_than_its_arms_traffic_goes_to_is_found() {
    let moved = |state: &mut Ecs| state.sets[0] = state.sets[0].clone().behind(&group_arn("green"));
    let (fake, found) = found(moved).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "where stable is served");
    let fake = service(|state| state.sets[0].created_with = json!({}));
    let found = of(&open(&fake).await.unwrap(), &both()).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "behind no target group");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_wants_no_tasks_is_found() {
    let (fake, found) = found(|state| state.setup.desired = 0).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "wants no tasks");
}

#[tokio::test(start_paused = true)]
async fn revisions_that_are_no_two_task_definitions_are_found() {
    let fake = service(|_| {});
    let sets = open(&fake).await.unwrap();
    for (candidate, says) in [("checkout", "no task definition"), ("checkout:1", "both arms are")] {
        let revisions =
            Revisions { stable: Some("checkout:1".into()), candidate: candidate.into() };
        only(&fake, &of(&sets, &revisions).await, ObstacleKind::Unsuitable, says);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_that_is_not_there_or_may_not_be_read_is_found() {
    let (fake, missing) = found(|state| state.unregistered.push(definition(2))).await;
    only(&fake, &missing, ObstacleKind::Missing, "checkout:2 does not exist");
    let fake = service(|_| {});
    fake.fault("DescribeTaskDefinition", When::Nth(1), Fault::Denied);
    let found = of(&open(&fake).await.unwrap(), &both()).await;
    only(&fake, &found, ObstacleKind::Permission, "ecs:DescribeTaskDefinition");
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_that_no_set_could_be_made_of_is_found() {
    let ports = json!([{ "containerPort": 80 }]);
    for (member, says) in [
        (json!({ "status": "INACTIVE" }), "INACTIVE, not ACTIVE"),
        (json!({ "containerDefinitions": [{ "name": "app" }] }), "has no container web"),
        (
            json!({ "containerDefinitions": [{ "name": "web", "portMappings": ports }] }),
            "without port 8080",
        ),
        (json!({ "networkMode": "awsvpc" }), "no subnets are named"),
    ] {
        let (fake, found) = found(|state| state.registered = member).await;
        only(&fake, &found, ObstacleKind::Unsuitable, says);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blueprint_that_does_not_fit_the_task_definition_is_found() {
    let subnets = AwsVpcConfiguration::builder().subnets("subnet-0123456789abcdef0");
    let subnets = subnets.build().unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(subnets).build();
    let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT");
    let spot = vec![spot.build().unwrap()];
    for (blueprint, says) in [
        (Blueprint { network: Some(network), ..blueprint() }, "subnets are named"),
        (Blueprint { launch: Some(LaunchType::Fargate), ..blueprint() }, "can not run on FARGATE"),
        (Blueprint { capacity_providers: spot, ..blueprint() }, "can not run on FARGATE"),
    ] {
        let fake = service(|_| {});
        let sets = open_as(&fake, name(), blueprint).await.unwrap();
        only(&fake, &of(&sets, &both()).await, ObstacleKind::Unsuitable, says);
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_it_at_once_is_found_at_once() {
    let fake = service(|state| {
        state.setup.controller = "CODE_DEPLOY";
        state.setup.other = json!({ "status": "INACTIVE" });
    });
    let kinds: Vec<_> = open(&fake).await.unwrap_err().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [ObstacleKind::Controller, ObstacleKind::Unsuitable]);
    wrote_nothing(&fake);
    let all = |state: &mut Ecs| {
        state.setup.desired = 0;
        let set = TaskSet { definition: definition(7), ..state.sets[0].clone() };
        state.sets = vec![state.sets[0].clone().behind(&group_arn("red")), set];
        state.primary = Some(1);
        let container = json!({ "name": "app" });
        state.registered = json!({ "status": "INACTIVE", "networkMode": "awsvpc",
            "containerDefinitions": [container] });
    };
    let (fake, found) = found(all).await;
    let says = ["no tasks", "primary", "targetgroup/red", "INACTIVE", "no container", "no subnets"];
    assert_eq!(found.len(), says.len(), "{found:#?}");
    for (one, says) in found.iter().zip(says) {
        assert!(one.what.contains(says), "{one}: expected {says}");
    }
    wrote_nothing(&fake);
}
