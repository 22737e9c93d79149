//! What a position of a plan wants of the world, and what no move on the way may exceed.

use crate::fixtures::*;
use tidegate_core::{
    AmountSpec, ArmCapacity, Capabilities, Plan, Position, SafetyClass, Timestamp, Units, Weight,
    World,
    next_move::{Limits, Wanted, Way, carried, restored},
};

const AT: fn(u16, u16) -> Position = |stage, batch| Position { stage, batch };

fn batched(surge: u32, unavailable: u32) -> Plan {
    let spec = rolling_spec(AmountSpec::Count(surge), AmountSpec::Count(unavailable));
    compile(spec, &routerless())
}

/// A fleet of two units in the first zone and one in the second, with so many of each asked.
fn in_zones(stable: [u32; 2], candidate: [u32; 2]) -> World {
    let at_rest = World::at_rest_in_zones(&zoned(), &[2, 1], NOW);
    let (stable, candidate) = (ArmCapacity::by_zone(&stable), ArmCapacity::by_zone(&candidate));
    World { stable, candidate, ..at_rest }
}

#[test]
fn batches_replace_so_many_at_a_time_and_stop_at_all() {
    let (plan, world) = (batched(1, 1), at_rest(&routerless(), 5));
    for (batch, candidate, stable, last) in [(0, 2, 3, false), (1, 4, 1, false), (2, 5, 0, true)] {
        let (wanted, limits) = plan.wanted(&world, false, AT(0, batch), NOW);
        assert_eq!((wanted.candidate, wanted.stable), (Some(candidate), Some(stable)));
        assert_eq!(plan.is_last_batch(&world, false, AT(0, batch)), last, "batch {batch}");
        assert_eq!((limits.ceiling, limits.floor, limits.base), (6, 4, 4));
        assert!(limits.in_step && !limits.fail_at_floor);
    }
    assert!(plan.is_last_batch(&world, false, AT(9, 0)), "past the end there is no other");
}

#[test]
fn the_last_batch_that_can_be_counted_takes_all_that_is_left() {
    let (plan, world) = (batched(1, 0), at_rest(&routerless(), 200_000));
    let candidate = |at| plan.wanted(&world, false, at, NOW).0.candidate;
    assert_eq!(candidate(AT(0, u16::MAX - 1)), Some(65_535));
    assert_eq!(candidate(AT(0, Position::LAST_BATCH)), Some(200_000));
    assert!(plan.is_last_batch(&world, false, AT(0, Position::LAST_BATCH)));
}

#[test]
fn a_stage_at_a_share_begins_where_the_one_before_it_ended() {
    let mut spec = rolling_spec(AmountSpec::Count(1), AmountSpec::Count(0));
    if let tidegate_core::StrategySpec::Rolling(rolling) = &mut spec.strategy {
        let gate = tidegate_core::RollingGateSpec { share: Weight::percent(50), gate: gate() };
        rolling.gates = tidegate_core::RollingGatesSpec { each_batch: None, at: vec![gate] };
    }
    let (plan, world) = (compile(spec, &routerless()), at_rest(&routerless(), 4));
    let candidate = |at| plan.wanted(&world, false, at, NOW).0.candidate;
    let ways = [AT(0, 0), AT(0, 1), AT(0, 2), AT(1, 0), AT(1, 1)].map(candidate);
    assert_eq!(ways, [Some(1), Some(2), Some(2), Some(3), Some(4)]);
    assert!(plan.is_last_batch(&world, false, AT(0, 1)));
}

#[test]
fn a_zone_is_counted_for_itself_and_traffic_over_all_zones() {
    let plan = compile(zone_by_zone(), &zoned());
    let (wanted, limits) = plan.wanted(&in_zones([2, 1], [0, 0]), false, AT(1, 0), NOW);
    assert_eq!((wanted.zone, wanted.candidate, wanted.stable), (Some(1), Some(1), Some(0)));
    // One of the zone's one may be missing; two of three carry the traffic then.
    assert_eq!((limits.ceiling, limits.floor, limits.base), (1, 0, 2));
    let caps = Capabilities { zones: zoned().zones, ..routed(SafetyClass::BareSet) };
    let routed = compile(zone_by_zone(), &caps);
    let world = World { routing: caps.routing, ..in_zones([0, 1], [2, 0]) };
    let share = |at| routed.wanted(&world, false, at, NOW).0.weight.unwrap();
    // The first zone holds two of three units, the second all the rest.
    assert_eq!([AT(0, 0), AT(0, 1), AT(1, 0)].map(share), [33, 66, 100].map(Weight::percent));
}

