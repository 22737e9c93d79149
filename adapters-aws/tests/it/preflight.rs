//! Before the first move: each problem is found and named, all of them are found at once, and nothing is
//! written to find them.

use std::sync::Arc;

use serde_json::json;
use tidegate_aws::{
    Fixed,
    alb::{AlbOptions, AlbRoute, AlbRoutes, Stickiness},
    appmesh::{MeshRoute, MeshRoutes, RouteProtocol},
    codedeploy::{self, ByTable, CodeDeploy, CodeDeployOptions, GroupName, RollbackOwner},
    fakes::{
        Fake, Fault, Service, When,
        alb::{self as elb, LoadBalancing},
        appmesh::{self as mesh, AppMesh},
        codedeploy::{self as deployments, APPLICATION, Compute},
        lambda::{FUNCTION, Lambda},
        lattice::{self as vpc, Lattice},
    },
    lambda::LambdaAlias,
    lattice::{LatticeRoute, LatticeRoutes},
};
use tidegate_core::{
    DeploymentActions, Obstacle, ObstacleKind, Revisions, Span, TrafficShifter, Weight,
};

use crate::{
    codedeploy::{artifacts, name},
    support::{account, both, fixed},
};

/// What plans ask for here: the finest whole percent, and the ends.
fn weights() -> [Weight; 3] {
    [Weight::ZERO, Weight::percent(1), Weight::FULL]
}

async fn of_traffic(router: &impl TrafficShifter) -> Vec<Obstacle> {
    router.preflight(&"checkout".into(), &both(), &weights()).await
}

async fn of_deployment(deployer: &impl DeploymentActions) -> Vec<Obstacle> {
    deployer.preflight(&"checkout".into(), &both()).await
}

/// Fails unless there is this one thing in the way, and none was written to find it.
#[track_caller]
pub(crate) fn only<S: Service>(fake: &Fake<S>, found: &[Obstacle], kind: ObstacleKind, says: &str) {
    let [one] = found else { panic!("expected {kind:?}, {says:?} alone: {found:#?}") };
    assert_eq!(one.kind, kind, "{one}");
    assert!(one.to_string().contains(says), "{one}");
    wrote_nothing(fake);
}

