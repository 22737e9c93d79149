//! What runs in a process of its own, to be killed or starved: this test program, started again.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tidegate_core::{AttemptId, Journal, JournalError, Seq, Take};
use tidegate_store::{Options, SqliteJournal};

use crate::support::{Claim, LEASE, opening};

const PATH: &str = "TIDEGATE_CHILD_JOURNAL";

/// Rollouts that a child appends to at once.
pub(super) const ROLLOUTS: u64 = 3;

/// This program, running one test of this file over the journal at `path`.
pub(super) fn command(test: &str, path: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let name = format!("sqlite::child::{test}");
    command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(PATH, path).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn path() -> PathBuf {
    env::var_os(PATH).expect("it is a part of other tests, which start it").into()
}

/// One line, whole.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

/// Claims the `n`-th rollout where its last owner left it, and appends until it is killed.
async fn append_for_ever(journal: SqliteJournal, n: u64) {
    let engine = journal.enlist(&format!("engine-{n}"), LEASE).await.unwrap().engine;
    let rollout = tidegate_core::RolloutId(n);
    if matches!(journal.head(rollout).await, Err(JournalError::Unknown(_))) {
        journal.open(opening(&format!("target-{n}"))).await.unwrap();
    }
    let claimed = journal.claim(rollout, engine, Take::Free).await.unwrap();
    let mut seq = claimed.last.as_ref().map_or(0, |last| last.seq.0);
    let mut version = claimed.version;
    let claim = Claim { head: claimed.head.clone(), claimed };
    loop {
        seq += 1;
        version = journal.append(claim.commit(version, seq)).await.unwrap();
        say(&format!("ack {rollout} {seq}"));
    }
}

#[tokio::test]
#[ignore = "a part of other tests, which start it"]
async fn appends_for_ever() {
    let journal = SqliteJournal::open(path(), Options::default()).await.unwrap();
    // Opened in turn, so that each has its number.
    for n in 1..=ROLLOUTS {
        if matches!(journal.head(tidegate_core::RolloutId(n)).await, Err(JournalError::Unknown(_)))
        {
            journal.open(opening(&format!("target-{n}"))).await.unwrap();
        }
    }
    let tasks: Vec<_> =
        (1..=ROLLOUTS).map(|n| tokio::spawn(append_for_ever(journal.clone(), n))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Appends until it can not, says what it was told, and asks what became of the last one.
#[tokio::test]
#[ignore = "a part of other tests, which start it"]
async fn appends_until_it_can_not() {
    let Ok(journal) = SqliteJournal::open(path(), Options::default()).await else {
        return say("not opened");
    };
    let Ok(engine) = journal.enlist("one", LEASE).await else { return say("not listed") };
    let Ok(head) = journal.open(opening("checkout")).await else { return say("no rollout") };
    let rollout = head.identity.rollout;
    let Ok(claimed) = journal.claim(rollout, engine.engine, Take::Free).await else {
        return say("not claimed");
    };
    let mut version = claimed.version;
    let claim = Claim { head, claimed };
    for seq in 1..=MOST {
        match journal.append(claim.commit(version, seq)).await {
            Ok(now) => {
                version = now;
                say(&format!("ack {rollout} {seq}"));
            }
            Err(error) => {
                let kind = match error {
                    JournalError::AnswerLost(_) => "lost",
                    JournalError::Unavailable(_) => "unavailable",
                    other => panic!("{other}"),
                };
                let became = match journal.committed(rollout, AttemptId(seq)).await {
                    Ok(None) => "absent",
                    Ok(Some(_)) => "present",
                    Err(_) => "unknown",
                };
                let readable = journal.read(rollout, Seq(1)).await.is_ok();
                return say(&format!("failed {rollout} {seq} {kind} {became} {readable}"));
            }
        }
    }
    say("did it all");
}

/// Appends of a child that nothing hinders.
pub(super) const MOST: u64 = 12;
