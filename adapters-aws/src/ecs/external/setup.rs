//! Whether a service is deployed by task sets, which only a service with that controller can be.

use aws_sdk_ecs::types::{DeploymentControllerType, Service};
use tidegate_core::PortError;

use crate::{
    ecs::{Problems, ServiceName, inactive},
    port::unsuitable,
};

/// Why a service can not be deployed by task sets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else decides how it is deployed.
    #[error("its deployment controller is {0}, not EXTERNAL")]
    Controller(String),
    /// It is being deleted, or is deleted.
    #[error("it is {0}, not ACTIVE")]
    Status(String),
}

/// Refuses a service with any problem, and names all of them.
pub(super) fn check(service: &Service, name: &ServiceName, action: &str) -> Result<(), PortError> {
    let problems: Vec<_> =
        controller(service).into_iter().chain(inactive(service).map(Problem::Status)).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(unsuitable(action, Problems { service: name.clone(), problems }))
}

fn controller(service: &Service) -> Option<Problem> {
    let controller = service.deployment_controller().map(|controller| controller.r#type());
    // A service that names none has that of ECS.
    let controller = controller.unwrap_or(&DeploymentControllerType::Ecs);
    let other = *controller != DeploymentControllerType::External;
    other.then(|| Problem::Controller(controller.as_str().to_owned()))
}
