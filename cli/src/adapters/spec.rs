//! What a plan file says of the adapters its plan is carried out with, as types. Every key is known; an
//! unknown one is an error.
//!
//! Must not know any adapter: a program that was built without them reads the section all the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_core::Span;

use super::health::HealthSpec;

/// What stands for the revision in a pattern.
pub(super) const REVISION: &str = "{revision}";

/// The section `adapters` of a plan file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AdaptersSpec {
    /// How AWS is called.
    #[serde(default)]
    pub(crate) aws: AwsSpec,
    /// What divides traffic. Left out where the deployments move it themselves.
    #[serde(default)]
    pub(crate) traffic: Option<TrafficSpec>,
    /// What deploys. Left out where the router's revisions are deployed by being there, as with Lambda.
    #[serde(default)]
    pub(crate) deploy: Option<DeploySpec>,
    /// What measures. Left out where the plan has no checks.
    #[serde(default)]
    pub(crate) health: Option<HealthSpec>,
    /// Who is told of every decision.
    #[serde(default)]
    pub(crate) observers: Vec<ObserverSpec>,
}

/// How AWS is called. Credentials, region and endpoints come from the environment and the shared
/// files, as for every program of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsSpec {
    /// The region; else that of the environment.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// How long one request may take; 5s if left out.
    #[serde(default)]
    pub(crate) request: Option<Span>,
    /// How long one may wait for its turn before a quota; 5s if left out.
    #[serde(default)]
    pub(crate) queue: Option<Span>,
    /// How long after its time limit a request may still take effect; 5m if left out. A shorter time
    /// is a bet.
    #[serde(default)]
    pub(crate) late: Option<Span>,
}

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
    pub(super) const fn arms(&self) -> Option<&ArmsSpec> {
        match self {
            Self::Alb(alb) => Some(&alb.arms),
            Self::Lattice(lattice) => Some(&lattice.arms),
            Self::AppMesh(mesh) => Some(&mesh.arms),
            Self::Lambda(_) => None,
        }
    }
}

/// What deploys: exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeploySpec {
    /// Somebody else: both revisions run before the rollout begins, and nothing removes them.
    ByOthers,
    /// A deployment group of CodeDeploy.
    Codedeploy(CodeDeploySpec),
    /// A service of ECS that carries its deployments out itself.
    Ecs(EcsSpec),
}

/// Who is told of every decision, as well as can be: exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ObserverSpec {
    /// An event bus of EventBridge, by its name or ARN.
    EventBus(String),
    /// A topic of SNS, by its ARN.
    Topic(String),
}

/// Where the arms are served.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArmsSpec {
    /// The revision is the name of the place.
    ByRevision,
    /// One place for stable, one for the candidate. They change places after each rollout.
    Fixed(FixedSpec),
    /// The place of each revision.
    Table(BTreeMap<String, String>),
}

/// One place for each arm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedSpec {
    /// Where stable is served.
    pub(crate) stable: String,
    /// Where the candidate is served.
    pub(crate) candidate: String,
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
    #[serde(default)]
    pub(crate) wait_out_stickiness: Option<Span>,
    /// How many targets of the candidate must be healthy before its weight is raised.
    #[serde(default)]
    pub(crate) healthy_targets: Option<u32>,
    /// How long a call may wait for that.
    #[serde(default)]
    pub(crate) health_wait: Option<Span>,
    /// Weights in steps of a fifth of a percent in place of whole percents.
    #[serde(default)]
    pub(crate) fine: bool,
    /// How long a change of weights takes to reach the data plane.
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// The largest deregistration delay of the target groups.
    #[serde(default)]
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
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// How long a connection may live on after its target group has lost its weight.
    #[serde(default)]
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
    #[serde(default)]
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
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// How long a version may go on being invoked after it has lost its weight.
    #[serde(default)]
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
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// How long a connection may live on after its node has lost its weight.
    #[serde(default)]
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
    #[serde(default)]
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

/// A deployment group of CodeDeploy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeDeploySpec {
    /// The application.
    pub(crate) application: String,
    /// The group in it.
    pub(crate) group: String,
    /// What is deployed for a revision.
    pub(crate) artifact: ArtifactSpec,
    /// Who calls for the way back.
    #[serde(default)]
    pub(crate) rollback: RollbackSpec,
    /// How long CodeDeploy may take from its word to the data plane.
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// How long the old side may get requests after its weight is zero.
    #[serde(default)]
    pub(crate) drain: Option<Span>,
}

/// Who calls for the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RollbackSpec {
    /// Tidegate alone: a group that goes back by itself is refused.
    #[default]
    Engine,
    /// The group as well, by its own events and alarms.
    Group,
}

/// A service of ECS whose deployment controller is ECS. Revisions are task definitions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct EcsSpec {
    /// The cluster, by its name or ARN.
    pub(crate) cluster: String,
    /// The service in it, by its name or ARN.
    pub(crate) service: String,
    /// Who calls for the way back.
    #[serde(default)]
    pub(crate) rollback: EcsRollbackSpec,
    /// How far back deployments are looked for: longer than any rollout lives.
    #[serde(default)]
    pub(crate) looks_back: Option<Span>,
    /// How far this machine's clock may be ahead of AWS's.
    #[serde(default)]
    pub(crate) clock_skew: Option<Span>,
    /// How long ECS may take from its word to the data plane.
    #[serde(default)]
    pub(crate) propagation: Option<Span>,
    /// How long the old side may get requests after its weight is zero.
    #[serde(default)]
    pub(crate) drain: Option<Span>,
}

/// Who calls for the way back of a service of ECS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum EcsRollbackSpec {
    /// Tidegate alone: a service whose circuit breaker or alarms end deployments is refused.
    #[default]
    Engine,
    /// The service as well.
    Service,
}

/// What is deployed for a revision. `{revision}` stands for it wherever it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArtifactSpec {
    /// A bundle or an AppSpec in S3.
    S3(S3Spec),
    /// A commit on GitHub, which the revision names. Servers only.
    Github(GithubSpec),
    /// The text of an AppSpec, for ECS and Lambda.
    AppSpec(String),
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Spec {
    /// The bucket.
    pub(crate) bucket: String,
    /// The object's key, with `{revision}` in it.
    pub(crate) key: String,
    /// How it is packed.
    pub(crate) bundle: BundleSpec,
}

/// How a bundle in S3 is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum BundleSpec {
    /// A tar archive.
    Tar,
    /// A gzipped tar archive.
    Tgz,
    /// A zip archive.
    Zip,
    /// An AppSpec in YAML.
    Yaml,
    /// An AppSpec in JSON.
    Json,
}

/// A repository on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct GithubSpec {
    /// Owner and name.
    pub(crate) repository: String,
}
