//! The machine, broken on purpose in one way at a time: each must make a check fail.
//!
//! A copy of `apply` that does one thing wrong is explored like the real one. An invariant that
//! lets a broken machine through has no teeth.

use super::{
    Report, Scope,
    search::{Machine, Search},
};
use crate::{
    Action, AmountSpec, Answer, Arm, BlueGreenSpec, CanarySpec, CanaryStepSpec, Capabilities,
    CheckSpec, DeadlineSpec, Event, GateSpec, JudgeSpec, Move, MoveId, OnDeadline, Operation,
    Order, Outcome, Plan, PlanSpec, PolicySpec, Position, RollingGatesSpec, RollingSpec, Rule,
    SafetyClass, SeenTraffic, Span, StrategySpec, ThresholdSpec, Timestamp, Units, Verdict, Weight,
    World,
    rollout::{CANONICAL_CLOCK, Cause, GateProgress, Holds, Ignored, Phase, Rollout, Step},
};

fn operation() -> Operation {
    Operation {
        class: SafetyClass::BareSet,
        late_bound: Span::seconds(2),
        time_limit: Span::seconds(1),
    }
}

fn caps() -> Capabilities {
    let base = Capabilities { shift: operation(), scale: operation(), ..Capabilities::routed() };
    Capabilities {
        drain: Span::seconds(1),
        propagation: Span::ZERO,
        metric_lag: Span::ZERO,
        ..base
    }
}

fn spec(strategy: StrategySpec) -> PlanSpec {
    let judge = JudgeSpec::Threshold(ThresholdSpec { max: Some(0.01), ..ThresholdSpec::default() });
    let check = CheckSpec { window: Span::seconds(1), ..CheckSpec::new("errors", judge) };
    PlanSpec {
        target: "checkout".into(),
        owner: "oncall".into(),
        strategy,
        checks: [("errors".to_owned(), check)].into(),
        hooks: std::collections::BTreeMap::new(),
        guards: vec!["errors".into()],
        evidence: Default::default(),
        policy: PolicySpec {
            keep_warm: Some(Span::seconds(1)),
            drain: Some(Span::seconds(1)),
            progress: Some(DeadlineSpec { within: Span::seconds(4), then: OnDeadline::RollBack }),
            confirm: Some(Span::seconds(1)),
            rollback: Some(Span::seconds(8)),
            attempts: Some(2),
            back_off: Some(Span::seconds(1)),
            drift_corrections: Some(1),
            ..PolicySpec::default()
        },
        calendar: crate::CalendarSpec::default(),
    }
}

fn gate() -> GateSpec {
    let deadline = DeadlineSpec { within: Span::seconds(4), then: OnDeadline::Ask };
    GateSpec { deadline: Some(deadline), ..GateSpec::default() }
}

fn canary() -> Plan {
    let step = |percent, gate| CanaryStepSpec {
        weight: Weight::percent(percent),
        capacity: None,
        mirror: None,
        gate,
    };
    let baked = GateSpec { bake: Span::seconds(1), checks: vec!["errors".into()], ..gate() };
    let canary = CanarySpec {
        steps: vec![step(25, baked), step(50, gate())],
        minimum_replicas: 1,
        shrink_stable: false,
        platform: None,
    };
    Plan::compile(spec(StrategySpec::Canary(canary)), &caps()).unwrap()
}

fn blue_green() -> Plan {
    let after = GateSpec { bake: Span::seconds(1), checks: vec!["errors".into()], ..gate() };
    let before = GateSpec { approval: true, ..gate() };
    let blue_green = BlueGreenSpec { preview: None, before, steps: Vec::new(), after };
    Plan::compile(spec(StrategySpec::BlueGreen(blue_green)), &caps()).unwrap()
}

fn rolling() -> Plan {
    let caps = Capabilities {
        routing: crate::RoutingKind::FollowsCapacity,
        mirror: false,
        test_traffic: false,
        ..caps()
    };
    let rolling = RollingSpec {
        max_surge: Some(AmountSpec::Count(1)),
        max_unavailable: Some(AmountSpec::Count(0)),
        minimum_healthy: None,
        zones_one_by_one: false,
        gates: RollingGatesSpec::default(),
    };
    Plan::compile(spec(StrategySpec::Rolling(rolling)), &caps).unwrap()
}

