//! Invariants of what is wanted of traffic and capacity: 1, 2, 3, 11, 12, 13, 19.

use super::Edge;
use crate::{
    Action, Arm, BatchSize, Batches, CapacityKind, Move, Order, Phase, Position, Rule, Split,
    Weight, World,
};

impl Edge<'_> {
    /// The shift that this transition sends, if it sends one.
    fn shift(&self) -> Option<Weight> {
        match self.step.intent.as_ref()?.action {
            Action::Shift { to, .. } => Some(to),
            _ => None,
        }
    }

    pub(super) fn intent(&self) -> Option<&Move> {
        self.step.intent.as_ref()
    }

    pub(super) fn commanded(&self, order: Order) -> bool {
        matches!(self.event, crate::Event::Command(command) if command.order == order)
    }

    /// The weight that the plan states for a position.
    fn planned_weight(&self, at: Position) -> Option<Weight> {
        let next = &self.step.next;
        let stage = self.plan.stages(next.first).get(usize::from(at.stage))?;
        match stage.batches {
            None => stage.goal.weight,
            Some(batches) => Some(batch_weight(self, at, &batches, next.world())),
        }
    }
}

/// The share that the batches up to `at` have replaced, by plain arithmetic.
fn batch_weight(edge: &Edge<'_>, at: Position, batches: &Batches, world: &World) -> Weight {
    let full = u64::from(world.full_of(batches.zone));
    let earlier: u64 = match batches.zone {
        None => 0,
        Some(zone) => {
            world.full_by_zone.iter().take(usize::from(zone)).map(|n| u64::from(*n)).sum()
        }
    };
    let start =
        match at.stage.checked_sub(1).and_then(|i| edge.plan.stages(false).get(usize::from(i))) {
            Some(stage) => {
                stage.batches.filter(|b| b.zone == batches.zone).map_or(0, |b| ceil(b.until, full))
            }
            None => 0,
        };
    let size = batch_size(batches.size, full);
    let end = ceil(batches.until, full);
    let nth = u64::from(at.batch) + 1;
    let done = if at.batch == u16::MAX { end } else { (start + size * nth).min(end) };
    let whole = u64::from(world.full).max(1);
    let bp = ((earlier + done) * 10_000 / whole).min(10_000);
    u16::try_from(bp)
        .ok()
        .and_then(Weight::basis_points)
        .map_or(Weight::FULL, |w| w.on_grid(edge.plan.capabilities().grid()))
}

fn ceil(share: Weight, full: u64) -> u64 {
    (u64::from(share.bp()) * full).div_ceil(10_000)
}

fn batch_size(size: BatchSize, full: u64) -> u64 {
    let (surge, floor) = bounds(size, full);
    (surge + full.saturating_sub(floor)).max(1)
}

/// Surge and floor, restated from the definition.
fn bounds(size: BatchSize, full: u64) -> (u64, u64) {
    use crate::Amount::{Count, Share};
    let up = |amount| match amount {
        Count(n) => u64::from(n),
        Share(share) => ceil(share, full),
    };
    match size {
        BatchSize::MinimumHealthy { healthy } => (0, up(healthy)),
        BatchSize::Surge { surge, unavailable } => {
            let down = match unavailable {
                Count(n) => u64::from(n),
                Share(share) => u64::from(share.bp()) * full / 10_000,
            };
            let surge = up(surge);
            let unavailable = if surge == 0 && down == 0 { 1 } else { down.min(full) };
            (surge, full.saturating_sub(unavailable))
        }
    }
}

pub(super) fn sums(edge: &Edge<'_>) -> Option<String> {
    let split = Split::candidate(edge.shift()?);
    let sum = split.stable().bp() + split.to_candidate().bp() + split.other().bp();
    (sum != 10_000).then(|| format!("shift to {split:?} sums to {sum}"))
}

