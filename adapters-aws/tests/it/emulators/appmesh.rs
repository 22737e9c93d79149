//! App Mesh on moto, with its answers mended as `.ci/moto_server.py` says.

use tidegate_aws::{
    Class,
    appmesh::{MeshRoute, MeshRoutes, RouteProtocol},
    sdk::appmesh::{
        Client,
        types::{
            DnsServiceDiscovery, Duration, DurationUnit, HttpRetryPolicy, HttpRoute,
            HttpRouteAction, HttpRouteMatch, Listener, PortMapping, PortProtocol, RouteSpec,
            ServiceDiscovery, VirtualNodeSpec, VirtualRouterListener, VirtualRouterSpec,
            WeightedTarget,
        },
    },
};
use tidegate_core::{TrafficShifter, Weight};

use tidegate_aws::client_at;

use super::{account, moto};
use crate::support::{both, call, class, fixed, percent};

const MESH: &str = "shop";
const ROUTER: &str = "checkout-router";

fn port() -> PortMapping {
    PortMapping::builder().port(8080).protocol(PortProtocol::Http).build().unwrap()
}

async fn node(client: &Client, name: &str) {
    let dns = DnsServiceDiscovery::builder().hostname(format!("{name}.local")).build().unwrap();
    let listener = Listener::builder().port_mapping(port()).build();
    let spec = VirtualNodeSpec::builder()
        .service_discovery(ServiceDiscovery::Dns(dns))
        .listeners(listener)
        .build();
    let request = client.create_virtual_node().mesh_name(MESH).virtual_node_name(name);
    request.spec(spec).send().await.unwrap();
}

/// A route with more in it than weights.
fn spec() -> RouteSpec {
    let target = |node, weight| {
        let target = WeightedTarget::builder().virtual_node(node).weight(weight).port(8080);
        target.build().unwrap()
    };
    let action = HttpRouteAction::builder();
    let action = action.weighted_targets(target("blue", 90)).weighted_targets(target("green", 10));
    let timeout = Duration::builder().value(250).unit(DurationUnit::Ms).build();
    let retry = HttpRetryPolicy::builder().max_retries(2).per_retry_timeout(timeout);
    let retry = retry.http_retry_events("gateway-error").build().unwrap();
    let route = HttpRoute::builder()
        .r#match(HttpRouteMatch::builder().prefix("/pay").build())
        .action(action.build().unwrap())
        .retry_policy(retry);
    RouteSpec::builder().priority(7).http_route(route.build()).build()
}

async fn mesh() -> (Client, MeshRoutes) {
    let client = client_at!(appmesh, moto());
    client.create_mesh().mesh_name(MESH).send().await.unwrap();
    let listener = VirtualRouterListener::builder().port_mapping(port()).build();
    let router = VirtualRouterSpec::builder().listeners(listener).build();
    let request = client.create_virtual_router().mesh_name(MESH).virtual_router_name(ROUTER);
    request.spec(router).send().await.unwrap();
    for name in ["blue", "green"] {
        node(&client, name).await;
    }
    let request = client.create_route().mesh_name(MESH).virtual_router_name(ROUTER);
    request.route_name("checkout").spec(spec()).send().await.unwrap();
    let routes = routes(&client, "checkout");
    (client, routes)
}

fn routes(client: &Client, route: &str) -> MeshRoutes {
    let route = MeshRoute {
        mesh: MESH.to_owned(),
        mesh_owner: None,
        router: ROUTER.to_owned(),
        route: route.to_owned(),
        protocol: RouteProtocol::Http,
    };
    MeshRoutes::new(client, &account(), vec![route], fixed("blue", "green")).unwrap()
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn a_route_gets_other_weights_and_keeps_all_else() {
    let (client, routes) = mesh().await;
    let share = async || {
        let reading = routes.observe(&"checkout".into(), &both()).await.unwrap();
        reading.routes[0].split.of_arms()
    };
    assert_eq!(share().await, Weight::percent(10));
    routes.shift(&call(1, 0), percent(60), None).await.unwrap();
    assert_eq!(share().await, Weight::percent(60));
    let read = client.describe_route().mesh_name(MESH).virtual_router_name(ROUTER);
    let route = read.route_name("checkout").send().await.unwrap().route.unwrap();
    assert_eq!(route.metadata.unwrap().version, 2);
    let mut found = route.spec.unwrap();
    let targets = &mut found.http_route.as_mut().unwrap().action.as_mut().unwrap().weighted_targets;
    let weights: Vec<_> = targets.iter().map(|one| one.weight).collect();
    assert_eq!(weights, [40, 60]);
    (targets[0].weight, targets[1].weight) = (90, 10);
    assert_eq!(found, spec());
    let error = self::routes(&client, "elsewhere").observe(&"checkout".into(), &both()).await;
    assert_eq!(class(&error.unwrap_err()), Some(Class::Refused));
}
