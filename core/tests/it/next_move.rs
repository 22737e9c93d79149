//! The safe order, case by case: what comes next from a world to a goal.

use crate::fixtures::NOW;
use tidegate_core::{
    Action, Amount, Arm, ArmCapacity, BatchSize, Bounds, Capabilities, CapacityKind, Extra,
    SeenTraffic, Span, Timestamp, Units, Weight, World,
    next_move::{For, Limits, Next, Wanted, Way, Why, next_move},
};

fn arm(asked: u32, ready: u32) -> ArmCapacity {
    ArmCapacity { total: Units { asked, ready }, ..ArmCapacity::default() }
}

/// A counted world of `full` units with these arms; the candidate's weight asked and seen.
fn world(caps: &Capabilities, full: u32, stable: (u32, u32), candidate: (u32, u32)) -> World {
    World {
        stable: arm(stable.0, stable.1),
        candidate: arm(candidate.0, candidate.1),
        ..World::at_rest(caps, full, NOW)
    }
}

fn at_weight(mut world: World, percent: u16) -> World {
    let weight = Weight::percent(percent);
    world.traffic.asked = weight;
    world.traffic.seen =
        Some(SeenTraffic { low: weight, high: weight, other: Weight::ZERO, at: NOW });
    world
}

fn forward(weight: Option<u16>, candidate: u32, stable: Option<u32>) -> Wanted {
    Wanted {
        way: Way::Forward,
        weight: weight.map(Weight::percent),
        extra: Extra::default(),
        candidate: Some(candidate),
        stable,
        zone: None,
    }
}

fn back(weight: Option<u16>, stable: u32) -> Wanted {
    let wanted = forward(weight, 0, Some(stable));
    Wanted { way: Way::Back, candidate: None, ..wanted }
}

fn batches(full: u32, surge: u32, unavailable: u32) -> Limits {
    let floor = full - unavailable;
    Limits {
        ceiling: full + surge,
        floor,
        in_step: true,
        ..Limits::unbounded(floor, Weight::percent(1), Timestamp::default())
    }
}

fn free(full: u32) -> Limits {
    Limits::unbounded(full, Weight::percent(1), Timestamp::default())
}

fn next(world: &World, wanted: &Wanted, limits: &Limits) -> Next {
    next_move(world, wanted, limits, NOW)
}

fn scale(arm: Arm, units: u32) -> Next {
    Next::Do(Action::Scale { arm, units, zone: None })
}

fn provision(arm: Arm, units: u32) -> Next {
    Next::Do(Action::Provision { arm, units, zone: None })
}

fn shift(percent: u16) -> Next {
    Next::Do(Action::Shift { to: Weight::percent(percent), versions: None })
}

#[test]
fn forward_capacity_comes_before_traffic_and_both_are_waited_for() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, None);
    let now = |candidate| world(&caps, 4, (4, 4), candidate);
    assert_eq!(next(&now((0, 0)), &goal, &free(4)), provision(Arm::Candidate, 2));
    assert_eq!(next(&now((1, 1)), &goal, &free(4)), scale(Arm::Candidate, 2));
    assert_eq!(next(&now((2, 1)), &goal, &free(4)), Next::Wait(For::Ready));
    assert_eq!(next(&now((2, 2)), &goal, &free(4)), shift(50));
    assert_eq!(next(&at_weight(now((2, 2)), 50), &goal, &free(4)), Next::There);
    let mut unseen = at_weight(now((2, 2)), 50);
    unseen.traffic.seen = None;
    assert_eq!(next(&unseen, &goal, &free(4)), Next::Wait(For::Seen));
    let mut uncounted = now((0, 0));
    uncounted.counted = false;
    assert_eq!(next(&uncounted, &goal, &free(4)), Next::Wait(For::Counts));
}

#[test]
fn a_weight_waits_for_the_capacity_that_carries_it() {
    let caps = Capabilities::routed();
    // Two of four carry 50 %, whatever the plan asks of capacity.
    let goal = forward(Some(75), 2, None);
    let now = world(&caps, 4, (4, 4), (2, 2));
    assert_eq!(next(&now, &goal, &free(4)), Next::Wait(For::Ready));
}

