//! Orders and questions from other processes: while one runs the rollout, and after it was killed.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    code,
    json::{keys, read},
    repository, stderr, stdout,
    world::{Place, Running},
};

const GATE: &str = "its gate is next";

/// Gives an order and asserts how it ends; what it printed.
fn order(place: &Place, line: &str, wanted: i32) -> String {
    let output = place.tidegate(line);
    assert_eq!(code(&output), wanted, "{line}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

fn get(place: &Place) -> Value {
    read(&place.tidegate("get 1 --json"))
}

#[test]
fn orders_of_another_process_carry_a_rollout_through_its_gates() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    assert!(order(&place, "pause 1 --reason lunch", 0).contains("pause by ada: lunch"));
    assert!(get(&place)["holds"].as_str().unwrap().contains("paused"));
    assert!(order(&place, "resume 1", 0).contains("resume by ada"));
    assert!(order(&place, "resume 1", 1).contains("resume changes nothing: that is so already"));
    let accepted = order(&place, "accept 1", 1);
    assert!(accepted.contains("accept changes nothing: it does not apply"), "{accepted}");
    assert!(accepted.contains("in this phase: it is gating"), "{accepted}");
    assert!(order(&place, "approve 1 --stage 2", 1).contains("changes nothing"));
    assert!(order(&place, "approve 1 --actor grace", 0).contains("approve gate 1 by grace"));
    run.until(GATE);
    assert!(order(&place, "promote 1", 0).contains("promote gate 2 by ada"));
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("completed after")), (0, true), "{printed}");
    assert!(order(&place, "abort 1", 1).contains("changes nothing"));
}

#[test]
fn a_rollout_that_is_sent_back_ends_its_run_with_1() {
    for back in ["deny 1", "abort 1"] {
        let place = Place::new();
        let mut run = place.start();
        run.until(GATE);
        order(&place, back, 0);
        let (code, printed) = run.end();
        assert_eq!((code, printed.contains("rolled back")), (1, true), "{back}: {printed}");
    }
}

#[test]
fn promoted_in_full_it_asks_nobody_any_more() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    order(&place, "promote-full 1", 0);
    assert_eq!(run.end().0, 0);
}

#[test]
fn after_a_kill_orders_are_kept_and_the_same_command_goes_on() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    let before = get(&place);
    run.kill();
    // Nothing that can be asked hangs on the process that was killed.
    assert!(get(&place)["record"].as_u64() >= before["record"].as_u64());
    assert_eq!(code(&place.tidegate("history 1")), 0);
    assert_eq!(code(&place.tidegate("verify")), 0);
    assert!(order(&place, "pause 1 --wait 0", 2).contains("is not read yet"));
    assert!(order(&place, "approve 1 --wait 0", 2).contains("is not read yet"));
    assert_eq!(get(&place)["unread"], 2);
    let mut again = place.start();
    again.until("goes on with r1");
    again.until("A person paused");
    order(&place, "resume 1", 0);
    again.until(GATE);
    order(&place, "promote 1", 0);
    assert_eq!(again.end().0, 0);
    assert!(order(&place, "verify", 0).contains("holds"));
    // One rollout, opened once.
    assert_eq!(read(&place.tidegate("list --json"))["rollouts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_kill_in_the_middle_of_moves_does_nothing_twice() {
    let place = Place::new();
    let mut run = place.start();
    // The move is durable and under way, and its answer may be.
    run.until("The world allows the next change");
    run.kill();
    let mut again = place.start();
    again.until(GATE);
    order(&place, "promote-full 1", 0);
    assert_eq!(again.end().0, 0);
    order(&place, "verify", 0);
    let world = fs::read_to_string(place.path("j.db-world-checkout")).unwrap();
    let sent = |what: &str| world.lines().filter(|line| line.contains(what)).count();
    assert!((1..=2).contains(&sent("\"provision\"")), "{world}");
    assert_eq!(sent("\"retire\""), 1, "{world}");
}

#[test]
#[cfg(unix)]
fn told_to_end_it_leaves_the_rollout_in_the_journal_for_the_next_run() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    run.terminate();
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("not over")), (2, true), "{printed}");
    let mut again = place.start();
    again.until("goes on with r1");
    order(&place, "promote-full 1", 0);
    assert_eq!(again.end().0, 0);
}

/// The second shift, which is the way back of an aborted rollout, is refused for good.
const NO_WAY_BACK: &str = "
faults:
  - { call: shift, nth: 2, do: { refused: { permanent: true } } }
";

