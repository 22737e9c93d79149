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
};

use crate::{Course, Release, Watch};

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

    async fn ports(
        service: &Fake<Ecs>,
        account: &Account,
        watch: Watch,
    ) -> Result<Ports, PortError> {
        let name = ServiceName { cluster: CLUSTER.to_owned(), service: SERVICE.to_owned() };
        let options = EcsOptions::default();
        let opened = EcsService::open(&service.client(), account, name, options).await?;
        let opened = Arc::new(opened);
        Ok(Ports::new(opened.clone(), opened, Arc::new(watch)))
    }
}
