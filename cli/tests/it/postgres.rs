//! The same over a PostgreSQL database, where `TIDEGATE_POSTGRES` names one: `.ci/run` starts it.

use std::{env, fs};

use crate::{
    code,
    json::read,
    stderr, stdout,
    world::{Place, Running},
};

/// The part of a URL that nobody may see.
fn password(url: &str) -> String {
    let (before, _) = url.rsplit_once('@').unwrap();
    let (_, password) = before.rsplit_once(':').unwrap();
    assert!(password.len() > 8, "too short to be looked for");
    password.to_owned()
}

#[test]
fn a_rollout_in_a_database_is_commanded_killed_and_finished_and_the_password_is_nowhere() {
    let Ok(url) = env::var("TIDEGATE_POSTGRES") else {
        println!("left out: TIDEGATE_POSTGRES names no server");
        return;
    };
    let (place, secret) = (Place::new(), password(&url));
    let mut told = String::new();
    let mut order = |line: &str, wanted: i32| {
        let output = place.command(line).env("TIDEGATE_JOURNAL", &url).output().unwrap();
        assert_eq!(code(&output), wanted, "{line}: {}{}", stdout(&output), stderr(&output));
        told.push_str(&stdout(&output));
        told.push_str(&stderr(&output));
        output
    };
    let start = || {
        let line = "run plan.yaml --world world.yaml --world-state w --stable v1 --candidate v2";
        Running::of(place.command(line).env("TIDEGATE_JOURNAL", &url))
    };
    let mut run = start();
    run.until("its gate is next");
    let listed = read(&order("list --active --json", 0));
    let rollout = listed["rollouts"][0]["rollout"].as_u64().unwrap();
    order(&format!("pause {rollout} --reason lunch"), 0);
    run.kill();
    order(&format!("resume {rollout} --wait 0"), 2);
    let mut again = start();
    again.until("A person resumed");
    order(&format!("promote-full {rollout}"), 0);
    again.until("The candidate is seen to be the service");
    order(&format!("history {rollout}"), 0);
    order(&format!("verify --rollout {rollout}"), 0);
    // What only a file has is refused, with a word on what to do.
    order("backup --to copy.db", 64);
    order("restore --from copy.db", 64);
    order("prune --looks-older 30d", 0);
    told.extend(again.lines.iter().map(String::as_str));
    let (code, printed) = again.end();
    assert_eq!(code, 0, "{printed}");
    told.push_str(&printed);
    assert!(!told.contains(&secret), "{told}");
    assert!(!fs::read_to_string(place.path("w")).unwrap().contains(&secret));
}
