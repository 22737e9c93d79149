//! From what a plan file names to the ports of an engine.

use std::sync::Arc;

use tidegate::{
    Ports,
    file::{Document, FileErrors},
};
use tidegate_aws::codedeploy;
use tidegate_core::{KeyPath, Obstacle, PortError};

use super::{
    AdapterError, AdaptersSpec, SECTION, Surveyed,
    aws::{Clients, Part, group_name},
    none::NoMetrics,
    spec::{CodeDeploySpec, DeploySpec, RollbackSpec},
};
use crate::input::Trouble;

/// Builds the adapters of a section that `check` found in order.
pub(super) async fn open(document: &Document, spec: &AdaptersSpec) -> Result<Ports, Trouble> {
    let clients = Clients::find(&spec.aws).await;
    let router = router(document, spec, &clients)?;
    let deployer = match &spec.deploy {
        Some(spec) => clients.deploy(spec).await.map_err(AdapterError)?,
        None => Part::default(),
    };
    Ok(ports(document, router, deployer)?)
}

/// Builds as many of them as can be.
pub(super) async fn survey(document: &Document, spec: &AdaptersSpec) -> Result<Surveyed, Trouble> {
    let clients = Clients::find(&spec.aws).await;
    let router = router(document, spec, &clients)?;
    let (deployer, obstacles) = match &spec.deploy {
        Some(spec) => match clients.deploy(spec).await {
            Ok(deployer) => (Some(deployer), Vec::new()),
            Err(error) => {
                let obstacles = in_the_way(spec, &error);
                (as_it_is(&clients, spec).await, obstacles)
            }
        },
        None => (Some(Part::default()), Vec::new()),
    };
    let ports = deployer.map(|deployer| ports(document, router, deployer)).transpose()?;
    Ok(Surveyed { ports, obstacles })
}

fn in_the_way(spec: &DeploySpec, error: &PortError) -> Vec<Obstacle> {
    match spec {
        DeploySpec::Codedeploy(spec) => codedeploy::obstacles(&group_name(spec), error),
        DeploySpec::ByOthers => Vec::new(),
    }
}

/// What deploys, left to itself: what is refused for going back by itself still says what it can do, and
/// what else is in the way. It is only read.
async fn as_it_is(clients: &Clients, spec: &DeploySpec) -> Option<Part> {
    let DeploySpec::Codedeploy(spec) = spec else { return None };
    let spec = CodeDeploySpec { rollback: RollbackSpec::Group, ..spec.clone() };
    clients.deploy(&DeploySpec::Codedeploy(spec)).await.ok()
}

fn router(document: &Document, spec: &AdaptersSpec, clients: &Clients) -> Result<Part, FileErrors> {
    let router = spec.traffic.as_ref().map(|spec| clients.traffic(spec)).transpose();
    let at = || KeyPath::of(SECTION).key("traffic");
    let router = router.map_err(|count| document.errors([(at(), count.to_string())]));
    Ok(router?.unwrap_or_default())
}

fn ports(document: &Document, router: Part, deployer: Part) -> Result<Ports, FileErrors> {
    let missing =
        |key| document.errors([(KeyPath::of(SECTION), format!("the key {key} is missing"))]);
    let traffic = router.traffic.or(deployer.traffic).ok_or_else(|| missing("traffic"))?;
    let deploy = deployer.deploy.or(router.deploy).ok_or_else(|| missing("deploy"))?;
    Ok(Ports::new(traffic, deploy, Arc::new(NoMetrics)))
}
