//! Which intents are durable, which moves were sent without one, when they were sent, and when
//! records were written and rollouts ended.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate::machine::{Append, Call, MoveId, RolloutId, Seq};
use tokio::time::Instant;

/// When an engine asked for a record, and when the store had it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) asked: Instant,
    pub(crate) durable: Instant,
}

/// What a commit would make durable.
#[derive(Debug)]
pub(crate) struct Page {
    asked: Instant,
    intents: Vec<(MoveId, u8)>,
    records: Vec<(RolloutId, Seq)>,
    ends: Option<RolloutId>,
}

impl Page {
    pub(crate) fn of(commit: &Append, asked: Instant) -> Self {
        let intents = commit.records.iter().filter_map(|record| record.intent.as_ref());
        Self {
            asked,
            intents: intents.map(|intent| (intent.id, intent.attempt)).collect(),
            records: commit.records.iter().map(|record| (commit.rollout, record.seq)).collect(),
            ends: commit.over.then_some(commit.rollout),
        }
    }
}

#[derive(Debug, Default)]
struct Pages {
    durable: HashSet<(MoveId, u8)>,
    sent: HashMap<(MoveId, u8), Instant>,
    sent_without: Vec<(MoveId, u8)>,
    sent_unserved: Vec<(MoveId, u8)>,
    written: HashMap<(RolloutId, Seq), Written>,
    /// When each rollout's end became durable.
    ended: HashMap<RolloutId, Instant>,
}

/// Shared by all engines of one store. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Pages>>);

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store has it.
    pub(crate) fn keep(&self, page: Page) {
        let durable = Instant::now();
        let mut pages = self.pages();
        pages.durable.extend(page.intents);
        let written = Written { asked: page.asked, durable };
        pages.written.extend(page.records.into_iter().map(|record| (record, written)));
        if let Some(rollout) = page.ends {
            pages.ended.entry(rollout).or_insert(durable);
        }
    }

    /// When a rollout's end became durable.
    pub(crate) fn ended(&self, rollout: RolloutId) -> Option<Instant> {
        self.pages().ended.get(&rollout).copied()
    }

    /// When a record was written. None for what was lost again.
    pub(crate) fn written(&self, rollout: RolloutId, seq: Seq) -> Option<Written> {
        self.pages().written.get(&(rollout, seq)).copied()
    }

    /// A call that changes something is about to be sent.
    pub(crate) fn sending(&self, call: &Call) {
        let mut pages = self.pages();
        let sent = (call.id, call.attempt);
        pages.sent.insert(sent, Instant::now());
        if !pages.durable.contains(&sent) {
            pages.sent_without.push(sent);
        }
    }

    /// When an attempt was sent last.
    pub(crate) fn sent(&self, id: MoveId, attempt: u8) -> Option<Instant> {
        self.pages().sent.get(&(id, attempt)).copied()
    }

    /// Moves that were sent before their intent was durable: there must be none.
    pub(crate) fn sent_without_intent(&self) -> Vec<(MoveId, u8)> {
        self.pages().sent_without.clone()
    }

    /// A call goes to a target that its engine does not serve.
    pub(crate) fn unserved(&self, call: &Call) {
        self.pages().sent_unserved.push((call.id, call.attempt));
    }

    /// Moves that were sent to a target by an engine that does not serve it: there must be none.
    pub(crate) fn sent_unserved(&self) -> Vec<(MoveId, u8)> {
        self.pages().sent_unserved.clone()
    }
}
