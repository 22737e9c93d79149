//! What a rolling replacement means: batches up to each gate, or zone after zone.

use super::{
    Amount, AmountSpec, BatchSize, Batches, Demand, Gate, Goal, KeyPath, RollingSpec, Stage,
    compile::Compiler,
    gates::Evidence,
    problem::{Lack, ProblemKind},
};
use crate::{Capabilities, CapacityKind, Weight};

/// The stages of a rolling replacement, all replaced at the end.
pub(super) fn stages(spec: &RollingSpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> Vec<Stage> {
    let elastic = compiler.caps.capacity == CapacityKind::Elastic;
    compiler.problems.add_if(elastic, at, Lack::Capacity.into());
    let size = size(spec, at, compiler);
    let mixes = compiler.policy.incompatible && !is_all_at_once(size, spec);
    compiler.problems.add_if(mixes, at, ProblemKind::Mixes);
    let at_gates = at.key("gates");
    let two = spec.gates.each_batch.is_some() && !spec.gates.at.is_empty();
    compiler.problems.add_if(two, &at_gates, ProblemKind::TwoGatePlaces);
    let each = spec
        .gates
        .each_batch
        .as_ref()
        .map(|gate| compiler.gate(gate, Evidence::EachBatch, &at_gates.key("each_batch")));
    if spec.zones_one_by_one {
        let shares = !spec.gates.at.is_empty();
        let place = at_gates.key("at");
        compiler.problems.add_if(shares, &place, ProblemKind::SharesAndZones);
        return by_zone(size, each, &at.key("zones_one_by_one"), compiler);
    }
    by_share(spec, size, each, &at_gates.key("at"), compiler)
}

/// How large a batch is: 25 % and 25 % unless written.
fn size(spec: &RollingSpec, at: &KeyPath, compiler: &mut Compiler<'_>) -> BatchSize {
    let problems = &mut compiler.problems;
    if let Some(healthy) = spec.minimum_healthy {
        let two = spec.max_surge.is_some() || spec.max_unavailable.is_some();
        problems.add_if(two, &at.key("minimum_healthy"), ProblemKind::TwoBatchSizes);
        let healthy = amount(healthy);
        let all = healthy == Amount::Share(Weight::FULL);
        problems.add_if(all, &at.key("minimum_healthy"), ProblemKind::AllHealthy);
        return BatchSize::MinimumHealthy { healthy };
    }
    let quarter = Amount::Share(Weight::percent(25));
    let surge = spec.max_surge.map_or(quarter, amount);
    let unavailable = spec.max_unavailable.map_or(quarter, amount);
    let none = surge.is_zero() && unavailable.is_zero();
    problems.add_if(none, &at.key("max_unavailable"), ProblemKind::NoBatch);
    BatchSize::Surge { surge, unavailable }
}

const fn amount(written: AmountSpec) -> Amount {
    match written {
        AmountSpec::Count(n) => Amount::Count(n),
        AmountSpec::Share(share) => Amount::Share(share),
    }
}

/// Whether everything is stopped before anything new starts, so that revisions never mix.
fn is_all_at_once(size: BatchSize, spec: &RollingSpec) -> bool {
    let in_parts = spec.zones_one_by_one || spec.gates.at.iter().any(|at| at.share < Weight::FULL);
    let all = match size {
        BatchSize::Surge { surge, unavailable } => {
            surge.is_zero() && unavailable == Amount::Share(Weight::FULL)
        }
        BatchSize::MinimumHealthy { healthy } => healthy.is_zero(),
    };
    all && !in_parts
}

/// One stage a zone, in the target's order.
fn by_zone(
    size: BatchSize,
    each: Option<Gate>,
    at: &KeyPath,
    compiler: &mut Compiler<'_>,
) -> Vec<Stage> {
    let caps = compiler.caps;
    let found = caps.zones.len();
    let wrong = !(2..=Capabilities::MAX_ZONES).contains(&found);
    compiler.problems.add_if(wrong, at, ProblemKind::Zones(found));
    let stage = |(index, name): (u8, &String)| {
        let batches =
            Batches { size, until: Weight::FULL, zone: Some(index), gate_each: each.is_some() };
        in_batches(format!("zone {name}"), batches, each.unwrap_or(Gate::OPEN), compiler)
    };
    (0..).zip(&caps.zones).take(Capabilities::MAX_ZONES).map(stage).collect()
}

/// One stage a gate at a share, and one up to 100 %.
fn by_share(
    spec: &RollingSpec,
    size: BatchSize,
    each: Option<Gate>,
    at: &KeyPath,
    compiler: &mut Compiler<'_>,
) -> Vec<Stage> {
    let mut stages = Vec::with_capacity(spec.gates.at.len() + 1);
    let mut before = Weight::ZERO;
    let all = Batches { size, until: Weight::FULL, zone: None, gate_each: each.is_some() };
    for (index, written) in spec.gates.at.iter().enumerate() {
        let (at, share) = (at.item(index), written.share);
        rising(share, before, &at.key("share"), compiler);
        before = share;
        let evidence = Evidence::at(share, Compiler::NO_EXTRA);
        let gate = compiler.gate(&written.gate, evidence, &at.key("gate"));
        let batches = Batches { until: share, ..all };
        stages.push(in_batches(share.to_string(), batches, gate, compiler));
    }
    if before != Weight::FULL {
        let gate = each.unwrap_or(Gate::OPEN);
        stages.push(in_batches(Weight::FULL.to_string(), all, gate, compiler));
    }
    stages
}

/// A share of the fleet needs no grid: it is reached by counting.
fn rising(share: Weight, before: Weight, at: &KeyPath, compiler: &mut Compiler<'_>) {
    if share == Weight::ZERO {
        compiler.problems.add(at, ProblemKind::ZeroWeight);
    } else if share <= before {
        compiler.problems.add(at, ProblemKind::NotRising { found: share, before });
    }
}

fn in_batches(name: String, batches: Batches, gate: Gate, compiler: &Compiler<'_>) -> Stage {
    let goal = Goal {
        weight: None,
        extra: Compiler::NO_EXTRA,
        candidate: Demand::Batches,
        stable: Demand::Batches,
    };
    Stage { batches: Some(batches), ..compiler.stage(name, goal, gate) }
}
