//! A plan made small enough to explore every state of it.
//!
//! A real plan waits minutes and moves dozens of replicas; the number of states grows with both
//! and says nothing new. This file decides what "the same plan, but small" means. It must not know
//! how an exploration is run or shown.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_core::{
    AmountSpec, Capabilities, CapacityKind, CheckSpec, DeadlineSpec, HookSpec, OnDeadline,
    Operation, Plan, PlanErrors, PlanSpec, PolicySpec, RollingSpec, Span, StrategySpec, Weight,
    World, rollout::CANONICAL_CLOCK,
};

/// Replicas that carry all traffic: enough for a weight to round up and down.
const FULL: u32 = 4;

/// The same where batches are counted one by one: a first one, one between, a last one.
const FULL_ROLLING: u32 = 3;

/// Replicas of each zone in a small plan.
const FULL_OF_ZONE: u32 = 2;

/// A count of replicas above this becomes this.
const MOST_UNITS: u32 = 2;

/// Attempts of a move above this become this: one to fail and one to go on with.
const MOST_ATTEMPTS: u8 = 2;

/// A plan and a world as small as they can be explored, and what was changed to get there.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    /// The plan.
    pub(crate) plan: Plan,
    /// The world it begins in.
    pub(crate) world: World,
    /// What differs from the plan as written, one sentence each.
    pub(crate) changes: Vec<String>,
}

impl Small {
    /// Makes a plan small.
    ///
    /// - Times become small whole seconds. Zero stays zero, and of two times the longer stays at
    ///   least as long; times within a factor of two of each other may become equal. Each next
    ///   length is twice the one before, so that a long time still outlasts a few short ones; the
    ///   rollback outlasts one call whatever the scale.
    /// - The fleet becomes 4 replicas (3 for a rolling plan, 2 in each zone, or as many as let one go
    ///   where a minimum must stay healthy); counts of replicas become 2 at most.
    /// - A move is attempted twice at most, somebody else's change corrected once at most.
    ///
    /// Stages, weights, gates, checks, guards, deadlines' actions and safety classes stay.
    ///
    /// # Errors
    /// What compiling the small plan says; a plan that compiles as written compiles small.
    pub(crate) fn of(mut spec: PlanSpec, caps: &Capabilities) -> Result<Self, PlanErrors> {
        let mut caps = caps.clone();
        write_defaults(&mut spec, &caps);
        let scale = Scale::of(&mut spec, &mut caps);
        each_span(&mut spec, &mut caps, &mut |span| *span = scale.small(*span));
        keep_sums(&mut spec, &caps);
        shrink(&mut spec);
        let (world, fleet) = fleet(&caps, &spec.strategy);
        let tries = format!(
            "a move is attempted {MOST_ATTEMPTS} times at most, drift is corrected once at most"
        );
        let changes = vec![scale.sentence(), fleet, tries];
        Ok(Self { plan: Plan::compile(spec, &caps)?, world, changes })
    }
}

/// The smallest fleet at rest that still shows what the plan does, and how large it is.
fn fleet(caps: &Capabilities, strategy: &StrategySpec) -> (World, String) {
    if caps.capacity == CapacityKind::Percent {
        let world = World::at_rest(caps, Weight::FULL.bp().into(), CANONICAL_CLOCK);
        return (world, "capacity is a share of the full size, as written".to_owned());
    }
    let rest = format!("counts of replicas above {MOST_UNITS} are {MOST_UNITS}");
    let (least, healthy) = match strategy {
        _ if !caps.zones.is_empty() => (FULL_OF_ZONE, healthy(strategy)),
        StrategySpec::Rolling(_) => (FULL_ROLLING, healthy(strategy)),
        _ => (FULL, None),
    };
    let full = with_room(least, healthy);
    if caps.zones.is_empty() {
        let world = World::at_rest(caps, full, CANONICAL_CLOCK);
        return (world, format!("the fleet has {full} replicas; {rest}"));
    }
    let by_zone = vec![full; caps.zones.len()];
    let world = World::at_rest_in_zones(caps, &by_zone, CANONICAL_CLOCK);
    (world, format!("each zone has {full} replicas; {rest}"))
}

const fn healthy(strategy: &StrategySpec) -> Option<AmountSpec> {
    match strategy {
        StrategySpec::Rolling(rolling) => rolling.minimum_healthy,
        _ => None,
    }
}

