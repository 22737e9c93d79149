//! What a position in a plan wants of the world, resolved for the full size as last seen.
//!
//! This file must not know phases: it answers for a position, or for the way back.

use super::{BatchSize, Batches, Bounds, Demand, Plan, Position, Stage};
use crate::{
    Extra, Timestamp, Weight, World,
    next_move::{Limits, Wanted, Way},
};

impl Plan {
    /// The world wanted at `at`, and what no move there may exceed.
    #[must_use]
    pub fn wanted(
        &self,
        world: &World,
        first: bool,
        at: Position,
        drained: Timestamp,
    ) -> (Wanted, Limits) {
        let grid = self.caps.grid();
        let Some(stage) = self.stages(first).get(usize::from(at.stage)) else {
            return (Wanted::nothing(), Limits::unbounded(world.full, grid, drained));
        };
        match stage.batches {
            None => (stage.wanted(world), two_sides(world, grid, drained)),
            Some(batches) => {
                let (wanted, bounds) = self.batch_wanted(world, at, &batches, &stage.goal.extra);
                (wanted, bounds.limits(&batches, world, grid, drained))
            }
        }
    }

    /// The end of the last stage: its last batch, where it has batches.
    #[must_use]
    pub fn last_position(&self, first: bool) -> Position {
        let stages = self.stages(first);
        let stage = u16::try_from(stages.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let batched = stages.last().is_some_and(|stage| stage.batches.is_some());
        Position { stage, batch: if batched { Position::LAST_BATCH } else { 0 } }
    }

    /// The world at the end of the last stage, and what no move there may exceed. Zones are looked at
    /// one by one: the first that the candidate does not fill, then the last.
    #[must_use]
    pub fn wanted_done(&self, world: &World, first: bool, drained: Timestamp) -> (Wanted, Limits) {
        let unfilled = |stage: &Stage| {
            let zone = stage.batches.and_then(|batches| batches.zone);
            zone.is_some() && world.candidate.units(zone).ready < world.full_of(zone)
        };
        let last = self.last_position(first);
        let at = match self.stages(first).iter().position(unfilled) {
            Some(stage) => Position { stage: u16::try_from(stage).unwrap_or(u16::MAX), ..last },
            None => last,
        };
        self.wanted(world, first, at, drained)
    }

    /// The world as found, and what no move on the way there may exceed.
    #[must_use]
    pub fn wanted_back(&self, world: &World, first: bool, drained: Timestamp) -> (Wanted, Limits) {
        let routed = !world.follows_capacity();
        let batches = self.stages(first).iter().rev().find_map(|stage| stage.batches);
        let zone = batches.and_then(|b| b.zone).and_then(|_| zone_to_restore(world));
        let wanted = Wanted {
            way: Way::Back,
            weight: routed.then_some(Weight::ZERO),
            extra: Extra::default(),
            candidate: None,
            stable: (!first).then_some(world.full_of(zone)),
            zone,
        };
        let grid = self.caps.grid();
        let limits = match batches {
            None => two_sides(world, grid, drained),
            Some(batches) => {
                let batches = Batches { zone, ..batches };
                let bounds = batches.size.bounds(world.full_of(zone));
                Limits { fail_at_floor: false, ..bounds.limits(&batches, world, grid, drained) }
            }
        };
        (wanted, limits)
    }

    /// Whether the batch at `at` is the last one of its stage, for the full size as seen.
    #[must_use]
    pub fn is_last_batch(&self, world: &World, first: bool, at: Position) -> bool {
        let Some(batches) = self.stages(first).get(usize::from(at.stage)).and_then(|s| s.batches)
        else {
            return true;
        };
        let full = world.full_of(batches.zone);
        self.replaced(full, at, &batches) >= batches.until.units_of(full)
    }

    /// Units the candidate has once the batch at `at` is done.
    fn replaced(&self, full: u32, at: Position, batches: &Batches) -> u32 {
        let before = usize::from(at.stage)
            .checked_sub(1)
            .and_then(|index| self.stages.get(index)?.batches)
            .filter(|previous| previous.zone == batches.zone)
            .map_or(Weight::ZERO, |previous| previous.until);
        let batch = batches.size.bounds(full).batch(full);
        let done = match at.batch {
            Position::LAST_BATCH => u32::MAX,
            nth => batch.saturating_mul(u32::from(nth) + 1),
        };
        before.units_of(full).saturating_add(done).min(batches.until.units_of(full))
    }

    fn batch_wanted(
        &self,
        world: &World,
        at: Position,
        batches: &Batches,
        extra: &Extra,
    ) -> (Wanted, Bounds) {
        let full = world.full_of(batches.zone);
        let replaced = self.replaced(full, at, batches);
        let earlier_zones: u32 = match batches.zone {
            None => 0,
            Some(zone) => {
                let zones = world.full_by_zone.iter().take(usize::from(zone));
                zones.fold(0, |total, full| total.saturating_add(*full))
            }
        };
        let done = earlier_zones.saturating_add(replaced);
        let share = Weight::ratio(done, world.full).on_grid(self.caps.grid());
        // A fleet that grows meanwhile makes the share smaller; weight is not taken back for that.
        let share = share.max(world.traffic.asked);
        let wanted = Wanted {
            way: Way::Forward,
            weight: (!world.follows_capacity()).then_some(share),
            extra: *extra,
            candidate: Some(replaced),
            stable: Some(full - replaced),
            zone: batches.zone,
        };
        (wanted, batches.size.bounds(full))
    }
}

/// Limits of a strategy that brings up a second side. Without a router the ready units are the
/// traffic, so none may go before another is ready.
fn two_sides(world: &World, grid: Weight, drained: Timestamp) -> Limits {
    let floor = if world.follows_capacity() { world.full } else { 0 };
    Limits { floor, ..Limits::unbounded(world.full, grid, drained) }
}

/// The last zone that is not as it was found.
fn zone_to_restore(world: &World) -> Option<u8> {
    let changed = |zone: &u8| {
        let full = world.full_of(Some(*zone));
        world.candidate.units(Some(*zone)).asked > 0 || world.stable.units(Some(*zone)).asked < full
    };
    (0..6).rev().find(changed).or(Some(0))
}

impl Bounds {
    fn limits(self, batches: &Batches, world: &World, grid: Weight, drained: Timestamp) -> Limits {
        let full = world.full_of(batches.zone);
        // Across all zones, a zone at its floor takes that many units from what carries traffic.
        let base = world.full.saturating_sub(full.saturating_sub(self.floor));
        Limits {
            ceiling: full.saturating_add(self.surge),
            floor: self.floor,
            base,
            fail_at_floor: matches!(batches.size, BatchSize::MinimumHealthy { .. }),
            in_step: true,
            grid,
            drained,
        }
    }
}

impl Stage {
    fn wanted(&self, world: &World) -> Wanted {
        let units = |demand: Demand| match demand {
            Demand::Keep | Demand::Batches => None,
            Demand::Share { share, minimum } => {
                Some(share.units_of(world.full).max(minimum.min(world.full)))
            }
        };
        Wanted {
            way: Way::Forward,
            weight: self.goal.weight.filter(|_| !world.follows_capacity()),
            extra: self.goal.extra,
            candidate: units(self.goal.candidate),
            stable: units(self.goal.stable),
            zone: None,
        }
    }
}

impl Wanted {
    /// The same, but for what would make an arm smaller: for when there is no other arm left.
    #[must_use]
    pub fn taking_nothing(self, world: &World) -> Self {
        let asked = world.candidate.units(self.zone).asked;
        Self { candidate: self.candidate.map(|units| units.max(asked)), stable: None, ..self }
    }

    /// Nothing at all: what a position past the end of a plan wants.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            way: Way::Forward,
            weight: None,
            extra: Extra::default(),
            candidate: None,
            stable: None,
            zone: None,
        }
    }
}
