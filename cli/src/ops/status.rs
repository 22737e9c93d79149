//! `tidegate get`: where a rollout is, what it waits for, and what would make it go on.

use std::fmt;

use serde::Serialize;
use tidegate_core::{
    Ask, Journal, JournalError, PhaseName, Plan, ReadKind, Row, Select, Timestamp, WaitingOn,
    record::{Head, Record},
};

use super::{answer, over};
use crate::{Answered, Ending, args::OneArguments, store::StoreError};

/// Where a rollout is. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Status {
    rollout: u64,
    target: String,
    generation: u64,
    strategy: String,
    stable: Option<String>,
    candidate: String,
    owner: String,
    opened_ms: u64,
    opened: String,
    phase: PhaseName,
    stage: Option<u16>,
    weight_bp: u16,
    holds: String,
    waits_for: String,
    /// The commands that would let it go on, where a person is waited for.
    answers: Vec<&'static str>,
    next_deadline_ms: Option<u64>,
    next_deadline: Option<String>,
    record: u64,
    sentence: String,
    holder: Option<String>,
    unread: u64,
    over: bool,
    retry_of: Option<u64>,
}

pub(crate) fn get(asked: &OneArguments) -> Answered {
    let status = over(&asked.store.journal, async |store| {
        let journal = store.journal();
        let head = journal.head(asked.rollout).await?;
        let row = row_of(journal, &head).await?;
        let last = journal.last(asked.rollout).await?;
        Ok::<_, StoreError>(Status::of(&head, &row, last))
    })?;
    answer("get", asked.store.json, Ending::Well, &status)
}

/// The row of a rollout in the list of its target.
pub(super) async fn row_of(journal: &dyn Journal, head: &Head) -> Result<Row, JournalError> {
    let rollout = head.identity.rollout;
    let target = Some(head.plan.target().clone());
    let before = Some(tidegate_core::RolloutId(rollout.0.saturating_add(1)));
    let rows = journal.list(&Select { target, over: None, before, limit: 1 }).await?;
    rows.into_iter().find(|row| row.rollout == rollout).ok_or(JournalError::Unknown(rollout))
}

impl Status {
    fn of(head: &Head, row: &Row, last: Option<Record>) -> Self {
        let (plan, opened) = (&head.plan, head.open());
        let (state, decision) =
            last.map_or((opened.next, opened.decision), |record| (record.after, record.decision));
        let waiting_on = state.waiting_on(plan);
        let deadline = state.next_deadline();
        Self {
            rollout: head.identity.rollout.0,
            target: plan.target().to_string(),
            generation: head.identity.generation.0,
            strategy: plan.strategy().to_string(),
            stable: head.revisions.stable.as_ref().map(ToString::to_string),
            candidate: head.revisions.candidate.to_string(),
            owner: plan.owner().to_string(),
            opened_ms: head.at.0,
            opened: head.at.to_string(),
            phase: state.phase().name(),
            stage: state.phase().position().map(|at| at.stage + 1),
            weight_bp: state.world().traffic.asked.bp(),
            holds: state.holds().to_string(),
            waits_for: waits_for(&waiting_on, plan, row),
            answers: answers(&waiting_on).to_vec(),
            next_deadline_ms: deadline.map(|at| at.0),
            next_deadline: deadline.as_ref().map(Timestamp::to_string),
            record: state.seq().0,
            sentence: decision.sentence(plan),
            holder: row.holder.clone(),
            unread: row.unread,
            over: row.over,
            retry_of: head.retry_of.map(|rollout| rollout.0),
        }
    }
}

fn waits_for(waiting_on: &WaitingOn, plan: &Plan, row: &Row) -> String {
    let owner = plan.owner();
    match *waiting_on {
        WaitingOn::Nothing => "nothing: it is over".to_owned(),
        _ if row.over => "nothing: another rollout took its place before it began".to_owned(),
        WaitingOn::Move { id, attempt } => format!("the answer to move {id}, attempt {attempt}"),
        WaitingOn::Read(kind) => format!("a reading of {}", read_word(kind)),
        WaitingOn::Clock { until } => format!("the time, {until}"),
        WaitingOn::Rollout(before) => format!("rollout {before} to end"),
        WaitingOn::Person(ask) => match ask {
            Ask::Start => format!("{owner} to start it"),
            Ask::Approve(gate) => format!("{owner} to approve {gate}"),
            Ask::Resume => format!("{owner} to resume it, or to abort it"),
            Ask::Decide(_) => format!("{owner} to decide: retry, accept or give up"),
        },
    }
}

const fn read_word(kind: ReadKind) -> &'static str {
    match kind {
        ReadKind::World => "the world",
        ReadKind::Platform => "the platform's deployment",
        ReadKind::Health => "measurements",
        ReadKind::Hook => "a hook's answer",
        ReadKind::Calendar => "the calendar",
    }
}

const fn answers(waiting_on: &WaitingOn) -> &'static [&'static str] {
    match waiting_on {
        WaitingOn::Person(Ask::Approve(_)) => &["approve", "deny", "promote", "abort"],
        WaitingOn::Person(Ask::Resume) => &["resume", "abort"],
        WaitingOn::Person(Ask::Decide(_)) => &["retry", "accept", "give-up"],
        _ => &[],
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, target, strategy, candidate, opened, phase, record, .. } = self;
        writeln!(f, "rollout r{rollout}: {strategy} of {target}, opened {opened}")?;
        match &self.stable {
            Some(stable) => writeln!(f, "  from       {stable} to {candidate}")?,
            None => writeln!(f, "  from       nothing to {candidate}")?,
        }
        match self.stage {
            Some(stage) => writeln!(f, "  phase      {phase}, stage {stage}")?,
            None => writeln!(f, "  phase      {phase}")?,
        }
        let weight = f64::from(self.weight_bp) / 100.0;
        writeln!(f, "  weight     {weight} % asked for the candidate")?;
        if !self.holds.is_empty() {
            writeln!(f, "  held by    {}", self.holds)?;
        }
        writeln!(f, "  waits for  {}", self.waits_for)?;
        if !self.answers.is_empty() {
            writeln!(f, "  commands   {}", self.answers.join(", "))?;
        }
        if let Some(deadline) = &self.next_deadline {
            writeln!(f, "  until      {deadline}")?;
        }
        if !self.over {
            let holder = self.holder.as_deref().unwrap_or("nobody");
            writeln!(f, "  run by     {holder}; {} unread commands", self.unread)?;
        }
        writeln!(f, "  last       {record}: {}", self.sentence)
    }
}
