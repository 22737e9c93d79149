//! Each release goes forward and back through the engine, killed before and after every effect, and the
//! service is then as the outcome says.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod emulators;

use tidegate::{End, machine::Phase};
use tidegate_aws::fakes::{
    Fault, Service, When,
    appmesh::AppMesh,
    codedeploy::CodeDeploy,
    ecs::{Ecs, Status},
};
use tidegate_aws_scenarios::{
    Course, Release, Stage,
    blue_green::BlueGreen,
    mesh::{self, Mesh},
    model::{self, Model},
    rolling::{self, Rolling},
    servers::{self, Servers},
};

/// To the end, by as many processes as it takes.
async fn ended<R: Release>(stage: &Stage<R>) -> End {
    for _ in 0..3 {
        if let Some(end) = stage.process().await.unwrap() {
            return end;
        }
    }
    panic!("killed once, and not ended by the process after it");
}

/// Every write of a release.
fn writes<R: Release>(stage: &Stage<R>) -> Vec<String> {
    let log = stage.service.log().into_iter();
    let writes = log.filter(|asked| R::Service::writes(&asked.operation));
    writes.map(|asked| asked.operation).collect()
}

/// The release without a kill, and killed before and after each of its writes. How many kills that were.
async fn killed_at_every_effect<R: Release>(
    course: Course,
    agrees: impl Fn(&R::Service, &str),
) -> usize {
    let wanted = |end: &End| match course {
        Course::Good => *end == End::Over(Phase::Completed),
        Course::Bad => matches!(end, End::Over(Phase::RolledBack { .. })),
    };
    let undisturbed = Stage::<R>::new(course);
    let end = ended(&undisturbed).await;
    assert!(wanted(&end), "{course:?}: {end:?}");
    undisturbed.service.with(|state| agrees(state, "undisturbed"));
    let effects = writes(&undisturbed);
    assert!(!effects.is_empty(), "{course:?}: nothing was written");
    let mut kills = 0;
    for (index, operation) in effects.iter().enumerate() {
        let before = effects[..index].iter().filter(|one| *one == operation).count();
        let nth = u32::try_from(before + 1).unwrap();
        let name = known(operation);
        for after in [false, true] {
            let stage = Stage::<R>::new(course);
            stage.service.fault(name, When::Nth(nth), Fault::Crash { after });
            let end = ended(&stage).await;
            let told = format!("{course:?}, killed {after} at {name} {nth}");
            assert!(wanted(&end), "{told}: {end:?}");
            assert!(stage.service.log().iter().any(|asked| asked.fault.is_some()), "{told}");
            stage.service.with(|state| agrees(state, &told));
            kills += 1;
        }
    }
    kills
}

/// A name that lives as long as a script of faults.
fn known(operation: &str) -> &'static str {
    let all = [
        "CreateDeployment",
        "ContinueDeployment",
        "StopDeployment",
        "UpdateRoute",
        "UpdateService",
        "StopServiceDeployment",
    ];
    all.into_iter().find(|one| *one == operation).unwrap()
}

/// One deployment was made for the release, and ended as wanted.
fn deployed_once(state: &CodeDeploy, status: &str, told: &str) {
    let ours: Vec<_> = state.deployments.iter().filter(|one| one.description.is_some()).collect();
    let [one] = ours[..] else { panic!("{told}: {} deployments", ours.len()) };
    assert_eq!(one.status, Some(status), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_of_ecs_goes_forward_and_back_killed_at_every_effect() {
    let forward = |state: &CodeDeploy, told: &str| deployed_once(state, "Succeeded", told);
    assert!(killed_at_every_effect::<BlueGreen>(Course::Good, forward).await >= 4);
    let back = |state: &CodeDeploy, told: &str| deployed_once(state, "Stopped", told);
    assert!(killed_at_every_effect::<BlueGreen>(Course::Bad, back).await >= 4);
}

#[tokio::test(start_paused = true)]
async fn servers_with_one_healthy_host_go_forward_and_back_by_themselves() {
    assert_eq!(servers::MINIMUM.at_a_time(servers::HOSTS), 2);
    let forward = |state: &CodeDeploy, told: &str| deployed_once(state, "Succeeded", told);
    assert!(killed_at_every_effect::<Servers>(Course::Good, forward).await >= 2);
    let back = |state: &CodeDeploy, told: &str| deployed_once(state, "Failed", told);
    assert!(killed_at_every_effect::<Servers>(Course::Bad, back).await >= 2);
}

/// The service as it was, but for what is deployed: once, and with this end.
fn replaced_once(state: &Ecs, serving: &str, status: Status, told: &str) {
    assert_eq!(state.setup, Rolling::assumed(Course::Good).setup, "{told}");
    let [_, candidate] = rolling::definitions();
    assert_eq!(state.deployments_of(&candidate), 1, "{told}");
    assert_eq!(state.deployments.last().map(|one| one.status), Some(status), "{told}");
    assert_eq!(state.serving(), Some(serving), "{told}");
}

#[tokio::test(start_paused = true)]
async fn two_tasks_of_ecs_are_replaced_or_come_back_killed_at_every_effect() {
    let [stable, candidate] = rolling::definitions();
    let forward =
        |state: &Ecs, told: &str| replaced_once(state, &candidate, Status::Successful, told);
    assert!(killed_at_every_effect::<Rolling>(Course::Good, forward).await >= 2);
    let back =
        |state: &Ecs, told: &str| replaced_once(state, &stable, Status::RollbackSuccessful, told);
    assert!(killed_at_every_effect::<Rolling>(Course::Bad, back).await >= 4);
}

#[tokio::test(start_paused = true)]
async fn a_model_from_s3_is_watched_and_taken_back() {
    let spec = model::app_spec().unwrap();
    let text = spec.to_json();
    assert_eq!(text.matches("300").count(), 2, "{text}");
    let forward = |state: &CodeDeploy, told: &str| deployed_once(state, "Succeeded", told);
    assert!(killed_at_every_effect::<Model>(Course::Good, forward).await >= 2);
    let back = |state: &CodeDeploy, told: &str| deployed_once(state, "Stopped", told);
    assert!(killed_at_every_effect::<Model>(Course::Bad, back).await >= 4);
}

#[tokio::test(start_paused = true)]
async fn a_tenth_between_two_nodes_becomes_all_or_none() {
    let weights = |state: &AppMesh| {
        let targets = state.specs[mesh::ROUTE]["httpRoute"]["action"]["weightedTargets"].clone();
        [0, 1].map(|index| targets[index]["weight"].as_u64().unwrap())
    };
    let all = |state: &AppMesh, told: &str| assert_eq!(weights(state), [0, 100], "{told}");
    assert!(killed_at_every_effect::<Mesh>(Course::Good, all).await >= 4);
    let none = |state: &AppMesh, told: &str| assert_eq!(weights(state), [100, 0], "{told}");
    assert!(killed_at_every_effect::<Mesh>(Course::Bad, none).await >= 4);
}
