//! Strategies without two arms at once have no valid test of two samples. What is done instead: the
//! past with its assumptions, a number, or a refusal that says why.

use tidegate::{
    End,
    machine::{
        Baseline, BlueGreenSpec, CheckIndex, CheckSpec, CompareSpec, GateSpec, Journal, JudgeSpec,
        Phase, Plan, PlanReport, PlanSpec, Role, StrategySpec, Verdict, Weight,
    },
};
use tidegate_mock::{EffectSpec, Fault, Op, WorldSpec, Wrong};

use crate::fixtures::{Rig, S, canary_of, compile, end_of, rolled_back, rolling, step, story};

/// `spec` with one check, named after its metric, that compares as told.
fn comparing(mut spec: PlanSpec, baseline: Option<Baseline>, rate: Option<f64>) -> PlanSpec {
    let judge = JudgeSpec::Compare(CompareSpec { rate, ..CompareSpec::default() });
    let check = CheckSpec { baseline, ..CheckSpec::new("error_rate", judge) };
    spec.checks = [("errors".to_owned(), check)].into();
    spec
}

fn gate() -> GateSpec {
    GateSpec { bake: S(300), checks: vec!["errors".into()], ..GateSpec::default() }
}

/// A switch at once, judged after it.
fn switch() -> PlanSpec {
    let after = gate();
    let (before, steps) = (GateSpec::default(), Vec::new());
    let strategy = StrategySpec::BlueGreen(BlueGreenSpec { preview: None, before, steps, after });
    PlanSpec { strategy, ..canary_of(vec![step(100, GateSpec::default())]) }
}

/// Batches without a router, judged after each.
fn batches() -> PlanSpec {
    let mut spec = rolling();
    if let StrategySpec::Rolling(rolling) = &mut spec.strategy {
        rolling.gates.each_batch = Some(gate());
    }
    spec
}

fn cases() -> [(&'static str, PlanSpec, WorldSpec); 2] {
    [
        ("blue/green", switch(), WorldSpec::good()),
        ("rolling", batches(), WorldSpec::without_router()),
    ]
}

#[test]
fn a_gate_without_stable_beside_it_is_refused_with_the_reason() {
    for (name, spec, world) in cases() {
        let refused = Plan::compile(comparing(spec, None, None), &world.capabilities());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("stable"), "{name}: {said}");
    }
}

#[test]
fn the_report_says_what_a_comparison_with_the_past_takes_for_granted() {
    for (name, spec, world) in cases() {
        let plan = compile(comparing(spec, Some(Baseline::History), None), &world.capabilities());
        let report = PlanReport::of(&plan).warnings.join("\n");
        let warned = report.contains("compares with the time before the rollout")
            && report.contains("more than x1.5");
        assert!(warned, "{name}: {report}");
    }
}

async fn released(spec: PlanSpec, world: WorldSpec) -> (End, String) {
    let rig = Rig::new(world);
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    (end_of(&handle).await, story(&handle).await)
}

#[tokio::test(start_paused = true)]
async fn the_past_or_a_number_tells_a_bad_release_from_a_good_one() {
    for (name, spec, world) in cases() {
        for (baseline, rate) in [(Baseline::History, None), (Baseline::Fixed, Some(0.004))] {
            let spec = comparing(spec.clone(), Some(baseline), rate);
            let (end, story) = released(spec.clone(), world.clone()).await;
            assert_eq!(end, End::Over(Phase::Completed), "{name} {baseline:?}:\n{story}");
            let worse = EffectSpec { error_ratio: 8.0, ..EffectSpec::default() };
            let (end, story) = released(spec, world.clone().with_effect(worse)).await;
            assert!(rolled_back(&end), "{name} {baseline:?}: {end:?}\n{story}");
            assert!(story.contains("against 0."), "{story}");
        }
    }
}

/// Nothing was measured before the rollout: there is nothing to compare with, and that is no pass.
#[tokio::test(start_paused = true)]
async fn without_a_past_a_comparison_with_it_never_passes_and_never_rolls_back() {
    let (_, spec, world) = cases()[0].clone();
    let mut spec = comparing(spec, Some(Baseline::History), None);
    spec.evidence.history = Some(0);
    let rig = Rig::new(world);
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    let waits = |status: &tidegate::Status| {
        let person = matches!(status.waiting_on, tidegate::machine::WaitingOn::Person(_));
        person && status.phase.gate().is_some()
    };
    crate::fixtures::until(&handle, waits).await;
    assert_eq!(rig.weight(), Weight::FULL);
    let story = story(&handle).await;
    assert!(story.contains(&Verdict::NoData.to_string()), "{story}");
}

/// What a source had not delivered in time is measured once more, and counts as if it had been there.
#[tokio::test(start_paused = true)]
async fn a_minute_that_arrives_late_is_judged_all_the_same() {
    let spec =
        comparing(canary_of(vec![step(20, gate()), step(100, GateSpec::default())]), None, None);
    let lag = Wrong::Lag { by: S(45) };
    let late = Fault::between(Op::Look, S(100), S(200), lag);
    let rig = Rig::new(WorldSpec::good().with_fault(late));
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    let end = end_of(&handle).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
    let journal: &dyn Journal = &rig.journal;
    let looks = journal.looks(handle.rollout(), CheckIndex(0), Role::Guard).await.unwrap();
    let corrected: Vec<_> = looks.iter().filter(|kept| kept.correction > 0).collect();
    assert!(!corrected.is_empty() && corrected.iter().all(|kept| kept.look.complete));
    assert!(looks.iter().all(|kept| kept.look.complete), "{looks:#?}");
}

#[test]
fn what_a_step_can_not_see_is_said_beforehand() {
    let seen = |baseline, rate, requests| {
        let mut spec = comparing(
            canary_of(vec![step(5, gate()), step(100, GateSpec::default())]),
            baseline,
            rate,
        );
        spec.evidence.requests_per_minute = Some(requests);
        if let Some(check) = spec.checks.get_mut("errors") {
            check.usual = Some(0.001);
        }
        PlanReport::of(&compile(spec, &WorldSpec::good().capabilities()))
    };
    let small = seen(None, None, 600.0);
    let blind = "stage \"5 %\": in 5m, check errors sees a x28.9 of 0.1 %, not less: 30 requests a minute on the candidate";
    assert!(small.warnings.iter().any(|line| line == blind), "{:#?}", small.warnings);
    let slow = "to show that the candidate is below x2 of 0.1 %, but the gate waits 1h 5m";
    assert!(small.warnings.iter().any(|line| line.ends_with(slow)), "{:#?}", small.warnings);
    let busy = seen(None, None, 600_000.0);
    assert!(busy.sees.iter().any(|line| line.contains("sees a x1.")), "{:#?}", busy.sees);
    assert!(!busy.warnings.iter().any(|line| line.contains("sees")), "{:#?}", busy.warnings);
    // A number is compared with by the candidate's requests alone.
    let alone = seen(Some(Baseline::Fixed), Some(0.001), 600_000.0);
    assert!(alone.sees.iter().any(|line| line.contains("sees a x1.")), "{:#?}", alone.sees);
}
