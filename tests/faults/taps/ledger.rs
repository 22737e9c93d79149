//! Which intents are durable, which moves were sent without one, and when rollouts ended.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate::machine::{Append, Call, MoveId, RolloutId};
use tokio::time::Instant;

#[derive(Debug, Default)]
struct Pages {
    durable: HashSet<(MoveId, u8)>,
    sent_without: Vec<(MoveId, u8)>,
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

    /// What a commit would make durable.
    pub(crate) fn intents(commit: &Append) -> Vec<(MoveId, u8)> {
        let intents = commit.records.iter().filter_map(|record| record.intent.as_ref());
        intents.map(|intent| (intent.id, intent.attempt)).collect()
    }

    /// The store has them.
    pub(crate) fn keep(&self, intents: Vec<(MoveId, u8)>) {
        self.pages().durable.extend(intents);
    }

    /// A rollout is over, durably.
    pub(crate) fn end(&self, rollout: RolloutId) {
        self.pages().ended.entry(rollout).or_insert_with(Instant::now);
    }

    /// When a rollout's end became durable.
    pub(crate) fn ended(&self, rollout: RolloutId) -> Option<Instant> {
        self.pages().ended.get(&rollout).copied()
    }

    /// A call that changes something is about to be sent.
    pub(crate) fn sending(&self, call: &Call) {
        let mut pages = self.pages();
        let sent = (call.id, call.attempt);
        if !pages.durable.contains(&sent) {
            pages.sent_without.push(sent);
        }
    }

    /// Moves that were sent before their intent was durable: there must be none.
    pub(crate) fn sent_without_intent(&self) -> Vec<(MoveId, u8)> {
        self.pages().sent_without.clone()
    }
}
