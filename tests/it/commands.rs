//! What people say, and hooks that do not.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate::{
    End, EngineError, Missing, Unrest,
    machine::{
        Ask, Cause, DeadlineSpec, GateSpec, Hook, HookAnswer, Ignored, OnDeadline, Order, Phase,
        PortError, Question, Revisions, Rule, WaitingOn,
    },
};
use tidegate_mock::WorldSpec;

use crate::fixtures::{
    Rig, S, at_gate, canary, canary_of, end_of, revisions, rolled_back, rules, scenes, step, story,
    until,
};

fn approved() -> tidegate::machine::PlanSpec {
    let approval = GateSpec { approval: true, ..GateSpec::default() };
    canary_of(vec![step(10, approval), step(100, GateSpec::default())])
}

#[tokio::test(start_paused = true)]
async fn an_approval_given_opens_the_gate_and_one_denied_rolls_back() {
    let approval = GateSpec { approval: true, ..GateSpec::default() };
    for scene in scenes(&approval) {
        let (_rig, engine, handle) = scene.set().await;
        let gate = scene.wait(&handle).await;
        assert_eq!(handle.status().waiting_on, WaitingOn::Person(Ask::Approve(gate)));
        handle.deny(gate, "ada", "not today").await.unwrap();
        let denied = End::Over(Phase::RolledBack { cause: Cause::Denied });
        assert_eq!(end_of(&handle).await, denied, "{}:\n{}", scene.name, story(&handle).await);

        let again = engine.retry(handle.rollout(), "ada").await.unwrap();
        // Batches have a gate each.
        while again.status().end.is_none() {
            until(&again, |status| status.phase.gate().is_some() || status.end.is_some()).await;
            if let Some(gate) = again.status().phase.gate() {
                // An open gate may be behind it by the time it is approved.
                let _ = again.approve(gate, "ada").await;
                until(&again, |status| status.phase.gate() != Some(gate)).await;
            }
        }
        let end = end_of(&again).await;
        assert_eq!(end, End::Over(Phase::Completed), "{}:\n{}", scene.name, story(&again).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_changes_nothing_says_why() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = engine.open(rig.plan(approved()), revisions(), "ada").await.unwrap();
    assert_eq!(handle.status().waiting_on, WaitingOn::Person(Ask::Start));
    handle.start("ada").await.unwrap();
    let gate = at_gate(&handle).await;
    let other = tidegate::machine::GateRef {
        at: tidegate::machine::Position { stage: gate.at.stage + 1, batch: 0 },
        ..gate
    };
    let wrong = handle.approve(other, "ada").await.unwrap_err();
    assert!(matches!(wrong, EngineError::Ignored(Ignored::NotThatGate)), "{wrong}");
    handle.pause("ada", "lunch").await.unwrap();
    let twice = handle.pause("ada", "lunch").await.unwrap_err();
    assert!(matches!(twice, EngineError::Ignored(Ignored::Unchanged)), "{twice}");
    handle.resume("ada").await.unwrap();
    handle.promote(gate, "ada", "seen enough").await.unwrap();
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed));
    let late = handle.command(Order::Abort, "ada", "").await.unwrap_err();
    assert!(matches!(late, EngineError::Ignored(Ignored::Terminal)), "{late}");
}

#[tokio::test(start_paused = true)]
async fn promote_full_skips_gates_and_pause_holds() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    at_gate(&handle).await;
    handle.pause("ada", "a look at the graphs").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(7_200)).await;
    assert!(handle.status().phase.gate().is_some(), "{}", story(&handle).await);
    handle.resume("ada").await.unwrap();
    handle.promote_full("ada", "hotfix").await.unwrap();
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", story(&handle).await);
}

