//! Counts that no fleet has, as a broken adapter may read them: whatever is observed, the machine gives
//! a step or a reason, and says what it waits for.

use proptest::prelude::*;
use tidegate_core::{
    Actor, AmountSpec, Answer, ArmCapacity, Capabilities, Command, CommandId, Event, Extra,
    Identity, Observation, Order, Outcome, Plan, Rollout, SafetyClass, SeenCapacity, SeenTraffic,
    Units, Weight, World, invariants,
};

use crate::fixtures::*;

const ZONES: usize = Capabilities::MAX_ZONES;

fn plans() -> Vec<(Plan, World)> {
    let bare = routed(SafetyClass::BareSet);
    let canary = || canary_spec(vec![step(50, gate())]);
    let batches = || rolling_spec(AmountSpec::Count(u32::MAX), AmountSpec::Count(1));
    let specs = [
        (canary(), bare.clone()),
        (shrinking(canary()), bare.clone()),
        (canary(), routerless()),
        (blue_green_spec(), bare.clone()),
        (batches(), bare),
        (batches(), routerless()),
        (minimum_healthy_spec(AmountSpec::Count(1)), routerless()),
        (zone_by_zone(), zoned()),
    ];
    let at = |caps: &Capabilities| match caps.zones.is_empty() {
        true => at_rest(caps, 4),
        false => World::at_rest_in_zones(caps, &[2, 2], NOW),
    };
    let plan = |(spec, caps)| (at(&caps), compile(spec, &caps));
    specs.into_iter().map(plan).map(|(world, plan)| (plan, world)).collect()
}

/// Small, at the edge of what a count holds, or anywhere.
fn count() -> impl Strategy<Value = u32> {
    let edge = prop_oneof![Just(u32::MAX), Just(u32::MAX - 1), Just(u32::MAX / 2 + 1)];
    prop_oneof![2 => 0_u32..6, 2 => edge, 1 => any::<u32>()]
}

fn arm() -> impl Strategy<Value = ArmCapacity> {
    let units = || (count(), count()).prop_map(|(asked, ready)| Units { asked, ready });
    let zones = proptest::collection::vec(units(), ZONES);
    (units(), zones).prop_map(|(total, zones)| {
        let zones = std::array::from_fn(|index| zones[index]);
        ArmCapacity { total, zones }
    })
}

fn capacity() -> impl Strategy<Value = SeenCapacity> {
    let zones = proptest::collection::vec(count(), ZONES);
    (count(), zones, arm(), arm()).prop_map(|(full, zones, stable, candidate)| {
        let full_by_zone = std::array::from_fn(|index| zones[index]);
        SeenCapacity { full, full_by_zone, stable, candidate }
    })
}

/// What happens next, besides time.
#[derive(Clone, Debug)]
enum Next {
    /// These counts are read, with the weight last asked for or another one.
    Counts(SeenCapacity, Option<u16>),
    /// What is outstanding is answered.
    Answer(Outcome),
    Command(Order),
}

fn next() -> impl Strategy<Value = Next> {
    let weight = proptest::option::weighted(0.2, 0_u16..=10_000);
    let counts = (capacity(), weight).prop_map(|(seen, weight)| Next::Counts(seen, weight));
    let answers = [Outcome::Accepted, Outcome::Accepted, Outcome::Ambiguous, Outcome::Retryable];
    let orders = [Order::Abort, Order::PromoteFull, Order::Resume, Order::Retry, Order::Accept];
    prop_oneof![
        6 => counts,
        4 => proptest::sample::select(answers.to_vec()).prop_map(Next::Answer),
        1 => proptest::sample::select(orders.to_vec()).prop_map(Next::Command),
    ]
}

fn event(state: &Rollout, next: &Next) -> Option<Event> {
    let at = state.clock();
    Some(match next {
        Next::Counts(seen, weight) => {
            let asked = state.world().traffic.asked;
            let seen_at = weight.and_then(Weight::basis_points).unwrap_or(asked);
            let mut read = Observation::begun(at);
            let other = Weight::ZERO;
            read.traffic = Some(SeenTraffic { low: seen_at, high: seen_at, other, at });
            read.extra = Some(Extra::default());
            read.capacity = Some(*seen);
            Event::Observed(Box::new(read))
        }
        Next::Answer(outcome) => {
            let sent = &state.outstanding()?.sent;
            Event::Answered(Answer { id: sent.id, attempt: sent.attempt, outcome: *outcome })
        }
        Next::Command(order) => command(*order),
    })
}

fn command(order: Order) -> Event {
    let (id, actor) = (CommandId(1), Actor::from("ada"));
    Event::Command(Command { id, actor, reason: String::new(), order })
}

/// Everything that is asked of a state and of a step, on the way that these events take.
fn walk(plan: &Plan, world: &World, events: &[Next]) {
    let mut state = Rollout::open(Identity::default(), plan, world, NOW).next;
    let (mut now, second) = (NOW, S(1));
    let apply = |state: &mut Rollout, now, event: &Event| {
        let Ok(step) = state.apply(plan, now, event) else { return };
        let edge = invariants::Edge { plan, before: state, event, at: now, step: &step };
        // They are to be computed, too. Whether they hold is asked of fleets that can be.
        let _ = invariants::check(&edge);
        assert!(!step.decision.sentence(plan).is_empty());
        let _ = (step.next.waiting_on(plan), step.next.wanted_reads(plan));
        *state = step.next;
    };
    apply(&mut state, now, &command(Order::Start));
    for next in events {
        now = now.after(second);
        if let Some(event) = event(&state, next) {
            apply(&mut state, now, &event);
        }
        // A fleet that has all its units at once goes through its batches one deadline each.
        for _ in 0..8 {
            apply(&mut state, now, &Event::DeadlineReached);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_count_that_can_be_read_is_too_much(
        events in proptest::collection::vec(next(), 1..40),
    ) {
        for (plan, world) in plans() {
            walk(&plan, &world, &events);
        }
    }
}
