//! Services of ECS on ministack, which keeps how a service is set up and carries an update out, but lists no
//! deployment of it.

use tidegate_aws::{
    ecs::{
        ServiceName,
        native::{self, EcsOptions, EcsService, Strategy},
    },
    sdk::ecs::{
        Client,
        types::{
            ContainerDefinition, DeploymentCircuitBreaker, DeploymentConfiguration,
            DeploymentController, DeploymentControllerType, DeploymentLifecycleHook,
            DeploymentLifecycleHookAction, DeploymentLifecycleHookStage,
            DeploymentLifecycleHookTargetType, DeploymentLifecycleHookTimeoutConfiguration,
            DeploymentStrategy, Service,
        },
    },
};
use tidegate_core::{Call, DeploymentActions, Obstacle, ObstacleKind, Revisions};

use tidegate_aws::client_at;

use super::{account, ministack};
use crate::support;

const CLUSTER: &str = "shop";
const FAMILY: &str = "emulated-checkout";

/// The cluster, and two revisions of a task definition.
async fn cluster(client: &Client) {
    client.create_cluster().cluster_name(CLUSTER).send().await.unwrap();
}

async fn registered(client: &Client) -> String {
    let container = ContainerDefinition::builder().name("checkout").image("shop/checkout").build();
    let request = client.register_task_definition().family(FAMILY);
    let reply = request.container_definitions(container).send().await.unwrap();
    let definition = reply.task_definition().unwrap();
    definition.task_definition_arn().unwrap().to_owned()
}

/// A service without tasks, for which nothing has to be started.
async fn service(
    client: &Client,
    name: &str,
    definition: &str,
    controller: DeploymentControllerType,
    configuration: DeploymentConfiguration,
) {
    let controller = DeploymentController::builder().r#type(controller).build().unwrap();
    let request = client.create_service().cluster(CLUSTER).service_name(name);
    let request = request.task_definition(definition).desired_count(0);
    let request = request.deployment_controller(controller);
    request.deployment_configuration(configuration).send().await.unwrap();
}

async fn described(client: &Client, name: &str) -> Service {
    let reply = client.describe_services().cluster(CLUSTER).services(name).send().await.unwrap();
    reply.services()[0].clone()
}

async fn open(client: &Client, service: &str) -> Result<EcsService, Vec<Obstacle>> {
    let name = ServiceName { cluster: CLUSTER.to_owned(), service: service.to_owned() };
    let opened = EcsService::open(client, &account(), name.clone(), EcsOptions::default()).await;
    opened.map_err(|error| native::obstacles(&name, &error))
}

fn held() -> DeploymentConfiguration {
    let timeout = DeploymentLifecycleHookTimeoutConfiguration::builder()
        .action(DeploymentLifecycleHookAction::Rollback);
    let hook = DeploymentLifecycleHook::builder()
        .target_type(DeploymentLifecycleHookTargetType::Pause)
        .lifecycle_stages(DeploymentLifecycleHookStage::PreProductionTrafficShift)
        .timeout_configuration(timeout.build())
        .build();
    DeploymentConfiguration::builder()
        .strategy(DeploymentStrategy::Linear)
        .lifecycle_hooks(hook)
        .bake_time_in_minutes(7)
        .build()
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn a_service_gets_the_candidate_and_nothing_else_of_it_is_changed() {
    let client = client_at!(ecs, ministack());
    cluster(&client).await;
    let (stable, candidate) = (registered(&client).await, registered(&client).await);
    service(&client, "held", &stable, DeploymentControllerType::Ecs, held()).await;
    let opened = open(&client, "held").await.unwrap();
    let setup = opened.setup();
    assert_eq!(setup.strategy, Strategy::Linear);
    assert_eq!(setup.bake, tidegate_core::Span::minutes(7));
    assert_eq!(setup.pauses.len(), 1, "{setup:?}");
    let before = described(&client, "held").await;
    let stable = Some(stable.as_str().into());
    let revisions = Revisions { stable, candidate: candidate.as_str().into() };
    let call = Call { revisions, ..support::call(1, 0) };
    opened.start(&call).await.unwrap();
    let after = described(&client, "held").await;
    assert_eq!(after.task_definition(), Some(candidate.as_str()));
    let deployment = |of: &Service| of.deployments()[0].id().map(ToOwned::to_owned);
    assert_ne!(deployment(&after), deployment(&before));
    assert_eq!(after.deployment_configuration(), before.deployment_configuration());
    assert_eq!(after.desired_count(), before.desired_count());
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn what_is_in_the_way_of_a_service_is_found() {
    let client = client_at!(ecs, ministack());
    cluster(&client).await;
    let definition = registered(&client).await;
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
    let owns = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
    service(&client, "owns", &definition, DeploymentControllerType::Ecs, owns).await;
    let plain = DeploymentConfiguration::builder().build();
    let other = DeploymentControllerType::External;
    service(&client, "driven", &definition, other, plain).await;
    for (name, kind) in [
        ("owns", ObstacleKind::RollbackOwners),
        ("driven", ObstacleKind::Controller),
        ("nowhere", ObstacleKind::Missing),
    ] {
        let found = open(&client, name).await.unwrap_err();
        let kinds: Vec<_> = found.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [kind], "{found:?}");
    }
}
