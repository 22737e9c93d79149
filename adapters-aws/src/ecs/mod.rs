//! Services of the Elastic Container Service.
//!
//! | deployment controller | module | what moves traffic |
//! | --- | --- | --- |
//! | `ECS` | [`native`]: rolling, blue/green, linear, canary | ECS, step by step where it is held |
//! | `EXTERNAL` | [`external`]: task sets | the engine, by [`alb`](crate::alb) |
//! | `CODE_DEPLOY` | refused here; [`codedeploy`](crate::codedeploy) drives it | CodeDeploy |
//!
//! A revision is a registered task definition, by its ARN or as `family:revision`. It is registered
//! before a rollout begins, so that starting one only has to name it.

mod api;
pub mod external;
pub mod native;
mod problems;
mod task_definition;

use std::fmt;

use aws_sdk_ecs::{Client, types::Service};
use tidegate_core::PortError;

pub use problems::Problems;

use crate::{
    account::Channel,
    port::{incomplete, unsuitable},
};

/// A service, by its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceName {
    /// The cluster, by name or ARN.
    pub cluster: String,
    /// The service in it, by name or ARN.
    pub service: String,
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.service)
    }
}

/// ECS does not know the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no service {0}")]
struct NoService(ServiceName);

/// Its status, where it takes no deployments: it is being deleted, or is.
fn inactive(service: &Service) -> Option<String> {
    let status = service.status().unwrap_or("without a status");
    (status != "ACTIVE").then(|| status.to_owned())
}

/// The service as it is now.
async fn described(
    client: &Client,
    channel: &Channel,
    name: &ServiceName,
    action: &str,
) -> Result<Service, PortError> {
    let request = client.describe_services().cluster(&name.cluster).services(&name.service).send();
    let reply = channel.send(api::DESCRIBE_SERVICES, api::READS, action, request).await?;
    // One was asked for.
    if let Some(service) = reply.services().first() {
        return Ok(service.clone());
    }
    match reply.failures().first().and_then(|failure| failure.reason()) {
        Some("MISSING") => Err(unsuitable(action, NoService(name.clone()))),
        reason => {
            let reason = reason.unwrap_or("no reason was given");
            Err(incomplete(action, format!("service {name} is not in the answer: {reason}")))
        }
    }
}
