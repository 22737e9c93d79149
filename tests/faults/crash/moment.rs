//! A moment of a run, as a crash would leave it: what the store and the target hold, and nothing of
//! what the engine knew.
//!
//! An engine that starts from a moment starts from a crash at that moment: all that a process leaves
//! behind when it dies is outside it. `a_moment_is_what_a_crash_leaves` holds this against engines
//! that are really dropped.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tidegate::{
    Ports,
    machine::{
        Append, Call, Journal, JournalError, PlatformSeen, PortError, RolloutId, Span,
        TrafficReading,
    },
};
use tidegate_mock::{Backup, Fleet, MemoryJournal, Op, Request, SimWorld, TokioClock};

use super::{
    bends::{Bend, Bent},
    boundary::{Boundary, Called, Side},
    shapes::{Shape, TARGET},
};
use crate::taps::{
    Commit, JournalCall, JournalTap, Ledger, PortTap, Post, TappedJournal, TappedPorts, deliver,
};

/// What is left of a run at one boundary.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Boundary,
    store: Backup,
    fleet: Fleet,
}

/// A store and a target. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) store: MemoryJournal,
    pub(crate) world: SimWorld,
}

impl Stage {
    /// Nothing has happened yet.
    pub(crate) fn new(shape: &Shape) -> Self {
        Self { store: MemoryJournal::new(), world: SimWorld::new(shape.world.clone(), 7) }
    }

    /// Goes on from a moment.
    pub(crate) fn at(moment: &Moment) -> Self {
        let clock = TokioClock::starting_at(moment.fleet.now());
        let world = SimWorld::with_clock(moment.fleet.clone(), Arc::new(clock));
        Self { store: moment.store.resume(), world }
    }

    fn moment(&self, at: Boundary) -> Moment {
        let fleet = self.world.with_fleet(|fleet| fleet.clone());
        Moment { at, store: self.store.backup(), fleet }
    }

    /// What an engine on this stage is given.
    pub(crate) fn seams(&self) -> (Arc<dyn Journal>, Ports) {
        let world = Arc::new(self.world.clone());
        let ports = Ports::new(world.clone(), world.clone(), world.clone());
        (Arc::new(self.store.clone()), ports.with_hook("smoke", world))
    }
}

/// Who looks at every boundary that an engine comes to.
pub(crate) trait Witness: std::fmt::Debug + Send + Sync {
    /// The engine is at a boundary. `true` if it is to go no further.
    fn passes(&self, at: Boundary) -> bool;
}

/// Keeps the moment of every boundary.
#[derive(Debug)]
pub(crate) struct Camera {
    stage: Stage,
    film: Mutex<Vec<Moment>>,
}

impl Camera {
    pub(crate) fn on(stage: &Stage) -> Arc<Self> {
        Arc::new(Self { stage: stage.clone(), film: Mutex::default() })
    }

    /// Every moment so far.
    pub(crate) fn film(&self) -> Vec<Moment> {
        std::mem::take(&mut self.film.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Witness for Camera {
    fn passes(&self, at: Boundary) -> bool {
        let moment = self.stage.moment(at);
        self.film.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
        false
    }
}

/// Stops an engine at the n-th boundary, from 0: there it hangs for ever, to be dropped.
#[derive(Debug)]
pub(crate) struct Trap {
    left: Mutex<usize>,
    pub(crate) sprung: tokio::sync::Notify,
}

impl Trap {
    pub(crate) fn at(nth: usize) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(nth), sprung: tokio::sync::Notify::new() })
    }
}

impl Witness for Trap {
    fn passes(&self, _at: Boundary) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let here = *left == 0;
        if here {
            self.sprung.notify_one();
        } else {
            *left -= 1;
        }
        here
    }
}

/// Nobody looks.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Witness for Nobody {
    fn passes(&self, _at: Boundary) -> bool {
        false
    }
}

/// Takes a witness to every boundary of an engine on a stage.
pub(crate) fn witnessed(
    stage: &Stage,
    bend: Option<Bend>,
    witness: Arc<dyn Witness>,
) -> (Arc<dyn Journal>, Ports) {
    let tap = Arc::new(Tap { witness, bent: bend.map(|bend| Bent::new(bend, stage)) });
    let store = stage.store.clone();
    let journal = TappedJournal { store, tap: tap.clone(), ledger: Ledger::default() };
    let worlds = [(TARGET.into(), stage.world.clone())].into();
    (Arc::new(journal), TappedPorts { worlds: Arc::new(worlds), tap }.ports())
}

#[derive(Debug)]
struct Tap {
    witness: Arc<dyn Witness>,
    bent: Option<Bent>,
}

impl Tap {
    async fn pass(&self, called: Called, side: Side) {
        if self.witness.passes(Boundary { called, side }) {
            std::future::pending::<()>().await;
        }
    }
}

fn read(what: Option<Op>) -> Called {
    what.map_or(Called::Hook, Called::Port)
}

#[async_trait]
impl JournalTap for Tap {
    async fn before(&self, call: JournalCall) -> Result<(), JournalError> {
        self.pass(Called::Journal(call), Side::Before).await;
        Ok(())
    }

    async fn after(&self, call: JournalCall, _rollout: RolloutId) -> Result<(), JournalError> {
        self.pass(Called::Journal(call), Side::After).await;
        Ok(())
    }

    async fn commit(&self, _store: &MemoryJournal, commit: &mut Append) {
        let Some(bent) = &self.bent else { return };
        if bent.commit(commit, &TARGET.into()).await {
            let append = Called::Journal(JournalCall::Append(Commit::of(commit)));
            self.pass(append, Side::Before).await;
        }
    }

    fn post(&self) -> Post {
        self.bent.as_ref().map_or(Post::Now, Bent::post)
    }

    fn lease(&self, asked: Span) -> Span {
        self.bent.as_ref().map_or(asked, |bent| bent.lease(asked))
    }
}

#[async_trait]
impl PortTap for Tap {
    async fn send(&self, world: &SimWorld, call: &Call, what: Request) -> Result<(), PortError> {
        let op = Called::Port(what.op());
        self.pass(op, Side::Before).await;
        let answer = match &self.bent {
            Some(bent) => deliver(world, &bent.call(call, &what), what).await,
            None => deliver(world, call, what).await,
        };
        self.pass(op, Side::After).await;
        answer
    }

    async fn before(&self, what: Option<Op>) -> Result<(), PortError> {
        self.pass(read(what), Side::Before).await;
        Ok(())
    }

    async fn after(&self, what: Option<Op>) -> Result<(), PortError> {
        self.pass(read(what), Side::After).await;
        Ok(())
    }

    fn traffic(&self, reading: TrafficReading) -> TrafficReading {
        match &self.bent {
            Some(bent) => bent.traffic(reading),
            None => reading,
        }
    }

    fn platform(&self, seen: PlatformSeen) -> PlatformSeen {
        self.bent.as_ref().map_or(seen, |bent| bent.platform(seen))
    }
}
