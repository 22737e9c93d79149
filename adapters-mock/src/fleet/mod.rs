//! The simulated world: a plain value with a virtual clock, without tasks, locks or I/O.
//!
//! Time moves only by [`Fleet::advance_to`]; on the way everything that falls due happens in its
//! order: replicas get ready, data planes follow, late calls land, people interfere. This module
//! must not know rollouts, plans or engines. Everything random is a function of the seed.

mod act;
pub(crate) mod draw;
mod happen;
mod log;
mod measure;
mod platform;
mod read;
mod routes;
mod send;
mod side;

use std::sync::Arc;

use tidegate_core::{
    Arm, Capabilities, CapacityKind, Extra, Revisions, SafetyClass, Span, Timestamp, Weight,
};

pub use log::{Fate, Logged, Request};
pub use send::Reply;

use self::{
    measure::{Arrivals, History, Latencies},
    platform::Platform,
    routes::{NOWHERE, Route, SIDES},
    send::Pending,
    side::{Side, Starts},
};
use crate::{faults::Op, spec::WorldSpec};

const ZONES: usize = Capabilities::MAX_ZONES;

/// The sides that play the two arms in one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    stable: usize,
    candidate: usize,
}

impl Ends {
    const fn of(self, arm: Arm) -> usize {
        match arm {
            Arm::Stable => self.stable,
            Arm::Candidate => self.candidate,
        }
    }
}

/// A simulated target with everything around it.
#[derive(Clone, Debug)]
pub struct Fleet {
    spec: Arc<WorldSpec>,
    seed: u64,
    began: Timestamp,
    now: Timestamp,
    /// When the next thing happens by itself.
    next: Timestamp,
    full: [u32; ZONES],
    sides: Vec<Side>,
    routes: Vec<Route>,
    extra: Extra,
    /// The side that copies and tests go to.
    extra_to: usize,
    pending: Vec<Pending>,
    happened: usize,
    platform: Platform,
    history: History,
    latencies: Latencies,
    /// By side, what the periods of one regime expect.
    steady: [Option<(usize, Arrivals)>; SIDES],
    log: Vec<Logged>,
    calls: [u32; Op::COUNT],
    port_calls: u32,
}

impl Fleet {
    /// When a world begins unless told otherwise: 2026-01-01T00:00:00Z.
    pub const BEGIN: Timestamp = Timestamp(1_767_225_600_000);

    /// A world at rest at [`Self::BEGIN`].
    #[must_use]
    pub fn new(spec: impl Into<Arc<WorldSpec>>, seed: u64) -> Self {
        Self::beginning_at(spec, seed, Self::BEGIN)
    }

    /// A world at rest at an instant. Times in its spec count from there.
    #[must_use]
    pub fn beginning_at(spec: impl Into<Arc<WorldSpec>>, seed: u64, now: Timestamp) -> Self {
        let mut spec: Arc<WorldSpec> = spec.into();
        if !spec.happenings.is_sorted_by_key(|happening| happening.at) {
            Arc::make_mut(&mut spec).happenings.sort_by_key(|happening| happening.at);
        }
        let full = spec.full_by_zone();
        let first = if spec.first { Side::default() } else { Side::serving(full, now) };
        let mut shares = [0; SIDES];
        shares[0] = spec.other.rest().bp();
        let routes = (0..spec.routes.max(1)).map(|_| Route::new(shares)).collect();
        let latencies = Latencies::of(&spec.latency);
        let mut fleet = Self {
            spec,
            seed,
            began: now,
            now,
            next: Timestamp::MAX,
            full,
            sides: vec![first],
            routes,
            extra: Extra::default(),
            extra_to: 0,
            pending: Vec::new(),
            happened: 0,
            platform: Platform::default(),
            history: History::default(),
            latencies,
            steady: [const { None }; SIDES],
            log: Vec::new(),
            calls: [0; Op::COUNT],
            port_calls: 0,
        };
        fleet.changed();
        fleet
    }

