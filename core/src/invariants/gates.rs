//! Invariants of gates: 4, 5, 6.

use super::Edge;
use crate::{Event, Gate, Hold, Pace, Phase, PlatformRun, Role, Rule, Verdict};

pub(super) fn bake_runs_only_when_seen(edge: &Edge<'_>) -> Option<String> {
    let next = &edge.step.next;
    let Phase::Gating { gate, .. } = next.phase() else { return None };
    let world = next.world();
    if gate.matched.is_none() || world.follows_capacity() {
        return None;
    }
    let seen = world.traffic.seen;
    let matches = seen
        .is_some_and(|seen| seen.low == world.traffic.asked && seen.high == world.traffic.asked);
    (!matches)
        .then(|| format!("the bake clock runs at {seen:?} with {} wanted", world.traffic.asked))
}

/// The gate that was left, as planned, and what it had.
fn left_gate(edge: &Edge<'_>) -> Option<(Gate, crate::GateProgress)> {
    let before = edge.before;
    let position = before.phase().position()?;
    let stage = edge.plan.stages(before.first).get(usize::from(position.stage))?;
    match (*before.phase(), stage.pace) {
        (Phase::Gating { gate, .. }, _) => {
            let last = edge.plan.is_last_batch(before.world(), before.first, position);
            let stands = stage.batches.is_none_or(|batches| batches.gate_each) || last;
            Some((if stands { stage.gate } else { Gate::OPEN }, gate))
        }
        (
            Phase::HandedOver { run: PlatformRun::AtWait { wait, gate, .. }, .. },
            Pace::Platform { waits },
        ) => Some((*waits.get(wait.point as usize)?, gate)),
        _ => None,
    }
}

pub(super) fn left_only_when_satisfied(edge: &Edge<'_>) -> Option<String> {
    let opens = matches!(
        edge.step.decision.rule,
        Rule::GateOpened
            | Rule::BatchDone
            | Rule::LastGateOpened
            | Rule::NothingToRetire
            | Rule::PlatformReleased
    );
    if !opens {
        return None;
    }
    let (gate, had) = left_gate(edge)?;
    if had.skipped {
        return had.matched.is_none().then(|| "a skipped gate was left unseen".to_owned());
    }
    let baked = had.baked.0 + had.matched.map_or(0, |since| edge.at.since(since).0);
    let lacks = if had.matched.is_none() {
        "seen to equal wanted"
    } else if baked < gate.bake.0 {
        "its bake time"
    } else if gate.checks.0 & !had.passed.0 != 0 {
        "its checks"
    } else if gate.approval && !had.signed {
        "its approval"
    } else if gate.hooks.0 & !had.approved.0 != 0 {
        "its hooks"
    } else if !edge.before.unjudged(edge.plan).is_empty() {
        "a verdict of each guard"
    } else {
        return None;
    };
    Some(format!("a gate was left without {lacks}"))
}

/// A check counts as judged by a verdict of its own, and no longer once it has had no answer.
fn judged_by_a_verdict(edge: &Edge<'_>) -> Option<String> {
    let gained = edge.step.next.judged.minus(edge.before.judged);
    let answers = |judged: &crate::Judged| match judged.verdict {
        Verdict::Pass | Verdict::Fail => true,
        Verdict::Inconclusive => !judged.past_limit,
        Verdict::NoData | Verdict::Error => false,
    };
    let by = match edge.event {
        Event::Judged(judged) if answers(judged) => crate::IndexSet::EMPTY.with(judged.check.0),
        _ => crate::IndexSet::EMPTY,
    };
    (!by.covers(gained)).then(|| format!("checks {:#b} were judged by {:?}", gained.0, edge.event))
}

pub(super) fn only_a_pass_passes(edge: &Edge<'_>) -> Option<String> {
    if let Some(unjudged) = judged_by_a_verdict(edge) {
        return Some(unjudged);
    }
    let passed = |phase: &Phase| match phase {
        Phase::Gating { gate, .. }
        | Phase::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => gate.passed.0,
        _ => 0,
    };
    let before = *edge.before.phase();
    let kept = passed(edge.step.next.phase());
    if let Event::Judged(judged) = edge.event
        && judged.role == Role::Gate
        && judged.verdict != Verdict::Pass
        && kept & (1 << judged.check.0) != 0
    {
        return Some(format!("check {} stays passed after {}", judged.check.0, judged.verdict));
    }
    let gained = kept & !passed(&before);
    if gained == 0 {
        return lifted_by_nothing(edge);
    }
    let Event::Judged(judged) = edge.event else {
        return Some(format!("checks {gained:#b} passed without a verdict"));
    };
    let since = match before {
        Phase::Gating { gate, .. }
        | Phase::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => gate.matched,
        _ => None,
    };
    let fresh = since.is_some_and(|since| judged.window.from >= since);
    let good = judged.verdict == Verdict::Pass && judged.role == Role::Gate && fresh;
    (!good || gained != 1 << judged.check.0).then(|| {
        format!("check {} passed by {} over {:?}", judged.check.0, judged.verdict, judged.window)
    })
}

/// Whether a look without an answer lifted the hold for lack of answers.
fn lifted_by_nothing(edge: &Edge<'_>) -> Option<String> {
    let Event::Judged(judged) = edge.event else { return None };
    let next = &edge.step.next;
    let lifted = edge.before.holds().has(Hold::Evidence) && !next.holds().has(Hold::Evidence);
    let nothing = matches!(judged.verdict, Verdict::NoData | Verdict::Error);
    (lifted && nothing && !next.phase().is_backward())
        .then(|| format!("{} of check {} lifted a hold", judged.verdict, judged.check.0))
}
