//! Routes: what was written, and what the data plane does a while later.
//!
//! This file must not know revisions: a share belongs to the side of an index.

use tidegate_core::{Timestamp, Weight};

/// Revisions that can exist at one time.
pub(crate) const SIDES: usize = 4;

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

    /// The shares after giving `candidate` to one side and all but `other` of the rest to another.
    /// Everything else on the route stays; a candidate's share that has no room is cut.
    pub(crate) fn shares_for(&self, stable: usize, candidate: usize, to: Weight) -> Shares {
        let mut shares = self.written;
        let ours = self.ours(stable, candidate);
        shares[candidate] = to.bp().min(ours);
        shares[stable] = ours - shares[candidate];
        shares
    }

    /// What both sides may have together: all that is not somebody else's.
    fn ours(&self, stable: usize, candidate: usize) -> u16 {
        self.written[stable] + self.written[candidate]
    }
}
