//! One rollout's life as an engine would lead it, from its opening to its end, whatever goes wrong: what
//! was acknowledged is remembered, and compared with what is stored.

#![expect(clippy::panic, reason = "a life that breaks a promise fails its test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidegate_aws::{
    dynamodb::DynamoJournal,
    fakes::{Fake, dynamodb::Dynamo},
};
use tidegate_core::{
    Actor, Append, AttemptId, Became, Claimed, Command, CommandId, Consumed, EngineId, Journal,
    JournalError, Opening, Order, RolloutId, Seq, Serves, Take, Timestamp,
};

use super::support::{LEASE, dynamo, journal, opening, record};

/// Records of a life; with the last it is over.
const LAST: Seq = Seq(4);
/// What is parked behind with this record, to be claimed again by its time.
const PARKED: Seq = Seq(2);
/// The command of every life.
const COMMAND: CommandId = CommandId(7);
/// Longer than anything here hangs.
const LATE: Duration = Duration::from_secs(30);

/// What was told, which no fault may make untrue.
#[derive(Debug, Default)]
struct Told {
    /// Attempts by the records that they wrote.
    committed: BTreeMap<u64, AttemptId>,
    /// Attempts of which it was said that nothing was committed.
    refused: BTreeSet<u64>,
}

/// A life, across processes.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) fake: Fake<Dynamo>,
    opening: Opening,
    told: Told,
    attempt: u64,
}

impl Life {
    pub(crate) async fn new() -> Self {
        let (fake, opening) = (dynamo().await, opening("checkout"));
        Self { fake, opening, told: Told::default(), attempt: 0 }
    }

    /// Leads it in one process, from wherever it is to its end.
    pub(crate) async fn lead(&mut self) {
        let journal = loop {
            let account = crate::support::account();
            let client = self.fake.client();
            if let Ok(journal) =
                DynamoJournal::connect(&client, &account, super::support::TABLE).await
            {
                break journal;
            }
            tokio::time::sleep(LATE).await;
        };
        let rollout = self.open(&journal).await;
        insist(async || journal.submit(rollout, pause()).await).await;
        let mut engine = None;
        while !self.is_over(&journal, rollout).await {
            let engine = match engine {
                Some(engine) => engine,
                None => {
                    *engine.insert(insist(async || journal.enlist("one", LEASE).await).await.engine)
                }
            };
            if let Some(claimed) = claim(&journal, rollout, engine).await {
                self.write(&journal, claimed).await;
            }
        }
    }

    async fn open(&self, journal: &DynamoJournal) -> RolloutId {
        loop {
            let target = self.opening.plan.target();
            if let Some(active) = insist(async || journal.active(target).await).await {
                return active.rollout;
            }
            // An opening whose answer was lost is found as the active one.
            if insist(async || journal.list(&Default::default()).await).await.is_empty() {
                let _ = journal.open(self.opening.clone()).await;
            } else {
                return insist(async || journal.list(&Default::default()).await).await[0].rollout;
            }
        }
    }

    async fn is_over(&self, journal: &DynamoJournal, rollout: RolloutId) -> bool {
        let rows = insist(async || journal.list(&Default::default()).await).await;
        rows.iter().any(|row| row.rollout == rollout && row.over)
    }

    /// Writes records until the claim ends.
    async fn write(&mut self, journal: &DynamoJournal, claimed: Claimed) {
        let rollout = claimed.head.identity.rollout;
        let mut version = claimed.version;
        let mut last = claimed.last.as_ref().map_or(Seq(0), |last| last.seq);
        let mut inbox = claimed.inbox.clone();
        while last < LAST {
            self.attempt += 1;
            let attempt = AttemptId(self.attempt);
            let seq = last.next();
            let consumed = inbox.iter().map(|command| Consumed { id: command.id, ignored: None });
            let commit = Append {
                rollout,
                epoch: claimed.epoch,
                version,
                attempt,
                records: vec![record(&claimed.head, seq, claimed.epoch, attempt)],
                consumed: consumed.collect(),
                due: (seq < LAST).then_some(claimed.head.at),
                park: seq == PARKED,
                over: seq == LAST,
            };
            let done = match journal.append(commit).await {
                Ok(version) => Some(version),
                Err(JournalError::Unavailable(_)) => {
                    self.told.refused.insert(attempt.0);
                    None
                }
                Err(JournalError::AnswerLost(_)) => {
                    insist(async || journal.committed(rollout, attempt).await).await
                }
                // A commit that was given up has landed: claim again, and go on from there.
                Err(JournalError::StaleVersion { .. } | JournalError::StaleEpoch { .. }) => return,
                Err(error) => panic!("record {} is refused: {error}", seq.0),
            };
            if let Some(done) = done {
                (version, last) = (done, seq);
                inbox.clear();
                self.told.committed.insert(seq.0, attempt);
                if seq == PARKED {
                    return;
                }
            }
        }
    }

    /// What is stored is what was told, and nothing happened twice.
    pub(crate) async fn check(&self, what: &str) {
        self.fake.heal();
        let journal = journal(&self.fake).await;
        let rows = journal.list(&Default::default()).await.unwrap();
        assert_eq!(rows.len(), 1, "{what}: {rows:?}");
        let rollout = rows[0].rollout;
        let records = journal.read(rollout, Seq(1)).await.unwrap();
        let seqs: Vec<u64> = records.iter().map(|record| record.seq.0).collect();
        assert_eq!(seqs, (1..=LAST.0).collect::<Vec<_>>(), "{what}");
        for record in &records {
            let told = self.told.committed.get(&record.seq.0);
            assert!(told.is_none_or(|told| *told == record.attempt), "{what}: {record:?}");
            assert!(!self.told.refused.contains(&record.attempt.0), "{what}: {record:?}");
        }
        let became = journal.became(rollout, COMMAND).await.unwrap();
        assert!(matches!(became, Some(Became::Step(_))), "{what}: the command became {became:?}");
        assert_eq!(journal.active(self.opening.plan.target()).await.unwrap(), None, "{what}");
        let probe = journal.enlist("probe", LEASE).await.unwrap().engine;
        let work = journal.claim_due(probe, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
        assert!(work.claimed.is_empty(), "{what}: {:?}", work.claimed);
    }
}

fn pause() -> Command {
    let (actor, reason) = (Actor::from("ana"), String::new());
    Command { id: COMMAND, actor, reason, order: Order::Pause }
}

/// Repeats a call that may be repeated until it is answered.
async fn insist<T>(call: impl AsyncFn() -> Result<T, JournalError>) -> T {
    loop {
        match call().await {
            Ok(done) => return done,
            Err(JournalError::Unavailable(_) | JournalError::AnswerLost(_)) => {
                tokio::time::sleep(LATE).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Claims by what is due, or by the number where an answer was lost.
async fn claim(journal: &DynamoJournal, rollout: RolloutId, engine: EngineId) -> Option<Claimed> {
    match journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 10).await {
        Ok(work) => {
            if let Some((_, claimed)) = work.claimed.into_iter().next() {
                return Some(claimed.unwrap());
            }
        }
        Err(JournalError::Unavailable(_)) => tokio::time::sleep(LATE).await,
        Err(error) => panic!("{error}"),
    }
    match journal.claim(rollout, engine, Take::Free).await {
        Ok(claimed) => Some(claimed),
        Err(JournalError::Unavailable(_) | JournalError::AnswerLost(_)) => None,
        Err(error) => panic!("{error}"),
    }
}
