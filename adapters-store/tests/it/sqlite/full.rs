//! A disk that takes no more: nothing is half written, and nobody is told what is not so.
//!
//! A limit on the size of files makes the n-th write fail, as a full disk would. What a failing sync
//! does can not be tried this way.

use std::{path::Path, process::Command};

use tidegate_core::{Journal, RolloutId, Seq};

use super::{Place, child};

/// What a child said whose files may not grow past so many blocks of 512 bytes.
fn run_limited(path: &Path, blocks: u32) -> Vec<String> {
    let child = child::command("appends_until_it_can_not", path);
    let mut shell = Command::new("sh");
    // A write past the limit is then an error, not a signal.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    shell.arg(child.get_program()).args(child.get_args());
    shell.envs(child.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = shell.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn number(word: &str) -> u64 {
    word.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// Runs a child up to a limit, and checks what it was told against what is there without one.
async fn check(blocks: u32) -> String {
    let place = Place::new();
    let lines = run_limited(&place.path(), blocks);
    let mut acknowledged = 0;
    let mut end = None;
    for line in &lines {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["ack", _, seq] => acknowledged = number(seq),
            ["failed", _, seq, kind, became, readable] => {
                assert_eq!(readable, "true", "{blocks}: what is there can not be read");
                end = Some((number(seq), kind.to_owned(), became.to_owned()));
            }
            _ => {}
        }
    }
    let journal = place.open().await;
    let Some((failed, kind, became)) = end else {
        let whole = lines.iter().any(|line| line == "did it all");
        assert_eq!(whole, acknowledged == child::MOST, "{blocks}: {lines:?}");
        return if whole { "all".to_owned() } else { "none".to_owned() };
    };
    assert_eq!(failed, acknowledged + 1, "{blocks}");
    let records = journal.read(RolloutId(1), Seq(1)).await.unwrap().len() as u64;
    assert!(records >= acknowledged, "{blocks}: {records} of {acknowledged} are left");
    assert!(records <= failed, "{blocks}: {records} are there");
    if kind == "unavailable" || became == "absent" {
        assert_eq!(records, acknowledged, "{blocks}: told {kind}, {became}, and it is there");
    }
    if became == "present" {
        assert_eq!(records, failed, "{blocks}: told that it is there, and it is not");
    }
    format!("{kind} {became}")
}

#[tokio::test]
#[cfg_attr(not(unix), ignore = "needs a shell that limits the size of files")]
async fn a_write_that_fails_anywhere_loses_nothing_acknowledged_and_tells_no_lie() {
    let deep = std::env::var_os("TIDEGATE_DEEP").is_some();
    // From a file too small for the schema to one large enough for all, by half pages when deep.
    let step = if deep { 4 } else { 61 };
    let mut ends = std::collections::BTreeMap::new();
    let mut blocks = 40;
    loop {
        let end = check(blocks).await;
        *ends.entry(end.clone()).or_insert(0) += 1;
        if end == "all" {
            break;
        }
        blocks += step;
        assert!(blocks < 20_000, "a child never had room enough: {ends:?}");
    }
    println!("{ends:?}");
    assert!(ends.keys().any(|end| end != "all" && end != "none"), "no append failed: {ends:?}");
}
