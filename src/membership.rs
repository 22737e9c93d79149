//! This engine's place in the journal's list: one lease, renewed by a heartbeat.
//!
//! Must not know rollouts. The lease is measured by the journal's clock; here it is taken to end so
//! long after it was *asked* for, by the clock of this process alone.

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tidegate_core::{EngineId, Journal, JournalError, Span, Timestamp};
use tokio::{
    sync::Mutex,
    time::{self, Instant},
};

use crate::clock::MonotonicClock;

/// Nothing is sent in the last half of a lease: a clock that runs at half the store's rate takes a whole
/// lease for half of one.
const MARGIN: u32 = 2;

/// A heartbeat comes so many times in a lease, so that two may be lost.
const BEATS: u32 = 3;

/// The journal's clock and ours may differ by so much, in milliseconds, before ours is moved. Longer
/// than an answer travels.
const DRIFT_MS: u64 = 1_000;

/// Whether the engine is listed.
#[derive(Clone, Copy, Debug)]
enum Place {
    Never,
    Listed {
        engine: EngineId,
        until: Instant,
    },
    /// What ran under the lease has to end before the engine is listed anew.
    Lapsed(EngineId),
    StruckOff(EngineId),
}

/// Why an engine is not listed any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// Its lease has run out: it may be listed again, and claim again what nobody took.
    Lease,
    /// Another engine has its name.
    Name,
}

/// This engine's place in the journal's list.
pub(crate) struct Membership {
    journal: Arc<dyn Journal>,
    name: String,
    lease: Duration,
    /// The clock that follows the journal's, unless the engine was given another.
    follows: Option<Arc<MonotonicClock>>,
    place: Mutex<Place>,
    /// Since when the lease could not be renewed.
    failing: std::sync::Mutex<Option<Instant>>,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Membership {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        name: String,
        lease: Duration,
        follows: Option<Arc<MonotonicClock>>,
    ) -> Self {
        let (place, failing) = (Mutex::new(Place::Never), std::sync::Mutex::default());
        Self { journal, name, lease, follows, place, failing }
    }

    /// For how long the lease could not be renewed; nothing where the last try was answered.
    pub(crate) fn failing_for(&self) -> Option<Duration> {
        let failing = *self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.map(|since| since.elapsed())
    }

    fn note(&self, answered: bool) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = if answered { None } else { failing.or_else(|| Some(Instant::now())) };
    }

    /// What the engine is called in the journal.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn span(&self) -> Span {
        Span(u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX))
    }

    /// What the engine is listed as; lists it when it never was.
    ///
    /// # Errors
    /// [`JournalError::Unlisted`] once another engine took its name: it stays stopped, for two that
    /// take the name from each other would both do nothing else.
    pub(crate) async fn engine(&self) -> Result<EngineId, JournalError> {
        let mut place = self.place.lock().await;
        match *place {
            Place::Listed { engine, .. } => Ok(engine),
            Place::Lapsed(engine) => Err(JournalError::Lapsed(engine)),
            Place::StruckOff(engine) => Err(JournalError::Unlisted(engine)),
            Place::Never => {
                let asked = Instant::now();
                let listed = self.journal.enlist(&self.name, self.span()).await?;
                if let Some(clock) = &self.follows {
                    clock.resync(listed.at);
                }
                *place = Place::Listed { engine: listed.engine, until: asked + self.lease };
                tracing::info!(engine = %listed.engine, name = self.name, "listed");
                Ok(listed.engine)
            }
        }
    }

    /// Makes sure that the lease under which something was claimed has a while to go: what is sent
    /// now, nobody else thinks unsent.
    ///
    /// # Errors
    /// When it has not and can not be renewed, or was another. Nothing may be sent then.
    pub(crate) async fn confirm(&self, claimed_by: EngineId) -> Result<(), JournalError> {
        let place = *self.place.lock().await;
        match place {
            Place::Listed { engine, .. } if engine != claimed_by => {
                Err(JournalError::Lapsed(claimed_by))
            }
            Place::Listed { until, .. } if Instant::now() + self.lease / MARGIN < until => Ok(()),
            Place::Listed { engine, .. } => self.renew(engine).await,
            Place::Never | Place::Lapsed(_) => Err(JournalError::Lapsed(claimed_by)),
            Place::StruckOff(engine) => Err(JournalError::Unlisted(engine)),
        }
    }

    /// Lets the engine be listed anew, as another, once nothing runs under the lease that lapsed.
    pub(crate) async fn begin_anew(&self) {
        let mut place = self.place.lock().await;
        if let Place::Lapsed(_) = *place {
            *place = Place::Never;
        }
    }

    async fn renew(&self, engine: EngineId) -> Result<(), JournalError> {
        let asked = Instant::now();
        let renewed = self.journal.renew(engine, self.span()).await;
        let refused = matches!(renewed, Err(JournalError::Unlisted(_) | JournalError::Lapsed(_)));
        self.note(renewed.is_ok() || refused);
        let mut place = self.place.lock().await;
        match renewed {
            Ok(at) => {
                *place = Place::Listed { engine, until: asked + self.lease };
                self.follow(at);
                Ok(())
            }
            Err(error) => {
                match error {
                    JournalError::Unlisted(_) => *place = Place::StruckOff(engine),
                    JournalError::Lapsed(_) => *place = Place::Lapsed(engine),
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// Moves rollout time to the journal's when it has drifted away.
    fn follow(&self, at: Timestamp) {
        let Some(clock) = &self.follows else { return };
        let now = crate::clock::Clock::now(&**clock);
        if now.0.abs_diff(at.0) > DRIFT_MS {
            let by_ms = clock.resync(at);
            tracing::warn!(by_ms, "rollout time was moved to the journal's");
        }
    }

    /// The heartbeat. Ends when the engine is not listed any more.
    pub(crate) async fn keep(&self) -> Lost {
        loop {
            time::sleep(self.lease / BEATS).await;
            let place = *self.place.lock().await;
            let renewed = match place {
                Place::Listed { engine, .. } => self.renew(engine).await,
                Place::Never => continue,
                // Found out by a move that was to be sent.
                Place::Lapsed(_) => return Lost::Lease,
                Place::StruckOff(engine) => Err(JournalError::Unlisted(engine)),
            };
            match renewed {
                Ok(()) => {}
                Err(JournalError::Unlisted(_)) => return Lost::Name,
                Err(JournalError::Lapsed(_)) => return Lost::Lease,
                Err(error) => crate::runner::warn(&error, "the lease was not renewed"),
            }
        }
    }

    /// Gives everything up that the engine holds.
    pub(crate) async fn resign(&self) -> Result<(), JournalError> {
        let place = *self.place.lock().await;
        match place {
            Place::Listed { engine, .. } => self.journal.resign(engine).await,
            Place::Never | Place::Lapsed(_) | Place::StruckOff(_) => Ok(()),
        }
    }
}
