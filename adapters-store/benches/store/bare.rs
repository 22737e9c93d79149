//! SQLite alone: a row that counts and a record that is appended, committed as durably.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

const LAYOUT: &str = "
    PRAGMA journal_mode = wal;
    PRAGMA synchronous = full;
    PRAGMA wal_autocheckpoint = 4096;
    CREATE TABLE rollout (id INTEGER PRIMARY KEY, version INTEGER, due INTEGER, chain BLOB) STRICT;
    CREATE TABLE record
        (pos INTEGER PRIMARY KEY, rollout INTEGER, seq INTEGER, chain BLOB, body TEXT) STRICT;
    CREATE UNIQUE INDEX record_seq ON record (rollout, seq);";

/// Requests committed together at most, as in the journal.
const MOST: usize = 512;

type Request = (i64, i64, oneshot::Sender<()>);

pub(crate) struct Bare {
    conn: Option<Connection>,
    steps: Vec<i64>,
    body: String,
}

impl Bare {
    pub(crate) fn new(path: &Path, rollouts: u64, bytes: usize) -> Self {
        let conn = Connection::open(path).expect("there is room");
        conn.execute_batch(LAYOUT).expect("it is SQL");
        for id in 0..rollouts {
            let row = "INSERT INTO rollout VALUES (?, 0, 0, zeroblob(32))";
            conn.execute(row, [id.cast_signed()]).expect("it is new");
        }
        let body = "x".repeat(bytes);
        let steps = vec![0; usize::try_from(rollouts).expect("they fit in memory")];
        Self { conn: Some(conn), steps, body }
    }

    /// Commits a second, one step in each.
    pub(crate) fn alone(&mut self, turn: Duration) -> f64 {
        let conn = self.conn.as_ref().expect("nobody else has it");
        let begin = Instant::now();
        let before = self.steps[0];
        while begin.elapsed() < turn {
            self.steps[0] += 1;
            conn.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
            step(conn, 0, self.steps[0], &self.body);
            conn.execute_batch("COMMIT").expect("there is room");
        }
        (self.steps[0] - before) as f64 / begin.elapsed().as_secs_f64()
    }

    /// Steps a second of all rollouts at once, before one thread that commits what waits.
    pub(crate) fn together(&mut self, runtime: &Runtime, turn: Duration) -> f64 {
        let conn = self.conn.take().expect("nobody else has it");
        let body = self.body.clone();
        let (queue, requests) = mpsc::channel(2_048);
        let writer = std::thread::spawn(move || serve(conn, &body, requests));
        let begin = Instant::now();
        let before: i64 = self.steps.iter().sum();
        self.steps = runtime.block_on(clients(&self.steps, queue, begin + turn));
        let rate = (self.steps.iter().sum::<i64>() - before) as f64 / begin.elapsed().as_secs_f64();
        self.conn = Some(writer.join().expect("the writer does not fail"));
        rate
    }
}

async fn clients(steps: &[i64], queue: mpsc::Sender<Request>, end: Instant) -> Vec<i64> {
    let mut tasks = JoinSet::new();
    for (rollout, seq) in (0_i64..).zip(steps.iter().copied()) {
        let queue = queue.clone();
        tasks.spawn(async move {
            let mut seq = seq;
            while Instant::now() < end {
                seq += 1;
                let (answer, done) = oneshot::channel();
                queue.send((rollout, seq, answer)).await.expect("the writer is there");
                done.await.expect("the writer answers");
            }
            (rollout, seq)
        });
    }
    drop(queue);
    let mut done: Vec<(i64, i64)> = tasks.join_all().await;
    done.sort_unstable();
    done.into_iter().map(|(_, seq)| seq).collect()
}

fn serve(conn: Connection, body: &str, mut requests: mpsc::Receiver<Request>) -> Connection {
    let mut waiting = Vec::new();
    while let Some(first) = requests.blocking_recv() {
        conn.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
        let mut next = Some(first);
        while let Some((rollout, seq, answer)) = next.take() {
            step(&conn, rollout, seq, body);
            waiting.push(answer);
            if waiting.len() < MOST {
                next = requests.try_recv().ok();
            }
        }
        conn.execute_batch("COMMIT").expect("there is room");
        waiting.drain(..).for_each(|answer| answer.send(()).expect("somebody waits"));
    }
    conn
}

fn step(conn: &Connection, rollout: i64, seq: i64, body: &str) {
    let chain = [7_u8; 32];
    let update = "UPDATE rollout SET version = ?, due = ?, chain = ? WHERE id = ? AND version = ?";
    let mut update = conn.prepare_cached(update).expect("it is SQL");
    let changed = update.execute(params![seq, seq, chain, rollout, seq - 1]).expect("it runs");
    assert_eq!(changed, 1, "the version before");
    let insert = "INSERT INTO record (rollout, seq, chain, body) VALUES (?, ?, ?, ?)";
    let mut insert = conn.prepare_cached(insert).expect("it is SQL");
    insert.execute(params![rollout, seq, chain, body]).expect("it is new");
}
