//! The operations of Elastic Load Balancing that are used, their errors and their quotas.

use crate::{
    error::{
        Class::{self, Later, Refused},
        Effect, Operation,
    },
    limiter::Quota,
};

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "elasticloadbalancing", name, effect, refusals: REFUSALS }
}

pub(super) const DESCRIBE_RULES: Operation = operation("DescribeRules", Effect::Reads);
pub(super) const DESCRIBE_LISTENERS: Operation = operation("DescribeListeners", Effect::Reads);
pub(super) const DESCRIBE_TARGET_GROUPS: Operation =
    operation("DescribeTargetGroups", Effect::Reads);
pub(super) const DESCRIBE_TARGET_HEALTH: Operation =
    operation("DescribeTargetHealth", Effect::Reads);
pub(super) const MODIFY_RULE: Operation = operation("ModifyRule", Effect::Writes);
pub(super) const MODIFY_LISTENER: Operation = operation("ModifyListener", Effect::Writes);

/// AWS documents, for `Describe*`, a bucket of 40 that is refilled with 10 a second, for an account and
/// region. Half of each is left to everybody else.
pub(super) const READS: Quota = Quota { family: "describe", burst: 20, per_second: 5 };
/// `Modify*` has a bucket of its own, of no documented size.
pub(super) const WRITES: Quota = Quota { family: "modify", burst: 5, per_second: 2 };

/// The 4xx errors that the model names for these operations.
const REFUSALS: &[(&str, Class)] = &[
    ("ALPNPolicyNotFound", Refused),
    ("CertificateNotFound", Refused),
    ("DuplicateListener", Refused),
    ("IncompatibleProtocols", Refused),
    ("InvalidConfigurationRequest", Refused),
    ("InvalidLoadBalancerAction", Refused),
    ("InvalidTarget", Refused),
    ("ListenerNotFound", Refused),
    ("LoadBalancerNotFound", Refused),
    ("OperationNotPermitted", Refused),
    ("RuleNotFound", Refused),
    ("SSLPolicyNotFound", Refused),
    ("TargetGroupAssociationLimit", Refused),
    ("TargetGroupNotFound", Refused),
    ("TooManyActions", Refused),
    ("TooManyCertificates", Refused),
    ("TooManyListeners", Refused),
    ("TooManyRegistrationsForTargetId", Refused),
    ("TooManyTargets", Refused),
    ("TooManyUniqueTargetGroupsPerLoadBalancer", Refused),
    ("TrustStoreNotFound", Refused),
    ("TrustStoreNotReady", Later),
    ("UnsupportedProtocol", Refused),
];
