//! Which engines are listed, and until when: by tokio's clock, which tests pause.
//!
//! Must not know rollouts.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use tidegate_core::{EngineId, JournalError, Listed, Span, Timestamp};
use tokio::time::Instant;

use crate::clock::{Clock, TokioClock};

#[derive(Clone, Debug)]
struct Lease {
    name: String,
    until: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Engines {
    clock: TokioClock,
    leases: BTreeMap<EngineId, Lease>,
    last: u64,
    /// When the time stood still, in a copy that is kept for later.
    paused: Option<Instant>,
}

impl Default for Engines {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let anchor = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let clock = TokioClock::starting_at(anchor);
        Self { clock, leases: BTreeMap::new(), last: 0, paused: None }
    }
}

impl Engines {
    /// Notes the time, to go on from later.
    pub(super) fn pause(&mut self) {
        self.paused = Some(Instant::now());
    }

    /// Goes on from where the time stood still.
    pub(super) fn resume(&mut self) {
        let Some(paused) = self.paused.take() else { return };
        let slept = paused.elapsed();
        self.clock = self.clock.set_back(slept);
        for lease in self.leases.values_mut() {
            lease.until += slept;
        }
    }

    pub(super) fn enlist(&mut self, name: &str, lease: Span) -> Listed {
        self.leases.retain(|_, other| other.name != name);
        self.last += 1;
        let engine = EngineId(self.last);
        let until = Instant::now() + lease.duration();
        self.leases.insert(engine, Lease { name: name.to_owned(), until });
        Listed { engine, at: self.clock.now() }
    }

    pub(super) fn renew(
        &mut self,
        engine: EngineId,
        lease: Span,
    ) -> Result<Timestamp, JournalError> {
        self.check(engine)?;
        if let Some(listed) = self.leases.get_mut(&engine) {
            listed.until = Instant::now() + lease.duration();
        }
        Ok(self.clock.now())
    }

    /// Numbers that were given out are not given out again.
    pub(super) fn strike_all_off(&mut self) {
        self.leases.clear();
    }

    pub(super) fn lapse(&mut self) {
        self.leases.values_mut().for_each(|lease| lease.until = Instant::now());
    }

    pub(super) fn resign(&mut self, engine: EngineId) {
        self.leases.remove(&engine);
    }

    /// An engine whose lease has lapsed holds nothing any more.
    pub(super) fn is_listed(&self, engine: EngineId) -> bool {
        self.leases.get(&engine).is_some_and(|lease| lease.until > Instant::now())
    }

    pub(super) fn check(&self, engine: EngineId) -> Result<(), JournalError> {
        match self.leases.get(&engine) {
            Some(lease) if lease.until > Instant::now() => Ok(()),
            Some(_) => Err(JournalError::Lapsed(engine)),
            None => Err(JournalError::Unlisted(engine)),
        }
    }

    pub(super) fn name(&self, engine: EngineId) -> Option<&str> {
        self.leases.get(&engine).map(|lease| lease.name.as_str())
    }
}
