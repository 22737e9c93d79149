//! The operations of ECS that are used, their errors and their quotas.

use crate::{
    error::{
        Class::{self, Later, Refused},
        Effect, Operation,
    },
    limiter::Quota,
};

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "ecs", name, effect, refusals: REFUSALS }
}

pub(super) const DESCRIBE_SERVICES: Operation = operation("DescribeServices", Effect::Reads);
pub(super) const LIST_DEPLOYMENTS: Operation = operation("ListServiceDeployments", Effect::Reads);
pub(super) const DESCRIBE_DEPLOYMENTS: Operation =
    operation("DescribeServiceDeployments", Effect::Reads);
pub(super) const DESCRIBE_REVISIONS: Operation =
    operation("DescribeServiceRevisions", Effect::Reads);
pub(super) const DESCRIBE_DEFINITION: Operation =
    operation("DescribeTaskDefinition", Effect::Reads);
pub(super) const UPDATE_SERVICE: Operation = operation("UpdateService", Effect::Writes);
pub(super) const CONTINUE: Operation = operation("ContinueServiceDeployment", Effect::Writes);
pub(super) const STOP: Operation = operation("StopServiceDeployment", Effect::Writes);
pub(super) const CREATE_TASK_SET: Operation = operation("CreateTaskSet", Effect::Writes);
pub(super) const UPDATE_TASK_SET: Operation = operation("UpdateTaskSet", Effect::Writes);
pub(super) const DELETE_TASK_SET: Operation = operation("DeleteTaskSet", Effect::Writes);
pub(super) const SET_PRIMARY: Operation = operation("UpdateServicePrimaryTaskSet", Effect::Writes);

/// AWS documents buckets of 50 to 100 for reading services and their deployments, refilled with 20 a
/// second, for an account and region. Half of that is left to everybody else.
pub(super) const READS: Quota = Quota { family: "read", burst: 20, per_second: 10 };
/// What changes a service has a bucket of 50, refilled with 5 a second.
pub(super) const WRITES: Quota = Quota { family: "modify", burst: 10, per_second: 2 };

/// The most deployments of a service that one page of a listing holds.
pub(super) const PAGE: i32 = 100;
/// The most deployments or revisions that one request may ask for.
pub(super) const BATCH: usize = 20;

/// The 4xx errors that the model names for these operations; throttling is known to all.
const REFUSALS: &[(&str, Class)] = &[
    (CLIENT, Refused),
    ("ClusterNotFoundException", Refused),
    // The deployment is about to change by itself.
    ("ConflictException", Later),
    ("InvalidParameterException", Refused),
    // Too many task sets: waiting does not help.
    ("LimitExceededException", Refused),
    ("NamespaceNotFoundException", Refused),
    ("PlatformTaskDefinitionIncompatibilityException", Refused),
    ("PlatformUnknownException", Refused),
    ("ServiceDeploymentNotFoundException", Refused),
    ("ServiceNotActiveException", Refused),
    ("ServiceNotFoundException", Refused),
    (NO_TASK_SET, Refused),
    ("UnsupportedFeatureException", Refused),
];
/// What ECS says of a task definition that it does not know.
pub(super) const CLIENT: &str = "ClientException";
/// The task set is gone.
pub(super) const NO_TASK_SET: &str = "TaskSetNotFoundException";
