//! A service whose deployments are made of task sets: one an arm. The engine sets how many tasks each
//! has, and moves traffic by [`alb`](crate::alb).
//!
//! What a caller should know:
//!
//! - An arm is the task set of its task definition, whoever made it. Capacity is counted in tasks, and
//!   the full size is the service's desired count. ECS takes shares of that, so that an arm follows
//!   when somebody changes it; more than the full size can not be asked for.
//! - Creating carries a client token, and the move's own token as the set's `externalId`. Scaling,
//!   choosing the primary and deleting are absolute, and class 3.
//! - Tasks count as ready once their set is steady: running, none pending, and healthy as the load
//!   balancer and the containers' own checks see them. A set that grows keeps those that were ready.
//! - Before stable is retired the candidate becomes the primary task set, and the other way round: ECS
//!   deletes no primary one.
//! - Several sets of one task definition are counted together, and are not scaled: whose they are
//!   can not be told.

mod actions;
mod sets;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_sdk_ecs::{
    Client,
    types::{
        CapacityProviderStrategyItem, DeploymentControllerType, LaunchType, NetworkConfiguration,
        Service, ServiceRegistry,
    },
};
use tidegate_core::PortError;

use super::ServiceName;
use crate::{
    account::{Account, Channel, bounded_client},
    place::Placement,
    port::refused,
};

/// The container that a load balancer sends requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// What a new task set is made of, besides its task definition.
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    /// The container behind the target group that a [`Placement`] names; none without one.
    pub container: Option<Container>,
    /// Subnets and security groups, where the task definition wants them.
    pub network: Option<NetworkConfiguration>,
    /// The launch type; must be absent where there are capacity providers.
    pub launch: Option<LaunchType>,
    /// Capacity providers, in place of a launch type.
    pub capacity_providers: Vec<CapacityProviderStrategyItem>,
    /// The Fargate platform version; the latest, if absent.
    pub platform_version: Option<String>,
    /// Registries for service discovery.
    pub registries: Vec<ServiceRegistry>,
}

/// One service, and its task sets.
#[derive(Clone, Debug)]
pub struct TaskSets {
    client: Client,
    channel: Channel,
    name: ServiceName,
    blueprint: Blueprint,
    placement: Option<Arc<dyn Placement>>,
    /// How many tasks of a set were ready when it was last steady.
    steady: Arc<Mutex<HashMap<String, u32>>>,
}

impl TaskSets {
    /// The task sets of this service. New ones are made after `blueprint`, behind the target groups
    /// that `placement` names: the one that [`alb`](crate::alb) gets as well.
    ///
    /// # Errors
    /// When the service can not be read, or its deployment controller is not `EXTERNAL`.
    pub async fn open(
        client: &Client,
        account: &Account,
        name: ServiceName,
        blueprint: Blueprint,
        placement: Option<Arc<dyn Placement>>,
    ) -> Result<Self, PortError> {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = Client::from_conf(bounded_client!(client, account));
        let action = format!("read service {name}");
        let service = super::described(&client, &channel, &name, &action).await?;
        is_external(&service, &action)?;
        if placement.is_some() != blueprint.container.is_some() {
            let why =
                "target groups and the container behind them are named together, or not at all";
            return Err(refused(&action, why));
        }
        Ok(Self { client, channel, name, blueprint, placement, steady: Arc::default() })
    }
}

fn is_external(service: &Service, action: &str) -> Result<(), PortError> {
    let status = service.status().unwrap_or("without a status");
    if status != "ACTIVE" {
        return Err(refused(action, format!("it is {status}, not ACTIVE")));
    }
    let controller = service.deployment_controller().map(|controller| controller.r#type());
    match controller {
        Some(DeploymentControllerType::External) => Ok(()),
        other => {
            let other = other.map_or("ECS", DeploymentControllerType::as_str);
            Err(refused(action, format!("its deployment controller is {other}, not EXTERNAL")))
        }
    }
}
