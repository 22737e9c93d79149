//! AWS adapters for Tidegate: each implements ports of `tidegate-core` for one service.
//!
//! One cargo feature a service. Clients come from the caller, who chooses credentials and TLS; this
//! package depends on neither `aws-config` nor any TLS library.
//!
//! | feature | module | ports |
//! | --- | --- | --- |
//! | `alb` | [`alb`] | traffic, by weighted target groups of load balancers |
//! | `lattice` | [`lattice`] | traffic, by rules and default actions of VPC Lattice |
//! | `lambda` | [`lambda`] | traffic and deployment, by an alias |
//! | `ecs` | [`ecs`] | deployment and the traffic it moves, by a service; deployment alone, by its task sets |
//! | `codedeploy` | [`codedeploy`] | deployment and the traffic it moves, by a deployment group; its files: [`appspec`] |
//! | `dynamodb` | [`dynamodb`] | the journal, in one table |
//! | `cloudwatch` | [`cloudwatch`] | health, by metrics and alarms |
//! | `events` | [`events`] | observer, by EventBridge and SNS |
//! | `appmesh` | `appmesh` | traffic, by routes; not in the default features: AWS announced its end for 2026-09-30 |
//!
//! What all adapters have in common:
//!
//! - Every call goes out through an [`Account`]: with a time limit, in its turn before the service's
//!   quota, once. The SDK's own retries are off, because the engine decides about attempts.
//! - Every failure is typed by what is known of its effect ([`Class`]). Only a request that could not
//!   be built, or a refusal that the service's model names, counts as surely not done. Throttling is
//!   neither a sign of ill health nor of a weight that was not applied.
//! - What is written is read first, and sent back with nothing changed but what was asked for.
//! - A route is told which arm is where by a [`Placement`].
//!
//! The feature `fakes` brings stateful fakes of the services for tests.

#![cfg_attr(
    not(feature = "all"),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        clippy::allow_attributes,
        reason = "with fewer services, fewer of the parts they share are used"
    )
)]

mod account;
mod by_others;
mod error;
mod limiter;
#[cfg(feature = "fakes")]
pub mod loopback;
mod pause;
mod place;
mod platform;
mod port;
pub mod preflight;
mod router;
mod routes;
#[cfg(any(feature = "appmesh", feature = "ecs"))]
mod token;
mod weights;

#[cfg(feature = "alb")]
pub mod alb;
#[cfg(feature = "appmesh")]
pub mod appmesh;
#[cfg(feature = "codedeploy")]
pub mod appspec;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
#[cfg(feature = "codedeploy")]
pub mod codedeploy;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ecs")]
pub mod ecs;
#[cfg(feature = "events")]
pub mod events;
#[cfg(feature = "fakes")]
pub mod fakes;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lattice")]
pub mod lattice;
pub mod sdk;

pub use account::{Account, CallLimits};
pub use by_others::DeployedByOthers;
pub use error::{AwsError, Class, Effect};
pub use limiter::Quota;
pub use place::{ByRevision, Fixed, Placement, Table};
pub use routes::RouteCount;
