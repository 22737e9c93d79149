//! Whether a task set could be made of a task definition as the blueprint says. It writes nothing.

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, LaunchType, NetworkMode, TaskDefinition,
    TaskDefinitionStatus,
};
use tidegate_core::{Obstacle, ObstacleKind, PortError};

use super::{Blueprint, Container, TaskSets};
use crate::{ecs::api, error::code_of, port::incomplete, preflight::obstacle};

/// What the names of Fargate's own capacity providers begin with.
const FARGATE: &str = "FARGATE";

impl TaskSets {
    /// What is in the way of a new set of this task definition.
    pub(super) async fn of_definition(&self, name: &str) -> Vec<Obstacle> {
        let subject = format!("task definition {name}");
        let found = match self.definition(name).await {
            Ok(found) => found,
            Err(error) if code_of(&error) == Some(api::CLIENT) => {
                let what = format!("does not exist ({})", api::CLIENT);
                return vec![Obstacle::new(ObstacleKind::Missing, subject, what)];
            }
            Err(error) => return vec![obstacle(subject, &error)],
        };
        let unfit = |what| Obstacle::new(ObstacleKind::Unsuitable, subject.as_str(), what);
        self.blueprint.unfit(&found).into_iter().map(unfit).collect()
    }

    async fn definition(&self, name: &str) -> Result<TaskDefinition, PortError> {
        let action = format!("read task definition {name}");
        let request = self.client.describe_task_definition().task_definition(name).send();
        let sent = self.channel.send(api::DESCRIBE_DEFINITION, api::READS, &action, request);
        let found = sent.await?.task_definition;
        found.ok_or_else(|| incomplete(&action, "it is not in the answer"))
    }
}

impl Blueprint {
    /// Why no set could be made of a task definition.
    fn unfit(&self, of: &TaskDefinition) -> Vec<String> {
        let inactive = of.status().filter(|status| **status != TaskDefinitionStatus::Active);
        let inactive = inactive.map(|status| format!("is {}, not ACTIVE", status.as_str()));
        let container = self.balanced.as_ref().and_then(|one| one.container.missing(of));
        let own_address = of.network_mode() == Some(&NetworkMode::Awsvpc);
        let network = match &self.network {
            None if own_address => {
                Some("gives each task an address (awsvpc), and no subnets are named for them")
            }
            Some(_) if !own_address => {
                Some("gives tasks no address of their own (awsvpc), and subnets are named")
            }
            _ => None,
        };
        let network = network.map(ToOwned::to_owned);
        [inactive, container, network, self.incompatible(of)].into_iter().flatten().collect()
    }

    fn incompatible(&self, of: &TaskDefinition) -> Option<String> {
        let providers = self.capacity_providers.iter();
        let on_fargate = self.launch == Some(LaunchType::Fargate) || { providers }
            .any(|one| one.capacity_provider().starts_with(FARGATE));
        // ECS tells what it can run on; a list that is not there says nothing.
        let known = !of.compatibilities().is_empty();
        let runs = of.compatibilities().contains(&Compatibility::Fargate);
        (on_fargate && known && !runs).then(|| format!("can not run on {FARGATE}"))
    }
}

impl Container {
    /// What a task definition lacks of the container that the target group is for.
    fn missing(&self, of: &TaskDefinition) -> Option<String> {
        let Self { name, port } = self;
        let containers = of.container_definitions();
        match containers.iter().find(|one| one.name() == Some(name.as_str())) {
            None => Some(format!("has no container {name}, which requests are to go to")),
            Some(found) if !opens(found, *port) => {
                Some(format!("has a container {name} without port {port}"))
            }
            Some(_) => None,
        }
    }
}

fn opens(container: &ContainerDefinition, port: u16) -> bool {
    let opened = container.port_mappings().iter().filter_map(|mapping| mapping.container_port());
    { opened }.any(|one| one == i32::from(port))
}
