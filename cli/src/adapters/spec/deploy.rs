//! What a plan file says of what deploys, as types. Must not know any adapter.

use serde::Deserialize;
use tidegate_core::Span;

use super::task_sets::TaskSetsSpec;

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
    /// A service of ECS that is deployed by task sets, behind the target groups of a load balancer.
    TaskSets(TaskSetsSpec),
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
    pub(crate) propagation: Option<Span>,
    /// How long the old side may get requests after its weight is zero.
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
    pub(crate) looks_back: Option<Span>,
    /// How far this machine's clock may be ahead of AWS's.
    pub(crate) clock_skew: Option<Span>,
    /// How long ECS may take from its word to the data plane.
    pub(crate) propagation: Option<Span>,
    /// How long the old side may get requests after its weight is zero.
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
