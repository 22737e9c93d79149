//! Each release over an emulator that other people wrote: what it assumes is made through the SDK, and it runs
//! as far as the emulator can.
//!
//! | | emulator | how far |
//! | --- | --- | --- |
//! | 000, 001, 003 | moto | one deployment is created, and no other by the next process; moto's never end |
//! | 002 | ministack | nothing is in the way, and the service is given the candidate; ministack lists no deployment |
//! | 004 | moto | forward and back |
//!
//! They want emulators that nobody else uses meanwhile, fresh from `.ci/emulators`: moto is emptied before each.
//! What CodeDeploy only names is not made: hosts, bundles, a load balancer.

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tidegate::{
    End,
    machine::{Phase, Timestamp, Weight},
};
use tidegate_aws::{
    Account,
    fakes::{
        ACCOUNT, appmesh as mesh_names,
        codedeploy::{APPLICATION, GROUP},
    },
    sdk::codedeploy,
};
use tidegate_aws_scenarios::{
    Course, Release, Watch, blue_green::BlueGreen, carry_out, mesh, mesh::Mesh, model::Model,
    rolling::Rolling, servers::Servers,
};
use tidegate_mock::MemoryJournal;
use tokio::time::timeout;

/// Longer than a release takes until it waits for its platform.
const LONG: Duration = Duration::from_secs(300);

fn endpoint(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: start the emulators with .ci/emulators");
    })
}

/// moto, with nothing in it.
fn emptied_moto() -> String {
    let endpoint = endpoint("TIDEGATE_MOTO");
    let host = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let head =
        format!("POST /moto-api/reset HTTP/1.0\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
    endpoint
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp(u64::try_from(since).unwrap())
}

/// What stands in the way of a release whose infrastructure was just made.
async fn in_the_way<R: Release>(client: &R::Client) -> Vec<String> {
    let ports = R::ports(client, &Account::new(ACCOUNT), Watch { candidate_errors: 1 }).await;
    let ports = ports.unwrap();
    let target = "ai-service".into();
    let found = ports.obstacles(&target, &R::revisions(), &[Weight::FULL], &[]).await;
    found.iter().map(ToString::to_string).collect()
}

/// Two processes, neither of which comes to an end on moto: they create one deployment.
async fn starts_once<R: Release<Client = codedeploy::Client>>() {
    let client = R::client_at(&emptied_moto());
    R::set_up(&client).await.unwrap();
    assert_eq!(in_the_way::<R>(&client).await, [""; 0]);
    let journal = Arc::new(MemoryJournal::new());
    for process in ["the first", "the second"] {
        let run = carry_out::<R>(&client, Course::Good, journal.clone(), now());
        let ended = timeout(LONG, run).await;
        assert!(ended.is_err(), "{process}: {ended:?}");
        let listed = client.list_deployments().application_name(APPLICATION);
        let listed = listed.deployment_group_name(GROUP).send().await.unwrap();
        assert_eq!(listed.deployments().len(), 1, "{process}");
    }
}

async fn mesh_ends(course: Course, ends: impl Fn(&End) -> bool, weights: [i32; 2]) {
    let client = Mesh::client_at(&emptied_moto());
    Mesh::set_up(&client).await.unwrap();
    assert_eq!(in_the_way::<Mesh>(&client).await, [""; 0]);
    let journal = Arc::new(MemoryJournal::new());
    let end = carry_out::<Mesh>(&client, course, journal, now()).await.unwrap();
    assert!(ends(&end), "{course:?}: {end:?}");
    let read = client.describe_route().mesh_name(mesh_names::MESH).route_name(mesh::ROUTE);
    let read = read.virtual_router_name(mesh_names::ROUTER).send().await.unwrap();
    let spec = read.route.and_then(|route| route.spec).unwrap();
    let targets = spec.http_route.unwrap().action.unwrap().weighted_targets;
    assert_eq!(targets.iter().map(|one| one.weight).collect::<Vec<_>>(), weights, "{course:?}");
}

/// One after another, since moto is emptied.
#[tokio::test(start_paused = true)]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn releases_make_what_they_assume_on_moto_and_run_as_far_as_it_can() {
    starts_once::<BlueGreen>().await;
    starts_once::<Servers>().await;
    starts_once::<Model>().await;
    mesh_ends(Course::Good, |end| *end == End::Over(Phase::Completed), [0, 100]).await;
    let back = |end: &End| matches!(end, End::Over(Phase::RolledBack { .. }));
    mesh_ends(Course::Bad, back, [100, 0]).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn a_service_of_ecs_is_made_on_ministack_and_given_the_candidate() {
    let client = Rolling::client_at(&endpoint("TIDEGATE_MINISTACK"));
    Rolling::set_up(&client).await.unwrap();
    assert_eq!(in_the_way::<Rolling>(&client).await, [""; 0]);
    let run = carry_out::<Rolling>(&client, Course::Good, Arc::default(), now());
    let ended = timeout(LONG, run).await;
    assert!(ended.is_err(), "ministack lists no deployment that could succeed: {ended:?}");
    let read = client.describe_services().cluster("shop").services("checkout").send().await;
    let service = read.unwrap().services.unwrap().remove(0);
    assert!(service.task_definition().unwrap().ends_with(":2"), "{service:?}");
}