#[test]
fn a_candidate_that_somebody_enlarged_is_trimmed_but_not_below_its_traffic() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, None);
    let now = |percent| at_weight(world(&caps, 4, (4, 4), (4, 4)), percent);
    assert_eq!(next(&now(50), &goal, &free(4)), scale(Arm::Candidate, 2));
    assert_eq!(next(&now(75), &goal, &free(4)), scale(Arm::Candidate, 3));
    let draining = Limits { drained: NOW.after(Span::seconds(1)), ..free(4) };
    assert_eq!(next(&now(50), &goal, &draining), Next::There);
}

#[test]
fn stable_is_shrunk_only_after_its_traffic_is_seen_gone_and_has_drained() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, Some(0));
    let now = at_weight(world(&caps, 4, (4, 4), (2, 2)), 50);
    // Half the traffic is still its own, so half its units stay.
    assert_eq!(next(&now, &goal, &free(4)), scale(Arm::Stable, 2));
    let drained = NOW.after(Span::seconds(1));
    let draining = Limits { drained, ..free(4) };
    assert_eq!(next(&now, &goal, &draining), Next::Wait(For::Drain(drained)));
}

#[test]
fn a_batch_grows_into_its_surge_then_makes_room_down_to_the_floor() {
    let caps = Capabilities::routerless();
    let limits = batches(4, 1, 1);
    let goal = forward(None, 2, Some(2));
    let now = |stable, candidate| world(&caps, 4, stable, candidate);
    assert_eq!(next(&now((4, 4), (0, 0)), &goal, &limits), provision(Arm::Candidate, 1));
    assert_eq!(next(&now((4, 4), (1, 0)), &goal, &limits), scale(Arm::Stable, 3));
    assert_eq!(next(&now((3, 3), (1, 0)), &goal, &limits), scale(Arm::Candidate, 2));
    assert_eq!(next(&now((3, 3), (2, 0)), &goal, &limits), Next::Wait(For::Ready));
    assert_eq!(next(&now((3, 3), (2, 1)), &goal, &limits), Next::Wait(For::Ready));
    assert_eq!(next(&now((3, 3), (2, 2)), &goal, &limits), scale(Arm::Stable, 2));
    assert_eq!(next(&now((2, 2), (2, 2)), &goal, &limits), Next::There);
}

#[test]
fn without_surge_room_is_made_first_and_only_as_much_as_is_needed() {
    let caps = Capabilities::routerless();
    let limits = batches(4, 0, 2);
    let goal = forward(None, 1, Some(3));
    let now = world(&caps, 4, (4, 4), (0, 0));
    assert_eq!(next(&now, &goal, &limits), scale(Arm::Stable, 3));
    let waiting = world(&caps, 4, (4, 2), (0, 0));
    // Two of four are unready: they may go, though the floor allows no ready one to.
    assert_eq!(next(&waiting, &goal, &limits), scale(Arm::Stable, 3));
    let at_floor = world(&caps, 4, (2, 2), (2, 0));
    let rest = forward(None, 4, Some(0));
    assert_eq!(next(&at_floor, &rest, &limits), Next::Wait(For::Ready));
}

#[test]
fn crashing_old_replicas_never_block_a_good_new_revision() {
    let caps = Capabilities::routerless();
    let limits = batches(4, 1, 0);
    let goal = forward(None, 4, Some(0));
    // None of the old ones is ready: all of them may go.
    let now = world(&caps, 4, (4, 0), (1, 1));
    assert_eq!(next(&now, &goal, &limits), scale(Arm::Stable, 1));
}

#[test]
fn codedeploys_minimum_fails_at_once_when_no_more_are_healthy() {
    let caps = Capabilities::routerless();
    let limits = Limits { fail_at_floor: true, ..batches(4, 0, 1) };
    let goal = forward(None, 1, Some(3));
    let healthy = world(&caps, 4, (4, 4), (0, 0));
    assert_eq!(next(&healthy, &goal, &limits), scale(Arm::Stable, 3));
    let sick = world(&caps, 4, (4, 3), (0, 0));
    let why = Why::NotEnoughHealthy { ready: 3, floor: 3 };
    assert_eq!(next(&sick, &goal, &limits), Next::Blocked(why));
    // One is on its way already: it is waited for.
    let midway = world(&caps, 4, (3, 3), (1, 0));
    assert_eq!(next(&midway, &goal, &limits), Next::Wait(For::Ready));
}