/// All kinds of trouble.
const TROUBLE: Scope = Scope {
    faults: 1,
    lates: 1,
    commands: 1,
    drifts: 1,
    shortages: 1,
    verdicts: 1,
    clock_steps: 1,
    throttles: 1,
    limit: 300_000,
    ..Scope::CALM
};

/// Worlds to look for a mistake in, those with the fewest states first.
const SCOPES: [Scope; 4] = [
    Scope { verdicts: 1, limit: 300_000, ..Scope::CALM },
    Scope { shortages: 1, limit: 300_000, ..Scope::CALM },
    Scope { faults: 1, lates: 1, commands: 2, verdicts: 1, limit: 300_000, ..Scope::CALM },
    TROUBLE,
];

fn run(plan: &Plan, machine: Machine, scope: Scope) -> Report {
    let world = World::at_rest(plan.capabilities(), 4, CANONICAL_CLOCK);
    Search::new(plan, &scope, machine).run(&world)
}

/// Explores the broken machine until a check fails.
#[track_caller]
fn caught(plan: &Plan, by: &[u8], machine: Machine) {
    let found = SCOPES.into_iter().find_map(|scope| run(plan, machine, scope).violation);
    let counterexample = found.expect("a broken machine was not caught");
    assert!(by.contains(&counterexample.violation.number), "caught, but as\n{counterexample}");
}

fn apply(state: &Rollout, plan: &Plan, at: Timestamp, event: &Event) -> Result<Step, Ignored> {
    state.apply(plan, at, event)
}

fn order(event: &Event) -> Option<Order> {
    match event {
        Event::Command(command) => Some(command.order),
        _ => None,
    }
}

fn sends(state: &Rollout, action: Action) -> Move {
    let of = state.identity;
    let id = MoveId { of, seq: state.seq };
    Move { id, attempt: 1, action, class: SafetyClass::BareSet, time_limit: Span::seconds(1) }
}

#[test]
fn the_real_machine_passes_where_the_broken_ones_fail() {
    for plan in [canary(), blue_green(), rolling()] {
        let report = run(&plan, apply, TROUBLE);
        assert!(report.violation.is_none(), "{}", report.violation.unwrap());
    }
}

#[test]
fn a_step_skipped_on_resume_is_caught() {
    caught(&canary(), &[2], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if order(event) == Some(Order::Resume)
            && let Phase::Gating { at: position, .. } = &mut step.next.phase
        {
            *position = Position { stage: position.stage + 2, batch: 0 };
        }
        Ok(step)
    });
}

#[test]
fn empty_metrics_taken_for_a_pass_are_caught() {
    caught(&canary(), &[6], |state, plan, at, event| match event {
        Event::Judged(judged) if judged.verdict == Verdict::NoData => {
            let mut pass = judged.clone();
            (pass.verdict, pass.past_limit) = (Verdict::Pass, false);
            apply(state, plan, at, &Event::Judged(pass))
        }
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn a_guard_taken_for_judged_without_a_verdict_is_caught() {
    caught(&canary(), &[6], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        step.next.judged = step.next.judged.union(step.next.unjudged(plan));
        Ok(step)
    });
}

#[test]
fn a_gate_that_does_not_wait_for_its_guards_is_caught() {
    caught(&canary(), &[5], |state, plan, at, event| {
        let mut unguarded = plan.clone();
        unguarded.guards = crate::IndexSet::EMPTY;
        apply(state, &unguarded, at, event)
    });
}

#[test]
fn an_abort_ignored_after_promote_full_is_caught() {
    caught(&canary(), &[8], |state, plan, at, event| {
        if state.promoted && order(event) == Some(Order::Abort) {
            return Err(Ignored::NotNow);
        }
        apply(state, plan, at, event)
    });
}

#[test]
fn retiring_before_all_traffic_is_seen_is_caught() {
    caught(&canary(), &[9], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if step.decision.rule == Rule::StageReached && step.intent.is_none() {
            let retire = sends(&step.next, Action::Retire { arm: Arm::Stable });
            step.next.call = Some(crate::Outstanding {
                sent: retire.clone(),
                state: crate::CallState::InFlight { by: at.after(Span::seconds(1)) },
                throttled: 0,
                lands_by: Timestamp::default(),
                from: Weight::FULL,
            });
            step.intent = Some(retire);
        }
        Ok(step)
    });
}

#[test]
fn advancing_before_seen_equals_wanted_is_caught() {
    caught(&canary(), &[4], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if let Phase::Moving { at: position, .. } = step.next.phase
            && step.decision.rule == Rule::MoveAcknowledged
            && step.next.world.traffic.asked > Weight::ZERO
        {
            let gate = GateProgress {
                matched: Some(at),
                by: at.after(Span::seconds(4)),
                ask_again: Timestamp::MAX,
                ..GateProgress::default()
            };
            step.next.phase = Phase::Gating { at: position, gate };
            step.decision.to = step.next.phase.name();
        }
        Ok(step)
    });
}

