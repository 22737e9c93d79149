//! 002: a service of two tasks on Fargate behind a target group. ECS replaces its tasks a few at a time, the
//! engine watches, and has ECS go back where the new ones are worse.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tidegate::{
    Ports,
    machine::{PortError, Revisions},
};
use tidegate_aws::{
    Account,
    ecs::{
        ServiceName,
        native::{EcsOptions, EcsService},
    },
    fakes::{
        Fake,
        ecs::{CLUSTER, Ecs, SERVICE, Strategy, definition},
    },
    sdk::ecs::{
        Client,
        types::{ContainerDefinition, PortMapping},
    },
};

use crate::{Course, Release, SetUpError, Watch};

/// The release.
#[derive(Debug)]
pub struct Rolling;

/// The task definitions of what serves and of what comes in.
#[must_use]
pub fn definitions() -> [String; 2] {
    [definition(1), definition(2)]
}

#[async_trait]
impl Release for Rolling {
    type Service = Ecs;
    type Client = Client;
    const PLAN: &'static str = include_str!("../plans/002.yaml");

    /// Neither a circuit breaker nor alarms: the engine alone calls for the way back.
    fn assumed(_: Course) -> Ecs {
        let mut state = Ecs::with(Strategy::Rolling);
        state.setup.desired = 2;
        state.setup.other = json!({
            "launchType": "FARGATE",
            "loadBalancers": [{
                "targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/ai-model/0123456789abcdef",
                "containerName": "ai_model_container",
                "containerPort": 8080,
            }],
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": ["subnet-0123456789abcdef0"],
                    "securityGroups": ["sg-0123456789abcdef0"],
                    "assignPublicIp": "ENABLED",
                },
            },
        });
        state
    }

    fn revisions() -> Revisions {
        let [stable, candidate] = definitions().map(|one| one.as_str().into());
        Revisions { stable: Some(stable), candidate }
    }

    fn client(service: &Fake<Ecs>) -> Client {
        service.client()
    }

    fn client_at(endpoint: &str) -> Client {
        tidegate_aws::client_at!(ecs, endpoint)
    }

    /// The cluster, two revisions of the task definition, and the service with the first of them.
    async fn set_up(client: &Client) -> Result<(), SetUpError> {
        client.create_cluster().cluster_name(CLUSTER).send().await?;
        for _ in definitions() {
            let container = ContainerDefinition::builder()
                .name("ai_model_container")
                .image("ai-model")
                .memory(512)
                .port_mappings(PortMapping::builder().container_port(8080).build());
            let request = client.register_task_definition().family(SERVICE);
            request.container_definitions(container.build()).send().await?;
        }
        let [stable, _] = definitions();
        let request = client.create_service().cluster(CLUSTER).service_name(SERVICE);
        request.task_definition(stable).desired_count(2).send().await?;
        Ok(())
    }

    async fn ports(client: &Client, account: &Account, watch: Watch) -> Result<Ports, PortError> {
        let name = ServiceName { cluster: CLUSTER.to_owned(), service: SERVICE.to_owned() };
        let options = EcsOptions::default();
        let opened = EcsService::open(client, account, name, options).await?;
        let opened = Arc::new(opened);
        Ok(Ports::new(opened.clone(), opened, Arc::new(watch)))
    }
}