#[test]
fn back_goes_at_once_to_what_stable_can_take_and_the_candidate_can_not_carry() {
    let caps = Capabilities::routed();
    let now = |stable, candidate, percent| at_weight(world(&caps, 4, stable, candidate), percent);
    let goal = back(Some(0), 4);
    assert_eq!(next(&now((4, 4), (4, 4), 50), &goal, &free(4)), shift(0));
    // One of four stable units carries a quarter; the candidate keeps the rest while it can.
    assert_eq!(next(&now((4, 1), (4, 4), 100), &goal, &free(4)), shift(75));
    assert_eq!(next(&now((4, 1), (4, 2), 100), &goal, &free(4)), shift(50));
    // With no healthy arm, to stable.
    assert_eq!(next(&now((4, 0), (4, 0), 100), &goal, &free(4)), shift(0));
    // Never up.
    assert_eq!(next(&now((1, 1), (4, 4), 50), &goal, &free(4)), scale(Arm::Stable, 4));
    assert_eq!(next(&now((4, 1), (4, 4), 50), &goal, &free(4)), Next::Wait(For::Ready));
    assert_eq!(next(&now((4, 4), (4, 4), 0), &goal, &free(4)), Next::There);
}

#[test]
fn back_goes_at_once_to_three_quarters_of_stable_or_when_stable_has_three_quarters_of_traffic() {
    let caps = Capabilities::routed();
    let now = |stable, candidate, percent| at_weight(world(&caps, 4, stable, candidate), percent);
    let goal = back(Some(0), 4);
    assert_eq!(next(&now((4, 3), (4, 4), 100), &goal, &free(4)), shift(0));
    assert_eq!(next(&now((4, 2), (4, 4), 100), &goal, &free(4)), shift(50));
    assert_eq!(next(&now((4, 1), (1, 1), 25), &goal, &free(4)), shift(0));
    assert_eq!(next(&now((4, 1), (2, 2), 26), &goal, &free(4)), Next::Wait(For::Ready));
    // To an arm without a single unit goes nothing that another can answer.
    assert_eq!(next(&now((4, 0), (1, 1), 25), &goal, &free(4)), Next::Wait(For::Ready));
}

#[test]
fn back_without_a_router_stable_grows_before_the_candidate_goes() {
    let caps = Capabilities::routerless();
    let limits = batches(4, 1, 0);
    let goal = back(None, 4);
    let now = |stable, candidate| world(&caps, 4, stable, candidate);
    assert_eq!(next(&now((2, 2), (2, 2)), &goal, &limits), scale(Arm::Stable, 3));
    assert_eq!(next(&now((3, 2), (2, 2)), &goal, &limits), Next::Wait(For::Ready));
    assert_eq!(next(&now((3, 3), (2, 2)), &goal, &limits), scale(Arm::Candidate, 1));
    // Unready ones of the candidate may go at any time.
    assert_eq!(next(&now((3, 2), (2, 0)), &goal, &limits), scale(Arm::Candidate, 0));
    assert_eq!(next(&now((4, 4), (1, 1)), &goal, &limits), scale(Arm::Candidate, 0));
    assert_eq!(next(&now((4, 3), (0, 0)), &goal, &limits), Next::Wait(For::Ready));
    assert_eq!(next(&now((4, 4), (0, 0)), &goal, &limits), Next::There);
}

#[test]
fn copies_and_tests_are_set_before_traffic_and_stopped_on_the_way_back() {
    let caps = Capabilities::routed();
    let to = Extra { mirror: Weight::percent(10), test: true };
    let goal = Wanted { extra: to, ..forward(Some(50), 2, None) };
    let mut now = world(&caps, 4, (4, 4), (2, 2));
    assert_eq!(next(&now, &goal, &free(4)), Next::Do(Action::Mirror { to }));
    now.extra.asked = to;
    now.extra.seen = None;
    assert_eq!(next(&now, &goal, &free(4)), Next::Wait(For::Seen));
    now.extra.seen = Some(to);
    assert_eq!(next(&now, &goal, &free(4)), shift(50));
    let off = Next::Do(Action::Mirror { to: Extra::default() });
    assert_eq!(next(&at_weight(now, 0), &back(Some(0), 4), &free(4)), off);
}

