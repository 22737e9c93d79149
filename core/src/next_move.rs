//! The one function that knows the safe order of changes. Nothing else does.
//!
//! Capacity before traffic, traffic away before capacity. Forward and backward are the same
//! function with another goal. It must not know phases, gates, deadlines or calls.

use crate::{Action, Arm, CapacityKind, Extra, Timestamp, Units, Weight, World};

/// Which way a goal lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Towards the candidate.
    Forward,
    /// Towards the world as found.
    Back,
}

/// A stage's goal, resolved for the full size as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Which way it lies.
    pub way: Way,
    /// The candidate's share of traffic; `None` where traffic follows capacity.
    pub weight: Option<Weight>,
    /// Copies and tests.
    pub extra: Extra,
    /// Units of the candidate, in the zone; `None` leaves them.
    pub candidate: Option<u32>,
    /// Units of stable, in the zone; `None` leaves them.
    pub stable: Option<u32>,
    /// The zone that units are counted in; all of the target when absent.
    pub zone: Option<u8>,
}

/// What a move may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Units of both arms there may be.
    pub ceiling: u32,
    /// Ready units of both arms there must be. No move removes a ready unit below it.
    pub floor: u32,
    /// Units that carry all traffic: an arm with a share of them ready carries that share.
    pub base: u32,
    /// Whether being at the floor with nothing on its way is a failure (CodeDeploy's rule).
    pub fail_at_floor: bool,
    /// Whether stable goes down in step with the candidate (rolling), rather than after traffic.
    pub in_step: bool,
    /// Weights are multiples of this.
    pub grid: Weight,
    /// From when on nothing that was sent can bring traffic to an arm that has none, and drains
    /// have run; until then no arm is made smaller.
    pub drained: Timestamp,
}

/// What comes next on the way to a goal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// This change.
    Do(Action),
    /// Nothing until this has come.
    Wait(For),
    /// The goal is reached, and seen.
    There,
    /// The goal can not be reached.
    Blocked(Why),
}

/// What has to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum For {
    /// Fresh counts of capacity.
    Counts,
    /// Units that were asked for become ready.
    Ready,
    /// What was asked of the router is seen.
    Seen,
    /// Drains, and the late bounds of earlier shifts.
    Drain(Timestamp),
}

/// Why a goal can not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// No more units are healthy than must stay healthy.
    NotEnoughHealthy {
        /// Ready units of both arms.
        ready: u32,
        /// Units that must stay ready.
        floor: u32,
    },
}

/// What comes next on the way from `world` to `wanted`, within `limits`, at `now`.
#[must_use]
pub fn next_move(world: &World, wanted: &Wanted, limits: &Limits, now: Timestamp) -> Next {
    let view = View { world, wanted, limits, now };
    match wanted.way {
        Way::Forward => view.forward(),
        Way::Back => view.back(),
    }
    .unwrap_or(Next::There)
}

/// How much of all traffic `ready` of `base` units carry, on the grid.
#[must_use]
pub fn carried(world: &World, ready: u32, limits: &Limits) -> Weight {
    match world.kind {
        CapacityKind::Elastic => Weight::FULL,
        CapacityKind::Counted | CapacityKind::Percent if limits.base == 0 => {
            if ready > 0 {
                Weight::FULL
            } else {
                Weight::ZERO
            }
        }
        CapacityKind::Counted | CapacityKind::Percent => {
            Weight::ratio(ready, limits.base).on_grid(limits.grid)
        }
    }
}

/// Whether enough units of stable are ready for it to serve alone, so that the candidate may go: in
/// batches the floor, else three quarters, and one at least. A fleet seldom has every unit ready; a
/// Deployment of Kubernetes, too, may by default lack a quarter of them while it serves.
#[must_use]
pub fn restored(world: &World, limits: &Limits) -> bool {
    let ready = u64::from(world.stable.total.ready);
    let base = u64::from(limits.base.max(world.full.min(1)));
    if limits.in_step { ready >= base } else { ready * 4 >= base * 3 }
}

struct View<'a> {
    world: &'a World,
    wanted: &'a Wanted,
    limits: &'a Limits,
    now: Timestamp,
}

