//! Orders to a rollout, from another process than the one that runs it.
//!
//! An order goes into the rollout's inbox and is durable there. Whoever runs the rollout reads it; this
//! waits a while for what became of it. Must not change a rollout in any other way.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use serde::Serialize;
use tidegate_core::{
    Actor, Became, Command, CommandId, Event, GateRef, Ignored, Journal, JournalError, Order,
    Phase, RolloutId, Seq,
    record::{Head, Record},
};
use tokio::time;

use super::{answer, over, status::row_of};
use crate::{
    Answered, Ending,
    args::{GateArguments, OrderArguments},
    store::StoreError,
};

/// How often the journal is asked what became of an order.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// It caused a step.
    Done,
    /// It changed nothing.
    Ignored,
    /// It waits to be read.
    Unread,
}

/// An order and what became of it. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Given {
    rollout: u64,
    order: String,
    became: Fate,
    /// The record of the step, and its decision.
    record: Option<u64>,
    sentence: String,
}

pub(crate) fn give(command: &str, order: Order, asked: &OrderArguments) -> Answered {
    given(command, asked, |_| Ok(order))
}

pub(crate) fn give_of_gate(
    command: &str,
    order: impl FnOnce(GateRef) -> Order,
    asked: &GateArguments,
) -> Answered {
    given(command, &asked.order, |phase| {
        let here = phase.gate();
        match asked.stage {
            Some(at) => Ok(here.filter(|gate| gate.at == at).unwrap_or(GateRef { at, wait: None })),
            None => {
                here.ok_or_else(|| format!("there is no gate to {command}: it is {}", phase.name()))
            }
        }
        .map(order)
    })
}

fn given(
    command: &str,
    asked: &OrderArguments,
    order: impl FnOnce(&Phase) -> Result<Order, String>,
) -> Answered {
    let rollout = asked.one.rollout;
    let given = over(&asked.one.store.journal, async |store| {
        let journal = store.journal();
        let head = journal.head(rollout).await?;
        let state = match journal.last(rollout).await? {
            Some(last) => last.after,
            None => head.open().next,
        };
        let refused = |sentence| Given {
            rollout: rollout.0,
            order: command.to_owned(),
            became: Fate::Ignored,
            record: None,
            sentence,
        };
        if state.phase().is_terminal() || row_of(journal, &head).await?.over {
            let over = Ignored::Terminal;
            return Ok(refused(match command {
                "retry" => format!("{over}; tidegate run with --retry-of {rollout} begins another"),
                _ => over.to_string(),
            }));
        }
        let order = match order(state.phase()) {
            Ok(order) => order,
            Err(why) => return Ok(refused(why)),
        };
        let command = Command {
            id: fresh_id(),
            actor: Actor::from(asked.actor.as_str()),
            reason: asked.reason.clone(),
            order,
        };
        let within = Duration::from_secs(asked.wait);
        submit(journal, &head, command, within).await.map_err(StoreError::from)
    })?;
    let ending = match given.became {
        Fate::Done => Ending::Well,
        Fate::Ignored => Ending::Back,
        Fate::Unread => Ending::Undecided,
    };
    answer(command, asked.one.store.json, ending, &given)
}

/// A number that nobody else has drawn, in the space of ids that are not a journal's own.
fn fresh_id() -> CommandId {
    CommandId(RandomState::new().hash_one(std::process::id()) >> 2)
}

/// Puts the order into the inbox, and waits for what becomes of it.
async fn submit(
    journal: &dyn Journal,
    head: &Head,
    command: Command,
    within: Duration,
) -> Result<Given, JournalError> {
    let (rollout, id, order) = (head.identity.rollout, command.id, command.order.to_string());
    match journal.submit(rollout, command.clone()).await {
        // The same id is not added again.
        Err(JournalError::AnswerLost(_)) => journal.submit(rollout, command).await?,
        submitted => submitted?,
    }
    // At the end of the wait its fate is that nobody has read it, which is told below.
    let became = time::timeout(within, read(journal, rollout, id)).await;
    let became = became.unwrap_or(Ok(Became::Unread))?;
    let (fate, record, sentence) = match became {
        Became::Step(seq) => {
            let record = step_of(journal, rollout, id, seq).await?;
            let sentence = record.as_ref().map(|record| record.decision.sentence(&head.plan));
            (Fate::Done, Some(record.map_or(seq, |r| r.seq).0), sentence.unwrap_or_default())
        }
        Became::Ignored(why) => (Fate::Ignored, None, ignored(journal, head, why).await?),
        Became::Unread => (Fate::Unread, None, kept(journal, head).await?),
    };
    Ok(Given { rollout: rollout.0, order, became: fate, record, sentence })
}

/// What became of an order, once it was read.
async fn read(
    journal: &dyn Journal,
    rollout: RolloutId,
    id: CommandId,
) -> Result<Became, JournalError> {
    loop {
        match journal.became(rollout, id).await? {
            Some(Became::Unread) | None => time::sleep(ASK_EVERY).await,
            Some(became) => return Ok(became),
        }
    }
}

/// The record that the order is in. Its commit may have held others after it.
async fn step_of(
    journal: &dyn Journal,
    rollout: RolloutId,
    id: CommandId,
    last: Seq,
) -> Result<Option<Record>, JournalError> {
    let holds = |record: &Record| {
        let command = match &record.event {
            Some(Event::Command(command)) => Some(command.id),
            _ => None,
        };
        record.seq <= last && command == Some(id)
    };
    Ok(journal.read(rollout, Seq(1)).await?.into_iter().rfind(holds))
}

/// Why it changed nothing, with what the rollout does instead.
async fn ignored(journal: &dyn Journal, head: &Head, why: Ignored) -> Result<String, JournalError> {
    Ok(match why {
        Ignored::Unchanged => "that is so already".to_owned(),
        Ignored::NotNow => {
            let last = journal.last(head.identity.rollout).await?;
            let state = last.map_or_else(|| head.open().next, |last| last.after);
            format!("{why}: it is {}", state.phase().name())
        }
        _ => why.to_string(),
    })
}

/// Why nobody has read it, as far as the journal shows.
async fn kept(journal: &dyn Journal, head: &Head) -> Result<String, JournalError> {
    let holder = row_of(journal, head).await?.holder;
    Ok(match holder {
        Some(holder) => format!("{holder:?} holds the rollout and has not read it yet; it is kept"),
        None => "nobody runs the rollout; it is kept for whoever goes on with it".to_owned(),
    })
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, order, sentence, .. } = self;
        match (self.became, self.record) {
            (Fate::Done, Some(record)) => writeln!(f, "r{rollout}, record {record}: {sentence}"),
            (Fate::Done, None) => writeln!(f, "r{rollout}: {sentence}"),
            (Fate::Ignored, _) => writeln!(f, "r{rollout}: {order} changes nothing: {sentence}"),
            (Fate::Unread, _) => writeln!(f, "r{rollout}: {order} is not read yet: {sentence}"),
        }
    }
}
