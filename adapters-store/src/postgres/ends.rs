//! Where the chains end of the rollouts that this process writes, so that a step needs no reading.
//!
//! Only a memory: every commit compares it with the row, and a rollout that is not in it is read.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tidegate_core::{RolloutId, RowVersion, Seq};

use crate::chain::Link;

/// The last record of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) seq: Seq,
    pub(super) hash: Link,
}

/// More are not remembered: some 10 MB.
const ROOM: usize = 100_000;

/// The ends of chains, each at one version of its row.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<RolloutId, (RowVersion, End)>>);

impl Ends {
    fn ends(&self) -> MutexGuard<'_, HashMap<RolloutId, (RowVersion, End)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, rollout: RolloutId, version: RowVersion) -> Option<End> {
        self.ends().get(&rollout).filter(|(at, _)| *at == version).map(|(_, end)| *end)
    }

    pub(super) fn put(&self, rollout: RolloutId, version: RowVersion, end: End) {
        let mut ends = self.ends();
        if ends.len() >= ROOM && !ends.contains_key(&rollout) {
            ends.clear();
        }
        ends.insert(rollout, (version, end));
    }

    pub(super) fn forget(&self, rollout: RolloutId) {
        self.ends().remove(&rollout);
    }
}
