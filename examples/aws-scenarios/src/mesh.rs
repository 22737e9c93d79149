//! 004: a canary between two nodes of App Mesh, which somebody else deploys: a tenth of the requests, then
//! all of them, or none. (AWS announced the end of App Mesh for 2026-09-30.)

use std::sync::Arc;

use async_trait::async_trait;
use tidegate::{
    Ports,
    machine::{FailureKind, PortError, Revisions},
};
use tidegate_aws::{
    Account, ByRevision, DeployedByOthers,
    appmesh::{MeshRoute, MeshRoutes, RouteProtocol},
    fakes::{
        Fake,
        appmesh::{self as fake, AppMesh},
    },
};

use crate::{Course, Release, Watch};

/// The release.
#[derive(Debug)]
pub struct Mesh;

/// The node that serves.
pub const STABLE: &str = "stable";
/// The node that comes in.
pub const CANDIDATE: &str = "canary";
/// The route between them.
pub const ROUTE: &str = "ai-route";

#[async_trait]
impl Release for Mesh {
    type Service = AppMesh;
    const PLAN: &'static str = include_str!("../plans/004.yaml");

    /// A route to both nodes, with all of the weight on the first: a tenth is what the plan gives.
    fn assumed(_: Course) -> AppMesh {
        let mut state = AppMesh::blue_and_green();
        state.nodes = vec![STABLE.to_owned(), CANDIDATE.to_owned()];
        state.specs.clear();
        state.set(ROUTE, fake::http(&[(STABLE, 100), (CANDIDATE, 0)]));
        state
    }

    /// A revision is the name of its node.
    fn revisions() -> Revisions {
        Revisions { stable: Some(STABLE.into()), candidate: CANDIDATE.into() }
    }

    async fn ports(
        service: &Fake<AppMesh>,
        account: &Account,
        watch: Watch,
    ) -> Result<Ports, PortError> {
        let route = MeshRoute {
            mesh: fake::MESH.to_owned(),
            mesh_owner: None,
            router: fake::ROUTER.to_owned(),
            route: ROUTE.to_owned(),
            protocol: RouteProtocol::Http,
        };
        let routes = MeshRoutes::new(&service.client(), account, vec![route], Arc::new(ByRevision));
        let routes = routes.map_err(|count| {
            PortError::new(FailureKind::Permanent, "name the routes").because(count)
        })?;
        Ok(Ports::new(Arc::new(routes), Arc::new(DeployedByOthers), Arc::new(watch)))
    }
}
