//! `tidegate list`: the rollouts of a journal, the newest first, each on a line.

use std::fmt;

use serde::Serialize;
use tidegate_core::{Journal, JournalError, PhaseName, Row, Select};

use super::{answer, over};
use crate::{Answered, Ending, args::ListArguments, store::StoreError};

/// A rollout in the list. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Listed {
    rollout: u64,
    target: String,
    generation: u64,
    /// Null where its journal can not be read; `error` then says why.
    phase: Option<PhaseName>,
    error: Option<String>,
    opened_ms: u64,
    opened: String,
    due_ms: Option<u64>,
    due: Option<String>,
    holder: Option<String>,
    unread: u64,
    over: bool,
}

/// All of them.
#[derive(Debug, Serialize)]
struct Listing {
    rollouts: Vec<Listed>,
}

pub(crate) fn list(asked: &ListArguments) -> Answered {
    let select = Select {
        target: asked.target.clone(),
        over: asked.active.then_some(false),
        before: None,
        limit: asked.limit,
    };
    let listing = over(&asked.store.journal, async |store| of(store.journal(), &select).await)?;
    answer("list", asked.store.json, Ending::Well, &listing)
}

async fn of(journal: &dyn Journal, select: &Select) -> Result<Listing, StoreError> {
    let mut rollouts = Vec::new();
    for row in journal.list(select).await? {
        // One that can not be read is listed all the same.
        let (phase, error) = match phase(journal, &row).await {
            Ok(phase) => (Some(phase), None),
            Err(error @ JournalError::Corrupt { .. }) => (None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        rollouts.push(Listed {
            rollout: row.rollout.0,
            target: row.target.to_string(),
            generation: row.generation.0,
            phase,
            error,
            opened_ms: row.opened.0,
            opened: row.opened.to_string(),
            due_ms: row.due.map(|at| at.0),
            due: row.due.map(|at| at.to_string()),
            holder: row.holder,
            unread: row.unread,
            over: row.over,
        });
    }
    Ok(Listing { rollouts })
}

async fn phase(journal: &dyn Journal, row: &Row) -> Result<PhaseName, JournalError> {
    let last = journal.last(row.rollout).await?;
    Ok(last.map_or(PhaseName::Pending, |record| record.after.phase().name()))
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rollouts.is_empty() {
            return writeln!(f, "no rollouts");
        }
        let width = self.rollouts.iter().map(|one| one.target.len()).max().unwrap_or(0).max(6);
        writeln!(
            f,
            "{:>7}  {:<width$}  {:<24}  {:<20}  {:<20}  held by",
            "rollout", "target", "phase", "opened", "due"
        )?;
        self.rollouts.iter().try_for_each(|one| one.write(f, width))
    }
}

impl Listed {
    fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let Self { rollout, target, opened, due, .. } = self;
        let phase = self.phase.map_or_else(|| "unreadable".to_owned(), |phase| phase.to_string());
        let due = due.as_deref().unwrap_or("-");
        let holder = self.holder.as_deref().unwrap_or(if self.over { "-" } else { "nobody" });
        let rollout = format!("r{rollout}");
        write!(
            f,
            "{rollout:>7}  {target:<width$}  {phase:<24}  {opened:<20}  {due:<20}  {holder}"
        )?;
        if self.unread > 0 {
            write!(f, "; {} unread", self.unread)?;
        }
        writeln!(f)
    }
}
