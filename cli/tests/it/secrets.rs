//! Secrets: planted wherever the program takes one, and looked for wherever it writes.

use std::{fs, process::Output};

use crate::{stderr, stdout, world::Place};

const SECRET: &str = "planted-9c41e7";

fn tells(output: &Output) -> bool {
    stdout(output).contains(SECRET) || stderr(output).contains(SECRET)
}

#[test]
fn the_password_of_a_store_is_in_no_message_and_no_help() {
    let place = Place::new();
    let urls = [
        format!("postgres://ada:{SECRET}@127.0.0.1:1/none"),
        format!("postgres://ada@127.0.0.1:1/none?password={SECRET}"),
        format!("postgres://ada:{SECRET}"),
        format!("postgresql://{SECRET}@{SECRET}@127.0.0.1:1/"),
    ];
    let run = "run plan.yaml --world world.yaml --candidate v2";
    let lines = ["list", "get 1", "pause 1", "verify", "backup --to copy.db", "restore", "--help"];
    for url in urls {
        for line in lines.into_iter().chain([run]) {
            let named = place.command(line).args(["--journal", &url]).output().unwrap();
            let set = place.command(line).env("TIDEGATE_JOURNAL", &url).output().unwrap();
            for output in [named, set] {
                assert!(!tells(&output), "{line}: {}{}", stdout(&output), stderr(&output));
            }
            let help = place.command(&format!("{line} --help"));
            let shown = { help }.env("TIDEGATE_JOURNAL", &url).output().unwrap();
            assert!(!tells(&shown), "{line} --help");
        }
    }
}

#[test]
fn nothing_of_the_environment_reaches_the_journal_the_world_or_the_output() {
    let place = Place::new();
    let line = "run plan.yaml --world world.yaml --stable v1 --candidate v2";
    let mut run = crate::world::Running::of(
        place
            .command(line)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("PGPASSWORD", SECRET)
            .env("HOOK_TOKEN", SECRET),
    );
    run.until("its gate is next");
    let order = place.command("promote-full 1").env("PGPASSWORD", SECRET).output().unwrap();
    assert!(!tells(&order));
    run.until("The candidate is seen to be the service");
    assert!(!run.lines.iter().any(|line| line.contains(SECRET)));
    assert!(!run.end().1.contains(SECRET));
    let mut searched = 0;
    for entry in fs::read_dir(place.folder()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        searched += bytes.len();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "a file has it");
    }
    assert!(searched > 10_000, "the journal was not among what was searched");
}