#[test]
fn surge_rounds_up_and_unavailable_down_and_healthy_hosts_up() {
    let share = |percent| Amount::Share(Weight::percent(percent));
    let surge = |surge, unavailable| BatchSize::Surge { surge, unavailable };
    let healthy = |healthy| BatchSize::MinimumHealthy { healthy };
    let (one, none) = (Amount::Count(1), Amount::Count(0));
    for (size, full, bounds, batch) in [
        (surge(share(25), share(25)), 10, Bounds { surge: 3, floor: 8 }, 5),
        (surge(share(25), share(25)), 3, Bounds { surge: 1, floor: 3 }, 1),
        (surge(none, share(10)), 5, Bounds { surge: 0, floor: 4 }, 1),
        (surge(one, none), 4, Bounds { surge: 1, floor: 4 }, 1),
        (surge(none, share(100)), 4, Bounds { surge: 0, floor: 0 }, 4),
        (surge(none, Amount::Count(9)), 4, Bounds { surge: 0, floor: 0 }, 4),
        (healthy(share(40)), 9, Bounds { surge: 0, floor: 4 }, 5),
        (healthy(Amount::Count(7)), 9, Bounds { surge: 0, floor: 7 }, 2),
        (healthy(Amount::Count(9)), 9, Bounds { surge: 0, floor: 9 }, 1),
    ] {
        assert_eq!(size.bounds(full), bounds, "{size:?} of {full}");
        assert_eq!(bounds.batch(full), batch, "{size:?} of {full}");
    }
}

#[test]
fn a_candidate_at_its_size_is_left_alone_and_so_is_one_that_carries_more() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, None);
    let exact = at_weight(world(&caps, 4, (4, 4), (2, 2)), 50);
    assert_eq!(next(&exact, &goal, &free(4)), Next::There);
    // What is asked for and not yet taken away counts as traffic too.
    let mut falling = at_weight(world(&caps, 4, (4, 4), (3, 3)), 75);
    falling.traffic.asked = Weight::percent(50);
    assert_eq!(next(&falling, &goal, &free(4)), Next::Wait(For::Seen));
}

#[test]
fn copies_that_nobody_asked_for_are_waited_out() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, None);
    let mut now = world(&caps, 4, (4, 4), (2, 2));
    let copied = Extra { mirror: Weight::percent(10), test: false };
    now.extra.seen = Some(copied);
    assert_eq!(next(&now, &goal, &free(4)), Next::Wait(For::Seen));
    for seen in [None, Some(Extra::default())] {
        now.extra.seen = seen;
        assert_eq!(next(&now, &goal, &free(4)), shift(50), "an adapter may read none");
    }
}

#[test]
fn drains_are_over_at_their_end_and_not_before() {
    let caps = Capabilities::routed();
    let goal = forward(Some(100), 4, Some(0));
    let now = at_weight(world(&caps, 4, (4, 4), (4, 4)), 100);
    let until = |drained| Limits { drained, ..free(4) };
    assert_eq!(next(&now, &goal, &until(NOW)), scale(Arm::Stable, 0));
    let later = Timestamp(NOW.0 + 1);
    assert_eq!(next(&now, &goal, &until(later)), Next::Wait(For::Drain(later)));
}

#[test]
fn an_elastic_target_has_only_traffic_to_move() {
    let caps = Capabilities { capacity: CapacityKind::Elastic, ..Capabilities::routed() };
    let mut now = world(&caps, 1, (0, 0), (0, 0));
    now.counted = false;
    let goal = forward(Some(50), 1, Some(0));
    assert_eq!(next(&now, &goal, &free(1)), shift(50));
    assert_eq!(next(&at_weight(now.clone(), 50), &goal, &free(1)), Next::There);
    assert_eq!(next(&at_weight(now, 50), &back(Some(0), 1), &free(1)), shift(0));
}

