//! What the writer does: each function one atomic commit, which refuses before it writes.

mod append;
mod claim;
mod engines;
mod inbox;
mod looks;
mod open;
mod prune;
mod restore;

pub(super) use append::{Prepared, append, committed, release};
pub(super) use claim::{Due, claim, claim_due};
pub(super) use engines::{enlist, in_force, renew, resign};
pub(super) use inbox::submit;
pub(super) use looks::{Kept, keep_looks};
pub(super) use open::open;
pub(super) use prune::{compact, prune_looks, prune_rollouts};
pub(super) use restore::mark_restored;
