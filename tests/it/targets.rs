//! Targets of every kind: several routes, each safety class, a platform that sets its own pace.

use std::sync::Arc;

use tidegate::{
    End,
    machine::{
        Action, GateSpec, Judge, JudgeSpec, Judgement, Judging, Look, Outcome, Phase, PlanSpec,
        PlatformSpec, Reading, Rule, SafetyClass, Span, StrategySpec, Verdict, Weight,
        decision::Evidence,
    },
};
use tidegate_mock::{Fault, Op, OperationSpec, PlatformWorldSpec, WorldSpec, Wrong};

use crate::fixtures::{
    Rig, S, canary, canary_of, checked, end_of, records, rolled_back, rules, step, story,
    strategies,
};

fn classed(class: SafetyClass, world: WorldSpec) -> WorldSpec {
    let operation = OperationSpec::of_class(class);
    WorldSpec { shift: operation.clone(), scale: operation, ..world }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_slow_lost_refused_or_land_late_change_no_outcome() {
    let wrongs = [
        Wrong::Slow { lands: Some(S(30)) },
        Wrong::Slow { lands: None },
        Wrong::Late { lands: Some(S(30)) },
        Wrong::LostAnswer,
        Wrong::Refused { permanent: false },
        Wrong::Throttled,
        Wrong::Lie,
    ];
    let classes = [SafetyClass::CompareAndSet, SafetyClass::Token, SafetyClass::BareSet];
    let ops = [Op::Shift, Op::Mirror, Op::Provision, Op::Scale, Op::Retire];
    let mut runs = 0;
    for (class, wrong) in classes.into_iter().flat_map(|c| wrongs.map(|w| (c, w))) {
        for fault in ops.into_iter().flat_map(|op| [1, 2, 3].map(|n| Fault::nth(op, n, wrong))) {
            for good in [true, false] {
                runs += goes_as_ever(class, &fault, good).await;
            }
        }
    }
    println!("{runs} rollouts, each with one call that goes wrong");
}

/// One rollout of each strategy with one call that goes wrong: the outcome is the release's, and
/// the world agrees.
async fn goes_as_ever(class: SafetyClass, fault: &Fault, good: bool) -> u32 {
    let world = if good { WorldSpec::good() } else { WorldSpec::bad() };
    let mut runs = 0;
    for (name, spec) in strategies() {
        let rig = Rig::new(classed(class, world.clone()).with_fault(fault.clone()));
        let engine = rig.engine();
        let handle = rig.start(&engine, spec).await;
        let end = end_of(&handle).await;
        let what = format!("{name} {class} {fault:?} good {good}\n{}", story(&handle).await);
        let as_ever = if good { end == End::Over(Phase::Completed) } else { rolled_back(&end) };
        assert!(as_ever, "{end:?} {what}");
        let expected = if good { Weight::FULL } else { Weight::ZERO };
        assert_eq!(rig.weight(), expected, "{what}");
        runs += 1;
    }
    runs
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_later_route_leaves_the_move_unknown() {
    let refused = Fault::nth(Op::Shift, 2, Wrong::Refused { permanent: false });
    let rig = Rig::new(WorldSpec { routes: 3, ..WorldSpec::good() }.with_fault(refused));
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    let end = end_of(&handle).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
    let unknown = records(&handle).await.into_iter().any(|record| {
        matches!(
            record.decision.evidence,
            Evidence::Move { action: Action::Shift { .. }, outcome: Some(Outcome::Ambiguous), .. }
        )
    });
    assert!(unknown, "{}", story(&handle).await);
}

pub(crate) fn handed_over() -> PlanSpec {
    let open = GateSpec::default();
    let mut spec = canary_of(vec![step(20, open.clone()), step(100, open.clone())]);
    if let StrategySpec::Canary(canary) = &mut spec.strategy {
        let platform = PlatformSpec { ready: open.clone(), step: checked(), termination: open };
        canary.platform = Some(platform);
    }
    spec
}

pub(crate) fn with_platform(world: WorldSpec) -> WorldSpec {
    let platform = PlatformWorldSpec {
        steps: vec![Weight::percent(20), Weight::FULL],
        waits_ready: true,
        waits_step: true,
        waits_termination: true,
        wait_for: Span::ZERO,
        ..PlatformWorldSpec::default()
    };
    WorldSpec { platform: Some(platform), ..world }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_sets_the_pace_is_released_when_good_and_stopped_when_bad() {
    for (world, good) in [(WorldSpec::good(), true), (WorldSpec::bad(), false)] {
        let rig = Rig::new(with_platform(world));
        let engine = rig.engine();
        let handle = rig.start(&engine, handed_over()).await;
        let end = end_of(&handle).await;
        let as_expected = if good { end == End::Over(Phase::Completed) } else { rolled_back(&end) };
        assert!(as_expected, "{end:?}\n{}", story(&handle).await);
        let rules = rules(&handle).await;
        assert!(rules.contains(&Rule::PlatformStarted), "{}", story(&handle).await);
    }
}

/// Passes after two usable looks, fails never.
#[derive(Debug)]
struct Patient;

#[derive(Debug, Default)]
struct Waiting(u32);

impl Judge for Patient {
    fn begin(&self) -> Box<dyn Judging> {
        Box::<Waiting>::default()
    }
}

impl Judging for Waiting {
    fn look(&mut self, look: &Look) -> Judgement {
        self.0 += u32::from(look.candidate.is_some());
        let verdict = if self.0 >= 2 { Verdict::Pass } else { Verdict::Inconclusive };
        let reading = Reading { looks: self.0, ..Reading::default() };
        Judgement::plain(verdict, reading)
    }
}

#[tokio::test(start_paused = true)]
async fn a_judge_of_ones_own_is_asked_by_name() {
    let rig = Rig::new(WorldSpec::bad());
    let engine = rig.engine_with(rig.ports().with_judge("patient", Arc::new(Patient)));
    let mut spec = canary();
    for check in spec.checks.values_mut() {
        check.judge = JudgeSpec::Custom("patient".into());
    }
    let handle = rig.start(&engine, spec).await;
    let end = end_of(&handle).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
}
