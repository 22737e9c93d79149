//! Real processes over one database, killed and stopped at any moment.
//!
//! A process is this test binary, started again for the one test that is otherwise ignored. It claims
//! what is due, writes an intent and its outcome, parks, and prints each commit that was acknowledged
//! to it. The parent kills and stops, and in the end reads everything back.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use tidegate_core::{
    Append, AttemptId, Claimed, EngineId, Epoch, Journal, JournalError, RolloutId, Seq, Serves,
    Span, Timestamp,
};
use tidegate_store::postgres::PostgresJournal;
use tokio_postgres::Client;

use crate::{
    faults::times,
    server::{Server, fresh_schema},
    support::{opening, record},
};

const PROCESSES: usize = 3;
const ROLLOUTS: usize = 6;
const LEASE: Span = Span(500);

/// One commit that a process was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    rollout: RolloutId,
    seq: Seq,
    epoch: Epoch,
    attempt: AttemptId,
}

impl Told {
    fn line(&self) -> String {
        let Self { rollout, seq, epoch, attempt } = self;
        format!("told {} {} {} {}", rollout.0, seq.0, epoch.0, attempt.0)
    }

    fn parse(line: &str) -> Option<Self> {
        // The first line shares its place with the test harness's own words.
        let (_, numbers) = line.split_once("told ")?;
        let numbers: Vec<u64> = numbers.split(' ').map_while(|n| n.parse().ok()).collect();
        let [rollout, seq, epoch, attempt] = numbers[..] else { return None };
        let (rollout, seq) = (RolloutId(rollout), Seq(seq));
        Some(Self { rollout, seq, epoch: Epoch(epoch), attempt: AttemptId(attempt) })
    }
}

/// What one process does until it is killed.
struct Worker {
    journal: PostgresJournal,
    name: String,
    engine: EngineId,
    attempt: u64,
}

