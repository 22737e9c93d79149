//! The replicas of one revision: asked for, starting, ready.
//!
//! This file must not know traffic, nor which arm its revision plays.

use tidegate_core::{
    ArmCapacity, Capabilities, CapacityKind, Revision, Span, Timestamp, Units, Weight,
};

use super::draw;

const ZONES: usize = Capabilities::MAX_ZONES;

/// Replicas that were asked for together.
#[derive(Clone, Copy, Debug)]
struct Cohort {
    zone: usize,
    units: u32,
    ready_at: Timestamp,
}

/// The replicas of one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// Its revision; absent until somebody names the one that served at the start.
    pub(crate) revision: Option<Revision>,
    /// When its first replica was ready; absent while it has none.
    pub(crate) serving_since: Option<Timestamp>,
    pub(crate) asked: [u32; ZONES],
    pub(crate) ready: [u32; ZONES],
    starting: Vec<Cohort>,
    starts: u64,
}

/// How the replicas of a side start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Starts {
    pub(crate) takes: Span,
    pub(crate) crash: f64,
    pub(crate) seed: u64,
}

impl Side {
    pub(crate) fn serving(full: [u32; ZONES], now: Timestamp) -> Self {
        Self { asked: full, ready: full, serving_since: Some(now), ..Self::default() }
    }

    /// Whether its revision is this very text, and not one that reads the same.
    pub(crate) fn holds_very(&self, revision: &Revision) -> bool {
        self.revision.as_ref().is_some_and(|own| std::ptr::eq(own.as_str(), revision.as_str()))
    }

    pub(crate) fn ready_total(&self) -> u32 {
        self.ready.iter().sum()
    }

    pub(crate) fn asked_total(&self) -> u32 {
        self.asked.iter().sum()
    }

    /// Whether nothing of it exists or was asked for.
    pub(crate) fn is_gone(&self) -> bool {
        self.asked_total() == 0 && self.ready_total() == 0 && self.starting.is_empty()
    }

    /// Asks for `units` in a zone. Unready replicas go first on the way down; on the way up only
    /// `share` of the missing ones is really started.
    pub(crate) fn set(
        &mut self,
        zone: usize,
        units: u32,
        share: Weight,
        how: Starts,
        now: Timestamp,
    ) {
        self.asked[zone] = units;
        let starting: u32 = self.starting.iter().filter(|c| c.zone == zone).map(|c| c.units).sum();
        let have = self.ready[zone] + starting;
        if have > units {
            self.shrink(zone, have - units);
        } else if have < units {
            let missing = u64::from(units - have);
            let units = missing * u64::from(share.bp()) / 10_000;
            let units = u32::try_from(units).unwrap_or(u32::MAX);
            self.begin(Cohort { zone, units, ready_at: now.after(how.takes) });
        }
        if how.takes.is_zero() {
            self.settle(now, how);
        }
    }

    fn begin(&mut self, cohort: Cohort) {
        if cohort.units > 0 {
            self.starting.push(cohort);
        }
    }

    fn shrink(&mut self, zone: usize, mut surplus: u32) {
        for cohort in self.starting.iter_mut().rev().filter(|c| c.zone == zone) {
            let gone = cohort.units.min(surplus);
            cohort.units -= gone;
            surplus -= gone;
        }
        self.starting.retain(|cohort| cohort.units > 0);
        self.ready[zone] -= surplus.min(self.ready[zone]);
        self.note_serving(Timestamp::default());
    }

    /// When the next replicas get ready, or crash.
    pub(crate) fn next_change(&self) -> Timestamp {
        self.starting.iter().map(|c| c.ready_at).min().unwrap_or(Timestamp::MAX)
    }

    /// Replicas whose time has come get ready, or crash and start again.
    pub(crate) fn settle(&mut self, now: Timestamp, how: Starts) {
        let mut index = 0;
        while let Some(cohort) = self.starting.get(index).copied() {
            if cohort.ready_at > now {
                index += 1;
                continue;
            }
            self.starting.swap_remove(index);
            self.arrive(cohort, how);
        }
        self.note_serving(now);
    }

    fn arrive(&mut self, cohort: Cohort, how: Starts) {
        self.starts += 1;
        let bits = draw::bits(how.seed, 0xC4A5, self.starts);
        let crashed = draw::binomial(bits, u64::from(cohort.units), how.crash);
        let crashed = u32::try_from(crashed).unwrap_or(cohort.units).min(cohort.units);
        self.ready[cohort.zone] += cohort.units - crashed;
        // A start that takes no time would crash for ever in one instant.
        let again = Span(how.takes.0.max(1_000));
        let ready_at = cohort.ready_at.after(again);
        self.begin(Cohort { units: crashed, ready_at, ..cohort });
    }

    /// Ready replicas crash and start again.
    pub(crate) fn crash(&mut self, mut units: u32, how: Starts, now: Timestamp) {
        for zone in 0..ZONES {
            let crashed = self.ready[zone].min(units);
            units -= crashed;
            self.ready[zone] -= crashed;
            self.begin(Cohort { zone, units: crashed, ready_at: now.after(how.takes) });
        }
        self.note_serving(now);
    }

    pub(crate) fn retire(&mut self) {
        *self = Self { revision: self.revision.take(), starts: self.starts, ..Self::default() };
    }

    fn note_serving(&mut self, now: Timestamp) {
        let serves = self.ready_total() > 0;
        self.serving_since = self.serving_since.or(Some(now)).filter(|_| serves);
    }

    pub(crate) fn capacity(&self, kind: CapacityKind, zoned: bool) -> ArmCapacity {
        let ready = if kind == CapacityKind::Elastic { self.asked } else { self.ready };
        let mut capacity = ArmCapacity {
            total: Units { asked: self.asked_total(), ready: ready.iter().sum() },
            ..ArmCapacity::default()
        };
        if zoned {
            for (slot, (asked, ready)) in
                capacity.zones.iter_mut().zip(self.asked.iter().zip(ready))
            {
                *slot = Units { asked: *asked, ready };
            }
        }
        capacity
    }
}