/// The smallest size, `least` or above, at which one replica may go without breaking the minimum
/// that must stay healthy: in a smaller fleet such a plan would never begin.
fn with_room(least: u32, healthy: Option<AmountSpec>) -> u32 {
    let room = match healthy {
        Some(AmountSpec::Count(n)) => n.saturating_add(1),
        Some(AmountSpec::Share(share)) if share < Weight::FULL => {
            u32::from(Weight::FULL.bp()).div_ceil(u32::from(share.rest().bp()))
        }
        _ => least,
    };
    least.max(room)
}

/// From real times to small ones.
#[derive(Clone, Debug, Default)]
struct Scale(BTreeMap<Span, Span>);

impl Scale {
    fn of(spec: &mut PlanSpec, caps: &mut Capabilities) -> Self {
        let mut found = BTreeSet::new();
        each_span(spec, caps, &mut |span| {
            if !span.is_zero() {
                found.insert(*span);
            }
        });
        let mut scale = Self::default();
        let mut group: Option<(Span, Span)> = None;
        for span in found {
            let (_, small) = match group {
                Some((first, small)) if span <= first.plus(first) => (first, small),
                Some((_, small)) => (span, small.plus(small)),
                None => (span, Span::seconds(1)),
            };
            if group.is_none_or(|(_, last)| last != small) {
                group = Some((span, small));
            }
            scale.0.insert(span, small);
        }
        scale
    }

    fn small(&self, span: Span) -> Span {
        self.0.get(&span).copied().unwrap_or(span)
    }

    fn sentence(&self) -> String {
        let (Some((least, small)), Some((most, large))) =
            (self.0.first_key_value(), self.0.last_key_value())
        else {
            return "no time is scaled".to_owned();
        };
        format!("times of {least} to {most} are {small} to {large}, in the same order")
    }
}

/// Writes down what compiling would take where nothing is written, so that it can be scaled too.
fn write_defaults(spec: &mut PlanSpec, caps: &Capabilities) {
    let rolling = matches!(spec.strategy, StrategySpec::Rolling(_));
    let ask = |within| DeadlineSpec { within, then: OnDeadline::Ask };
    spec.gather_checks();
    for (_, gate) in spec.strategy.gates_mut() {
        gate.deadline.get_or_insert(ask(Span::hours(1)));
    }
    for check in spec.checks.values_mut() {
        check.every.get_or_insert(check.window);
        check.lack.get_or_insert(ask(Span::minutes(15)));
    }
    for hook in spec.hooks.values_mut() {
        hook.time_limit.get_or_insert(Span::seconds(30));
        hook.every.get_or_insert(Span::seconds(30));
    }
    let policy = &mut spec.policy;
    policy.keep_warm.get_or_insert(if rolling { Span::ZERO } else { Span::minutes(10) });
    policy.drain.get_or_insert(Span::ZERO);
    policy.start.get_or_insert(ask(Span::hours(24)));
    let back = DeadlineSpec { within: Span::minutes(10), then: OnDeadline::RollBack };
    policy.progress.get_or_insert(back);
    policy.confirm.get_or_insert(Span::minutes(1));
    policy.back_off.get_or_insert(Span::seconds(2));
    policy.attempts.get_or_insert(5);
    policy.drift_corrections.get_or_insert(3);
    let seldom = spec.longest_observe_every(caps);
    spec.policy.observe_every.get_or_insert(Span::seconds(10).min(seldom));
    let short = spec.shortest_rollback(caps);
    spec.policy.rollback.get_or_insert(Span::minutes(15).max(short));
}

/// Scaled one by one, lengths that have to be longer than several others together may not be.
fn keep_sums(spec: &mut PlanSpec, caps: &Capabilities) {
    let seldom = spec.longest_observe_every(caps);
    spec.policy.observe_every = spec.policy.observe_every.map(|every| every.min(seldom));
    let short = spec.shortest_rollback(caps);
    spec.policy.rollback = spec.policy.rollback.map(|rollback| rollback.max(short));
}

/// Visits every length of time in a plan and in what its target can do.
fn each_span(spec: &mut PlanSpec, caps: &mut Capabilities, visit: &mut dyn FnMut(&mut Span)) {
    for (_, gate) in spec.strategy.gates_mut() {
        visit(&mut gate.bake);
        gate.deadline.iter_mut().for_each(|deadline| visit(&mut deadline.within));
    }
    for CheckSpec { window, every, lack, .. } in spec.checks.values_mut() {
        visit(window);
        every.iter_mut().for_each(&mut *visit);
        lack.iter_mut().for_each(|deadline| visit(&mut deadline.within));
    }
    for HookSpec { time_limit, every } in spec.hooks.values_mut() {
        time_limit.iter_mut().chain(every).for_each(&mut *visit);
    }
    spans_of_policy(&mut spec.policy, visit);
    visit(&mut caps.propagation);
    visit(&mut caps.metric_lag);
    visit(&mut caps.drain);
    let platform = caps.platform.iter_mut();
    let platform = platform.flat_map(|p| {
        p.terminates_after.iter_mut().for_each(&mut *visit);
        [&mut p.start, &mut p.control]
    });
    let mut operations: Vec<&mut Operation> = platform.collect();
    operations.extend([&mut caps.shift, &mut caps.scale]);
    for Operation { late_bound, time_limit, .. } in operations {
        visit(late_bound);
        visit(time_limit);
    }
}