pub(super) fn prefix(edge: &Edge<'_>) -> Option<String> {
    let (before, after) = (edge.before.phase(), edge.step.next.phase());
    let jump = edge.step.next.is_accepted();
    if let Some(to) = edge.shift()
        && let Some(at) = after.position().filter(|_| !after.is_backward())
        && edge.planned_weight(at) != Some(to)
        && edge.before.world().traffic.asked != to
    {
        return Some(format!(
            "shift to {to} at {at:?}, where the plan says {:?}",
            edge.planned_weight(at)
        ));
    }
    let (Some(was), Some(is)) = (before.position(), after.position()) else {
        let begins = after.position().is_none_or(|at| at == Position::default());
        return (!begins && !jump).then(|| format!("begins at {:?}", after.position()));
    };
    let same = is == was;
    let next_batch = is == Position { batch: was.batch.saturating_add(1), ..was };
    let next_stage = is == Position { stage: was.stage.saturating_add(1), batch: 0 };
    (!same && !next_batch && !next_stage && !jump).then(|| format!("from {was:?} to {is:?}"))
}

pub(super) fn monotone(edge: &Edge<'_>) -> Option<String> {
    if edge.step.next.platform().tag.is_some() || edge.step.decision.rule == Rule::CandidateAccepted
    {
        return None;
    }
    let to = edge.shift()?;
    let asked = edge.before.world().traffic.asked;
    let backward = edge.step.next.phase().is_backward();
    let wrong = if backward {
        to > edge.seen_high().map_or(asked, |seen| seen.min(asked))
    } else {
        to < asked
    };
    wrong.then(|| format!("from {asked} to {to} while {}", edge.step.decision.to))
}

pub(super) fn exposure(edge: &Edge<'_>) -> Option<String> {
    let to = edge.shift()?;
    if edge.step.next.phase().is_backward() || edge.step.next.is_accepted() {
        return None;
    }
    let weights = edge.plan.stages(edge.step.next.first);
    let at = edge.step.next.phase().position()?;
    let allowed = weights
        .get(usize::from(at.stage))
        .map_or(Weight::ZERO, |stage| stage.goal.weight.unwrap_or(Weight::FULL));
    (to > allowed).then(|| format!("shift to {to} in a stage that declares {allowed}"))
}

/// Ready units of `base` carry their share, on the grid; restated. Where none need to be ready, one
/// carries all, and none nothing.
fn carries(edge: &Edge<'_>, ready: u32, base: u64) -> Weight {
    let base = base.max(1);
    if edge.before.world().kind == CapacityKind::Elastic || u64::from(ready) >= base {
        return Weight::FULL;
    }
    let bp = u16::try_from(u64::from(ready) * 10_000 / base).unwrap_or(10_000);
    Weight::basis_points(bp).unwrap_or(Weight::FULL).on_grid(edge.plan.capabilities().grid())
}

/// Units that carry all traffic: in batches, what is left at the floor.
fn base(edge: &Edge<'_>, world: &World) -> u64 {
    let batches = edge.plan.stages(edge.step.next.first).iter().find_map(|stage| stage.batches);
    let full = u64::from(world.full);
    batches.map_or(full, |batches| {
        let zone = edge.step.next.phase().position().and_then(|at| {
            edge.plan.stages(edge.step.next.first).get(usize::from(at.stage))?.batches?.zone
        });
        let part = u64::from(world.full_of(zone.filter(|_| batches.zone.is_some())));
        full.saturating_sub(part - bounds(batches.size, part).1.min(part))
    })
}

