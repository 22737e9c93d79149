//! What is told of a rollout while it runs: each decision on a line of standard error.
//!
//! Told from the journal whenever the status changes, so that none is left out. Must not change the
//! rollout.

use std::{
    io::{self, Write},
    time::Duration,
};

use tidegate::{End, EngineError, Handle};
use tidegate_core::{Phase, Seq};
use tokio::time;

use crate::store::Store;

/// How often the journal is asked of a rollout that waits for a person, and that nobody runs.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How the telling ended.
#[derive(Debug)]
pub(super) enum Told {
    /// This engine's part is over.
    Ended(End),
    /// It waits for a person to decide, who may take days.
    Halted,
}

/// Tells a rollout's decisions after `told`, until it is over or halted.
pub(super) async fn tell(
    rollout: &Handle,
    store: &Store,
    mut told: Seq,
) -> Result<Told, EngineError> {
    let (mut statuses, plan) = (rollout.watch(), &rollout.head().plan);
    loop {
        let status = statuses.borrow_and_update().clone();
        for record in store.journal().read(rollout.rollout(), told.next()).await? {
            // Progress that nobody can read is no reason to stop a rollout.
            let sentence = record.decision.sentence(plan);
            let _ = writeln!(io::stderr(), "{:>5}  {}  {sentence}", record.seq.0, record.at);
            told = record.seq;
        }
        if let Some(end) = status.end {
            return Ok(Told::Ended(end));
        }
        if matches!(status.phase, Phase::Halted { .. }) && !status.here {
            let unread = store.journal().inbox(rollout.rollout()).await?;
            if unread.is_empty() && told == status.seq {
                return Ok(Told::Halted);
            }
        }
        tokio::select! {
            // The sender lives as long as the handle.
            _ = statuses.changed() => {}
            () = time::sleep(ASK_EVERY) => drop(rollout.refresh().await?),
        }
    }
}
