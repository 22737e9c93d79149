//! Somebody who reads the journal, and compares what it says with what the target has.
//!
//! Runs nothing, and commands nothing.

use std::{path::Path, time::Duration};

use tidegate::machine::{
    Journal, Phase, RolloutId, Select, Seq, Weight, invariants,
    record::{Head, Record},
};
use tidegate_store::postgres::PostgresJournal;
use tokio::time;

use crate::{Failure, engine};

/// How often the journal is read.
const READ_EVERY: Duration = Duration::from_millis(20);

/// Longer than the whole rollout with a takeover takes, however busy the host is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Reads the journal as it grows.
#[derive(Debug)]
pub(crate) struct Witness {
    journal: PostgresJournal,
    records: Vec<Record>,
}

impl Witness {
    pub(crate) const fn of(journal: PostgresJournal) -> Self {
        Self { journal, records: Vec::new() }
    }

    /// Tells each decision, until there is a record as asked.
    pub(crate) async fn until(&mut self, asked: impl Fn(&Record) -> bool) -> Result<(), Failure> {
        let reading = async {
            loop {
                if self.tell(&asked).await? {
                    return Ok(());
                }
                time::sleep(READ_EVERY).await;
            }
        };
        time::timeout(PATIENCE, reading).await.map_err(|_| "the rollout does not go on")?
    }

    /// Tells what is new, up to a record as asked.
    async fn tell(&mut self, asked: impl Fn(&Record) -> bool) -> Result<bool, Failure> {
        let Some(head) = self.head().await? else { return Ok(false) };
        let from = Seq(self.records.len() as u64 + 1);
        for record in self.journal.read(head.identity.rollout, from).await? {
            let (epoch, sentence) = (record.epoch.0, record.decision.sentence(&head.plan));
            println!("{:>3}  claim {epoch}  {sentence}", record.seq.0);
            let found = asked(&record);
            self.records.push(record);
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn head(&self) -> Result<Option<Head>, Failure> {
        let rows = self.journal.list(&Select { limit: 1, ..Select::default() }).await?;
        let rollout: Option<RolloutId> = rows.first().map(|row| row.rollout);
        Ok(match rollout {
            Some(rollout) => Some(self.journal.head(rollout).await?),
            None => None,
        })
    }

    /// Whether all of it is as it should be.
    pub(crate) async fn check(&self, world: &Path) -> Result<(), Failure> {
        let head = self.head().await?.ok_or("there is no rollout")?;
        let last = self.records.last().ok_or("there is no record")?;
        if *last.after.phase() != Phase::Completed {
            return Err(format!("it ended as {}", last.after.phase().name()).into());
        }
        if self.records.first().map(|first| first.epoch) == Some(last.epoch) {
            return Err("one engine wrote everything: nobody took over".into());
        }
        if let Some(finding) = invariants::journal(&head, &self.records).first() {
            return Err(finding.to_string().into());
        }
        let (traffic, _, capacity) =
            engine::world(world)?.with_fleet(|fleet| fleet.truth(&engine::revisions()))?;
        if traffic.low != Weight::FULL || capacity.stable.total.ready > 0 {
            return Err("the target is not what the journal says".into());
        }
        println!("--- finished by the second engine; the target has what the journal says");
        Ok(())
    }
}