#[track_caller]
pub(crate) fn wrote_nothing<S: Service>(fake: &Fake<S>) {
    let log = fake.log();
    assert!(!log.is_empty(), "nothing was asked at all");
    let writes: Vec<_> = log.iter().filter(|asked| S::writes(&asked.operation)).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

fn balanced(fake: &Fake<LoadBalancing>, routes: Vec<AlbRoute>) -> AlbRoutes {
    let placement = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    AlbRoutes::new(&fake.client(), &account(), routes, placement).unwrap()
}

fn rule(name: &str) -> AlbRoute {
    AlbRoute::Rule(elb::rule_arn(name))
}

/// A load balancer with one thing changed, and what is then in its way.
async fn of_balancer(
    change: impl FnOnce(&mut LoadBalancing),
) -> (Fake<LoadBalancing>, Vec<Obstacle>) {
    let mut state = LoadBalancing::blue_and_green();
    change(&mut state);
    let fake = Fake::new(state);
    let routes = vec![rule("checkout"), AlbRoute::Listener(elb::listener_arn("main"))];
    let found = of_traffic(&balanced(&fake, routes)).await;
    (fake, found)
}

fn sticky() -> serde_json::Value {
    let mut action = elb::forward(&[("blue", 100), ("green", 0)]);
    action["ForwardConfig"]["TargetGroupStickinessConfig"] =
        json!({ "Enabled": "true", "DurationSeconds": "3600" });
    action
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_that_is_in_order_has_nothing_in_its_way() {
    let (fake, found) = of_balancer(|_| {}).await;
    assert_eq!(found, []);
    wrote_nothing(&fake);
}

#[tokio::test(start_paused = true)]
async fn missing_rules_listeners_and_target_groups_are_found() {
    let (fake, found) = of_balancer(|state| state.rules.clear()).await;
    only(&fake, &found, ObstacleKind::Missing, "rule arn:");
    let (fake, found) = of_balancer(|state| state.listeners.clear()).await;
    only(&fake, &found, ObstacleKind::Missing, "the default action of listener arn:");
    let gone = |state: &mut LoadBalancing| drop(state.groups.remove(&elb::group_arn("green")));
    let (fake, found) = of_balancer(gone).await;
    only(&fake, &found, ObstacleKind::Missing, "targetgroup/green");
}

#[tokio::test(start_paused = true)]
async fn stickiness_is_found_unless_it_is_to_be_waited_out() {
    let (fake, found) = of_balancer(|state| state.add_rule("checkout", vec![sticky()])).await;
    only(&fake, &found, ObstacleKind::Stickiness, "1h");
    let waits = AlbOptions {
        stickiness: Stickiness::WaitOut { up_to: Span::hours(2) },
        ..AlbOptions::default()
    };
    let patient = balanced(&fake, vec![rule("checkout")]).with_options(waits);
    assert_eq!(of_traffic(&patient).await, []);
}

#[tokio::test(start_paused = true)]
async fn weights_that_others_on_the_route_leave_no_numbers_for_are_found() {
    let crowded = elb::forward(&[("blue", 1), ("green", 0), ("other", 998)]);
    let (fake, found) = of_balancer(|state| state.add_rule("checkout", vec![crowded])).await;
    only(&fake, &found, ObstacleKind::Weights, "can not be set as planned: 1 %");
}

#[tokio::test(start_paused = true)]
async fn a_target_group_that_nobody_checks_is_found() {
    let unchecked = |state: &mut LoadBalancing| state.unchecked.extend([elb::group_arn("green")]);
    let (fake, found) = of_balancer(unchecked).await;
    only(&fake, &found, ObstacleKind::HealthChecks, "targetgroup/green");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_forwards_nothing_is_found() {
    let answer = json!({ "Type": "fixed-response", "Order": "1",
        "FixedResponseConfig": { "StatusCode": "503" } });
    let (fake, found) = of_balancer(|state| state.add_rule("checkout", vec![answer])).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "forwards nothing");
}

#[tokio::test(start_paused = true)]
async fn refused_permissions_are_found_with_the_action_that_is_missing() {
    for operation in ["DescribeRules", "DescribeTargetGroups"] {
        let fake = Fake::new(LoadBalancing::blue_and_green());
        fake.fault(operation, When::Nth(1), Fault::Denied);
        let found = of_traffic(&balanced(&fake, vec![rule("checkout")])).await;
        let action = format!("elasticloadbalancing:{operation}");
        only(&fake, &found, ObstacleKind::Permission, &action);
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_in_the_way_and_is_not_called_missing() {
    for fault in [Fault::Throttled, Fault::ServerError { after: false }, Fault::NotSent] {
        let fake = Fake::new(LoadBalancing::blue_and_green());
        fake.fault("DescribeRules", When::Nth(1), fault);
        let found = of_traffic(&balanced(&fake, vec![rule("checkout")])).await;
        only(&fake, &found, ObstacleKind::Unreadable, "could not be read");
    }
}

async fn of_lattice(change: impl FnOnce(&mut Lattice)) -> (Fake<Lattice>, Vec<Obstacle>) {
    let mut state = Lattice::blue_and_green();
    change(&mut state);
    let fake = Fake::new(state);
    let route = |rule| LatticeRoute {
        service: vpc::SERVICE.to_owned(),
        listener: vpc::LISTENER.to_owned(),
        rule,
    };
    let routes = vec![route(Some(vpc::rule_id("checkout"))), route(None)];
    let placement = fixed(&vpc::group_arn("blue"), &vpc::group_arn("green"));
    let routes = LatticeRoutes::new(&fake.client(), &account(), routes, placement).unwrap();
    let found = of_traffic(&routes).await;
    (fake, found)
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_on_lattice_is_found() {
    let (fake, found) = of_lattice(|_| {}).await;
    assert_eq!(found, []);
    wrote_nothing(&fake);
    let (fake, found) = of_lattice(|state| state.rules.clear()).await;
    only(&fake, &found, ObstacleKind::Missing, "rule rule-");
    let (fake, found) = of_lattice(|state| state.listeners.clear()).await;
    only(&fake, &found, ObstacleKind::Missing, "the default action of listener");
    let (fake, found) = of_lattice(|state| drop(state.groups.pop())).await;
    only(&fake, &found, ObstacleKind::Missing, "green");
    let unchecked = |state: &mut Lattice| state.unchecked.push(vpc::group_id("green"));
    let (fake, found) = of_lattice(unchecked).await;
    only(&fake, &found, ObstacleKind::HealthChecks, "green");
    let crowded = vpc::forward(&[("blue", 1), ("green", 0), ("other", 998)]);
    let (fake, found) = of_lattice(|state| state.add_rule("checkout", crowded)).await;
    only(&fake, &found, ObstacleKind::Weights, "rule rule-");
}

async fn of_mesh(change: impl FnOnce(&mut AppMesh)) -> (Fake<AppMesh>, Vec<Obstacle>) {
    let mut state = AppMesh::blue_and_green();
    change(&mut state);
    let fake = Fake::new(state);
    let found = of_traffic(&meshed(&fake, "checkout")).await;
    (fake, found)
}

fn meshed(fake: &Fake<AppMesh>, route: &str) -> MeshRoutes {
    let route = MeshRoute {
        mesh: mesh::MESH.to_owned(),
        mesh_owner: None,
        router: mesh::ROUTER.to_owned(),
        route: route.to_owned(),
        protocol: RouteProtocol::Http,
    };
    MeshRoutes::new(&fake.client(), &account(), vec![route], fixed("blue", "green")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_in_a_mesh_is_found() {
    let (fake, found) = of_mesh(|_| {}).await;
    assert_eq!(found, []);
    wrote_nothing(&fake);
    let (fake, found) = of_mesh(|state| state.specs.clear()).await;
    only(&fake, &found, ObstacleKind::Missing, "route checkout");
    let (fake, found) = of_mesh(|state| state.nodes.retain(|node| node != "green")).await;
    only(&fake, &found, ObstacleKind::Missing, "virtual node green");
    let (fake, found) = of_mesh(|state| state.unchecked.push("green".to_owned())).await;
    only(&fake, &found, ObstacleKind::HealthChecks, "virtual node green");
    let third = mesh::http(&[("blue", 90), ("green", 0), ("other", 10)]);
    let (fake, found) = of_mesh(|state| state.set("checkout", third)).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "neither arm's");
    let (fake, found) = of_mesh(|state| state.status = "INACTIVE".to_owned()).await;
    only(&fake, &found, ObstacleKind::Unreadable, "not active");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_an_aliass_way_is_found() {
    let alias = |fake: &Fake<Lambda>, name: &str| {
        LambdaAlias::new(&fake.client(), &account(), FUNCTION, name)
    };
    let fake = Fake::new(Lambda::live());
    assert_eq!(of_traffic(&alias(&fake, "live")).await, []);
    assert_eq!(of_deployment(&alias(&fake, "live").provisioned()).await, []);
    let found = of_traffic(&alias(&fake, "nowhere")).await;
    only(&fake, &found, ObstacleKind::Missing, "alias nowhere");
    fake.with(|state| state.point("1", &[("3", 0.1)]));
    let found = of_traffic(&alias(&fake, "live")).await;
    only(&fake, &found, ObstacleKind::NotAtRest, "version 3");

    let fake = Fake::new(Lambda::live());
    fake.with(|state| state.versions.insert("2".to_owned(), "Pending".to_owned()));
    let found = of_deployment(&alias(&fake, "live")).await;
    only(&fake, &found, ObstacleKind::Unsuitable, "version 2");
    fake.with(|state| state.versions.remove("2"));
    let found = of_deployment(&alias(&fake, "live")).await;
    only(&fake, &found, ObstacleKind::Missing, "version 2");

    let fake = Fake::new(Lambda::live());
    let latest = Revisions { stable: Some("1".into()), candidate: "$LATEST".into() };
    let port = alias(&fake, "live");
    let found = TrafficShifter::preflight(&port, &"checkout".into(), &latest, &[]).await;
    let [one] = &found[..] else { panic!("{found:?}") };
    assert!(one.what.contains("no published version"), "{one}");
    assert_eq!(fake.log(), []);
}

fn group(change: impl FnOnce(&mut deployments::CodeDeploy)) -> Fake<deployments::CodeDeploy> {
    let mut state = deployments::CodeDeploy::in_group(Compute::Ecs);
    change(&mut state);
    Fake::new(state)
}

async fn open(
    fake: &Fake<deployments::CodeDeploy>,
    name: GroupName,
    rollback: RollbackOwner,
) -> Result<CodeDeploy, Vec<Obstacle>> {
    let options = CodeDeployOptions { rollback, ..CodeDeployOptions::default() };
    let opened =
        CodeDeploy::open(&fake.client(), &account(), name.clone(), artifacts(), options).await;
    opened.map_err(|error| codedeploy::obstacles(&name, &error))
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_there_or_may_not_be_read_is_found() {
    let fake = group(|_| {});
    let nowhere = GroupName { application: APPLICATION.to_owned(), group: "nowhere".to_owned() };
    let found = open(&fake, nowhere, RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::Missing, "deployment group shop/nowhere");
    fake.fault("GetDeploymentGroup", When::From(1), Fault::Denied);
    let found = open(&fake, name(), RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::Permission, "codedeploy:GetDeploymentGroup");
}

#[tokio::test(start_paused = true)]
async fn two_owners_of_rollback_are_found_with_alarms_that_stop() {
    let fake = group(|state| state.group.goes_back_on = vec!["DEPLOYMENT_FAILURE"]);
    let found = open(&fake, name(), RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::RollbackOwners, "DEPLOYMENT_FAILURE");
    let opened = open(&fake, name(), RollbackOwner::Group).await.unwrap();
    assert_eq!(of_deployment(&opened).await, []);
    let fake = group(|state| state.group.alarms = vec!["errors-high"]);
    let found = open(&fake, name(), RollbackOwner::Engine).await.unwrap_err();
    only(&fake, &found, ObstacleKind::RollbackOwners, "errors-high");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_deployment_under_way_is_found() {
    let fake = group(|_| {});
    let opened = open(&fake, name(), RollbackOwner::Engine).await.unwrap();
    assert_eq!(of_deployment(&opened).await, []);
    let theirs = json!({ "revisionType": "S3" });
    fake.with(|state| state.start_by_hand(theirs, std::time::Duration::ZERO));
    let found = of_deployment(&opened).await;
    only(&fake, &found, ObstacleKind::NotAtRest, "is held by deployment d-");
}

#[tokio::test(start_paused = true)]
async fn a_revision_without_an_artifact_is_found() {
    let fake = group(|_| {});
    let (client, options) = (fake.client(), CodeDeployOptions::default());
    let none = Arc::new(ByTable::default());
    let opened = CodeDeploy::open(&client, &account(), name(), none, options).await.unwrap();
    let found = of_deployment(&opened).await;
    let subjects: Vec<_> = found.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(subjects, ["the artifact of revision 1", "the artifact of revision 2"]);
    wrote_nothing(&fake);
}

#[tokio::test(start_paused = true)]
async fn all_of_it_at_once_is_found_at_once() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    fake.with(|state| {
        state.add_rule("sticky", vec![sticky()]);
        let crowded = elb::forward(&[("blue", 1), ("green", 0), ("other", 998)]);
        state.add_rule("crowded", vec![crowded]);
        state.add_rule(
            "elsewhere",
            vec![json!({ "Type": "fixed-response", "Order": "1",
            "FixedResponseConfig": { "StatusCode": "503" } })],
        );
        state.groups.remove(&elb::group_arn("green"));
        state.unchecked.insert(elb::group_arn("blue"));
    });
    // The routes are read one after another.
    fake.fault("DescribeRules", When::Nth(5), Fault::Denied);
    fake.fault("DescribeRules", When::Nth(6), Fault::ServerError { after: false });
    let routes = ["nowhere", "sticky", "crowded", "elsewhere", "checkout", "checkout"].map(rule);
    let listener = AlbRoute::Listener(elb::listener_arn("nowhere"));
    let routes = routes.into_iter().chain([listener]).collect();
    let mut found = of_traffic(&balanced(&fake, routes)).await;
    wrote_nothing(&fake);

    let mesh = Fake::new(AppMesh::blue_and_green());
    mesh.with(|state| state.nodes.retain(|node| node != "green"));
    found.extend(of_traffic(&meshed(&mesh, "nowhere")).await);
    wrote_nothing(&mesh);

    let both_go_back = group(|state| {
        state.group.goes_back_on = vec!["DEPLOYMENT_FAILURE"];
        state.start_by_hand(json!({ "revisionType": "S3" }), std::time::Duration::ZERO);
    });
    found.extend(open(&both_go_back, name(), RollbackOwner::Engine).await.unwrap_err());
    let as_it_is = open(&both_go_back, name(), RollbackOwner::Group).await.unwrap();
    found.extend(of_deployment(&as_it_is).await);
    wrote_nothing(&both_go_back);

    let wanted = [
        (
            ObstacleKind::Missing,
            "rule arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/nowhere",
        ),
        (ObstacleKind::Stickiness, "listener-rule/app/sticky"),
        (ObstacleKind::Weights, "listener-rule/app/crowded"),
        (ObstacleKind::Unsuitable, "listener-rule/app/elsewhere"),
        (ObstacleKind::Permission, "listener-rule/app/checkout"),
        (ObstacleKind::Unreadable, "listener-rule/app/checkout"),
        (ObstacleKind::Missing, "the default action of listener"),
        (ObstacleKind::HealthChecks, "targetgroup/blue"),
        (ObstacleKind::Missing, "targetgroup/green"),
        (ObstacleKind::Missing, "route nowhere"),
        (ObstacleKind::Missing, "virtual node green"),
        (ObstacleKind::RollbackOwners, "deployment group shop/checkout"),
        (ObstacleKind::NotAtRest, "deployment group shop/checkout"),
    ];
    let told = |found: &[Obstacle]| found.iter().map(|one| format!("{one}\n")).collect::<String>();
    assert_eq!(found.len(), wanted.len(), "{}", told(&found));
    for (one, (kind, subject)) in found.iter().zip(wanted) {
        assert_eq!(one.kind, kind, "{one}");
        assert!(one.subject.contains(subject), "{one}: expected {subject}");
    }
}

#[tokio::test(start_paused = true)]
async fn arms_at_one_place_are_in_the_way() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let (stable, candidate) = (elb::group_arn("blue"), elb::group_arn("blue"));
    let same = Arc::new(Fixed { stable, candidate });
    let routes = AlbRoutes::new(&fake.client(), &account(), vec![rule("checkout")], same).unwrap();
    let found = of_traffic(&routes).await;
    assert!(found[0].what.contains("both are served at"), "{found:?}");
    assert_eq!(found.len(), 1);
}
