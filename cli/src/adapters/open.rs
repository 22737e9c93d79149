//! From what a plan file names to the ports of an engine.

use std::sync::Arc;

use tidegate::{
    Ports,
    file::{Document, FileErrors},
};
use tidegate_aws::{codedeploy, ecs};
use tidegate_core::{HealthMetrics, KeyPath, Obstacle, PortError};

use super::{
    AdapterError, AdaptersSpec, Opened, SECTION, Surveyed,
    aws::{Clients, Part, group_name, placement, service_name},
    cloudwatch,
    health::HealthSpec,
    none::NoMetrics,
    spec::{
        ArmsSpec,
        deploy::{CodeDeploySpec, DeploySpec, EcsRollbackSpec, EcsSpec, RollbackSpec},
        traffic::TrafficSpec,
    },
};
use crate::input::Trouble;

/// Builds the adapters of a section that `check` found in order.
pub(super) async fn open(document: &Document, spec: &AdaptersSpec) -> Result<Opened, Trouble> {
    let clients = Clients::find(&spec.aws).await;
    let router = router(document, spec, &clients)?;
    let health = health(document, spec, &clients)?;
    let deployer = match &spec.deploy {
        Some(deploy) => clients.deploy(deploy, routed(spec)).await.map_err(AdapterError)?,
        None => Part::default(),
    };
    let mut ports = ports(document, router, deployer, health)?;
    let outlets = clients.outlets(&spec.observers);
    ports.observers = outlets.observers();
    Ok(Opened { ports, outlets })
}

/// Builds as many of them as can be.
pub(super) async fn survey(document: &Document, spec: &AdaptersSpec) -> Result<Surveyed, Trouble> {
    let clients = Clients::find(&spec.aws).await;
    let router = router(document, spec, &clients)?;
    let health = health(document, spec, &clients)?;
    let (deployer, obstacles) = match &spec.deploy {
        // They say themselves what is in their way.
        Some(DeploySpec::TaskSets(sets)) => {
            let sets = clients.task_sets(sets, routed(spec)).map_err(AdapterError)?;
            (Some(Part::deployer(sets)), Vec::new())
        }
        Some(deploy) => match clients.deploy(deploy, routed(spec)).await {
            Ok(deployer) => (Some(deployer), Vec::new()),
            Err(error) => {
                let obstacles = in_the_way(deploy, &error);
                (as_it_is(&clients, deploy, routed(spec)).await, obstacles)
            }
        },
        None => (Some(Part::default()), Vec::new()),
    };
    let ports = deployer.map(|deployer| ports(document, router, deployer, health)).transpose()?;
    Ok(Surveyed { ports, obstacles })
}

fn in_the_way(spec: &DeploySpec, error: &PortError) -> Vec<Obstacle> {
    match spec {
        DeploySpec::Codedeploy(spec) => codedeploy::obstacles(&group_name(spec), error),
        DeploySpec::Ecs(spec) => {
            ecs::native::obstacles(&service_name(&spec.cluster, &spec.service), error)
        }
        DeploySpec::TaskSets(spec) => {
            ecs::external::obstacles(&service_name(&spec.cluster, &spec.service), error)
        }
        DeploySpec::ByOthers => Vec::new(),
    }
}

/// What deploys, left to itself: what is refused for going back by itself still says what it can do, and
/// what else is in the way. It is only read.
async fn as_it_is(clients: &Clients, spec: &DeploySpec, arms: &ArmsSpec) -> Option<Part> {
    let spec = match spec {
        DeploySpec::Codedeploy(spec) => {
            DeploySpec::Codedeploy(CodeDeploySpec { rollback: RollbackSpec::Group, ..spec.clone() })
        }
        DeploySpec::Ecs(spec) => {
            DeploySpec::Ecs(EcsSpec { rollback: EcsRollbackSpec::Service, ..spec.clone() })
        }
        DeploySpec::TaskSets(_) | DeploySpec::ByOthers => return None,
    };
    clients.deploy(&spec, arms).await.ok()
}

fn health(
    document: &Document,
    spec: &AdaptersSpec,
    clients: &Clients,
) -> Result<Arc<dyn HealthMetrics>, FileErrors> {
    let Some(HealthSpec::Cloudwatch(health)) = &spec.health else { return Ok(Arc::new(NoMetrics)) };
    // What tells the arms apart for the router does so in its metrics.
    let arms = placement(health.arms.as_ref().unwrap_or(routed(spec)));
    let health = cloudwatch::health(&clients.cloudwatch(), health, arms);
    Ok(Arc::new(health.map_err(|found| document.errors(found))?))
}

/// Where the router of a section finds the arms.
fn routed(spec: &AdaptersSpec) -> &ArmsSpec {
    spec.traffic.as_ref().and_then(TrafficSpec::arms).unwrap_or(&ArmsSpec::ByRevision)
}

fn router(document: &Document, spec: &AdaptersSpec, clients: &Clients) -> Result<Part, FileErrors> {
    let router = spec.traffic.as_ref().map(|spec| clients.traffic(spec)).transpose();
    let at = || KeyPath::of(SECTION).key("traffic");
    let router = router.map_err(|count| document.errors([(at(), count.to_string())]));
    Ok(router?.unwrap_or_default())
}

fn ports(
    document: &Document,
    router: Part,
    deployer: Part,
    health: Arc<dyn HealthMetrics>,
) -> Result<Ports, FileErrors> {
    let missing =
        |key| document.errors([(KeyPath::of(SECTION), format!("the key {key} is missing"))]);
    let traffic = router.traffic.or(deployer.traffic).ok_or_else(|| missing("traffic"))?;
    let deploy = deployer.deploy.or(router.deploy).ok_or_else(|| missing("deploy"))?;
    Ok(Ports::new(traffic, deploy, health))
}
