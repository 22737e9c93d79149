//! Invariants of going back and of ending: 7, 8, 9, 10, 22, 23.

use super::Edge;
use crate::{
    Action, Arm, CapacityKind, Event, Extra, Halt, OnFail, Order, Phase, Plan, Role, Rollout,
    Timestamp, Verdict, Weight,
    next_move::{Next, next_move},
};

impl Edge<'_> {
    /// Whether capacity is ours to see to.
    fn counted(&self) -> bool {
        self.step.next.world().kind != CapacityKind::Elastic && !self.plan.is_platform_paced()
    }

    /// Whether the plan replaces units in batches.
    pub(super) fn batched(&self) -> bool {
        self.plan.stages(self.step.next.first).iter().any(|stage| stage.batches.is_some())
    }

    /// Whether the rollout was on its way forward and could still go back.
    fn could_go_back(&self) -> bool {
        let phase = self.before.phase();
        !self.before.is_past_no_return()
            && !phase.is_terminal()
            && !phase.is_backward()
            && !matches!(phase, Phase::Halted { .. } | Phase::Pending { .. })
    }
}

pub(super) fn failure_turns_back(edge: &Edge<'_>) -> Option<String> {
    let Event::Judged(judged) = edge.event else { return None };
    let decides = judged.verdict == Verdict::Fail
        && !edge.before.is_accepted()
        && edge.plan.check(judged.check).is_some_and(|check| check.on_fail == OnFail::RollBack);
    if !decides || !edge.could_go_back() {
        return None;
    }
    let back = edge.step.next.phase().is_backward();
    (!back).then(|| format!("a failed {:?} check led to {}", judged.role, edge.step.decision.to))
}

/// Events that must lead somewhere: an abort that still can, a failure that decides, a deadline
/// that has come.
pub(super) fn ignored(
    plan: &Plan,
    before: &Rollout,
    event: &Event,
    at: Timestamp,
) -> Option<(u8, String)> {
    let phase = before.phase();
    let forward = !phase.is_terminal() && !phase.is_backward();
    match event {
        Event::Command(command) if command.order == Order::Abort => (forward
            && !before.is_past_no_return())
        .then(|| (8, format!("an abort was ignored while {}", phase.name()))),
        Event::Judged(judged) if judged.verdict == Verdict::Fail && !before.is_accepted() => {
            let waits = matches!(phase, Phase::Halted { .. } | Phase::Pending { .. });
            let guard = judged.role == Role::Guard;
            let decides = plan.check(judged.check).is_some_and(|c| c.on_fail == OnFail::RollBack);
            (forward && !waits && guard && decides)
                .then(|| (7, format!("a failed guard was ignored while {}", phase.name())))
        }
        Event::DeadlineReached => before
            .next_deadline()
            .is_some_and(|due| due <= at)
            .then(|| (18, format!("a deadline that had come was ignored while {}", phase.name()))),
        _ => None,
    }
}

/// Whether a move takes the rollout further, rather than setting right what somebody changed.
fn goes_forward(edge: &Edge<'_>) -> bool {
    let next = &edge.step.next;
    if next.phase().is_backward() {
        return false;
    }
    match edge.intent().map(|intent| &intent.action) {
        None | Some(Action::Stop | Action::Redeploy) => false,
        // Setting a raised weight back is no step forward.
        Some(Action::Shift { to, .. }) => *to > edge.before.world().traffic.asked,
        Some(_) => true,
    }
}

pub(super) fn abort_wins_and_holds_hold(edge: &Edge<'_>) -> Option<String> {
    if edge.commanded(Order::Abort) && !edge.before.is_past_no_return() {
        let phase = edge.step.next.phase();
        if !phase.is_backward() && !matches!(phase, Phase::NeverStarted { .. }) {
            return Some(format!("aborted, and {}", edge.step.decision.to));
        }
    }
    let held = edge.before.holds().intersects(edge.step.next.holds());
    (held && goes_forward(edge))
        .then(|| format!("held ({}), and sent {:?}", edge.step.next.holds(), edge.intent()))
}

pub(super) fn retired_only_when_safe(edge: &Edge<'_>) -> Option<String> {
    if !matches!(edge.intent()?.action, Action::Retire { arm: Arm::Stable })
        || edge.before.is_past_no_return()
    {
        return None;
    }
    let world = edge.before.world();
    let Phase::KeepWarm { until, .. } = *edge.before.phase() else {
        return Some(format!("retired from {}", edge.step.decision.from));
    };
    let seen = edge.step.next.world().traffic.seen;
    let all = if world.follows_capacity() {
        world.stable.total.asked == 0
    } else {
        seen.is_some_and(|seen| seen.low == Weight::FULL)
    };
    let lacks = if let Some(lacking) = candidate_lacks(edge) {
        return Some(format!("retired with {lacking}"));
    } else if !all {
        "before all traffic was seen on the candidate"
    } else if edge.at < until {
        "before its warm time had run"
    } else if edge.at < world.late.latest() {
        "before every late bound had passed"
    } else if edge.at < edge.before.drained && !world.follows_capacity() {
        "before it had drained"
    } else {
        return None;
    };
    Some(format!("retired {lacks}"))
}