#[test]
fn a_halted_rollout_ends_its_run_with_2_and_goes_on_as_it_is_told() {
    for (word, ends, says) in
        [("retry", 1, "rolled back"), ("accept", 0, "completed"), ("give-up", 2, "gave up")]
    {
        let place = Place::with(NO_WAY_BACK);
        let mut run = place.start();
        run.until(GATE);
        order(&place, "abort 1", 0);
        let (code, printed) = run.end();
        assert_eq!((code, printed.contains("halted")), (2, true), "{printed}");
        let answers = get(&place)["answers"].to_string();
        assert!(answers.contains(word), "{answers}");
        order(&place, &format!("{word} 1 --wait 0"), 2);
        let (code, printed) = place.start().end();
        assert_eq!((code, printed.contains(says)), (ends, true), "{word}: {printed}");
    }
}

#[test]
fn what_is_not_there_is_told_with_64_and_its_name() {
    let place = Place::new();
    for line in ["list", "get 1", "history 1", "pause 1", "verify", "prune --looks-older 1d"] {
        let line = format!("{line} --journal nowhere.db");
        let output = place.tidegate(&line);
        assert_eq!(code(&output), 64, "{line}");
        assert!(stderr(&output).contains("nowhere.db"), "{line}: {}", stderr(&output));
        assert!(!place.path("nowhere.db").exists(), "{line} made one");
    }
    let mut run = place.start();
    run.until("was opened");
    for line in ["get 7", "history 7", "approve 7", "verify --journal j.db --rollout 7"] {
        let output = place.tidegate(line);
        assert_eq!((code(&output), stderr(&output).contains("r7")), (64, true), "{line}");
    }
}

#[test]
#[cfg(unix)]
fn two_targets_share_a_journal_and_neither_s_run_touches_the_other_s_rollout() {
    let place = Place::new();
    let plan = fs::read_to_string(place.path("plan.yaml")).unwrap();
    fs::write(place.path("search.yaml"), plan.replace("checkout", "search")).unwrap();
    let mut checkout = place.start();
    checkout.until(GATE);
    let line = "run search.yaml --world world.yaml --stable v1 --candidate v2";
    let mut search = Running::of(&mut place.command(line));
    search.until("rollout r2 of search was opened");
    search.until(GATE);
    // It gives its rollout back, which is due at once with an order in its inbox, and of no concern to
    // the run that is left.
    checkout.terminate();
    assert_eq!(checkout.end().0, 2);
    order(&place, "pause 1 --wait 0", 2);
    order(&place, "promote-full 2", 0);
    assert_eq!(search.end().0, 0);
    assert_eq!(read(&place.tidegate("list --json --target checkout"))["rollouts"][0]["unread"], 1);
    let mut again = place.start();
    again.until("goes on with r1");
    again.kill();
    let mut again = place.start();
    again.until("goes on with r1");
    order(&place, "resume 1", 0);
    order(&place, "promote-full 1", 0);
    assert_eq!(again.end().0, 0);
    assert!(order(&place, "verify", 0).contains("holds"));
    for target in ["checkout", "search"] {
        let world = fs::read_to_string(place.path(&format!("j.db-world-{target}"))).unwrap();
        let sent = |what: &str| world.lines().filter(|line| line.contains(what)).count();
        assert_eq!((sent("\"provision\""), sent("\"retire\"")), (1, 1), "{target}: {world}");
    }
}

#[test]
fn a_rollout_that_is_over_is_tried_again_by_a_run_that_names_it() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    let refused = place.start_with("--name other --retry-of 1").end();
    assert_eq!(refused.0, 64, "it is not over");
    order(&place, "abort 1", 0);
    assert_eq!(run.end().0, 1);
    assert!(
        order(&place, "retry 1", 1)
            .contains("the rollout is over; tidegate run with --retry-of r1")
    );
    let mut again = place.start_with("--retry-of 1");
    again.until("rollout r2 of checkout was opened");
    again.until(GATE);
    again.kill();
    let mut again = place.start_with("--retry-of r1");
    again.until("goes on with r2");
    order(&place, "promote-full 2", 0);
    assert_eq!(again.end().0, 0);
    assert_eq!(read(&place.tidegate("get 2 --json"))["retry_of"], 1);
}

#[test]
fn what_is_to_be_tried_again_has_to_be_of_the_same_plan_and_revisions() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    order(&place, "abort 1", 0);
    assert_eq!(run.end().0, 1);
    for (more, says) in [
        ("--candidate v2 --retry-of 7", "no rollout r7"),
        ("--candidate v3 --retry-of 1", "r1 had another plan or other revisions"),
    ] {
        let line = format!("run plan.yaml --world world.yaml --stable v1 {more}");
        let output = place.tidegate(&line);
        let said = stderr(&output);
        assert_eq!((code(&output), said.contains(says)), (64, true), "{more}: {said}");
    }
}