impl Worker {
    async fn enlist(journal: &PostgresJournal, name: &str) -> EngineId {
        loop {
            match journal.enlist(name, LEASE).await {
                Ok(listed) => return listed.engine,
                Err(JournalError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn round(&mut self) {
        let renewed = self.journal.renew(self.engine, LEASE).await;
        if let Err(JournalError::Unlisted(_) | JournalError::Lapsed(_)) = renewed {
            self.engine = Self::enlist(&self.journal, &self.name).await;
        }
        let Ok(work) = self.journal.claim_due(self.engine, &Serves::Every, Timestamp::MAX, 2).await
        else {
            return;
        };
        for (rollout, claimed) in work.claimed {
            self.steps(rollout, claimed.unwrap()).await;
        }
    }

    /// An intent and its outcome. Another process may have taken the rollout at any time.
    async fn steps(&mut self, rollout: RolloutId, claimed: Claimed) {
        let mut version = claimed.version;
        let mut seq = claimed.last.map_or(Seq(1), |last| last.seq.next());
        for park in [false, true] {
            self.attempt += 1;
            // No other process, and no other life of this one, has these.
            let attempt = AttemptId(u64::from(std::process::id()) << 32 | self.attempt);
            let append = Append {
                rollout,
                epoch: claimed.epoch,
                version,
                attempt,
                records: vec![record(&claimed.head, seq, claimed.epoch, attempt)],
                consumed: Vec::new(),
                due: Some(Timestamp(seq.0)),
                park,
                over: false,
            };
            let written = match self.journal.append(append).await {
                Err(JournalError::AnswerLost(_)) => {
                    self.journal.committed(rollout, attempt).await.ok().flatten()
                }
                Ok(version) => Some(version),
                Err(JournalError::StaleEpoch { .. } | JournalError::Unavailable(_)) => None,
                Err(error) => panic!("{error}"),
            };
            let Some(written) = written else { return };
            println!("{}", Told { rollout, seq, epoch: claimed.epoch, attempt }.line());
            (version, seq) = (written, seq.next());
        }
    }
}

#[tokio::test]
#[ignore = "one of the processes of the test below, which starts it"]
async fn process() {
    let (Ok(name), Ok(schema)) = (env::var("TIDEGATE_WORKER"), env::var("TIDEGATE_SCHEMA")) else {
        panic!("is started by another test, with a name and a schema");
    };
    let server = Server::shared("process").expect("the server of whoever started it");
    let journal = server.journal(&schema).await;
    let engine = Worker::enlist(&journal, &name).await;
    let mut worker = Worker { journal, name, engine, attempt: 0 };
    loop {
        worker.round().await;
    }
}

/// A process under test.
struct Process {
    name: String,
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start(name: &str, schema: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "processes::process", "--ignored", "--nocapture"])
            .env("TIDEGATE_WORKER", name)
            .env("TIDEGATE_SCHEMA", schema)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { name: name.to_owned(), child, said }
    }

    /// Waits until it was told of so many commits.
    fn hear(&mut self, wanted: u64, told: &mut Vec<Told>) {
        let mut heard = 0;
        while heard < wanted {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            assert!(read > 0, "{} ended by itself", self.name);
            if let Some(one) = Told::parse(line.trim()) {
                told.push(one);
                heard += 1;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Kills it, and hears what it still said. Its last line may be cut off.
    fn kill(mut self, told: &mut Vec<Told>) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let lines = self.said.lines().map_while(Result::ok);
        told.extend(lines.filter_map(|line| Told::parse(&line)));
    }
}

/// Waits on the server until an engine's lease has lapsed.
async fn lapse(client: &Client, schema: &str, name: &str) {
    let sql = format!(
        "SELECT pg_sleep(greatest(0, extract(epoch FROM lease_until - clock_timestamp())) + 0.01)
         FROM {schema}.engine WHERE name = $1"
    );
    client.query(&sql, &[&name]).await.unwrap();
}

/// Everything that was told is there, chained without a gap, and no epoch writes after a later one.
/// How many records nobody was told of.
async fn check(journal: &PostgresJournal, rollouts: &[RolloutId], told: &[Told]) -> usize {
    let mut by_rollout: BTreeMap<RolloutId, BTreeMap<Seq, Told>> = BTreeMap::new();
    for one in told {
        let twice = by_rollout.entry(one.rollout).or_default().insert(one.seq, *one);
        assert_eq!(twice, None, "two were told of the same place as {one:?}");
    }
    let mut untold = 0;
    for rollout in rollouts {
        let records = journal.read(*rollout, Seq(1)).await.unwrap();
        let told = by_rollout.remove(rollout).unwrap_or_default();
        let epochs: Vec<Epoch> = records.iter().map(|record| record.epoch).collect();
        assert!(epochs.is_sorted(), "a stale epoch wrote to {rollout}");
        for (seq, one) in &told {
            let record = records.get(usize::try_from(seq.0 - 1).unwrap());
            let found = record.map(|record| (record.seq, record.epoch, record.attempt));
            assert_eq!(found, Some((*seq, one.epoch, one.attempt)), "what was told is lost");
        }
        untold += records.len() - told.len();
    }
    assert!(by_rollout.is_empty(), "records of rollouts that are not there");
    untold
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_killed_and_stopped_lose_nothing_and_leave_no_gap() {
    let test = "processes_that_are_killed_and_stopped_lose_nothing_and_leave_no_gap";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_processes");
    let journal = server.journal(&schema).await;
    let mut rollouts = Vec::new();
    for n in 0..ROLLOUTS {
        let head = journal.open(opening(&format!("target-{n}"))).await.unwrap();
        rollouts.push(head.identity.rollout);
    }
    let client = server.client().await;
    let mut told = Vec::new();
    let mut processes: Vec<Process> =
        (0..PROCESSES).map(|n| Process::start(&format!("engine-{n}"), &schema)).collect();
    let (kills, stops) = (times(12, 500), times(3, 100));
    for round in 0..kills {
        // Uneven, so that the kills fall on different places.
        processes[0].hear(1 + round * 7 % 5, &mut told);
        let process = processes.remove(0);
        let name = process.name.clone();
        process.kill(&mut told);
        processes.push(Process::start(&name, &schema));
    }
    for _ in 0..stops {
        processes[0].hear(3, &mut told);
        processes[0].signal("-STOP");
        lapse(&client, &schema, &processes[0].name).await;
        // The others go on from here with everything, what the stopped one held included.
        let mut at = BTreeMap::new();
        for rollout in &rollouts {
            let last = journal.last(*rollout).await.unwrap();
            at.insert(*rollout, last.map_or(Seq(0), |record| record.seq));
        }
        let mut moved = BTreeSet::new();
        while moved.len() < ROLLOUTS {
            processes[1].hear(1, &mut told);
            processes[2].hear(1, &mut told);
            let later = told.iter().rev().take(2).filter(|one| one.seq > at[&one.rollout]);
            moved.extend(later.map(|one| one.rollout));
        }
        processes[0].signal("-CONT");
        processes.rotate_left(1);
    }
    for process in processes {
        process.kill(&mut told);
    }
    let untold = check(&journal, &rollouts, &told).await;
    println!(
        "{kills} kills and {stops} stops of {PROCESSES} processes: {} commits told of, and {untold} that \
         were committed when their process was killed before it heard",
        told.len()
    );
    server.drop_schemas(&schema).await;
}