    /// What the world was made from.
    #[must_use]
    pub fn spec(&self) -> &WorldSpec {
        &self.spec
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Every call that changes something, in the order they were sent.
    #[must_use]
    pub fn log(&self) -> &[Logged] {
        &self.log
    }

    /// Calls of any port so far, reads included.
    #[must_use]
    pub const fn port_calls(&self) -> u32 {
        self.port_calls
    }

    /// When something happens next without a call; [`Timestamp::MAX`] if nothing will.
    #[must_use]
    pub const fn next_change(&self) -> Timestamp {
        self.next
    }

    /// Moves the clock. Everything due on the way happens in its order; going back does nothing.
    pub fn advance_to(&mut self, to: Timestamp) {
        while self.next <= to {
            self.now = self.now.max(self.next);
            self.happen();
            self.changed();
        }
        self.now = self.now.max(to);
    }

    /// Moves the clock by a span.
    pub fn advance(&mut self, by: Span) {
        self.advance_to(self.now.after(by));
    }

    /// Whether the engine is to crash instead of making its next port call.
    #[must_use]
    pub fn crashes_before_next_call(&self) -> bool {
        let next = self.port_calls + 1;
        self.spec.crashes.iter().any(|point| !point.after && point.call == next)
    }

    /// Whether the engine is to crash now that its last port call got through.
    #[must_use]
    pub fn crashes_after_last_call(&self) -> bool {
        self.spec.crashes.iter().any(|point| point.after && point.call == self.port_calls)
    }

    /// Counts a port call that a crash swallowed, so that a restarted engine gets past it.
    pub const fn swallow_call(&mut self) {
        self.port_calls += 1;
    }

    /// Creations that took effect more than once: what must never be, whatever the faults. An
    /// absolute set that arrives twice is harmless and not listed.
    #[must_use]
    pub fn created_twice(&self) -> Vec<&Logged> {
        let again = |index: usize, entry: &Logged| {
            let before = self.log.get(..index).unwrap_or_default();
            before.iter().any(|old| old.key() == entry.key() && old.took_effect())
        };
        let twice = |(index, entry): &(usize, &Logged)| {
            matches!(entry.request, Request::Start | Request::Redeploy)
                && entry.took_effect()
                && (matches!(entry.fate, Fate::DoneTwice(_)) || again(*index, entry))
        };
        self.log.iter().enumerate().filter(twice).map(|(_, entry)| entry).collect()
    }

    fn elapsed(&self) -> Span {
        self.now.since(self.began)
    }

    /// After any change: a new regime for the measurements, and when the next thing is due.
    fn changed(&mut self) {
        self.note_regime();
        let sides = self.sides.iter().map(Side::next_change);
        let routes = self.routes.iter().map(Route::next_change);
        let pending = self.pending.iter().map(|pending| pending.at);
        let own = [self.next_happening(), self.platform.next_change()];
        let due = sides.chain(routes).chain(pending).chain(own).min();
        self.next = due.unwrap_or(Timestamp::MAX);
    }

    /// The sides that play the arms of these revisions; a new one gets a side of its own.
    fn ends(&mut self, revisions: &Revisions) -> Ends {
        let stable = match &revisions.stable {
            None => 0,
            Some(revision) => self.side_of(revision, true),
        };
        Ends { stable, candidate: self.side_of(&revisions.candidate, false) }
    }

    fn side_of(&mut self, revision: &tidegate_core::Revision, serves: bool) -> usize {
        // Mostly it holds the very same text, which is quicker to see than an equal one.
        let very_same = self.sides.iter().position(|side| side.holds_very(revision));
        let known = || self.sides.iter().position(|side| side.revision.as_ref() == Some(revision));
        if let Some(index) = very_same.or_else(known) {
            return index;
        }
        let nameless = serves && self.sides.first().is_some_and(|side| side.revision.is_none());
        let index = if nameless { 0 } else { self.free_side() };
        if index == NOWHERE {
            return index;
        }
        self.sides[index].revision = Some(revision.clone());
        self.steady[index] = None;
        index
    }

    /// A side for a new revision: a fresh one, or that of a revision which left nothing behind.
    fn free_side(&mut self) -> usize {
        if self.sides.len() < NOWHERE {
            self.sides.push(Side::default());
            return self.sides.len() - 1;
        }
        self.sides.resize_with(SIDES, Side::default);
        let empty = |index: &usize| {
            let index = *index;
            self.sides[index].is_gone() && self.routes.iter().all(|route| route.written[index] == 0)
        };
        (0..NOWHERE).find(empty).unwrap_or(NOWHERE)
    }

    fn starts(&self, side: usize) -> Starts {
        let arm = if side == 0 { &self.spec.stable } else { &self.spec.candidate };
        let elastic = self.spec.capacity == CapacityKind::Elastic;
        let takes = if elastic { Span::ZERO } else { arm.starts_in };
        let seed = draw::bits(self.seed, 0x51DE, side as u64);
        Starts { takes, crash: arm.crash_on_start, seed }
    }

    fn full_total(&self) -> u32 {
        self.full.iter().sum()
    }

    fn zoned(&self) -> bool {
        !self.spec.zones.is_empty()
    }

    /// Units over all zones, divided as the full size is.
    fn spread(&self, units: u32) -> [u32; ZONES] {
        let total = u64::from(self.full_total().max(1));
        let (mut before, mut given) = (0_u64, 0_u64);
        self.full.map(|of_zone| {
            before += u64::from(of_zone);
            let upto = u64::from(units) * before / total;
            let here = upto - given;
            given = upto;
            u32::try_from(here).unwrap_or(u32::MAX)
        })
    }

    fn class(&self, op: Op) -> SafetyClass {
        let platform = self.spec.platform.as_ref();
        match op {
            Op::Start | Op::Redeploy => platform.map_or(self.spec.scale.class, |p| p.start.class),
            Op::Release | Op::Stop => platform.map_or(self.spec.scale.class, |p| p.control.class),
            Op::Provision | Op::Scale | Op::Retire => self.spec.scale.class,
            _ => self.spec.shift.class,
        }
    }

    /// Gives one arm's side this share on every route, another the rest.
    fn write_routes(&mut self, ends: Ends, to: Weight) {
        let seen_at = self.now.after(self.spec.propagation);
        for route in &mut self.routes {
            let shares = route.shares_for(ends.stable, ends.candidate, to);
            route.write(shares, seen_at);
            route.settle(self.now);
        }
    }
}
