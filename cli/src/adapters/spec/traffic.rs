//! What a plan file says of what divides its traffic, as types. Must not know any adapter.

use serde::Deserialize;
use tidegate_core::Span;

use super::ArmsSpec;

/// What divides traffic: exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrafficSpec {
    /// Weighted target groups of a load balancer.
    Alb(AlbSpec),
    /// Weighted target groups of VPC Lattice.
    Lattice(LatticeSpec),
    /// A Lambda alias.
    Lambda(LambdaSpec),
    /// Routes of App Mesh, whose end AWS announced for 2026-09-30.
    AppMesh(AppMeshSpec),
}

impl TrafficSpec {
    /// Where the arms are served; absent where the revisions say so.
    pub(crate) const fn arms(&self) -> Option<&ArmsSpec> {
        match self {
            Self::Alb(alb) => Some(&alb.arms),
            Self::Lattice(lattice) => Some(&lattice.arms),
            Self::AppMesh(mesh) => Some(&mesh.arms),
            Self::Lambda(_) => None,
        }
    }
}

/// Weighted target groups of a load balancer. What is left out is as `docs/aws.md` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AlbSpec {
    /// Where traffic is divided, in this order.
    pub(crate) routes: Vec<AlbRouteSpec>,
    /// The ARNs of the target groups.
    pub(crate) arms: ArmsSpec,
    /// Keep an arm that has lost its weight until no client is held to it, up to this long. Left out,
    /// a sticky route is refused.
    pub(crate) wait_out_stickiness: Option<Span>,
    /// How many targets of the candidate must be healthy before its weight is raised.
    pub(crate) healthy_targets: Option<u32>,
    /// How long a call may wait for that.
    pub(crate) health_wait: Option<Span>,
    /// Weights in steps of a fifth of a percent in place of whole percents.
    #[serde(default)]
    pub(crate) fine: bool,
    /// How long a change of weights takes to reach the data plane.
    pub(crate) propagation: Option<Span>,
    /// The largest deregistration delay of the target groups.
    pub(crate) deregistration: Option<Span>,
}

/// Where a load balancer divides traffic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlbRouteSpec {
    /// A rule of an Application Load Balancer, by its ARN.
    Rule(String),
    /// The default action of a listener, by the listener's ARN.
    Listener(String),
}

/// Weighted target groups of VPC Lattice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct LatticeSpec {
    /// Where traffic is divided, in this order.
    pub(crate) routes: Vec<LatticeRouteSpec>,
    /// The target groups, by id or ARN.
    pub(crate) arms: ArmsSpec,
    /// Weights in steps of a fifth of a percent in place of whole percents.
    #[serde(default)]
    pub(crate) fine: bool,
    /// How long a change of weights takes to reach the data plane.
    pub(crate) propagation: Option<Span>,
    /// How long a connection may live on after its target group has lost its weight.
    pub(crate) drain: Option<Span>,
}

/// Where a Lattice service divides traffic, by ids or ARNs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct LatticeRouteSpec {
    /// The service.
    pub(crate) service: String,
    /// The listener.
    pub(crate) listener: String,
    /// The rule; left out for the listener's default action.
    pub(crate) rule: Option<String>,
}

/// A Lambda alias: the router, and the deployer of its versions. Revisions are version numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct LambdaSpec {
    /// The function, by its name or ARN.
    pub(crate) function: String,
    /// The alias.
    pub(crate) alias: String,
    /// Whether capacity is the provisioned concurrency of each version.
    #[serde(default)]
    pub(crate) provisioned: bool,
    /// How long a change of weights takes to reach every front end.
    pub(crate) propagation: Option<Span>,
    /// How long a version may go on being invoked after it has lost its weight.
    pub(crate) drain: Option<Span>,
}

/// Routes of App Mesh.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AppMeshSpec {
    /// Where traffic is divided, in this order.
    pub(crate) routes: Vec<MeshRouteSpec>,
    /// The virtual nodes.
    pub(crate) arms: ArmsSpec,
    /// How long a change of weights takes to reach every proxy.
    pub(crate) propagation: Option<Span>,
    /// How long a connection may live on after its node has lost its weight.
    pub(crate) drain: Option<Span>,
}

/// A route of App Mesh.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct MeshRouteSpec {
    /// The mesh.
    pub(crate) mesh: String,
    /// The account that owns the mesh, where another shares it.
    pub(crate) mesh_owner: Option<String>,
    /// The virtual router.
    pub(crate) router: String,
    /// The route.
    pub(crate) route: String,
    /// What it routes.
    pub(crate) protocol: MeshProtocol,
}

/// What a route of App Mesh routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeshProtocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// TCP.
    Tcp,
}
