//! Routes: what was written, and what the data plane does a while later.
//!
//! This file must not know revisions: a share belongs to the side of an index.

use tidegate_core::{Timestamp, Weight};

/// Revisions that can exist at one time, those of a rollout and what calls that land late bring
/// back, and one side that stays empty.
pub(crate) const SIDES: usize = 9;

/// The side of revisions that no side is left for: nothing of them exists, and calls are refused.
pub(crate) const NOWHERE: usize = SIDES - 1;

/// Basis points for each side; the rest of a route goes elsewhere.
pub(crate) type Shares = [u16; SIDES];

/// One route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// What was written last.
    pub(crate) written: Shares,
    /// What the data plane does.
    pub(crate) seen: Shares,
    /// Rises with each write.
    pub(crate) version: u64,
    underway: Vec<(Timestamp, Shares)>,
}

impl Route {
    pub(crate) fn new(shares: Shares) -> Self {
        Self { written: shares, seen: shares, version: 0, underway: Vec::new() }
    }

    /// Writes; the data plane follows at `seen_at`.
    pub(crate) fn write(&mut self, shares: Shares, seen_at: Timestamp) {
        self.written = shares;
        self.version += 1;
        self.underway.push((seen_at, shares));
    }

    /// When the data plane changes next.
    pub(crate) fn next_change(&self) -> Timestamp {
        self.underway.first().map_or(Timestamp::MAX, |(at, _)| *at)
    }

    /// The data plane follows every write whose time has come.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let due = self.underway.iter().take_while(|(at, _)| *at <= now).count();
        if let Some((_, shares)) = due.checked_sub(1).and_then(|last| self.underway.get(last)) {
            self.seen = *shares;
        }
        self.underway.drain(..due);
    }

    /// The shares after giving `candidate` this part of what both sides have, and `stable` the rest.
    /// What belongs to anybody else stays as it is.
    pub(crate) fn shares_for(&self, stable: usize, candidate: usize, to: Weight) -> Shares {
        let mut shares = self.written;
        if stable == candidate {
            return shares;
        }
        let ours = self.written[stable] + self.written[candidate];
        let part = u32::from(ours) * u32::from(to.bp()) / 10_000;
        shares[candidate] = u16::try_from(part).unwrap_or(ours);
        shares[stable] = ours - shares[candidate];
        shares
    }
}