#[test]
fn the_way_back_restores_the_last_zone_that_was_changed() {
    let plan = compile(zone_by_zone(), &zoned());
    let back = |stable, candidate| {
        let (wanted, limits) = plan.wanted_back(&in_zones(stable, candidate), false, NOW);
        assert_eq!((wanted.way, wanted.candidate, wanted.weight), (Way::Back, None, None));
        (wanted.zone, wanted.stable, limits.ceiling, limits.floor)
    };
    assert_eq!(back([0, 0], [2, 1]), (Some(1), Some(1), 1, 0));
    assert_eq!(back([0, 0], [2, 0]), (Some(1), Some(1), 1, 0), "stable is missing there");
    assert_eq!(back([0, 1], [2, 0]), (Some(0), Some(2), 2, 1));
    assert_eq!(back([1, 1], [0, 0]), (Some(0), Some(2), 2, 1));
    assert_eq!(back([2, 1], [0, 0]), (Some(0), Some(2), 2, 1), "nothing is left to be done");
    assert_eq!(back([2, 1], [1, 0]), (Some(0), Some(2), 2, 1), "the candidate is still there");
}

#[test]
fn the_way_back_of_two_sides_wants_no_traffic_and_all_of_stable() {
    let plan = compile(canary_spec(vec![step(50, gate())]), &routed(SafetyClass::BareSet));
    let world = at_rest(&routed(SafetyClass::BareSet), 4);
    let (wanted, limits) = plan.wanted_back(&world, false, NOW);
    assert_eq!((wanted.weight, wanted.stable), (Some(Weight::ZERO), Some(4)));
    assert_eq!((limits.floor, limits.base, limits.ceiling), (0, 4, u32::MAX));
    assert_eq!(plan.wanted_back(&world, true, NOW).0.stable, None, "nothing was there before");
    let minimum = compile(minimum_healthy_spec(AmountSpec::Count(2)), &routerless());
    let limits = minimum.wanted_back(&at_rest(&routerless(), 3), false, NOW).1;
    assert!(!limits.fail_at_floor, "the way back does not fail at its floor");
}

#[test]
fn past_the_end_of_a_plan_nothing_is_wanted() {
    let (plan, world) = (batched(1, 0), at_rest(&routerless(), 3));
    let (wanted, limits) = plan.wanted(&world, false, AT(7, 0), Timestamp(5));
    assert_eq!(wanted, Wanted::nothing());
    assert_eq!(limits, Limits::unbounded(3, Weight::FULL, Timestamp(5)));
}

#[test]
fn without_a_router_two_sides_keep_all_units_serving() {
    let plan = compile(canary_spec(vec![step(50, gate())]), &routerless());
    let (wanted, limits) = plan.wanted(&at_rest(&routerless(), 4), false, AT(0, 0), NOW);
    assert_eq!((wanted.weight, wanted.candidate, wanted.stable), (None, Some(2), Some(2)));
    assert_eq!(limits.floor, 4);
}

#[test]
fn a_minimum_is_never_more_than_the_full_size() {
    let mut spec = canary_spec(vec![step(10, gate())]);
    if let tidegate_core::StrategySpec::Canary(canary) = &mut spec.strategy {
        canary.minimum_replicas = 3;
    }
    let plan = compile(spec, &routed(SafetyClass::BareSet));
    for (full, units) in [(2, 2), (10, 3), (40, 4)] {
        let world = at_rest(&routed(SafetyClass::BareSet), full);
        assert_eq!(plan.wanted(&world, false, AT(0, 0), NOW).0.candidate, Some(units));
    }
}

#[test]
fn a_fleet_without_a_size_is_carried_by_any_unit_and_by_none_without() {
    let world = at_rest(&routed(SafetyClass::BareSet), 4);
    let limits = |base| Limits::unbounded(base, Weight::percent(1), NOW);
    for (ready, base, share) in
        [(0, 0, 0), (1, 0, 100), (2, 0, 100), (1, 4, 25), (1, 3, 33), (4, 4, 100), (5, 4, 100)]
    {
        let expected = Weight::percent(share);
        assert_eq!(carried(&world, ready, &limits(base)), expected, "{ready} of {base}");
    }
    let elastic = at_rest(&elastic(), 1);
    assert_eq!(carried(&elastic, 0, &limits(1)), Weight::FULL);
}

#[test]
fn stable_is_restored_at_the_floor_of_batches_and_else_at_three_quarters() {
    let mut world = at_rest(&routerless(), 4);
    let two_sides = Limits::unbounded(4, Weight::FULL, NOW);
    let in_step = Limits { in_step: true, ..two_sides };
    for (ready, at_floor, enough) in [(2, false, false), (3, false, true), (4, true, true)] {
        world.stable.total = Units { asked: 4, ready };
        assert_eq!(restored(&world, &in_step), at_floor, "{ready} ready of a floor of 4");
        assert_eq!(restored(&world, &two_sides), enough, "{ready} ready of 4");
    }
}

#[test]
fn a_floor_of_none_still_takes_one_unit_of_stable_to_serve() {
    let bare = Limits::unbounded(0, Weight::percent(1), Timestamp::default());
    let in_step = Limits { in_step: true, ..bare };
    for (full, ready, enough) in [(1, 0, false), (1, 1, true), (7, 1, true), (0, 0, true)] {
        let mut world = at_rest(&routerless(), full);
        world.stable.total.ready = ready;
        assert_eq!(restored(&world, &in_step), enough, "{ready} ready of {full}");
    }
}
