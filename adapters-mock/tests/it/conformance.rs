//! Our own ports keep every law, and each suite names the law that a wrong adapter breaks.

use std::{sync::atomic::Ordering, time::Duration};

use tidegate_core::{
    AttemptId, Epoch, HookAnswer, Notice, Opening, Plan, PlanSpec, Query, Question, RolloutId,
    SafetyClass, Seq, Span, Weight, Window,
    record::{FORMAT, Head, Record},
};
use tidegate_mock::{
    Fault, Fleet, JournalFault, MemoryJournal, Op, OperationSpec, PlatformWorldSpec, Request,
    SimWorld, WorldSpec, Wrong,
    conformance::{
        self, DeploymentSubject, Fixture, HealthSubject, HookSubject, ObserverSubject, Report,
        TrafficSubject, assert_conforms,
    },
};

use crate::{
    bent::{Bend, Bent},
    bent_journal::{Tear, Torn},
    support::{both, call, to},
};

fn assert_breaks(report: Report, law: &str) {
    let broken = report.expect_err(law);
    assert!(broken.iter().any(|one| one.law == law), "{law} was not named: {broken:?}");
}

fn routed(class: SafetyClass) -> WorldSpec {
    let (shift, other) = (OperationSpec::of_class(class), Weight::percent(10));
    WorldSpec { routes: 2, shift, other, ..WorldSpec::good() }
}

