//! The SDK's crates, so that a caller's clients are of the versions that these adapters take.

#[cfg(feature = "appmesh")]
pub use aws_sdk_appmesh as appmesh;
#[cfg(feature = "cloudwatch")]
pub use aws_sdk_cloudwatch as cloudwatch;
#[cfg(feature = "codedeploy")]
pub use aws_sdk_codedeploy as codedeploy;
#[cfg(feature = "dynamodb")]
pub use aws_sdk_dynamodb as dynamodb;
#[cfg(feature = "ecs")]
pub use aws_sdk_ecs as ecs;
#[cfg(feature = "alb")]
pub use aws_sdk_elasticloadbalancingv2 as elasticloadbalancingv2;
#[cfg(feature = "events")]
pub use aws_sdk_eventbridge as eventbridge;
#[cfg(feature = "lambda")]
pub use aws_sdk_lambda as lambda;
#[cfg(feature = "events")]
pub use aws_sdk_sns as sns;
#[cfg(feature = "lattice")]
pub use aws_sdk_vpclattice as vpclattice;
