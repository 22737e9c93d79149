//! What AWS is asked with is planted wherever the program takes it, and looked for wherever it writes.

use std::{fs, process::Command};

use tidegate_aws::fakes::{Fault, When};

use super::clouds::{Alias, Cloud, GATE, Group, Native, Sets};
use crate::{
    repository, stderr, stdout,
    world::{Place, Running},
};

const SECRET: &str = "planted-5be0a3";

/// With the secret in each variable that may hold one, and in the address of services without a fake.
fn planted(mut command: Command) -> Command {
    command
        .env("AWS_ENDPOINT_URL", format!("http://ada:{SECRET}@127.0.0.1:9"))
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", SECRET)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET);
    command
}

#[track_caller]
fn is_in_no_file(place: &Place) {
    let mut searched = 0;
    for entry in fs::read_dir(place.folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        searched += bytes.len();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} has it", path.display());
    }
    assert!(searched > 10_000, "the journal was not among what was searched");
}

/// A run to its end: what it has told, and what it leaves.
fn is_kept<C: Cloud>() {
    let (cloud, place) = (C::new(), C::place());
    let mut run = Running::of(&mut planted(cloud.command(&place, "run release.yaml")));
    run.until(GATE);
    let order = place.tidegate("promote-full 1 --wait 0");
    assert!(!stderr(&order).contains(SECRET));
    let (code, printed) = run.exit();
    let told = format!("{}{printed}", run.lines.join("\n"));
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    is_in_no_file(&place);
}

#[test]
fn credentials_reach_neither_the_journal_nor_the_output_of_a_run() {
    is_kept::<Alias>();
    is_kept::<Sets>();
    is_kept::<Group>();
    is_kept::<Native>();
}

#[test]
fn credentials_are_in_no_message_when_a_service_refuses_or_fails() {
    for fault in [Fault::Denied, Fault::ServerError { after: false }] {
        let (cloud, place) = (Alias::new(), Alias::place());
        cloud.lambda.fake.fault(None, When::From(1), fault);
        for line in ["preflight release.yaml", "run release.yaml"] {
            let output = planted(cloud.command(&place, line)).output().unwrap();
            let told = format!("{}{}", stdout(&output), stderr(&output));
            assert!(!output.status.success() && !told.contains(SECRET), "{line}: {told}");
        }
    }
}

#[test]
fn the_address_of_a_service_that_is_not_there_is_told_without_its_password() {
    let (place, mut plans) = (Alias::place(), 0);
    for entry in fs::read_dir(repository().join("cli/tests/adapters")).unwrap() {
        let plan = entry.unwrap().path();
        for line in ["preflight", "run"] {
            let mut command = planted(place.command(line));
            command.arg(&plan).args(["--stable", "1", "--candidate", "2"]);
            command.env("AWS_REGION", "eu-central-1").env("AWS_ACCESS_KEY_ID", "AKIDFAKE");
            let output = command.output().unwrap();
            let told = format!("{}{}", stdout(&output), stderr(&output));
            assert!(!told.contains(SECRET), "{line} {}: {told}", plan.display());
            assert!(!output.status.success(), "{line} {}: {told}", plan.display());
        }
        plans += 1;
    }
    assert!(plans > 10, "there are plans for every adapter");
}