fn bent_traffic(world: WorldSpec, bend: Bend) -> TrafficSubject<Bent> {
    let world = SimWorld::new(world, 1);
    let behind = world.clone();
    let interfere = move |weight: Weight| {
        let split = tidegate_core::Split::candidate(weight);
        let version = behind.with_fleet(|fleet| fleet.versions())[0].clone();
        let request = Request::Shift { to: split, version: Some(version) };
        let _ = behind.with_fleet(|fleet| fleet.send(&call(900), request));
    };
    TrafficSubject {
        port: Bent::new(world, bend),
        target: "checkout".into(),
        revisions: both(),
        interfere: Some(Box::new(interfere)),
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_router_keeps_every_law_in_every_class() {
    for class in [SafetyClass::CompareAndSet, SafetyClass::Token, SafetyClass::BareSet] {
        let make = async || bent_traffic(routed(class), Bend::Blocks);
        assert_conforms(conformance::traffic(make).await);
    }
    let make = async || bent_traffic(WorldSpec::without_router(), Bend::Blocks);
    assert_conforms(conformance::traffic(make).await);
}

#[tokio::test(start_paused = true)]
async fn wrong_routers_break_the_law_they_should() {
    for (bend, law) in [
        (Bend::Adds, "a shift is absolute"),
        (Bend::Remembers, "the target is read, not remembered"),
        (Bend::DropsOthers, "what else hangs on the route is kept"),
        (Bend::AllRoutes, "each route is set by itself"),
        (Bend::Rounds, "a weight off the grid is refused or exact"),
        (Bend::ForgetsMirror, "mirror and test traffic are read back"),
        (Bend::HidesRoutes, "every route is reported"),
    ] {
        let make = async || bent_traffic(routed(SafetyClass::BareSet), bend);
        assert_breaks(conformance::traffic(make).await, law);
    }
    let make = async || bent_traffic(routed(SafetyClass::CompareAndSet), Bend::IgnoresVersions);
    assert_breaks(conformance::traffic(make).await, "a stale version conflicts");
}

fn bent_deployment(bend: Bend) -> DeploymentSubject<Bent> {
    let incomplete = Fault::nth(Op::ReadPlatform, 1, Wrong::Refused { permanent: false });
    let platform = PlatformWorldSpec { waits_ready: true, ..PlatformWorldSpec::default() };
    let spec = WorldSpec { platform: Some(platform), ..WorldSpec::good() };
    let world = SimWorld::new(spec, 1);
    let counted = world.clone();
    let again = bend == Bend::StartsAgain;
    let port = Bent::new(world, bend);
    let tagged = move |tag: &str| {
        let extra = usize::from(again);
        counted.with_fleet(|fleet| fleet.deployments_tagged(tag)) + extra
    };
    let lookups = port.world.clone();
    let break_lookup = move || {
        let fault = incomplete.clone();
        lookups.with_fleet(|fleet| {
            let spec = WorldSpec { faults: vec![fault], ..fleet.spec().clone() };
            *fleet = Fleet::beginning_at(spec, 1, fleet.now());
        });
    };
    DeploymentSubject {
        port,
        target: "checkout".into(),
        revisions: both(),
        takes_time: true,
        tagged: Some(Box::new(tagged)),
        break_lookup: Some(Box::new(break_lookup)),
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_deployer_keeps_every_law() {
    let make = async || bent_deployment(Bend::Blocks);
    assert_conforms(conformance::deployment(make).await);
}

#[tokio::test(start_paused = true)]
async fn wrong_deployers_break_the_law_they_should() {
    for (bend, law) in [
        (Bend::AskedIsReady, "asked and ready are told apart"),
        (Bend::AddsUnits, "a repeated call does nothing more"),
        (Bend::RetireTwiceFails, "retiring an arm that is gone is no error"),
        (Bend::RemovesReady, "unready units are removed first"),
        (Bend::RetiresBoth, "retiring removes that arm alone"),
        (Bend::LookupHides, "an incomplete look-up is an error"),
        (Bend::StartsAgain, "one token is one deployment"),
    ] {
        let make = async || bent_deployment(bend);
        assert_breaks(conformance::deployment(make).await, law);
    }
}

fn bent_health(bend: Bend) -> HealthSubject<Bent> {
    let mut fleet = Fleet::new(WorldSpec::bad(), 1);
    let begin = fleet.now();
    let minutes = |from: u64, to: u64| Window {
        from: begin.after(Span::minutes(from)),
        to: begin.after(Span::minutes(to)),
    };
    let units = Request::Provision { arm: tidegate_core::Arm::Candidate, units: 10, zone: None };
    let _ = fleet.send(&call(1), units);
    fleet.advance(Span::minutes(10));
    let _ = fleet.send(&call(2), to(50));
    fleet.advance(Span::minutes(10));
    let clock = tidegate_mock::TokioClock::starting_at(fleet.now());
    let world = SimWorld::with_clock(fleet, std::sync::Arc::new(clock));
    let busy = Query {
        target: "checkout".into(),
        revisions: both(),
        metric: "error_rate".to_owned(),
        window: minutes(12, 15),
        opened: begin,
    };
    HealthSubject {
        port: Bent::new(world, bend),
        busy,
        idle: minutes(2, 5),
        young: minutes(19, 21),
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_metrics_keep_every_law() {
    assert_conforms(conformance::health(async || bent_health(Bend::Blocks)).await);
}

#[tokio::test(start_paused = true)]
async fn wrong_metrics_break_the_law_they_should() {
    for (bend, law) in [
        (Bend::WiderWindow, "the window returned lies within the one asked"),
        (Bend::AlwaysComplete, "an unfinished window is not complete"),
        (Bend::InventsZero, "an arm without traffic is absent"),
        (Bend::Swaps, "the arms are not swapped"),
        (Bend::NaNs, "the numbers can be true"),
        (Bend::AnyMetric, "an unknown metric gives no number"),
    ] {
        assert_breaks(conformance::health(async || bent_health(bend)).await, law);
    }
}

fn question(hook: &str) -> Question {
    Question {
        hook: hook.to_owned(),
        target: "checkout".into(),
        rollout: RolloutId(1),
        revisions: both(),
        stage: "5 %".to_owned(),
    }
}

fn bent_hook(bend: Bend) -> HookSubject<Bent> {
    let answers = [
        ("yes", HookAnswer::Approved),
        ("no", HookAnswer::Denied),
        ("later", HookAnswer::Wait),
        ("broken", HookAnswer::Failed),
    ];
    let hooks = answers.iter().map(|(name, answer)| ((*name).to_owned(), vec![*answer])).collect();
    let world = SimWorld::new(WorldSpec { hooks, ..WorldSpec::good() }, 1);
    HookSubject {
        port: Bent::new(world, bend),
        script: answers[..3].iter().map(|(name, answer)| (question(name), *answer)).collect(),
        broken: question("broken"),
        limit: Duration::from_secs(30),
    }
}

#[tokio::test(start_paused = true)]
async fn the_scripted_hook_keeps_every_law_and_wrong_ones_do_not() {
    assert_conforms(conformance::hook(async || bent_hook(Bend::Blocks)).await);
    for (bend, law) in [
        (Bend::Approves, "a broken outside never approves"),
        (Bend::DeniesAll, "the answer is what the outside says"),
        (Bend::Reorders, "the answer is what the outside says"),
        (Bend::Loses, "the answer is what the outside says"),
        (Bend::Hangs, "an answer comes in time"),
    ] {
        assert_breaks(conformance::hook(async || bent_hook(bend)).await, law);
    }
}

fn spec() -> PlanSpec {
    let text = r#"{"target": "checkout", "owner": "ana",
        "strategy": {"canary": {"steps": [{"weight": "50%"}]}}}"#;
    serde_json::from_str(text).unwrap()
}

fn opening(target: &str) -> Opening {
    let world = WorldSpec::good();
    let spec = PlanSpec { target: target.to_owned(), ..spec() };
    Opening {
        plan: Plan::compile(spec, &world.capabilities()).unwrap(),
        revisions: both(),
        found: world.found(Fleet::BEGIN),
        at: Fleet::BEGIN,
        after: None,
        retry_of: None,
    }
}

fn record(head: &Head, seq: Seq, epoch: Epoch, attempt: AttemptId) -> Record {
    let step = head.open();
    Record {
        format: FORMAT,
        seq,
        epoch,
        attempt,
        at: head.at,
        event: None,
        decision: step.decision,
        intent: None,
        after: step.next,
    }
}

fn notice(seq: Seq) -> Notice {
    let opening = opening("checkout");
    let identity = Default::default();
    let step = tidegate_core::Rollout::open(identity, &opening.plan, &opening.found, opening.at);
    let sentence = format!("record {}", seq.0);
    let decision = step.decision;
    Notice { target: "checkout".into(), rollout: RolloutId(1), seq, decision, sentence }
}

fn bent_observer(bend: Bend) -> ObserverSubject<Bent> {
    let world = SimWorld::new(WorldSpec::good(), 1);
    let told = world.clone();
    let told = move || told.notices();
    ObserverSubject { port: Bent::new(world, bend), notice, told: Some(Box::new(told)) }
}

#[tokio::test(start_paused = true)]
async fn the_recording_observer_keeps_every_law_and_wrong_ones_do_not() {
    let unchanged = "notices are passed on once, in order, unchanged";
    assert_conforms(conformance::observer(async || bent_observer(Bend::Approves)).await);
    for (bend, law) in [
        (Bend::Blocks, "a notice is taken without blocking"),
        (Bend::Panics, "a notice never panics"),
        (Bend::Loses, unchanged),
        (Bend::Repeats, unchanged),
        (Bend::EmptySentence, unchanged),
    ] {
        assert_breaks(conformance::observer(async || bent_observer(bend)).await, law);
    }
}

fn fixture<J>(lose: fn(&J)) -> Fixture<J> {
    let lose_next_answer = Some(lose);
    Fixture { opening: opening("checkout"), elsewhere: opening("cart"), record, lose_next_answer }
}

#[tokio::test(start_paused = true)]
async fn the_journal_in_memory_keeps_every_law() {
    let fixture =
        fixture(|journal: &MemoryJournal| journal.fail_next_write(JournalFault::AnswerLost));
    assert_conforms(conformance::journal(async || MemoryJournal::new(), &fixture).await);
}

#[tokio::test(start_paused = true)]
async fn wrong_journals_break_the_law_they_should() {
    let fixture = fixture(|journal: &Torn| journal.inner.fail_next_write(JournalFault::AnswerLost));
    for (tear, law) in [
        (Tear::AnyEpoch, "a stale epoch is refused"),
        (Tear::AnyVersion, "a stale version is refused"),
        (Tear::AnyVersion, "of two commits at once exactly one wins"),
        (Tear::ForgetsAttempts, "a commit can be found by its attempt"),
        (Tear::LosesTail, "what was committed is read back"),
        (Tear::KeepsConsumed, "a command is consumed with its record"),
        (Tear::HidesActive, "one rollout a target is active"),
        (Tear::UnorderedDue, "what is due comes earliest first, within the limit"),
        (Tear::DropsLooks, "a look is kept once and corrections win"),
        (Tear::IgnoresLeases, "what is held is not another's to claim"),
        (Tear::NeverParks, "what is released or parked is held by nobody"),
        (Tear::KeepsLapsed, "what a lapsed engine held is free, and its lease is not renewed"),
        (Tear::ForgetsReasons, "what became of a command is known"),
        (Tear::ServesAll, "what is due is given to an engine that serves its target"),
        (Tear::ServesAll, "what waits for its time concerns only who serves its target"),
        (Tear::ServesAll, "what a vanished engine held is given to one that serves its target"),
        (Tear::ServesAll, "of commands is told who serves the target"),
        (Tear::LeavesUnread, "no command stays unread once its rollout is over"),
        (Tear::PrunesEverything, "only what is over and old is forgotten"),
        (Tear::ForgetsDue, "what is due comes earliest first, within the limit"),
        (Tear::NeverOver, "what is over is never due"),
        (Tear::FindsEveryAttempt, "a commit can be found by its attempt"),
    ] {
        let make = async || Torn { inner: MemoryJournal::new(), tear };
        assert_breaks(conformance::journal(make, &fixture).await, law);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_commit_can_be_told_from_a_lost_answer_and_an_outage_commits_nothing() {
    use tidegate_core::{Journal, Take};
    let journal = MemoryJournal::new();
    let engine = journal.enlist("one", Span::minutes(1)).await.unwrap().engine;
    journal.fail_write(1, JournalFault::Unavailable);
    assert!(journal.open(opening("checkout")).await.is_err());
    let head = journal.open(opening("checkout")).await.unwrap();
    assert_eq!(head.identity.rollout, RolloutId(1));
    journal.fail_next_write(JournalFault::CommitLost);
    let claim = journal.claim(RolloutId(1), engine, Take::Free).await;
    assert!(matches!(claim, Err(tidegate_core::JournalError::AnswerLost(_))));
    let claimed = journal.claim(RolloutId(1), engine, Take::Free).await.unwrap();
    assert_eq!(claimed.epoch, Epoch(1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_outlasts_its_limit_and_a_crash_never_returns() {
    use tidegate_core::TrafficShifter;
    let slow = Wrong::Slow { lands: Some(Span::seconds(40)) };
    let mut spec = WorldSpec::good().with_fault(Fault::nth(Op::Shift, 1, slow));
    spec.crashes.push(tidegate_mock::CrashPoint { call: 2, after: true });
    let world = SimWorld::new(spec, 1);
    let split = tidegate_core::Split::candidate(Weight::percent(20));
    let limit = Duration::from_secs(15);
    assert!(tokio::time::timeout(limit, world.shift(&call(1), split, None)).await.is_err());
    let hung = tokio::time::timeout(limit, world.shift(&call(2), split, None)).await;
    assert!(hung.is_err());
    world.crashed().await;
    assert_eq!(world.with_fleet(|fleet| fleet.log().len()), 2);
    assert!(Bent::new(world, Bend::Blocks).count.load(Ordering::Relaxed) == 0);
}
