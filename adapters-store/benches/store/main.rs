//! Durable steps a second, beside bare SQLite that commits the same bytes: same settings, the same
//! two statements a step, and for many rollouts the same queue before one thread that commits what
//! waits. The bare one checks nothing, hashes nothing and encodes nothing.
//!
//!     cargo bench -p tidegate-store --bench store [-- ROLLOUTS…]
//!
//! Both take turns within one run, and what is told is the ratio of each turn: the machine's own
//! speed, and whatever else it does, cancels out.

mod bare;

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate_core::{
    Append, AttemptId, Claimed, Journal, Opening, Plan, PlanSpec, Revisions, Seq, Span, Take,
    record::{FORMAT, Record},
};
use tidegate_mock::{Fleet, WorldSpec};
use tidegate_store::{Options, SqliteJournal};
use tokio::{runtime::Runtime, task::JoinSet};

const ROLLOUTS: [u64; 3] = [1, 64, 256];
const TURNS: usize = 7;
const TURN: Duration = Duration::from_millis(1_500);

fn opening(target: String) -> Opening {
    let world = WorldSpec::good();
    let spec = serde_json::json!({
        "target": target,
        "owner": "ana",
        "strategy": { "canary": { "steps": [{ "weight": "10%" }, { "weight": "50%" }] } },
    });
    let spec: PlanSpec = serde_json::from_value(spec).expect("it is a plan");
    Opening {
        plan: Plan::compile(spec, &world.capabilities()).expect("the world can do it"),
        revisions: Revisions { stable: Some("v1".into()), candidate: "v2".into() },
        found: world.found(Fleet::BEGIN),
        at: Fleet::BEGIN,
        after: None,
        retry_of: None,
    }
}

/// A rollout that is claimed, and the record that every step of it appends.
struct Claimant {
    claimed: Claimed,
    record: Record,
    steps: u64,
}

impl Claimant {
    async fn take(journal: &SqliteJournal, n: u64) -> Self {
        let head = journal.open(opening(format!("target-{n}"))).await.expect("it is open");
        let name = format!("engine-{n}");
        let engine = journal.enlist(&name, Span::hours(1)).await.expect("it is listed").engine;
        let rollout = head.identity.rollout;
        let claimed = journal.claim(rollout, engine, Take::Free).await.expect("it is free");
        let step = head.open();
        let record = Record {
            format: FORMAT,
            seq: Seq(0),
            epoch: claimed.epoch,
            attempt: AttemptId(0),
            at: head.at,
            event: None,
            decision: step.decision,
            intent: None,
            after: step.next,
        };
        Self { claimed, record, steps: 0 }
    }

    /// Steps until a time, one after the other; how many.
    async fn step_until(&mut self, journal: &SqliteJournal, end: Instant) -> u64 {
        let before = self.steps;
        while Instant::now() < end {
            self.steps += 1;
            let (seq, attempt) = (Seq(self.steps), AttemptId(self.steps << 40 | 0xdead_beef));
            let commit = Append {
                rollout: self.claimed.head.identity.rollout,
                epoch: self.claimed.epoch,
                version: self.claimed.version,
                attempt,
                records: vec![Record { seq, attempt, ..self.record.clone() }],
                consumed: Vec::new(),
                due: Some(Fleet::BEGIN.moved(self.steps as i64)),
                park: false,
                over: false,
            };
            self.claimed.version = journal.append(commit).await.expect("it is committed");
        }
        self.steps - before
    }
}

/// Steps a second of the journal, all claimants at once.
async fn turn(journal: &SqliteJournal, claimants: &mut Vec<Claimant>) -> f64 {
    let begin = Instant::now();
    let end = begin + TURN;
    let mut tasks = JoinSet::new();
    for mut claimant in claimants.drain(..) {
        let journal = journal.clone();
        tasks.spawn(async move { (claimant.step_until(&journal, end).await, claimant) });
    }
    let mut steps = 0;
    while let Some(done) = tasks.join_next().await {
        let (some, claimant) = done.expect("no claimant fails");
        steps += some;
        claimants.push(claimant);
    }
    steps as f64 / begin.elapsed().as_secs_f64()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// One line of the table.
fn measure(runtime: &Runtime, rollouts: u64) {
    let folder = TempDir::new_in(".").expect("there is room");
    let path = folder.path().join("journal.db");
    let journal = runtime.block_on(SqliteJournal::open(path, Options::default()));
    let journal = journal.expect("it is open");
    let mut claimants: Vec<Claimant> = Vec::new();
    for n in 0..rollouts {
        claimants.push(runtime.block_on(Claimant::take(&journal, n)));
    }
    let body = serde_json::to_vec(&claimants[0].record).expect("it is JSON");
    let mut bare = bare::Bare::new(&folder.path().join("bare.db"), rollouts, body.len());
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let bare = if rollouts == 1 { bare.alone(TURN) } else { bare.together(runtime, TURN) };
        let journal = runtime.block_on(turn(&journal, &mut claimants));
        ours.push(journal);
        theirs.push(bare);
        ratios.push(journal / bare);
    }
    let (least, most) = (
        ratios.iter().copied().fold(f64::MAX, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
    );
    println!(
        "| {rollouts} | {:.0} | {:.0} | {:.2} | {least:.2} to {most:.2} |",
        median(ours),
        median(theirs),
        median(ratios),
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("there are threads");
    println!("| rollouts | journal, steps/s | bare, steps/s | ratio, median | ratios |");
    println!("| --- | --- | --- | --- | --- |");
    let asked: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for rollouts in if asked.is_empty() { ROLLOUTS.to_vec() } else { asked } {
        measure(&runtime, rollouts);
    }
}
