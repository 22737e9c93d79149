//! What a plan file says of task sets of ECS, as types. Must not know any adapter.

use std::num::NonZeroU16;

use serde::Deserialize;

/// A service of ECS whose deployment controller is `EXTERNAL`: a task set for each arm, behind the arm's
/// target group in `traffic.alb`. Revisions are task definitions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskSetsSpec {
    /// The cluster, by its name or ARN.
    pub(crate) cluster: String,
    /// The service in it, by its name or ARN.
    pub(crate) service: String,
    /// Where requests go.
    pub(crate) container: ContainerSpec,
    /// Where tasks have addresses of their own, from task definitions that ask for them (`awsvpc`).
    pub(crate) network: Option<NetworkSpec>,
    /// What tasks run on; left out, what the cluster is set up for.
    pub(crate) runs_on: Option<RunsOnSpec>,
    /// The platform version of Fargate; the latest if left out.
    pub(crate) platform_version: Option<String>,
    /// Registries of service discovery that tasks are entered in.
    #[serde(default)]
    pub(crate) registries: Vec<RegistrySpec>,
}

/// A container of a task definition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainerSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its port.
    pub(crate) port: NonZeroU16,
}

/// Where tasks have addresses of their own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkSpec {
    /// The subnets, by id.
    pub(crate) subnets: Vec<String>,
    /// The security groups, by id; those of the VPC if left out.
    #[serde(default)]
    pub(crate) security_groups: Vec<String>,
    /// Whether tasks get a public address as well.
    #[serde(default)]
    pub(crate) public_ip: bool,
}

/// What tasks run on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunsOnSpec {
    /// Fargate.
    Fargate,
    /// Instances of EC2 in the cluster.
    Ec2,
    /// Machines of one's own in the cluster.
    External,
    /// Capacity providers of the cluster.
    CapacityProviders(Vec<ProviderSpec>),
}

/// A capacity provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its share of the tasks beside the shares of the others, of those that `base` leaves; 1 if left
    /// out.
    #[serde(default = "one")]
    pub(crate) weight: u16,
    /// How many tasks it has at least.
    #[serde(default)]
    pub(crate) base: u16,
}

const fn one() -> u16 {
    1
}

/// A registry of service discovery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrySpec {
    /// Its ARN.
    pub(crate) arn: String,
    /// The container whose port is entered, where records have ports.
    pub(crate) container: Option<ContainerSpec>,
}
