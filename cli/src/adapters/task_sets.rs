//! Task sets of ECS, as a plan file names them.
//!
//! Must not know plans.

use tidegate_aws::{
    ecs::external::{Balanced, Blueprint, Container},
    sdk::ecs::{
        error::BuildError,
        types::{
            AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, LaunchType,
            NetworkConfiguration, ServiceRegistry,
        },
    },
};

use super::{
    aws::placement,
    spec::{
        ArmsSpec,
        task_sets::{
            ContainerSpec, NetworkSpec, ProviderSpec, RegistrySpec, RunsOnSpec, TaskSetsSpec,
        },
    },
};

/// What new sets are made of, behind the target groups of these arms.
pub(super) fn blueprint(spec: &TaskSetsSpec, arms: &ArmsSpec) -> Result<Blueprint, BuildError> {
    let (launch, capacity_providers) = match &spec.runs_on {
        None => (None, Vec::new()),
        Some(RunsOnSpec::Fargate) => (Some(LaunchType::Fargate), Vec::new()),
        Some(RunsOnSpec::Ec2) => (Some(LaunchType::Ec2), Vec::new()),
        Some(RunsOnSpec::External) => (Some(LaunchType::External), Vec::new()),
        Some(RunsOnSpec::CapacityProviders(all)) => {
            (None, all.iter().map(provider).collect::<Result<_, _>>()?)
        }
    };
    Ok(Blueprint {
        balanced: Some(Balanced { container: container(&spec.container), groups: placement(arms) }),
        network: spec.network.as_ref().map(network).transpose()?,
        launch,
        capacity_providers,
        platform_version: spec.platform_version.clone(),
        registries: spec.registries.iter().map(registry).collect(),
    })
}

fn container(spec: &ContainerSpec) -> Container {
    Container { name: spec.name.clone(), port: spec.port.get() }
}

fn network(spec: &NetworkSpec) -> Result<NetworkConfiguration, BuildError> {
    let public = if spec.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
    let groups = Some(spec.security_groups.clone()).filter(|groups| !groups.is_empty());
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(spec.subnets.clone()))
        .set_security_groups(groups)
        .assign_public_ip(public);
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc.build()?).build())
}

fn provider(spec: &ProviderSpec) -> Result<CapacityProviderStrategyItem, BuildError> {
    let provider = CapacityProviderStrategyItem::builder().capacity_provider(spec.name.as_str());
    provider.weight(spec.weight.into()).base(spec.base.into()).build()
}

fn registry(spec: &RegistrySpec) -> ServiceRegistry {
    let entered = spec.container.as_ref();
    ServiceRegistry::builder()
        .registry_arn(spec.arn.as_str())
        .set_container_name(entered.map(|container| container.name.clone()))
        .set_container_port(entered.map(|container| container.port.get().into()))
        .build()
}
