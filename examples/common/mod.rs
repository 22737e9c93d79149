//! What the examples share: telling a rollout as it goes.
//!
//! Everything that embedding takes stands in the examples themselves.

use tidegate::{End, EngineError, Handle, Status};

/// Prints each decision of a rollout as a sentence, in order and none left out: whenever the status
/// changes, the records that the journal has gained are read.
pub(crate) struct Story<'a> {
    /// Whose story.
    pub(crate) rollout: &'a Handle,
    /// Decisions told so far.
    pub(crate) told: usize,
}

impl<'a> Story<'a> {
    /// The story of a rollout, from its first decision on.
    pub(crate) const fn of(rollout: &'a Handle) -> Self {
        Self { rollout, told: 0 }
    }

    /// Tells on until the rollout's status is as asked, or this engine's part in it has ended.
    pub(crate) async fn until(
        &mut self,
        reached: impl Fn(&Status) -> bool,
    ) -> Result<Status, EngineError> {
        let mut statuses = self.rollout.watch();
        loop {
            let status = statuses.borrow_and_update().clone();
            self.tell().await?;
            // The sender lives in the handle; should it ever go, there is nothing more to tell.
            if status.end.is_some() || reached(&status) || statuses.changed().await.is_err() {
                return Ok(status);
            }
        }
    }

    /// Tells the rest, and how it ended.
    pub(crate) async fn end(mut self) -> Result<(), EngineError> {
        self.until(|_| false).await?;
        match self.rollout.finished().await {
            End::Over(phase) => println!("           => {}", phase.name()),
            other => println!("           => {other:?}"),
        }
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), EngineError> {
        let (head, records) = (self.rollout.head(), self.rollout.records().await?);
        for record in records.iter().skip(self.told) {
            let since = record.at.since(head.at).to_string();
            println!("{since:>10} {}", record.decision.sentence(&head.plan));
        }
        self.told = records.len();
        Ok(())
    }
}