#[test]
fn a_batch_makes_no_more_room_than_it_needs_and_than_the_floor_allows() {
    let caps = Capabilities::routerless();
    let now = |stable, candidate| world(&caps, 4, stable, candidate);
    let goal = forward(None, 4, Some(0));
    for (unavailable, stable, candidate, expected) in [
        (0, (4, 4), (0, 0), Next::Wait(For::Ready)),
        (1, (4, 4), (0, 0), scale(Arm::Stable, 3)),
        (2, (4, 4), (0, 0), scale(Arm::Stable, 2)),
        // One is missing already, so only one more may be.
        (2, (4, 3), (0, 0), scale(Arm::Stable, 2)),
        (2, (3, 3), (1, 0), scale(Arm::Stable, 2)),
        (2, (2, 2), (2, 0), Next::Wait(For::Ready)),
        (4, (4, 4), (0, 0), scale(Arm::Stable, 0)),
    ] {
        let next = next(&now(stable, candidate), &goal, &batches(4, 0, unavailable));
        assert_eq!(next, expected, "{unavailable} unavailable, {stable:?}, {candidate:?}");
    }
    // Only one is still wanted: only one has to make room.
    let one = forward(None, 1, Some(0));
    assert_eq!(next(&now((4, 4), (0, 0)), &one, &batches(4, 0, 4)), scale(Arm::Stable, 3));
}

#[test]
fn units_that_go_and_are_still_there_take_up_room() {
    let caps = Capabilities::routerless();
    let goal = forward(None, 2, Some(2));
    // Three are asked for, and four still answer.
    let now = world(&caps, 4, (3, 4), (0, 0));
    assert_eq!(next(&now, &goal, &batches(4, 1, 1)), provision(Arm::Candidate, 1));
    assert_eq!(next(&now, &goal, &batches(4, 0, 1)), scale(Arm::Stable, 2));
}

#[test]
fn stable_is_not_shrunk_below_what_it_may_have_to_carry() {
    let caps = Capabilities::routed();
    let goal = forward(Some(50), 2, Some(2));
    let now = at_weight(world(&caps, 4, (4, 4), (2, 2)), 50);
    assert_eq!(next(&now, &goal, &free(4)), scale(Arm::Stable, 2));
    let there = at_weight(world(&caps, 4, (2, 2), (2, 2)), 50);
    assert_eq!(next(&there, &goal, &free(4)), Next::There);
    let above_floor = Limits { floor: 6, ..free(4) };
    assert_eq!(next(&now, &goal, &above_floor), Next::Wait(For::Ready));
}

#[test]
fn the_way_back_makes_room_only_after_drains_and_keeps_what_has_traffic() {
    let caps = Capabilities::routed();
    let goal = back(Some(0), 4);
    let full = |candidate| at_weight(world(&caps, 4, (3, 3), candidate), 0);
    let limits = batches(4, 0, 1);
    assert_eq!(next(&full((1, 1)), &goal, &limits), scale(Arm::Candidate, 0));
    let draining = Limits { drained: NOW.after(Span::seconds(1)), ..limits };
    let wait = Next::Wait(For::Drain(NOW.after(Span::seconds(1))));
    assert_eq!(next(&full((1, 1)), &goal, &draining), wait);
    let mut uncounted = full((1, 1));
    uncounted.counted = false;
    assert_eq!(next(&uncounted, &goal, &limits), Next::Wait(For::Counts));
    let mut seen = full((1, 1));
    seen.traffic.seen.as_mut().unwrap().high = Weight::percent(10);
    assert_eq!(next(&seen, &goal, &limits), Next::Wait(For::Ready), "it still has traffic");
}

#[test]
fn a_weight_on_the_way_back_is_on_the_grid_and_asked_for_once() {
    let caps = Capabilities::routed();
    let goal = back(Some(0), 3);
    let now = at_weight(world(&caps, 3, (3, 1), (3, 3)), 100);
    let coarse = Limits { grid: Weight::percent(10), ..free(3) };
    // Stable carries a third, which is 30 % on this grid.
    assert_eq!(next(&now, &goal, &coarse), shift(70));
    let asked = at_weight(world(&caps, 3, (3, 1), (3, 3)), 70);
    assert_eq!(next(&asked, &goal, &coarse), Next::Wait(For::Ready));
}