#[test]
fn a_rollback_reported_before_it_is_seen_is_caught() {
    caught(&canary(), &[10], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if step.decision.rule == Rule::MoveAcknowledged && step.next.phase.is_backward() {
            step.next.phase = Phase::RolledBack { cause: Cause::Failed };
            step.decision.to = step.next.phase.name();
        }
        Ok(step)
    });
}

#[test]
fn a_rollback_reported_before_late_calls_can_land_no_more_is_caught() {
    caught(&canary(), &[10], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        step.next.world.late = crate::Late::default();
        if let Phase::Confirming { quiet, .. } = &mut step.next.phase
            && *quiet > at
        {
            *quiet = at;
        }
        Ok(step)
    });
}

#[test]
fn a_failure_that_only_pauses_is_caught() {
    caught(&canary(), &[7], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if step.decision.rule == Rule::GuardFailed {
            step.next = state.clone();
            step.next.seq = state.seq.next();
            step.next.holds = Holds::NONE.with(crate::Hold::Operator);
            step.intent = None;
            step.decision.to = state.phase.name();
            step.decision.weight_to = state.world.traffic.asked;
        }
        Ok(step)
    });
}

#[test]
fn going_forward_while_paused_is_caught() {
    caught(&canary(), &[8], |state, plan, at, event| {
        let mut unheld = state.clone();
        unheld.holds = Holds::NONE;
        let mut step = apply(&unheld, plan, at, event)?;
        if order(event) != Some(Order::Resume) {
            step.next.holds = Holds(step.next.holds.0 | state.holds.0);
        }
        Ok(step)
    });
}

#[test]
fn a_bake_time_cut_short_is_caught() {
    caught(&canary(), &[5], |state, plan, at, event| {
        let mut eager = plan.clone();
        for stage in &mut eager.stages {
            stage.gate.bake = Span::ZERO;
        }
        apply(state, &eager, at, event)
    });
}

/// What comes of reading that all `units` of the candidate are ready, whatever is so.
fn apply_rosy(
    state: &Rollout,
    plan: &Plan,
    at: Timestamp,
    event: &Event,
    units: impl Fn(Units) -> u32,
) -> Result<Step, Ignored> {
    let Event::Observed(seen) = event else { return apply(state, plan, at, event) };
    let mut rosy = seen.clone();
    let truth = rosy.capacity;
    if let Some(capacity) = &mut rosy.capacity {
        let total = &mut capacity.candidate.total;
        *total = Units { asked: total.asked.max(units(*total)), ready: units(*total) };
    }
    let mut step = apply(state, plan, at, &Event::Observed(rosy))?;
    if let Some(capacity) = truth {
        step.next.world.candidate.total = capacity.candidate.total;
    }
    Ok(step)
}

#[test]
fn weight_before_ready_capacity_is_caught() {
    caught(&canary(), &[12], |state, plan, at, event| {
        apply_rosy(state, plan, at, event, |units| units.asked)
    });
}

