//! The demo: six outcomes with the deciding sentence and its numbers, in under five seconds.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{code, json::read, repository, stdout, tidegate};

#[test]
fn good_releases_complete_and_bad_ones_go_back_with_the_deciding_numbers() {
    let demo = read(&tidegate("demo --json"));
    let rollouts = demo["rollouts"].as_array().unwrap();
    assert_eq!(rollouts.len(), 6);
    for rollout in rollouts {
        let good = rollout["release"] == "good";
        let phase = if good { "completed" } else { "rolled_back" };
        assert_eq!(rollout["outcome"]["phase"], phase, "{rollout:#}");
        assert_eq!(rollout["as_expected"], true, "{rollout:#}");
        let measured = &rollout["deciding"]["measured"];
        let number = |name: &str| measured[name].as_f64();
        let decides = match (number("limit"), number("evidence")) {
            (Some(limit), None) => (number("candidate").unwrap() <= limit) == good,
            (None, Some(evidence)) => evidence >= number("needed").unwrap(),
            other => panic!("{other:?}: {rollout:#}"),
        };
        assert!(decides, "the deciding number is on the side it decides for: {rollout:#}");
    }
}

#[test]
fn the_demo_says_the_same_every_time_and_is_over_in_five_seconds() {
    let began = Instant::now();
    let (first, second) = (tidegate("demo"), tidegate("demo"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(code(&first), 0);
    assert_eq!(stdout(&first), stdout(&second));
}

#[test]
fn the_readme_shows_what_the_demo_says() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let (said, plain) = (stdout(&tidegate("demo")), |text: &str| -> Vec<String> {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    });
    let (said, shown) = (plain(&said).join(" "), plain(shown).join(" "));
    assert!(said.contains(&shown), "the README shows\n{shown}\nand the demo says\n{said}");
}

#[test]
fn a_demo_in_which_a_bad_release_is_promoted_says_so_and_ends_with_one() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("swapped");
    for part in ["plans", "worlds"] {
        fs::create_dir_all(folder.join(part)).unwrap();
        for entry in fs::read_dir(repository().join("examples").join(part)).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, folder.join(part).join(from.file_name().unwrap())).unwrap();
        }
    }
    for service in ["checkout", "catalog", "search"] {
        let world = |release| folder.join(format!("worlds/{service}-{release}.yaml"));
        fs::copy(world("good"), world("bad")).unwrap();
    }
    let demo = tidegate(&format!("demo --examples {}", folder.display()));
    assert_eq!(code(&demo), 1);
    assert!(stdout(&demo).contains("this is not what was expected of it"), "{}", stdout(&demo));
}
