//! What a rollout writes: how many commits, and how large its records are.

use std::time::Duration;

use tidegate::{
    End,
    machine::{Event, GateSpec, Phase, record::Record},
};
use tokio::time::sleep;

use crate::fixtures::{S, end_of, records, scenes};

/// What the opening of a rollout writes before its first commit: the opening, the command to start,
/// the claim.
const OPENING: u64 = 3;

/// Intents and answers in one commit.
fn moves_in(commit: &[Record]) -> (usize, usize) {
    let answers = |record: &&Record| matches!(record.event, Some(Event::Answered(_)));
    let intends = |record: &&Record| record.intent.is_some();
    (commit.iter().filter(intends).count(), commit.iter().filter(answers).count())
}

#[tokio::test(start_paused = true)]
async fn a_move_costs_two_commits_a_chain_one_more_than_its_moves_and_nothing_new_none() {
    let bake = GateSpec { bake: S(600), ..GateSpec::default() };
    let mut longest = 0;
    for mut scene in scenes(&bake) {
        scene.spec.guards.clear();
        let (rig, _engine, handle) = scene.set().await;
        sleep(Duration::from_secs(30)).await;
        let before = rig.journal.writes();
        sleep(Duration::from_secs(300)).await;
        assert_eq!(rig.journal.writes(), before, "{}: readings that say nothing new", scene.name);
        assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", scene.name);
        let records = records(&handle).await;
        let commits: Vec<_> = records.chunk_by(|a, b| a.attempt == b.attempt).collect();
        let written = OPENING + commits.len() as u64;
        assert_eq!(rig.journal.writes(), written, "{}: commits without a record", scene.name);
        let moves: Vec<_> = commits.into_iter().map(moves_in).collect();
        for chain in moves.split(|of| *of == (0, 0)).filter(|chain| !chain.is_empty()) {
            // Chains that follow at once: each ends with an answer alone.
            for chain in chain.split_inclusive(|of| *of == (0, 1)) {
                let (n, what) = (chain.len() - 1, scene.name);
                let first_and_last = (chain.first(), chain.last());
                assert_eq!(first_and_last, (Some(&(1, 0)), Some(&(0, 1))), "{what}: {moves:?}");
                assert!(chain[1..n].iter().all(|of| *of == (1, 1)), "{what}: {moves:?}");
                longest = longest.max(n);
            }
        }
    }
    assert_eq!(longest, 3, "moves of the longest chain");
}

/// The largest median of a record, in bytes, over a whole rollout of any strategy.
const MEDIAN: usize = 1_024;

#[tokio::test(start_paused = true)]
async fn the_median_record_of_a_whole_rollout_is_at_most_a_kibibyte() {
    let bake = GateSpec { bake: S(600), ..GateSpec::default() };
    for scene in scenes(&bake) {
        let (_rig, _engine, handle) = scene.set().await;
        assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", scene.name);
        let size = |record: &Record| serde_json::to_vec(record).unwrap().len();
        let mut sizes: Vec<usize> = records(&handle).await.iter().map(size).collect();
        sizes.sort_unstable();
        let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        println!("{}: {} records, median {median}, largest {largest}", scene.name, sizes.len());
        assert!(median <= MEDIAN, "{}: {median} bytes", scene.name);
    }
}
