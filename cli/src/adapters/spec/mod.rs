//! What a plan file says of the adapters its plan is carried out with, as types. Every key is known; an
//! unknown one is an error.
//!
//! Must not know any adapter: a program that was built without them reads the section all the same.

pub(super) mod deploy;
pub(super) mod task_sets;
pub(super) mod traffic;

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_core::Span;

use self::{deploy::DeploySpec, traffic::TrafficSpec};
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
    pub(crate) traffic: Option<TrafficSpec>,
    /// What deploys. Left out where the router's revisions are deployed by being there, as with Lambda.
    pub(crate) deploy: Option<DeploySpec>,
    /// What measures. Left out where the plan has no checks.
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
    pub(crate) region: Option<String>,
    /// How long one request may take; 5s if left out.
    pub(crate) request: Option<Span>,
    /// How long one may wait for its turn before a quota; 5s if left out.
    pub(crate) queue: Option<Span>,
    /// How long after its time limit a request may still take effect; 5m if left out. A shorter time
    /// is a bet.
    pub(crate) late: Option<Span>,
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
