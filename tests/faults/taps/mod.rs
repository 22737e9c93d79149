//! Between the engine and what it reaches: every call of the journal and of the ports passes here,
//! where a test may note it, hold it up, lose it or bend it.
//!
//! Must not know what for.

mod journal;
mod ledger;
mod ports;

pub(crate) use journal::{Commit, JournalCall, JournalTap, Post, TappedJournal};
pub(crate) use ledger::Ledger;
pub(crate) use ports::{PortTap, TappedPorts, deliver};