fn spans_of_policy(policy: &mut PolicySpec, visit: &mut dyn FnMut(&mut Span)) {
    let PolicySpec { keep_warm, drain, confirm, rollback, back_off, observe_every, .. } = policy;
    let spans = [keep_warm, drain, confirm, rollback, back_off, observe_every];
    spans.into_iter().flatten().for_each(&mut *visit);
    let deadlines = [&mut policy.start, &mut policy.progress];
    deadlines.into_iter().flatten().for_each(|deadline| visit(&mut deadline.within));
}

/// Makes counts small: of replicas, of attempts, of corrections.
fn shrink(spec: &mut PlanSpec) {
    let policy = &mut spec.policy;
    policy.attempts = policy.attempts.map(|n| n.min(MOST_ATTEMPTS));
    policy.drift_corrections = policy.drift_corrections.map(|n| n.min(1));
    match &mut spec.strategy {
        StrategySpec::Canary(canary) => {
            canary.minimum_replicas = canary.minimum_replicas.min(MOST_UNITS);
        }
        StrategySpec::BlueGreen(_) => {}
        StrategySpec::Rolling(RollingSpec {
            max_surge, max_unavailable, minimum_healthy, ..
        }) => {
            for amount in [max_surge, max_unavailable, minimum_healthy].into_iter().flatten() {
                if let AmountSpec::Count(n) = amount {
                    *n = (*n).min(MOST_UNITS);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tidegate::file;

    use super::*;

    fn examples() -> Vec<PlanSpec> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plans");
        let entries = std::fs::read_dir(folder).unwrap();
        let load = |path: &Path| file::load(path).unwrap_or_else(|errors| panic!("{errors}"));
        entries.map(|entry| load(&entry.unwrap().path())).collect()
    }

    #[test]
    fn the_defaults_written_down_here_are_those_of_the_compiler() {
        for spec in examples() {
            let caps = Capabilities::routed();
            let mut written = spec.clone();
            write_defaults(&mut written, &caps);
            assert_ne!(written, spec);
            assert_eq!(Plan::compile(written, &caps).unwrap(), Plan::compile(spec, &caps).unwrap());
        }
    }

    #[test]
    fn times_keep_their_order_and_zero_stays_zero() {
        for mut spec in examples() {
            let mut caps = Capabilities { propagation: Span::ZERO, ..Capabilities::routed() };
            write_defaults(&mut spec, &caps);
            let scale = Scale::of(&mut spec, &mut caps);
            assert!(scale.0.values().is_sorted());
            each_span(&mut spec, &mut caps, &mut |span| {
                assert_eq!(span.is_zero(), scale.small(*span).is_zero());
                assert_eq!(scale.small(*span).0 % 1_000, 0);
            });
        }
    }

    #[test]
    fn a_time_more_than_twice_as_long_stays_longer() {
        for mut spec in examples() {
            let mut caps = Capabilities::routed();
            write_defaults(&mut spec, &caps);
            let scale = Scale::of(&mut spec, &mut caps);
            for (short, small) in &scale.0 {
                for (long, large) in scale.0.range(Span(short.0 * 2 + 1)..) {
                    assert!(large > small, "{short} and {long}");
                }
            }
        }
    }

    #[test]
    fn where_a_minimum_must_stay_healthy_one_replica_may_still_go() {
        for percent in 0..100 {
            let share = Weight::percent(percent);
            let full = with_room(2, Some(AmountSpec::Share(share)));
            assert!(share.units_of(full) < full, "{share} of {full}");
        }
        assert_eq!(with_room(2, Some(AmountSpec::Count(2))), 3);
        assert_eq!(with_room(3, None), 3);
    }

    #[test]
    fn every_example_compiles_when_made_small() {
        for spec in examples() {
            let small = Small::of(spec, &Capabilities::routed()).unwrap();
            assert!(small.plan.policy().attempts <= MOST_ATTEMPTS);
            assert_eq!(small.changes.len(), 3);
        }
    }
}
