//! What the AWS adapters promise, over stateful fakes of the services.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that can not go on fails")]

mod account;
mod alb;
mod answers;
mod appmesh;
mod appspec;
mod cloudwatch;
mod cloudwatch_alarms;
mod cloudwatch_rollout;
mod codedeploy;
mod codedeploy_once;
mod dynamodb;
mod ecs;
mod ecs_external;
mod ecs_external_preflight;
mod ecs_once;
mod ecs_preflight;
mod ecs_setup;
mod emulators;
mod events;
mod lambda;
mod lattice;
mod lead;
mod obedient;
mod once;
mod preflight;
mod rollout;
mod secrets;
mod support;
