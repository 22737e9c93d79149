//! What is shown: by a few seeds in plain `cargo test`, by as many as it takes with `TIDEGATE_DEEP`.

use std::{
    env, panic,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use super::{
    cluster::{Cluster, Setup},
    machine::Bend,
    strays::Ends,
    trouble::{Counts, Kind},
    verdict::{Traffic, Verdict},
};
use crate::{on_paused_time, shard::Shard, teeth};

/// Faults that a deep run injects in all its shards together, unless told otherwise.
const DEEP_FAULTS: u64 = 10_000_000;

fn run(setup: Setup) -> Verdict {
    on_paused_time(async { Verdict::of(&Cluster::run(setup).await).await })
}

/// One seed, twice.
fn check(seed: u64) -> Verdict {
    let verdict = run(Setup::of(seed));
    let again = format!(
        "again with: TIDEGATE_SEED={seed} cargo test --release --package tidegate --test faults \
         -- --nocapture one_seed"
    );
    assert!(verdict.broken.is_empty(), "seed {seed}:\n{}\n{again}", verdict.broken.join("\n"));
    let other = run(Setup::of(seed));
    assert!(verdict.journals == other.journals, "seed {seed} gives two journals; {again}");
    verdict
}

#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    rollouts: u64,
    apart: u64,
    asking: u64,
    newer: u64,
    counts: Counts,
    traffic: Traffic,
}

impl Sum {
    fn add(&mut self, verdict: &Verdict) {
        self.runs += 1;
        self.rollouts += verdict.rollouts;
        self.apart += verdict.apart;
        self.asking += verdict.asking;
        self.newer += verdict.newer;
        self.counts.add(&verdict.counts);
        self.traffic.add(verdict.traffic);
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.rollouts += other.rollouts;
        self.apart += other.apart;
        self.asking += other.asking;
        self.newer += other.newer;
        self.counts.add(&other.counts);
        self.traffic.add(other.traffic);
    }
}

/// Seeds in their order, until so many faults were injected.
fn until(faults: u64, shard: Shard, threads: usize) -> Sum {
    let (next, injected) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let mut sum = Sum::default();
        while injected.load(Ordering::Relaxed) < faults {
            let verdict = check(shard.nth(next.fetch_add(1, Ordering::Relaxed)));
            injected.fetch_add(verdict.counts.total(), Ordering::Relaxed);
            sum.add(&verdict);
        }
        sum
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Sum::default();
        for worker in workers {
            all.merge(&worker.join().unwrap_or_else(|broken| std::panic::resume_unwind(broken)));
        }
        all
    })
}

#[test]
fn no_fault_breaks_a_promise_and_a_seed_gives_one_journal() {
    let began = Instant::now();
    let deep = env::var_os("TIDEGATE_DEEP").is_some();
    let shard = if deep { Shard::from_env() } else { Shard::WHOLE };
    let faults = match env::var("TIDEGATE_FAULTS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("TIDEGATE_FAULTS={text} is no number")),
        Err(_) if deep => shard.part(DEEP_FAULTS),
        Err(_) => 6_000,
    };
    let threads = thread::available_parallelism().map_or(1, |n| if deep { n.get() } else { 1 });
    let sum = until(faults, shard, threads);
    println!("{}", sum.counts);
    println!(
        "in {} runs, each twice, in {:.0?}: {} rollouts, of which {} arrived while another ran and {} \
         wait for a person; {:?}",
        sum.runs,
        began.elapsed(),
        sum.rollouts,
        sum.newer,
        sum.asking,
        sum.traffic
    );
    let strays = sum.traffic.strays;
    println!("where engines serve different targets: {} rollouts", sum.apart);
    println!("overtaken by a rollback, and landed behind it, {}", strays.possible);
    println!("an assumption of class 2 or 3 was broken {}", strays.impossible);
    println!("landed behind a newer one while no rollout was under way: {}", strays.unwatched);
    if deep {
        assert!(sum.apart > 0, "engines served the same targets in every run");
        let Ends { landed, corrected, .. } = strays.impossible;
        assert!(landed > 0 && corrected > 0, "no assumption was broken: {strays:?}");
    }
    // One seed in three breaks the bound, and a few seeds may have none of them.
    let expected = |kind: &Kind| deep || *kind != Kind::CallBeyondBound;
    let never = |kind: &Kind| sum.counts.of(*kind) == 0;
    let never: Vec<_> = Kind::ALL.into_iter().filter(expected).filter(never).collect();
    assert!(never.is_empty(), "never injected: {never:?}");
    assert!(sum.newer > 0, "no rollout arrived while another ran");
}

/// Seeds that are tried with each defect.
const SEEDS: u64 = 100;

/// The first seed that a defect is caught with, and as what. A run that panics shows nothing.
fn caught(bend: Bend) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| {
        let setup = Setup { bend: Some(bend), ..Setup::of(seed) };
        let verdict = panic::catch_unwind(|| run(setup)).ok()?;
        verdict.broken.into_iter().next().map(|what| (seed, what))
    })
}

#[test]
fn defects_are_caught_by_the_simulation_as_the_page_says() {
    if env::var_os("TIDEGATE_DEEP").is_none() && env::var_os("TIDEGATE_TEETH").is_none() {
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut lives = Vec::new();
        while let Some(bend) = Bend::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            match caught(*bend) {
                Some((seed, what)) => println!("{bend:?}: caught with seed {seed}: {what}"),
                None => {
                    println!("{bend:?}: not caught");
                    lives.push(*bend);
                }
            }
        }
        lives
    };
    let mut lives: Vec<Bend> = thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<Bend>>| worker.join().unwrap();
        workers.into_iter().flat_map(join).collect()
    });
    lives.sort_by_key(|bend| Bend::ALL.iter().position(|other| other == bend));
    let expected: Vec<Bend> = teeth::UNCAUGHT.iter().map(|(bend, _)| *bend).collect();
    assert_eq!(lives, expected, "docs/teeth.md says otherwise");
}

/// One seed, with all that happened in it: for somebody who looks for a fault.
#[test]
fn one_seed() {
    let Ok(text) = env::var("TIDEGATE_SEED") else { return };
    let seed = text.parse().unwrap_or_else(|_| panic!("TIDEGATE_SEED={text} is no number"));
    let setup = Setup::of(seed);
    on_paused_time(async {
        let cluster = Cluster::run(setup).await;
        println!("{setup:?}");
        for left in cluster.left().await {
            println!("rollout {} of {}: {:?}", left.row.rollout, left.row.target, left.row);
            for record in &left.records {
                let sentence = record.decision.sentence(&left.head.plan);
                println!("{:>4} {} {:?} {sentence}", record.seq.0, record.at, record.epoch);
            }
        }
        for (target, world) in &*cluster.worlds {
            for sent in world.with_fleet(|fleet| fleet.log().to_vec()) {
                println!("{target} {} {} {:?} {:?}", sent.sent, sent.id, sent.request, sent.fate);
            }
        }
        let verdict = Verdict::of(&cluster).await;
        println!("{}\n{:?}", verdict.counts, verdict.traffic);
        assert!(verdict.broken.is_empty(), "seed {seed}:\n{}", verdict.broken.join("\n"));
    });
    check(seed);
}
