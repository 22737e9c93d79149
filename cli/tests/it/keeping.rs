//! Keeping a journal: backup, restore, retention, and what `verify` notices. And every line of
//! `docs/operations.md`.

use std::{
    fs::{self, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    process::Command,
};

use crate::{
    code,
    json::read,
    repository, stderr, stdout,
    world::{Place, Running},
};

fn ok(place: &Place, line: &str) -> String {
    let output = place.tidegate(line);
    assert_eq!(code(&output), 0, "{line}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// A journal with one rollout that completed.
fn completed() -> Place {
    let place = Place::new();
    let mut run = place.start();
    run.until("its gate is next");
    ok(&place, "promote-full 1");
    assert_eq!(run.end().0, 0);
    place
}

#[test]
fn a_backup_made_while_it_runs_is_put_back_and_the_rollout_goes_on() {
    let place = Place::new();
    let mut run = place.start();
    run.until("its gate is next");
    ok(&place, "backup --to copy.db");
    ok(&place, "approve 1");
    run.until("its gate is next");
    run.kill();
    let refused = place.tidegate("restore --from copy.db");
    assert_eq!(code(&refused), 64);
    assert!(stderr(&refused).contains("is there already"), "{}", stderr(&refused));
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("j.db{suffix}");
        fs::rename(place.path(&name), place.path(&format!("lost-{name}"))).unwrap();
    }
    assert!(ok(&place, "restore --from copy.db").contains("not over: 1."));
    // The backup knows of 10 %, the target has 50 %: nothing is sent before a person has decided.
    let sent = || {
        fs::read_to_string(place.path("j.db-world-checkout")).unwrap().matches("\"send\"").count()
    };
    let before = sent();
    let (code, printed) = place.start().end();
    assert_eq!((code, printed.contains("halted")), (2, true), "{printed}");
    assert_eq!(sent(), before);
    assert_eq!(crate::code(&place.tidegate("retry 1 --wait 0")), 2);
    let (code, printed) = place.start().end();
    assert_eq!((code, printed.contains("rolled back")), (1, true), "{printed}");
    ok(&place, "verify");
}

#[test]
fn a_backup_overwrites_nothing() {
    let place = completed();
    fs::write(place.path("copy.db"), "mine").unwrap();
    assert_eq!(code(&place.tidegate("backup --to copy.db")), 64);
    assert_eq!(fs::read_to_string(place.path("copy.db")).unwrap(), "mine");
}

#[test]
fn what_is_no_backup_is_not_left_in_the_journals_place() {
    let place = Place::new();
    fs::write(place.path("copy.db"), "this is no database, and never was").unwrap();
    let output = place.tidegate("restore --from copy.db");
    assert_eq!(code(&output), 64, "{output:?}");
    assert!(stderr(&output).contains("not a database"), "{}", stderr(&output));
    assert!(!place.path("j.db").exists());
}

#[test]
fn pruning_forgets_what_ended_long_ago_and_nothing_else() {
    let place = completed();
    let young = "prune --looks-older 30d --rollouts-older 400d";
    assert!(ok(&place, young).contains("0 whole rollouts"));
    ok(&place, "get 1");
    let old = read(&place.tidegate("prune --rollouts-older 0s --json"));
    assert_eq!(old["rollouts"], 1, "{old}");
    assert_eq!(code(&place.tidegate("get 1")), 64);
    // The count of the target's rollouts stays.
    let line = "run plan.yaml --world world.yaml --stable v2 --candidate v3";
    let mut next = Running::of(&mut place.command(line));
    next.until("was opened");
    assert_eq!(read(&place.tidegate("list --json"))["rollouts"][0]["generation"], 2);
}

#[test]
fn a_changed_byte_is_found_and_named() {
    let place = completed();
    // One file, so that the byte is not covered by the write-ahead log.
    ok(&place, "backup --to copy.db");
    let mut file = OpenOptions::new().read(true).write(true).open(place.path("copy.db")).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let word = b"gate_opened";
    let at = bytes.windows(word.len()).position(|window| window == word);
    let at = at.unwrap_or_else(|| panic!("no record says it"));
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"G").unwrap();
    drop(file);
    let output = place.tidegate("verify --journal copy.db");
    assert_eq!(code(&output), 1, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("r1 of checkout"), "{}", stdout(&output));
}

/// A line of the guide, and how it has to end.
struct Line<'a> {
    text: &'a str,
    code: i32,
}

/// Lines of the `sh` blocks of a page. One that is to fail says so: `# exit 2: …`.
fn lines(page: &str) -> Vec<Line<'_>> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let of = |line| {
        let (text, note): (&str, &str) = str::split_once(line, "  # exit ").unwrap_or((line, "0"));
        let digits = note.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        Line { text: text.trim(), code: digits.parse().unwrap() }
    };
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).map(of).collect()
}

/// The guide is followed as a person would in one shell: a line that ends in `&` runs on, `kill -9 %1`
/// kills it and `wait %1` waits for it; `mv` is what it is elsewhere.
#[test]
fn every_line_of_the_guide_to_operations_does_what_it_says() {
    let place = Place::new();
    let examples = repository().join("examples").canonicalize().unwrap();
    std::os::unix::fs::symlink(examples, place.path("examples")).unwrap();
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let mut running: Option<Running> = None;
    let lines = lines(&page);
    assert!(lines.len() > 10, "the guide lost its commands");
    for Line { text, code: wanted } in lines {
        let found = match text.split_once(' ').unwrap_or((text, "")) {
            ("tidegate", line) if line.ends_with('&') => {
                let mut run = Running::of(&mut place.command(line.trim_end_matches('&')));
                run.until(" of checkout");
                run.until("  ");
                running = Some(run);
                0
            }
            ("tidegate", line) => {
                let output = place.tidegate(line);
                let found = code(&output);
                assert_eq!(found, wanted, "{text}: {}{}", stdout(&output), stderr(&output));
                found
            }
            ("kill", "-9 %1") => {
                running.take().unwrap().kill();
                0
            }
            ("wait", "%1") => running.take().unwrap().end().0,
            ("mv", line) => {
                let mut moved = Command::new("mv");
                moved.args(line.split(' ')).current_dir(place.folder());
                moved.status().unwrap().code().unwrap()
            }
            _ => panic!("the guide has a line this test does not know: {text}"),
        };
        assert_eq!(found, wanted, "{text}");
    }
}
