//! Invariants of the record: 14, 15, 20, 21, 26.

use super::Edge;
use crate::{Event, Move, Outcome, Span};

pub(super) fn absorbing(edge: &Edge<'_>) -> Option<String> {
    let over = edge.before.phase().is_terminal();
    over.then(|| format!("left {}", edge.step.decision.from))
}

pub(super) fn sequence(edge: &Edge<'_>) -> Option<String> {
    let (before, after) = (edge.before.seq(), edge.step.next.seq());
    if after != before.next() {
        return Some(format!("record {} after {}", after.0, before.0));
    }
    let intent = edge.intent()?;
    let lane = edge.step.next.outstanding().map(|call| &call.sent);
    if lane != Some(intent) {
        return Some(format!("{intent:?} was sent, and {lane:?} is outstanding"));
    }
    if intent.attempt > 1 {
        let again = edge.before.outstanding().is_some_and(|call| repeats(&call.sent, intent));
        return (!again).then(|| format!("{intent:?} repeats nothing"));
    }
    if intent.id.seq != after {
        return Some(format!("a new move carries {:?} in record {after:?}", intent.id));
    }
    let replaces_forward =
        edge.step.next.phase().is_backward() && !edge.before.phase().is_backward();
    let answered =
        matches!(edge.event, Event::Answered(_) | Event::DeadlineReached | Event::Observed(_));
    let free = edge.before.outstanding().is_none() || replaces_forward || answered;
    (!free).then(|| format!("{intent:?} was sent with {:?} outstanding", edge.before.outstanding()))
}

/// The same identity, one attempt later.
fn repeats(sent: &Move, again: &Move) -> bool {
    sent.id == again.id && sent.attempt.saturating_add(1) == again.attempt
}

pub(super) fn decided(edge: &Edge<'_>) -> Option<String> {
    let decision = &edge.step.decision;
    let names =
        decision.from == edge.before.phase().name() && decision.to == edge.step.next.phase().name();
    let weights = decision.weight_from == edge.before.world().traffic.asked
        && decision.weight_to == edge.step.next.world().traffic.asked;
    (!names || !weights).then(|| format!("decision {decision:?} does not say what changed"))
}

/// Time in which a target takes no calls counts towards no limit, up to this in one phase.
const THROTTLED_MOST: Span = Span::hours(1);

pub(super) fn throttling(edge: &Edge<'_>) -> Option<String> {
    let throttled = match edge.event {
        Event::Answered(answer) => answer.outcome == Outcome::Throttled,
        Event::ReadsThrottled { .. } => true,
        _ => false,
    };
    let (before, after) = (edge.before, &edge.step.next);
    if !throttled || before.throttled() >= THROTTLED_MOST {
        return None;
    }
    if (before.phase().name(), before.phase().position())
        != (after.phase().name(), after.phase().position())
    {
        return Some(format!("{} became {}", edge.step.decision.from, edge.step.decision.to));
    }
    let spent = |state: &crate::Rollout| {
        state.outstanding().map(|call| call.sent.attempt.saturating_sub(call.throttled))
    };
    (spent(after) > spent(before)).then(|| "an attempt was spent".to_owned())
}

pub(super) fn clock_steps(edge: &Edge<'_>) -> Option<String> {
    let Event::ClockStepped { by_ms } = edge.event else { return None };
    let (before, after) = (edge.before, &edge.step.next);
    let left = |state: &crate::Rollout, now: crate::Timestamp| {
        state.next_deadline().map(|at| at.since(now))
    };
    if left(before, edge.at) != left(after, edge.at.moved(*by_ms)) {
        return Some(format!(
            "{:?} left before, {:?} after",
            left(before, edge.at),
            left(after, edge.at.moved(*by_ms))
        ));
    }
    let baked =
        |state: &crate::Rollout, now| state.phase().progress().map(|gate| gate.baked_at(now));
    (baked(before, edge.at) != baked(after, edge.at.moved(*by_ms)))
        .then(|| "bake time changed with the clock".to_owned())
}