/// Never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Hook for Silent {
    async fn ask(&self, _: &Question) -> Result<HookAnswer, PortError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_answers_has_not_approved() {
    let deadline = Some(DeadlineSpec { within: S(120), then: OnDeadline::RollBack });
    let asked = GateSpec { hooks: vec!["smoke".into()], deadline, ..GateSpec::default() };
    for scene in scenes(&asked) {
        let rig = Rig::new(scene.world.clone());
        let engine = rig.engine_with(rig.ports().with_hook("smoke", Arc::new(Silent)));
        let handle = rig.start(&engine, scene.spec.clone()).await;
        let end = end_of(&handle).await;
        let story = story(&handle).await;
        assert!(rolled_back(&end), "{}: {end:?}\n{story}", scene.name);
        let rules = rules(&handle).await;
        let failed = rules.iter().filter(|rule| **rule == Rule::HookFailed).count();
        assert!(failed > 1, "{}: asked again\n{story}", scene.name);
        assert!(rules.contains(&Rule::GateOverdueRolledBack), "{}:\n{story}", scene.name);
        assert!(!rules.contains(&Rule::HookApproved), "{}", scene.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_asked_again_until_it_says_yes_or_no() {
    for (last, completes) in [(HookAnswer::Approved, true), (HookAnswer::Denied, false)] {
        let hooks = [("smoke".to_owned(), vec![HookAnswer::Wait, HookAnswer::Wait, last])].into();
        let rig = Rig::new(WorldSpec { hooks, ..WorldSpec::good() });
        let engine = rig.engine();
        let asked = GateSpec { hooks: vec!["smoke".into()], ..GateSpec::default() };
        let spec = canary_of(vec![step(10, asked), step(100, GateSpec::default())]);
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        assert_eq!(end == End::Over(Phase::Completed), completes, "{}", story(&handle).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_names_a_hook_nobody_gave_is_refused_before_the_first_move() {
    let rig = Rig::new(WorldSpec::good());
    let mut ports = rig.ports();
    ports.hooks.clear();
    let engine = rig.engine_with(ports);
    let refused = engine.start(rig.plan(canary()), revisions(), "ada").await.unwrap_err();
    let EngineError::Missing(missing) = refused else { panic!("{refused}") };
    assert_eq!(missing, [Missing::Hook("smoke".into())]);
    assert_nothing_was_sent(&rig);
}

fn assert_nothing_was_sent(rig: &Rig) {
    assert!(rig.world.with_fleet(|fleet| fleet.log().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_at_rest_is_refused_before_the_first_move() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let gone = Revisions { stable: Some("v0".into()), candidate: "v1".into() };
    let done = rig.start(&engine, canary()).await;
    end_of(&done).await;
    let refused = engine.start(rig.plan(canary()), revisions(), "ada").await.unwrap_err();
    let EngineError::NotAtRest { unrest, .. } = refused else { panic!("{refused}") };
    assert_eq!(unrest, Unrest::StableGone);
    let refused = engine.start(rig.plan(canary()), gone, "ada").await.unwrap_err();
    assert!(matches!(refused, EngineError::NotAtRest { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn decisions_stream_in_order_with_their_sentences() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = engine.open(rig.plan(canary()), revisions(), "ada").await.unwrap();
    let mut decisions = handle.decisions();
    handle.start("ada").await.unwrap();
    until(&handle, |status| status.end.is_some()).await;
    let mut heard = Vec::new();
    while let Ok(notice) = decisions.try_recv() {
        assert!(!notice.sentence.is_empty());
        heard.push(notice.seq);
    }
    let all: Vec<_> = handle.records().await.unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(heard, all);
}

#[tokio::test(start_paused = true)]
async fn a_halted_rollout_takes_orders_after_an_answer_that_came_too_late() {
    use tidegate::machine::Halt;
    use tidegate_mock::{Fault, Op, Wrong};
    let slow = Fault::nth(Op::Shift, 1, Wrong::Slow { lands: Some(S(9)) });
    let refused = Fault::nth(Op::Shift, 2, Wrong::Refused { permanent: true });
    let rig = Rig::new(WorldSpec::good().with_fault(slow).with_fault(refused));
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    until(&handle, |status| status.sentence.contains("[0 % to 10 %]")).await;
    // The way back is refused for good while the way forward is still unanswered.
    handle.abort("ada", "not today").await.unwrap();
    until(&handle, |status| matches!(status.phase, Phase::Halted { .. })).await;
    let failed = Phase::Halted { why: Halt::RollbackFailed, cause: Some(Cause::Aborted) };
    assert_eq!(handle.status().phase, failed);
    // The call runs out of time meanwhile.
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let told = handle.command(Order::Retry, "ada", "unlocked");
    tokio::time::timeout(std::time::Duration::from_secs(60), told).await.unwrap().unwrap();
    let back = End::Over(Phase::RolledBack { cause: Cause::Aborted });
    assert_eq!(end_of(&handle).await, back, "{}", story(&handle).await);
}