#[test]
fn a_later_run_of_one_name_goes_on_and_the_earlier_one_stops() {
    let place = Place::new();
    let mut first = place.start();
    first.until(GATE);
    let mut second = place.start();
    second.until("goes on with r1");
    order(&place, "promote-full 1", 0);
    assert_eq!(second.end().0, 0);
    // The earlier one is told by its next heartbeat, or sees the end in the journal.
    let (code, _) = first.end();
    assert!(code == 2 || code == 0, "{code}");
}

#[test]
fn a_newer_run_that_is_refused_leaves_the_one_that_runs_as_it_is() {
    let place = Place::new();
    let plan = fs::read_to_string(place.path("plan.yaml")).unwrap();
    let refusing = plan.replace("policy: { ", "policy: { supersede: refuse, ");
    fs::write(place.path("plan.yaml"), refusing).unwrap();
    let mut first = place.start();
    first.until(GATE);
    // Under its very name.
    let newer =
        "run plan.yaml --world world.yaml --stable v1 --candidate v3 --name run-checkout-v2";
    let newer = place.tidegate(newer);
    let said = stderr(&newer);
    assert_eq!((code(&newer), said.contains("r1, whose plan refuses")), (64, true), "{said}");
    order(&place, "promote-full 1", 0);
    assert_eq!(first.end().0, 0);
}

#[test]
fn every_document_of_an_operation_has_its_version_and_no_key_that_is_not_documented() {
    let docs = fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    let place = Place::new();
    let mut run = place.start_with("--json");
    run.until(GATE);
    let orders = ["pause 1", "resume 1", "accept 1", "deny 1 --wait 0", "backup --to copy.db"];
    let looks = ["list", "get 1", "history 1", "verify --journal j.db", "prune --looks-older 1d"];
    let mut documents: Vec<(&str, Value)> = Vec::new();
    for line in looks.into_iter().chain(orders) {
        documents.push((line, read(&place.tidegate(&format!("{line} --json")))));
    }
    let (_, printed) = run.end();
    documents.push(("run", serde_json::from_str(&printed).unwrap()));
    documents.push(("restore", read(&place.tidegate("restore --json"))));
    for (line, document) in documents {
        assert_eq!(document["version"], 1, "{line}");
        assert_eq!(document["command"], line.split(' ').next().unwrap(), "{line}");
        let mut found = BTreeSet::new();
        keys(&document, &mut found);
        for key in found {
            assert!(docs.contains(&format!("`{key}`")), "docs/cli.md lacks `{key}` of {line}");
        }
    }
}

#[test]
fn a_run_whose_journal_is_moved_away_says_so_and_goes_on_when_it_is_back() {
    let place = Place::new();
    let mut run = place.start();
    run.until(GATE);
    fs::rename(place.path("j.db"), place.path("away.db")).unwrap();
    run.until("the journal can not be reached or written since");
    fs::rename(place.path("away.db"), place.path("j.db")).unwrap();
    run.until("the journal is back");
    order(&place, "promote-full 1", 0);
    assert_eq!(run.end().0, 0);
}

#[test]
fn one_revision_for_both_arms_is_bad_input_and_nothing_is_opened() {
    let place = Place::new();
    let run = place.tidegate("run plan.yaml --world world.yaml --stable v1 --candidate v1");
    assert_eq!(code(&run), 64, "{}", stderr(&run));
    let told = stderr(&run);
    assert!(
        told.contains("revision v1 is named both as what serves and as what comes in"),
        "{told}"
    );
    assert!(read(&place.tidegate("list --json"))["rollouts"].as_array().unwrap().is_empty());
}

#[test]
fn a_forgotten_stable_revision_is_bad_input_and_nothing_is_opened() {
    let place = Place::new();
    let run = place.tidegate("run plan.yaml --world world.yaml --candidate v2");
    assert_eq!(code(&run), 64, "{}", stderr(&run));
    assert!(stderr(&run).contains("10 units serve, and no revision is named"), "{}", stderr(&run));
    assert!(read(&place.tidegate("list --json"))["rollouts"].as_array().unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_journal_is_bad_input_and_is_told_of_once() {
    let place = Place::new();
    fs::write(
        place.path("j.db"),
        "junk, and more of it than the header of a database is long: ".repeat(20),
    )
    .unwrap();
    let list = place.tidegate("list");
    let told = stderr(&list);
    assert_eq!((code(&list), told.matches("file is not a database").count()), (64, 1), "{told}");
}

#[test]
fn an_age_without_a_unit_that_is_known_is_told_which_there_are() {
    let place = Place::new();
    let prune = place.tidegate("prune --looks-older 2weeks");
    assert_eq!(code(&prune), 64);
    assert!(
        stderr(&prune).contains("its units are h, m, s and ms; a day is 24h"),
        "{}",
        stderr(&prune)
    );
}
