//! A process that is killed at any time loses nothing that was acknowledged.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
};

use tidegate_core::{Journal, RolloutId, Seq};

use super::{Place, child};

/// A few here; many with `TIDEGATE_DEEP`.
fn kills() -> u32 {
    if std::env::var_os("TIDEGATE_DEEP").is_some() { 10_000 } else { 12 }
}

/// Kills that one journal outlives: all of it is read after each.
const ONE_JOURNAL: u32 = 100;

/// Starts a child and kills it in the middle of an append that follows its `n`-th acknowledgement:
/// the last record of each rollout that it had acknowledged.
fn run_and_kill(place: &Place, n: usize) -> BTreeMap<u64, u64> {
    let mut process = child::command("appends_for_ever", &place.path()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ack", rollout, seq] = words[..] {
            let rollout = rollout.trim_start_matches(|c: char| !c.is_ascii_digit());
            acknowledged.insert(rollout.parse().unwrap(), seq.parse().unwrap());
            true
        } else {
            false
        }
    };
    let mut seen = 0;
    while seen < n {
        let line = lines.next().expect("a child ended by itself").unwrap();
        seen += usize::from(note(&line));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // What it had said before it was killed counts as well; the last line may be half a one.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    rest[..whole].iter().for_each(|line| {
        note(line);
    });
    acknowledged
}

/// Kills children of one journal, one after the other: how many rollouts had a step that was committed and
/// not told of.
async fn kill_some(kills: impl Iterator<Item = u32>) -> u32 {
    let place = Place::new();
    let mut in_flight = 0;
    let mut said = BTreeMap::new();
    for kill in kills {
        let lines = 1 + (kill as usize * 7) % 23;
        for (rollout, seq) in run_and_kill(&place, lines) {
            let before = said.insert(rollout, seq);
            assert!(before.is_none_or(|before| before < seq), "{before:?}, then {seq}");
        }
        let journal = place.open().await;
        for n in 1..=child::ROLLOUTS {
            // Reading checks that each follows the other, and the hash chain up to its end.
            let records = journal.read(RolloutId(n), Seq(1)).await.unwrap().len() as u64;
            let acknowledged = said.get(&n).copied().unwrap_or(0);
            assert!(records >= acknowledged, "{records} of {acknowledged} are left of {n}");
            in_flight += u32::from(records > acknowledged);
            // What was committed and never acknowledged is the next child's to go on from.
            said.insert(n, records);
        }
        journal.close().await;
    }
    in_flight
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill_and_no_record_is_missing() {
    let mut in_flight = 0;
    for first in (0..kills()).step_by(ONE_JOURNAL as usize) {
        in_flight += kill_some(first..kills().min(first + ONE_JOURNAL)).await;
    }
    println!("{} kills, {in_flight} rollouts with a step committed and not told", kills());
    assert!(in_flight > 0, "no kill came between a commit and its answer");
}
