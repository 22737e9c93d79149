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
//!   deletes no primary one. After a first deployment none is, until the next.
//! - Several sets of one task definition are counted together, and are not scaled: whose they are
//!   can not be told.

mod actions;
mod definition;
mod preflight;
mod sets;
mod setup;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_sdk_ecs::{
    Client,
    types::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration, ServiceRegistry},
};
use tidegate_core::PortError;

pub use preflight::obstacles;
pub use setup::Problem;

use super::ServiceName;
use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    place::Placement,
};

/// The container that a load balancer sends requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// Where a load balancer's requests go.
#[derive(Clone, Debug)]
pub struct Balanced {
    /// The container.
    pub container: Container,
    /// The target group of each arm: what [`alb`](crate::alb) gets as well.
    pub groups: Arc<dyn Placement>,
}

/// What a new task set is made of, besides its task definition.
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    /// Where requests go, if they come through a load balancer.
    pub balanced: Option<Balanced>,
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
    client: Bounded<Client>,
    channel: Channel,
    name: ServiceName,
    blueprint: Blueprint,
    /// How many tasks of a set were ready when it was last steady.
    steady: Arc<Mutex<HashMap<String, u32>>>,
}

impl TaskSets {
    /// The task sets of this service, which nobody has looked at. New ones are made after `blueprint`.
    #[must_use]
    pub fn new(
        client: &Client,
        account: &Account,
        name: ServiceName,
        blueprint: Blueprint,
    ) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Self { client, channel, name, blueprint, steady: Arc::default() }
    }

    /// The task sets of this service, which is one for them.
    ///
    /// # Errors
    /// When the service can not be read, or is not to be deployed by task sets
    /// ([`Problems`](super::Problems) of [`Problem`], all of them, as the source).
    pub async fn open(
        client: &Client,
        account: &Account,
        name: ServiceName,
        blueprint: Blueprint,
    ) -> Result<Self, PortError> {
        let sets = Self::new(client, account, name, blueprint);
        sets.check().await?;
        Ok(sets)
    }

    /// Whether the service is one for task sets.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn check(&self) -> Result<(), PortError> {
        self.read(&format!("read service {}", self.name)).await.map(drop)
    }
}
