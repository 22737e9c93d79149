//! `tidegate history`: every decision of a rollout as a sentence, with its time and number.

use std::fmt;

use serde::Serialize;

use super::{answer, over};
use crate::{
    Answered, Ending,
    args::OneArguments,
    store::StoreError,
    timeline::{Line, Outcome},
};
use tidegate_core::{Rollout, Seq, record::Head};

/// One decision, with the record that holds it.
#[derive(Debug, Serialize)]
struct Told {
    record: u64,
    at_ms: u64,
    at: String,
    #[serde(flatten)]
    line: Line,
}

/// All decisions of a rollout. This is the JSON shape.
#[derive(Debug, Serialize)]
struct History {
    rollout: u64,
    target: String,
    decisions: Vec<Told>,
    outcome: Outcome,
}

pub(crate) fn history(asked: &OneArguments) -> Answered {
    let history = over(&asked.store.journal, async |store| {
        let journal = store.journal();
        let head = journal.head(asked.rollout).await?;
        let records = journal.read(asked.rollout, Seq(1)).await?;
        Ok::<_, StoreError>(History::of(&head, &records))
    })?;
    answer("history", asked.store.json, Ending::Well, &history)
}

impl History {
    fn of(head: &Head, records: &[tidegate_core::record::Record]) -> Self {
        let opened = head.open();
        let told = |seq: Seq, decision: &tidegate_core::Decision| Told {
            record: seq.0,
            at_ms: decision.at.0,
            at: decision.at.to_string(),
            line: Line::of(decision, &head.plan, head.at),
        };
        let first = told(Seq(0), &opened.decision);
        let rest = records.iter().map(|record| told(record.seq, &record.decision));
        let state: &Rollout = records.last().map_or(&opened.next, |last| &last.after);
        Self {
            rollout: head.identity.rollout.0,
            target: head.plan.target().to_string(),
            decisions: std::iter::once(first).chain(rest).collect(),
            outcome: Outcome::so_far(state.phase(), &head.plan),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, target, decisions, outcome } = self;
        writeln!(f, "rollout r{rollout} of {target}\n")?;
        for Told { record, at, line, .. } in decisions {
            writeln!(f, "{record:>6}  {at}  {}", line.sentence)?;
        }
        writeln!(f, "\n{}", outcome.to_string().trim_end_matches(','))
    }
}
