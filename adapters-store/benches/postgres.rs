//! Steps of the journal beside a bare statement that writes the same bytes to the same tables, in turns
//! of a second in one run: `TIDEGATE_POSTGRES=URL cargo bench -p tidegate-store --features postgres`.
//!
//! A ratio is all that counts here; how many steps there are in a second is the server's affair.

use std::{
    env,
    error::Error,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tidegate_core::{
    Append, AttemptId, Claimed, Journal, Opening, Plan, PlanSpec, Revisions, RowVersion, Seq, Span,
    Take,
    record::{FORMAT, Record},
};
use tidegate_mock::{Fleet, WorldSpec};
use tidegate_store::postgres::{Options, PostgresJournal, address};
use tokio_postgres::{Client, NoTls, Statement};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SCHEMA: &str = "tidegate_bench";
const TURN: Duration = Duration::from_secs(1);
const TURNS: u32 = 5;

/// The least that a fenced step is: one row compared and moved, one record added.
const BARE: &str = "
    WITH step AS (
        UPDATE rollout SET version = version + 1, seq = $3, hash = $4
        WHERE id = $1 AND version = $2 RETURNING id
    )
    INSERT INTO journal (rollout, seq, version, epoch, attempt, at, hash, body)
    SELECT id, $3, $2, 1, $3, 0, $4, $5 FROM step";

fn opening(target: &str) -> Outcome<Opening> {
    let world = WorldSpec::good();
    let spec: PlanSpec = serde_json::from_value(serde_json::json!({
        "target": target, "owner": "ana",
        "strategy": { "canary": { "steps": [{ "weight": "10%" }, { "weight": "50%" }] } },
    }))?;
    let plan = Plan::compile(spec, &world.capabilities()).map_err(|_| "the plan has problems")?;
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
    let found = world.found(Fleet::BEGIN);
    Ok(Opening { plan, revisions, found, at: Fleet::BEGIN, after: None, retry_of: None })
}

/// One rollout of the journal, and one row that only the bare statement writes.
struct Pair {
    claimed: Claimed,
    version: RowVersion,
    record: Record,
    client: Client,
    bare: Statement,
    row: i64,
    bare_steps: i64,
    body: String,
}

impl Pair {
    async fn new(journal: &PostgresJournal, url: &str, n: usize) -> Outcome<Self> {
        let engine = journal.enlist(&format!("bench-{n}"), Span::hours(1)).await?.engine;
        let head = journal.open(opening(&format!("ours-{n}"))?).await?;
        let claimed = journal.claim(head.identity.rollout, engine, Take::Free).await?;
        let other = journal.open(opening(&format!("bare-{n}"))?).await?;
        journal.claim(other.identity.rollout, engine, Take::Free).await?;
        let step = head.open();
        let record = Record {
            format: FORMAT,
            seq: Seq(1),
            epoch: claimed.epoch,
            attempt: AttemptId(1),
            at: head.at,
            event: None,
            decision: step.decision,
            intent: step.intent,
            after: step.next,
        };
        let body = serde_json::to_string(&record)?;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path TO {SCHEMA}")).await?;
        let bare = client.prepare(BARE).await?;
        let row = other.identity.rollout.0.cast_signed();
        let version = claimed.version;
        Ok(Self { claimed, version, record, client, bare, row, bare_steps: 0, body })
    }

    async fn ours(&mut self, journal: &PostgresJournal, until: Instant) -> Outcome<u64> {
        let mut steps = 0;
        while Instant::now() < until {
            let append = Append {
                rollout: self.claimed.head.identity.rollout,
                epoch: self.claimed.epoch,
                version: self.version,
                attempt: AttemptId(self.record.seq.0),
                records: vec![self.record.clone()],
                consumed: Vec::new(),
                due: Some(self.record.at),
                park: false,
                over: false,
            };
            self.version = journal.append(append).await?;
            self.record.seq = self.record.seq.next();
            steps += 1;
        }
        Ok(steps)
    }

    async fn bare(&mut self, until: Instant) -> Outcome<u64> {
        let mut steps = 0;
        let hash = vec![7_u8; 32];
        while Instant::now() < until {
            // The row was claimed once.
            let (version, seq) = (self.bare_steps + 1, self.bare_steps + 1);
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&self.row, &version, &seq, &hash, &self.body];
            let rows = self.client.execute(&self.bare, &params).await?;
            assert_eq!(rows, 1, "a bare step wrote nothing");
            self.bare_steps += 1;
            steps += 1;
        }
        Ok(steps)
    }
}

async fn compare(url: &str, connections: usize) -> Outcome<()> {
    let options = Options { schema: SCHEMA.to_owned(), connections, ..Options::default() };
    let journal = PostgresJournal::connect(address(url)?, options).await?;
    let mut pairs = Vec::new();
    for n in 0..connections {
        pairs.push(Pair::new(&journal, url, n).await?);
    }
    let (mut ours, mut bare) = (0, 0);
    for _ in 0..TURNS {
        let until = Instant::now() + TURN;
        for steps in join_all(pairs.iter_mut().map(|pair| pair.ours(&journal, until))).await {
            ours += steps?;
        }
        let until = Instant::now() + TURN;
        for steps in join_all(pairs.iter_mut().map(|pair| pair.bare(until))).await {
            bare += steps?;
        }
    }
    let ratio = ours as f64 / bare as f64;
    let (ours, bare) = (ours / u64::from(TURNS), bare / u64::from(TURNS));
    let bytes = pairs.first().map_or(0, |pair| pair.body.len());
    println!(
        "{connections} connections, {bytes} bytes: {ours} steps/s, bare {bare}, ratio {ratio:.2}"
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let Ok(url) = env::var("TIDEGATE_POSTGRES") else {
        println!("left out: TIDEGATE_POSTGRES names no server");
        return Ok(());
    };
    for connections in [1, 32] {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")).await?;
        compare(&url, connections).await?;
        client.batch_execute(&format!("DROP SCHEMA {SCHEMA} CASCADE")).await?;
    }
    Ok(())
}