/// What the candidate is seen to lack of the capacity that all traffic needs, where it is ours to see
/// to and no person has accepted it as it is.
fn candidate_lacks(edge: &Edge<'_>) -> Option<String> {
    let next = &edge.step.next;
    let world = next.world();
    if !edge.counted() || next.is_accepted() {
        return None;
    }
    let least = if edge.batched() {
        world.full
    } else {
        edge.plan
            .wanted(world, next.first, edge.plan.last_position(next.first), edge.at)
            .0
            .candidate?
    };
    let ready = world.candidate.total.ready;
    (ready < least).then(|| format!("{ready} of {least} units of the candidate ready"))
}

pub(super) fn reported_only_when_seen(edge: &Edge<'_>) -> Option<String> {
    let next = &edge.step.next;
    let world = next.world();
    let expected = match next.phase() {
        Phase::Completed => Weight::FULL,
        Phase::RolledBack { .. } => Weight::ZERO,
        _ => return None,
    };
    if world.late.latest() > edge.at {
        return Some(format!(
            "reported before {}, when a call may still land",
            world.late.latest()
        ));
    }
    if edge.before.outstanding().is_some() {
        return Some("reported with a move outstanding".to_owned());
    }
    if expected == Weight::ZERO && edge.counted() && world.full > 0 && world.stable.total.ready == 0
    {
        return Some("reported rolled back with no unit of stable ready".to_owned());
    }
    if matches!(next.phase(), Phase::Completed)
        && let Some(lacking) = candidate_lacks(edge)
    {
        return Some(format!("reported completed with {lacking}"));
    }
    if world.follows_capacity() {
        let gone = if expected == Weight::FULL { &world.stable } else { &world.candidate };
        let left = gone.total.asked;
        return (left > 0 && world.kind != CapacityKind::Elastic)
            .then(|| format!("{left} units of the arm that is gone"));
    }
    // Copies to an arm that is gone, or tests of it. A platform sets its own.
    let extra = world.extra.seen.unwrap_or_default();
    if extra != Extra::default() && !edge.plan.is_platform_paced() {
        return Some(format!("reported with {extra:?} seen"));
    }
    let seen = world.traffic.seen;
    let so = seen.is_some_and(|seen| seen.low == expected && seen.high == expected);
    (!so).then(|| format!("reported {} with {seen:?} seen", edge.step.decision.to))
}

/// Whenever the rollout is on its way back and a move is possible, one is on its way.
pub(super) fn nothing_blocks_back(edge: &Edge<'_>) -> Option<String> {
    let next = &edge.step.next;
    if !matches!(next.phase(), Phase::RollingBack { .. }) || next.outstanding().is_some() {
        return None;
    }
    if edge.plan.is_platform_paced() {
        return None;
    }
    let turned = !edge.before.phase().is_backward();
    let drained = next.drained.max(next.world().late.traffic);
    let (wanted, limits) = edge.plan.wanted_back(next.world(), next.first, drained);
    let possible = next_move(next.world(), &wanted, &limits, edge.at);
    (turned && matches!(possible, Next::Do(_))).then(|| format!("{possible:?} was possible"))
}

pub(super) fn no_return(edge: &Edge<'_>) -> Option<String> {
    let next = &edge.step.next;
    if !edge.before.is_past_no_return() {
        return None;
    }
    if let Event::Judged(judged) = edge.event
        && judged.verdict == Verdict::Fail
        && judged.role == Role::Guard
        && !edge.before.is_accepted()
        && edge.plan.check(judged.check).is_some_and(|check| check.on_fail == OnFail::RollBack)
        && !edge.before.phase().is_backward()
    {
        let halted = matches!(next.phase(), Phase::Halted { why: Halt::AfterPointOfNoReturn, .. });
        let redeploys = edge.plan.policy().redeploy && next.phase().is_backward();
        if !halted && !redeploys {
            return Some(format!(
                "a failure past the point of no return led to {}",
                edge.step.decision.to
            ));
        }
    }
    match edge.intent()?.action {
        Action::Shift { to, .. } if to < Weight::FULL => {
            Some(format!("{} to an arm without capacity", to.rest()))
        }
        _ => None,
    }
}

impl crate::Holds {
    /// Whether a hold is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
