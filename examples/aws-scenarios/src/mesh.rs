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
    sdk::appmesh::{
        Client,
        types::{
            AwsCloudMapInstanceAttribute, AwsCloudMapServiceDiscovery, HealthCheckPolicy,
            HttpRoute, HttpRouteAction, HttpRouteMatch, Listener, PortMapping, PortProtocol,
            RouteSpec, ServiceDiscovery, VirtualNodeSpec, VirtualRouterListener, VirtualRouterSpec,
            WeightedTarget,
        },
    },
};

use crate::{Course, Release, SetUpError, Watch};

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
    type Client = Client;
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

    fn client(service: &Fake<AppMesh>) -> Client {
        service.client()
    }

    fn client_at(endpoint: &str) -> Client {
        tidegate_aws::client_at!(appmesh, endpoint)
    }

    /// The mesh, both nodes with their discovery by Cloud Map, and the route with all weight on the first.
    async fn set_up(client: &Client) -> Result<(), SetUpError> {
        client.create_mesh().mesh_name(fake::MESH).send().await?;
        let port = PortMapping::builder().port(8080).protocol(PortProtocol::Http).build()?;
        let listens = VirtualRouterListener::builder().port_mapping(port.clone()).build();
        let router = VirtualRouterSpec::builder().listeners(listens).build();
        let request = client.create_virtual_router().mesh_name(fake::MESH);
        request.virtual_router_name(fake::ROUTER).spec(router).send().await?;
        for name in [STABLE, CANDIDATE] {
            // moto wants an attribute, which AWS does not.
            let attribute = AwsCloudMapInstanceAttribute::builder().key("version").value(name);
            let discovery = AwsCloudMapServiceDiscovery::builder()
                .namespace_name("ai.local")
                .service_name("ai-service")
                .attributes(attribute.build()?);
            let checked = HealthCheckPolicy::builder()
                .protocol(PortProtocol::Http)
                .path("/")
                .healthy_threshold(2)
                .unhealthy_threshold(2)
                .interval_millis(5_000)
                .timeout_millis(2_000);
            let listens = Listener::builder().port_mapping(port.clone());
            let node = VirtualNodeSpec::builder()
                .service_discovery(ServiceDiscovery::AwsCloudMap(discovery.build()?))
                .listeners(listens.health_check(checked.build()?).build());
            let request = client.create_virtual_node().mesh_name(fake::MESH);
            request.virtual_node_name(name).spec(node.build()).send().await?;
        }
        let mut action = HttpRouteAction::builder();
        for (name, weight) in [(STABLE, 100), (CANDIDATE, 0)] {
            let target = WeightedTarget::builder().virtual_node(name).weight(weight).build()?;
            action = action.weighted_targets(target);
        }
        let all = HttpRouteMatch::builder().prefix("/").build();
        let route = HttpRoute::builder().r#match(all).action(action.build()?).build();
        let request = client.create_route().mesh_name(fake::MESH).virtual_router_name(fake::ROUTER);
        let spec = RouteSpec::builder().http_route(route).build();
        request.route_name(ROUTE).spec(spec).send().await?;
        Ok(())
    }

    async fn ports(client: &Client, account: &Account, watch: Watch) -> Result<Ports, PortError> {
        let route = MeshRoute {
            mesh: fake::MESH.to_owned(),
            mesh_owner: None,
            router: fake::ROUTER.to_owned(),
            route: ROUTE.to_owned(),
            protocol: RouteProtocol::Http,
        };
        let routes = MeshRoutes::new(client, account, vec![route], Arc::new(ByRevision));
        let routes = routes.map_err(|count| {
            PortError::new(FailureKind::Permanent, "name the routes").because(count)
        })?;
        Ok(Ports::new(Arc::new(routes), Arc::new(DeployedByOthers), Arc::new(watch)))
    }
}