pub(super) fn carried(edge: &Edge<'_>) -> Option<String> {
    let takes_all = matches!(
        edge.intent()?.action,
        Action::Scale { arm: Arm::Candidate, units: 0, zone: None }
            | Action::Retire { arm: Arm::Candidate }
    );
    // Batches that may take all that serves have no other way.
    let batched = edge.batched();
    let routed = !edge.before.world().follows_capacity();
    if takes_all && routed && !batched && edge.exposed() > Weight::ZERO {
        return Some(format!("{} to an arm without units", edge.exposed()));
    }
    let to = edge.shift()?;
    let next = &edge.step.next;
    let world = next.world();
    let base = base(edge, world);
    let candidate = carries(edge, world.candidate.total.ready, base);
    let raises = to > edge.before.world().traffic.asked;
    if !next.phase().is_backward() {
        return (raises && to > candidate).then(|| {
            let ready = world.candidate.total.ready;
            format!("forward to {to}, but {ready} ready of {base} carry {candidate}")
        });
    }
    // What was decided before is sent again as it was; what has become possible since comes next.
    if to == edge.before.world().traffic.asked {
        return None;
    }
    // A zone's floor depends on the zone being restored; the bound below is for one fleet.
    if edge.plan.stages(next.first).iter().any(|s| s.batches.is_some_and(|b| b.zone.is_some())) {
        return None;
    }
    let ready = u64::from(world.stable.total.ready);
    let asked = edge.before.world().traffic.asked;
    let most = edge.seen_high().map_or(asked, |seen| seen.min(asked));
    // Set again as it is seen, so that nothing else comes of what was asked before.
    let again = matches!(edge.step.decision.rule, Rule::ShiftReasserted | Rule::DriftReasserted);
    if again && edge.read_high() == Some(to) {
        return None;
    }
    let carried = carries(edge, world.stable.total.ready, base);
    let expected = |exposed| {
        let enough = exposed <= Weight::percent(25) || ready * 4 >= base * 3;
        let stable = if !batched && ready > 0 && enough { Weight::FULL } else { carried };
        stable.rest().min(candidate).on_grid(edge.plan.capabilities().grid()).min(most)
    };
    // What it has may be forgotten: what was read before a call that nobody knows the fate of says
    // nothing any more.
    let known = [edge.exposed(), edge.read_high().map_or(asked, |read| read.min(asked))];
    let expected = known.map(expected);
    (!expected.contains(&to)).then(|| {
        let [most, least] = expected;
        format!(
            "back to {to}, expected {most} or {least} (stable carries {carried}, candidate {candidate})"
        )
    })
}

pub(super) fn no_mix(edge: &Edge<'_>) -> Option<String> {
    let to = edge.shift()?;
    let mixed = to != Weight::ZERO && to != Weight::FULL;
    (edge.plan.policy().incompatible && mixed && !edge.step.next.phase().is_backward())
        .then(|| format!("an incompatible plan wants {to}"))
}

pub(super) fn rolling_bounds(edge: &Edge<'_>) -> Option<String> {
    let (arm, units, zone) = match edge.intent()?.action {
        Action::Scale { arm, units, zone } | Action::Provision { arm, units, zone } => {
            (arm, units, zone)
        }
        Action::Retire { arm } => (arm, 0, None),
        _ => return None,
    };
    let next = &edge.step.next;
    let batches = edge.plan.stages(next.first).iter().find_map(|stage| stage.batches)?;
    let world = next.world();
    let full = u64::from(world.full_of(zone));
    let (surge, floor) = bounds(batches.size, full);
    let (this, other) = (world.arm(arm).units(zone), world.arm(arm.other()).units(zone));
    // The world after the observation that led to the move; only the move itself is judged.
    let asked = edge.asked_before(arm, zone);
    let total = u64::from(units) + u64::from(other.asked);
    if units > asked && total > full + surge {
        return Some(format!(
            "{units} {arm} and {} others are more than {full} and {surge}",
            other.asked
        ));
    }
    let kept = this.ready.min(units);
    let removed = this.ready - kept;
    let left = u64::from(kept) + u64::from(other.ready);
    (units < asked
        && removed > 0
        && left < floor
        && !matches!(next.phase(), Phase::Retiring { .. }))
    .then(|| format!("removing {removed} ready {arm} leaves {left} ready, floor {floor}"))
}

impl Edge<'_> {
    /// The candidate's share before the move, on the route that has most of it, as last read.
    fn read_high(&self) -> Option<Weight> {
        let before = self.before.world().traffic.seen;
        let seen = match self.event {
            crate::Event::Observed(seen) => seen.traffic.or(before),
            _ => before,
        };
        seen.map(|seen| seen.high)
    }

    /// The largest share that the candidate may have before the move: as asked, or as read.
    fn exposed(&self) -> Weight {
        self.before.world().traffic.asked.max(self.read_high().unwrap_or_default())
    }

    /// The share that is so: once what was asked for has been seen.
    fn seen_high(&self) -> Option<Weight> {
        self.read_high().filter(|_| self.before.world().traffic.matched)
    }

    /// Units asked for before the move: as last observed, if this very event observed them.
    fn asked_before(&self, arm: Arm, zone: Option<u8>) -> u32 {
        match self.event {
            crate::Event::Observed(seen) => seen.capacity.as_ref().map(|capacity| match arm {
                Arm::Stable => capacity.stable.units(zone).asked,
                Arm::Candidate => capacity.candidate.units(zone).asked,
            }),
            _ => None,
        }
        .unwrap_or_else(|| self.before.world().arm(arm).units(zone).asked)
    }
}