#[test]
fn retiring_what_a_candidate_without_capacity_was_to_replace_is_caught() {
    caught(&canary(), &[9], |state, plan, at, event| match state.phase {
        Phase::KeepWarm { .. } => apply_rosy(state, plan, at, event, |_| 4),
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn a_completion_reported_of_a_candidate_without_capacity_is_caught() {
    caught(&canary(), &[10], |state, plan, at, event| match state.phase {
        Phase::Confirming { .. } => apply_rosy(state, plan, at, event, |_| 4),
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn a_sequence_number_used_twice_is_caught() {
    caught(&canary(), &[15], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if step.decision.rule == Rule::MoveRetried {
            step.next.seq = state.seq;
        }
        Ok(step)
    });
}

#[test]
fn throttling_taken_for_a_failure_is_caught() {
    caught(&canary(), &[26], |state, plan, at, event| match event {
        Event::Answered(answer) if answer.outcome == Outcome::Throttled => {
            let outcome = Outcome::Permanent;
            apply(state, plan, at, &Event::Answered(Answer { outcome, ..*answer }))
        }
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn a_call_without_an_answer_taken_for_done_is_caught() {
    caught(&canary(), &[10], |state, plan, at, event| match event {
        Event::Answered(answer) if answer.outcome == Outcome::Ambiguous => {
            let outcome = Outcome::Accepted;
            apply(state, plan, at, &Event::Answered(Answer { outcome, ..*answer }))
        }
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn a_clock_step_that_shortens_a_bake_is_caught() {
    caught(&canary(), &[21], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if let Event::ClockStepped { by_ms } = event
            && let Some(gate) = step.next.phase.progress_mut()
            && let Some(since) = &mut gate.matched
        {
            *since = since.moved(-*by_ms);
        }
        Ok(step)
    });
}

#[test]
fn a_switch_back_in_the_middle_of_the_way_forward_is_caught() {
    caught(&blue_green(), &[2, 3], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if let (Phase::Moving { .. }, Some(intent)) = (step.next.phase, &mut step.intent)
            && let Action::Shift { to, .. } = &mut intent.action
        {
            *to = Weight::percent(30);
            step.next.world.traffic.asked = *to;
            step.decision.weight_to = *to;
            step.next.call.as_mut().unwrap().sent = intent.clone();
        }
        Ok(step)
    });
}

#[test]
fn a_mix_that_an_incompatible_plan_should_not_have_compiled_to_is_caught() {
    // The compiler refuses such a plan; this one got past it.
    let mut plan = canary();
    plan.policy.incompatible = true;
    caught(&plan, &[13], apply);
}

#[test]
fn a_batch_larger_than_the_floor_allows_is_caught() {
    caught(&rolling(), &[11], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        if let Some(intent) = &mut step.intent
            && let Action::Scale { arm: Arm::Stable, units, .. } = &mut intent.action
            && matches!(step.next.phase, Phase::Moving { .. })
        {
            *units = 0;
            step.next.call.as_mut().unwrap().sent = intent.clone();
        }
        Ok(step)
    });
}

#[test]
fn a_decision_that_does_not_say_what_changed_is_caught() {
    caught(&canary(), &[20], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        step.decision.to = step.decision.from;
        Ok(step)
    });
}

#[test]
fn a_state_that_waits_for_nothing_is_caught() {
    caught(&canary(), &[18], |state, plan, at, event| {
        if matches!(event, Event::DeadlineReached) {
            return Err(Ignored::Early);
        }
        apply(state, plan, at, event)
    });
}

#[test]
fn traffic_seen_that_was_never_seen_is_caught_by_the_worlds_own_truth() {
    caught(&canary(), &[10, 12], |state, plan, at, event| match event {
        Event::Observed(seen) => {
            let mut rosy = seen.clone();
            let asked = state.world.traffic.asked;
            rosy.traffic = Some(SeenTraffic { low: asked, high: asked, other: Weight::ZERO, at });
            apply(state, plan, at, &Event::Observed(rosy))
        }
        _ => apply(state, plan, at, event),
    });
}

#[test]
fn an_end_that_an_abort_leaves_is_caught() {
    caught(&canary(), &[14], |state, plan, at, event| {
        if matches!(state.phase, Phase::NeverStarted { .. }) && order(event) == Some(Order::Abort) {
            let mut step = Rollout::open(state.identity, plan, &state.world, at);
            step.next.seq = state.seq.next();
            return Ok(step);
        }
        apply(state, plan, at, event)
    });
}

#[test]
fn a_hold_that_blocks_the_way_back_is_caught() {
    caught(&canary(), &[22], |state, plan, at, event| {
        let mut step = apply(state, plan, at, event)?;
        let turns = step.next.phase.is_backward() && !state.phase.is_backward();
        if turns && !state.holds.is_none() {
            step.next.world = state.world.clone();
            step.next.call = None;
            step.intent = None;
            step.decision.weight_to = state.world.traffic.asked;
        }
        Ok(step)
    });
}

#[test]
fn going_back_to_a_retired_arm_is_caught() {
    caught(&canary(), &[23], |state, plan, at, event| {
        if state.no_return && matches!(event, Event::Judged(_)) {
            let mut back = state.clone();
            back.no_return = false;
            let mut step = apply(&back, plan, at, event)?;
            step.next.no_return = true;
            return Ok(step);
        }
        apply(state, plan, at, event)
    });
}