impl View<'_> {
    /// Capacity before traffic.
    fn forward(&self) -> Option<Next> {
        self.counts()
            .or_else(|| self.trim_candidate())
            .or_else(|| self.grow_candidate())
            .or_else(|| self.make_room())
            .or_else(|| self.candidate_ready())
            .or_else(|| self.set_extra())
            .or_else(|| self.shift_forward())
            .or_else(|| self.seen())
            .or_else(|| self.shrink_stable())
    }

    /// Traffic away before capacity.
    fn back(&self) -> Option<Next> {
        self.shift_back()
            .or_else(|| self.stop_extra())
            .or_else(|| self.grow_stable())
            .or_else(|| self.make_room_back())
            .or_else(|| self.shifted_back())
            .or_else(|| self.seen())
            .or_else(|| self.stable_serves())
    }

    fn units(&self, arm: Arm) -> Units {
        self.world.arm(arm).units(self.wanted.zone)
    }

    const fn elastic(&self) -> bool {
        matches!(self.world.kind, CapacityKind::Elastic)
    }

    fn drained(&self) -> bool {
        self.now >= self.limits.drained
    }

    fn room(&self) -> u32 {
        let present = |u: Units| u.asked.max(u.ready);
        let total =
            present(self.units(Arm::Stable)).saturating_add(present(self.units(Arm::Candidate)));
        self.limits.ceiling.saturating_sub(total)
    }

    /// Ready units of both arms.
    fn ready(&self) -> u32 {
        self.units(Arm::Stable).ready.saturating_add(self.units(Arm::Candidate).ready)
    }

    /// Ready units above the floor: what may be removed although it serves.
    fn spare(&self) -> u32 {
        self.ready().saturating_sub(self.limits.floor)
    }

    /// How many units of `arm` may go when `to` are to be left: the unready ones, and ready ones
    /// above the floor.
    fn removable(&self, arm: Arm, to: u32) -> u32 {
        let units = self.units(arm);
        let unready = units.asked.saturating_sub(units.ready);
        units.asked.saturating_sub(to).min(unready.saturating_add(self.spare()))
    }

    fn set(&self, arm: Arm, units: u32) -> Option<Next> {
        let zone = self.wanted.zone;
        Some(Next::Do(if self.world.arm(arm).total.asked == 0 {
            Action::Provision { arm, units, zone }
        } else {
            Action::Scale { arm, units, zone }
        }))
    }

    fn shift(&self, to: Weight) -> Option<Next> {
        Some(Next::Do(Action::Shift { to, versions: self.world.traffic.versions.clone() }))
    }

    fn counts(&self) -> Option<Next> {
        (!self.elastic() && !self.world.counted).then_some(Next::Wait(For::Counts))
    }

    /// Somebody raised the candidate above what is wanted: back, but not below its traffic.
    fn trim_candidate(&self) -> Option<Next> {
        let wanted = self.wanted.candidate.filter(|_| !self.elastic())?;
        let units = self.units(Arm::Candidate);
        let carries = if self.world.follows_capacity() {
            0
        } else {
            self.world.exposure().units_of(self.limits.base)
        };
        let to = wanted.max(carries);
        let gone = self.removable(Arm::Candidate, to);
        (units.asked > to && gone > 0 && self.drained())
            .then(|| self.set(Arm::Candidate, units.asked - gone))?
    }

    fn grow_candidate(&self) -> Option<Next> {
        let wanted = self.wanted.candidate.filter(|_| !self.elastic())?;
        let asked = self.units(Arm::Candidate).asked;
        let more = wanted.saturating_sub(asked).min(self.room());
        (more > 0).then(|| self.set(Arm::Candidate, asked + more))?
    }

    /// The candidate can grow no further: stable makes room, as far as the floor allows.
    fn make_room(&self) -> Option<Next> {
        let wanted = self.wanted.candidate.filter(|_| !self.elastic())?;
        let (old, new) = (self.units(Arm::Stable), self.units(Arm::Candidate));
        if new.asked >= wanted {
            return None;
        }
        let gone = self.removable(Arm::Stable, self.wanted.stable.unwrap_or(old.asked));
        let gone = gone.min(wanted - new.asked);
        let ready = self.ready();
        if self.limits.fail_at_floor && new.ready >= new.asked && ready <= self.limits.floor {
            let floor = self.limits.floor;
            return Some(Next::Blocked(Why::NotEnoughHealthy { ready, floor }));
        }
        if gone == 0 {
            return Some(Next::Wait(For::Ready));
        }
        self.set(Arm::Stable, old.asked - gone)
    }

    fn candidate_ready(&self) -> Option<Next> {
        let wanted = self.wanted.candidate.filter(|_| !self.elastic())?;
        (self.units(Arm::Candidate).ready < wanted).then_some(Next::Wait(For::Ready))
    }

    fn set_extra(&self) -> Option<Next> {
        let (asked, to) = (self.world.extra.asked, self.wanted.extra);
        if asked != to {
            return Some(Next::Do(Action::Mirror { to }));
        }
        let idle = to == Extra::default() && self.world.extra.seen.is_none_or(|seen| seen == to);
        (!idle && self.world.extra.seen != Some(to)).then_some(Next::Wait(For::Seen))
    }

    fn shift_forward(&self) -> Option<Next> {
        let to = self.wanted.weight?;
        if self.world.traffic.asked == to {
            return None;
        }
        if self.world.traffic.seen.is_none() {
            return Some(Next::Wait(For::Seen));
        }
        let ready = self.world.candidate.total.ready;
        if carried(self.world, ready, self.limits) < to.on_grid(self.limits.grid) {
            return Some(Next::Wait(For::Ready));
        }
        self.shift(to)
    }

    fn seen(&self) -> Option<Next> {
        self.wanted.weight?;
        (!self.world.traffic.seen_as_asked()).then_some(Next::Wait(For::Seen))
    }

    fn shrink_stable(&self) -> Option<Next> {
        let wanted = self.wanted.stable.filter(|_| !self.elastic())?;
        let asked = self.units(Arm::Stable).asked;
        let carries = match self.wanted.weight {
            Some(weight) if !self.limits.in_step => weight.rest().units_of(self.limits.base),
            _ => 0,
        };
        let to = wanted.max(carries);
        if asked <= to {
            return None;
        }
        if self.wanted.weight.is_some() && !self.drained() {
            return Some(Next::Wait(For::Drain(self.limits.drained)));
        }
        let gone = self.removable(Arm::Stable, to);
        if gone == 0 {
            return Some(Next::Wait(For::Ready));
        }
        self.set(Arm::Stable, asked - gone)
    }

    /// All of it where stable can take it, or else the larger of what stable carries and what the
    /// candidate can not carry; never up, not even from where somebody lowered it to.
    fn shift_back(&self) -> Option<Next> {
        self.wanted.weight?;
        let traffic = &self.world.traffic;
        let most = if traffic.matched { traffic.least() } else { traffic.asked };
        let to = self.share_on_the_way_back().min(most);
        (self.world.traffic.asked != to).then(|| self.shift(to))?
    }

    /// The candidate's share that stable can not take yet and the candidate can still carry.
    fn share_on_the_way_back(&self) -> Weight {
        if self.takes_over() {
            return Weight::ZERO;
        }
        let stable = carried(self.world, self.world.stable.total.ready, self.limits);
        let candidate = carried(self.world, self.world.candidate.total.ready, self.limits);
        stable.rest().min(candidate).on_grid(self.limits.grid)
    }

    /// Whether everything goes back at once, although more units ready would be better: a release that
    /// failed is worse than a full house. So it is where enough of stable is ready, or where stable has
    /// three quarters of the traffic already.
    fn takes_over(&self) -> bool {
        let little = self.world.exposure() <= Weight::percent(25);
        !self.limits.in_step
            && self.world.stable.total.ready > 0
            && (little || restored(self.world, self.limits))
    }

    fn stop_extra(&self) -> Option<Next> {
        let to = Extra::default();
        (self.world.extra.asked != to).then_some(Next::Do(Action::Mirror { to }))
    }

    fn grow_stable(&self) -> Option<Next> {
        let wanted = self.wanted.stable.filter(|_| !self.elastic())?;
        let asked = self.units(Arm::Stable).asked;
        let more = wanted.saturating_sub(asked).min(self.room());
        (more > 0).then(|| self.set(Arm::Stable, asked + more))?
    }

    /// The way back needs room, or (without a router) the candidate gone.
    fn make_room_back(&self) -> Option<Next> {
        let wanted = self.wanted.stable.filter(|_| !self.elastic())?;
        let (old, new) = (self.units(Arm::Stable), self.units(Arm::Candidate));
        let full_again = old.asked >= wanted;
        if full_again && (self.wanted.weight.is_some() || new.asked == 0) {
            return None;
        }
        if !self.world.counted {
            return Some(Next::Wait(For::Counts));
        }
        let keep = if self.wanted.weight.is_some() {
            if !self.drained() {
                return Some(Next::Wait(For::Drain(self.limits.drained)));
            }
            self.world.exposure().units_of(self.limits.base)
        } else {
            0
        };
        let gone = self.removable(Arm::Candidate, keep);
        if gone == 0 {
            return Some(Next::Wait(For::Ready));
        }
        self.set(Arm::Candidate, new.asked - gone)
    }

    /// Batches took ready units away; the way back is done when enough of them serve again.
    fn stable_serves(&self) -> Option<Next> {
        (self.limits.in_step && !restored(self.world, self.limits))
            .then_some(Next::Wait(For::Ready))
    }

    fn shifted_back(&self) -> Option<Next> {
        self.wanted.weight?;
        (self.world.traffic.asked != Weight::ZERO).then_some(Next::Wait(For::Ready))
    }
}

impl Limits {
    /// No bound but that of arithmetic; for strategies that bring up a second side.
    #[must_use]
    pub const fn unbounded(base: u32, grid: Weight, drained: Timestamp) -> Self {
        Self {
            ceiling: u32::MAX,
            floor: 0,
            base,
            fail_at_floor: false,
            in_step: false,
            grid,
            drained,
        }
    }
}

impl crate::Traffic {
    /// The candidate's share that nothing on the way back goes above: as asked for, or as seen.
    #[must_use]
    pub fn least(&self) -> Weight {
        self.seen.map_or(self.asked, |seen| seen.high.min(self.asked))
    }

    /// Whether every route is seen at the weight last asked for.
    #[must_use]
    pub fn seen_as_asked(&self) -> bool {
        self.seen.is_some_and(|seen| seen.low == self.asked && seen.high == self.asked)
    }
}

/// Never: no such instant comes.
pub(crate) const NEVER: Timestamp = Timestamp::MAX;
