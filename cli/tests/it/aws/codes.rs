//! Every exit code of a run with adapters for AWS, and of its preflight.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use tidegate_aws::fakes::{Fault, When, cloudwatch::Alarm};

use super::{
    clouds::{Alias, Cloud, Course, GATE, Sets},
    routers::Watched,
    served::Behind,
};
use crate::{code, stderr, stdout, world::Place};

/// What a command prints, and that it ends so.
#[track_caller]
fn printed(mut command: Command, wanted: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(code(&output), wanted, "{}{}", stdout(&output), stderr(&output));
    format!("{}{}", stdout(&output), stderr(&output))
}

/// Gives an order that a run reads later, if one is there.
fn order(place: &Place, line: &str) {
    let output = place.tidegate(&format!("{line} --wait 0"));
    assert!([0, 2].contains(&code(&output)), "{line}: {}", stderr(&output));
}

/// Denied, where nothing can be written any more.
fn halted(cloud: &Alias) -> Place {
    let place = Alias::place();
    let mut run = cloud.run(&place);
    run.until(GATE);
    cloud.lambda.refuse();
    order(&place, "deny 1");
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("halted")), (2, true), "{printed}");
    cloud.agrees(Course::Stuck, "halted");
    place
}

#[test]
fn a_run_without_a_way_back_ends_with_2_and_goes_on_as_a_person_decides() {
    for (word, wanted, says, then) in [
        ("retry", 1, "rolled back", Course::Back),
        ("accept", 0, "completed", Course::Forward),
        ("give-up", 2, "gave up", Course::Stuck),
    ] {
        let cloud = Alias::new();
        let place = halted(&cloud);
        cloud.lambda.heal();
        order(&place, &format!("{word} 1"));
        let (code, printed) = cloud.run(&place).end();
        assert_eq!((code, printed.contains(says)), (wanted, true), "{word}: {printed}");
        cloud.agrees(then, word);
    }
}

#[test]
fn an_alarm_that_fires_at_the_gate_sends_a_run_back_and_it_ends_with_1() {
    let (cloud, place) = (Watched::new(), Watched::place());
    let mut run = cloud.run(&place);
    run.until(GATE);
    // Its times are whole seconds, and what fired before the rollout is none of its doing.
    let soon = cloud.cloudwatch.now() + Duration::from_secs(1);
    let fires = Alarm::ok().then(soon, "ALARM");
    cloud.cloudwatch.fake.with(|state| state.alarms.insert(Watched::ALARM.to_owned(), fires));
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("rolled back")), (1, true), "{printed}");
    cloud.agrees(Course::Back, "it fired");
    let told = self::printed(cloud.command(&place, "run release.yaml"), 64);
    assert!(told.contains("not at rest: alarm checkout-down fires already"), "{told}");
}

#[test]
fn a_run_that_is_told_to_end_ends_with_2_and_the_same_command_goes_on() {
    let (cloud, place) = (Alias::new(), Alias::place());
    let mut run = cloud.run(&place);
    run.until(GATE);
    run.terminate();
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("not over")), (2, true), "{printed}");
    order(&place, "promote-full 1");
    assert_eq!(cloud.run(&place).end().0, 0);
    cloud.agrees(Course::Forward, "told to end");
}

#[test]
fn a_run_that_another_has_taken_over_ends_with_2_and_writes_no_more() {
    let (cloud, place) = (Alias::new(), Alias::place());
    let mut first = cloud.run(&place);
    first.until(GATE);
    let mut second = cloud.run(&place);
    second.until("goes on with r1");
    assert_eq!(first.end().0, 2);
    order(&place, "promote-full 1");
    assert_eq!(second.end().0, 0);
    cloud.agrees(Course::Forward, "taken over");
}

#[test]
fn what_is_in_the_way_ends_a_run_with_64_and_its_preflight_with_1_and_nothing_is_written() {
    let (cloud, place) = (Alias::new(), Alias::place());
    printed(cloud.command(&place, "preflight release.yaml"), 0);
    cloud.lambda.fake.with(|state| state.versions.remove("2"));
    let told = printed(cloud.command(&place, "preflight release.yaml"), 1);
    assert!(told.contains("missing: version 2"), "{told}");
    let told = printed(cloud.command(&place, "run release.yaml"), 64);
    assert!(told.contains("nothing was begun"), "{told}");
    cloud.lambda.fake.fault("GetAlias", When::From(1), Fault::Denied);
    let told = printed(cloud.command(&place, "run release.yaml"), 64);
    assert!(told.contains("lambda:GetAlias was refused"), "{told}");
    assert_eq!(cloud.lambda.writes(), []);
}

#[test]
fn a_service_that_fails_or_is_not_there_ends_a_run_with_74_and_its_preflight_with_1() {
    let (mut cloud, place) = (Alias::new(), Alias::place());
    let failed = Fault::ServerError { after: false };
    cloud.lambda.fake.fault(None, When::From(1), failed);
    let told = printed(cloud.command(&place, "run release.yaml"), 74);
    assert!(told.contains("could not be read"), "{told}");
    assert_eq!(cloud.lambda.writes(), []);
    cloud.lambda.leave();
    printed(cloud.command(&place, "run release.yaml"), 74);
    let told = printed(cloud.command(&place, "preflight release.yaml"), 1);
    assert!(told.contains("could not be read"), "{told}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_whose_output_can_not_be_written_ends_with_74_and_is_completed_all_the_same() {
    let (cloud, place) = (Alias::new(), Alias::place());
    let mut run = cloud.run(&place);
    run.until(GATE);
    run.kill();
    order(&place, "promote-full 1");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = cloud.command(&place, "run release.yaml");
    let output = command.stdout(Stdio::from(full)).stderr(Stdio::piped()).spawn();
    let output = output.unwrap().wait_with_output().unwrap();
    assert_eq!(code(&output), 74, "{}", stderr(&output));
    cloud.agrees(Course::Forward, "output lost");
}

#[test]
fn a_preflight_of_task_sets_lists_what_ails_the_service_and_its_load_balancer_at_once() {
    let (cloud, place) = (Sets::new(), Sets::place());
    printed(cloud.command(&place, "preflight release.yaml"), 0);
    cloud.ecs.fake.with(|state| {
        state.setup.controller = "ECS";
        state.registered = serde_json::json!({ "networkMode": "awsvpc" });
    });
    cloud.elb.fake.with(|state| state.rules.clear());
    let told = printed(cloud.command(&place, "preflight release.yaml"), 1);
    for says in [
        "3 things are in the way",
        "missing: rule arn:",
        "controller: service shop/checkout can not be driven",
        "no subnets are named",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
    printed(cloud.command(&place, "run release.yaml"), 64);
    assert_eq!((cloud.ecs.writes(), cloud.elb.writes()), (Vec::new(), Vec::new()));
}
