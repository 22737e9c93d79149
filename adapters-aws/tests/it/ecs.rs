//! A service of ECS: one start for one effect, held before each step, success and the way back told apart.

use std::time::Duration;

use tidegate_aws::{
    ecs::{
        ServiceName,
        native::{EcsOptions, EcsService, RollbackOwner},
    },
    fakes::{
        FIRST_DAY, Fake, Fault, When,
        ecs::{CLUSTER, Ecs, Pause, SERVICE, Status, Strategy, definition},
    },
};
use tidegate_core::{
    Call, DeploymentActions, FailureKind, PlatformSeen, PortError, Revisions, Sought, Timestamp,
    TrafficShifter, Wait, WaitPoint, Weight,
};
use tidegate_mock::conformance::{self, DeploymentSubject, TrafficSubject, assert_conforms};

use crate::support::{self, account, told};

pub(crate) fn both() -> Revisions {
    let of = |number| definition(number).as_str().into();
    Revisions { stable: Some(of(1)), candidate: of(2) }
}

pub(crate) fn name() -> ServiceName {
    ServiceName { cluster: CLUSTER.to_owned(), service: SERVICE.to_owned() }
}

pub(crate) fn call(n: u64) -> Call {
    Call { revisions: both(), ..support::call(n, 0) }
}

pub(crate) async fn open(
    fake: &Fake<Ecs>,
    rollback: RollbackOwner,
) -> Result<EcsService, PortError> {
    let options = EcsOptions { rollback, ..EcsOptions::default() };
    EcsService::open(&fake.client(), &account(), name(), options).await
}

pub(crate) async fn opened(strategy: Strategy) -> (Fake<Ecs>, EcsService) {
    let fake = Fake::new(Ecs::with(strategy));
    let service = open(&fake, RollbackOwner::Engine).await.unwrap();
    (fake, service)
}

pub(crate) async fn seen(service: &EcsService) -> PlatformSeen {
    service.platform(&support::sought(&call(1))).await.unwrap()
}

async fn share(service: &EcsService) -> Weight {
    let reading = TrafficShifter::observe(service, &"checkout".into(), &both()).await.unwrap();
    reading.routes[0].split.of_arms()
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Seconds of the fake's time as rollout time.
fn at(seconds: u64) -> Timestamp {
    Timestamp((FIRST_DAY + seconds) * 1_000)
}

/// Where a deployment waits, and since when.
fn waits(seen: PlatformSeen) -> Option<(WaitPoint, Timestamp)> {
    let PlatformSeen::AtWait { wait, expires } = seen else { return None };
    Some((wait.point, Timestamp(expires.0 - 3_600_000)))
}

async fn wait(service: &EcsService) -> Wait {
    let PlatformSeen::AtWait { wait, .. } = seen(service).await else {
        unreachable!("it waits at a hook")
    };
    wait
}

#[tokio::test(start_paused = true)]
async fn a_service_keeps_every_law_of_deployment_with_every_strategy() {
    for strategy in Strategy::ALL {
        let make = async || {
            let (fake, port) = opened(strategy).await;
            let (counted, broken) = (fake.clone(), fake);
            let tagged = move |_: &str| counted.with(|state| state.deployments_of(&definition(2)));
            let break_lookup =
                move || broken.fault("ListServiceDeployments", When::From(1), Fault::Throttled);
            DeploymentSubject {
                port,
                target: "checkout".into(),
                revisions: both(),
                takes_time: true,
                tagged: Some(Box::new(tagged)),
                break_lookup: Some(Box::new(break_lookup)),
            }
        };
        assert_conforms(conformance::deployment(make).await);
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_keeps_every_law_but_those_of_a_router_that_can_be_set() {
    let make = async || {
        let (_, port) = opened(Strategy::Canary).await;
        TrafficSubject { port, target: "checkout".into(), revisions: both(), interfere: None }
    };
    let broken = conformance::traffic(make).await.unwrap_err();
    assert!(!broken.iter().any(|one| one.law == "every route is reported"), "{broken:?}");
    for one in broken {
        let read_only = one.because.contains("ECS moves traffic at its own pace");
        assert!(read_only || one.because.contains("permanent"), "{one}");
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_is_held_before_each_step_and_after_the_last() {
    for (strategy, first) in [(Strategy::Linear, 50), (Strategy::Canary, 10)] {
        let (_, service) = opened(strategy).await;
        service.start(&call(1)).await.unwrap();
        assert_eq!(seen(&service).await, PlatformSeen::Running);
        let stops = [
            (WaitPoint::Ready, 37, 0, 100),
            (WaitPoint::Step, 165, first, 200),
            (WaitPoint::Termination, 305, 100, 30),
        ];
        for (n, (point, since, percent, later)) in (2..).zip(stops) {
            pass(later).await;
            let (now, share) = (seen(&service).await, share(&service).await);
            assert_eq!(waits(now), Some((point, at(since))), "{strategy:?}");
            assert_eq!(share, Weight::percent(percent), "{strategy:?} {point}");
            service.release(&call(n), wait(&service).await).await.unwrap();
            assert_eq!(seen(&service).await, PlatformSeen::Running, "{strategy:?} {point}");
        }
        // Both sides are kept for a while.
        pass(140).await;
        assert_eq!(seen(&service).await, PlatformSeen::Succeeded, "{strategy:?}");
        assert_eq!(share(&service).await, Weight::FULL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_repeated_late_lets_no_later_step_go() {
    let (fake, service) = opened(Strategy::Linear).await;
    service.start(&call(1)).await.unwrap();
    pass(100).await;
    let ready = wait(&service).await;
    service.release(&call(2), ready).await.unwrap();
    pass(100).await;
    let step = wait(&service).await;
    for point in WaitPoint::ALL {
        service.release(&call(2), Wait { point, ..ready }).await.unwrap();
    }
    assert_eq!((wait(&service).await, step.point), (step, WaitPoint::Step));
    assert_eq!(fake.carried_out("ContinueServiceDeployment"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_waits_at_one_point_are_two() {
    let fake = Fake::new(Ecs::with(Strategy::BlueGreen));
    fake.with(|state| {
        let pause = state.setup.pauses[0];
        state.setup.pauses.push(Pause { stage: "POST_SCALE_UP", ..pause });
    });
    let service = open(&fake, RollbackOwner::Engine).await.unwrap();
    service.start(&call(1)).await.unwrap();
    pass(40).await;
    let first = wait(&service).await;
    service.release(&call(2), first).await.unwrap();
    pass(10).await;
    let second = wait(&service).await;
    assert_eq!((first.point, second.point), (WaitPoint::Ready, WaitPoint::Ready));
    assert_ne!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_somebody_else_has_answered_is_left_and_the_next_one_waits() {
    let (fake, service) = opened(Strategy::Linear).await;
    service.start(&call(1)).await.unwrap();
    pass(100).await;
    let ready = wait(&service).await;
    // Their answer, and the time until the next hook, fall between our look and our answer.
    let theirs = |state: &mut Ecs| {
        let one = state.deployments.last_mut().unwrap();
        (one.answered, one.since) = (true, Duration::from_secs(10));
        state.advance(Duration::from_secs(100));
    };
    let fault = Fault::ForeignBefore(std::sync::Arc::new(theirs));
    fake.fault("ContinueServiceDeployment", When::Nth(1), fault);
    service.release(&call(2), ready).await.unwrap();
    assert_eq!(wait(&service).await.point, WaitPoint::Step);
    assert_eq!(share(&service).await, Weight::percent(50));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_nobody_answers_takes_the_deployment_back_which_is_no_success() {
    let (fake, service) = opened(Strategy::Canary).await;
    service.start(&call(1)).await.unwrap();
    pass(60).await;
    service.release(&call(2), wait(&service).await).await.unwrap();
    pass(3_680).await;
    assert_eq!(seen(&service).await, PlatformSeen::RollingBack);
    pass(60).await;
    assert_eq!(seen(&service).await, PlatformSeen::RolledBack);
    assert_eq!(share(&service).await, Weight::ZERO);
    assert_eq!(fake.with(|state| state.serving().map(ToOwned::to_owned)), Some(definition(1)));
}

#[tokio::test(start_paused = true)]
async fn stopping_goes_back_from_everywhere_and_once() {
    for strategy in Strategy::ALL {
        for wait in [1, 40, 60] {
            let (fake, service) = opened(strategy).await;
            service.start(&call(1)).await.unwrap();
            pass(wait).await;
            service.stop(&call(2)).await.unwrap();
            service.stop(&call(2)).await.unwrap();
            assert_eq!(seen(&service).await, PlatformSeen::RollingBack, "{strategy:?} {wait}");
            pass(60).await;
            service.stop(&call(3)).await.unwrap();
            let back = (PlatformSeen::RolledBack, Weight::ZERO);
            assert_eq!((seen(&service).await, share(&service).await), back, "{strategy:?} {wait}");
            assert_eq!(fake.carried_out("StopServiceDeployment"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_is_none() {
    let (fake, service) = opened(Strategy::BlueGreen).await;
    fake.with(|state| state.rollback_fails = true);
    service.start(&call(1)).await.unwrap();
    pass(60).await;
    service.stop(&call(2)).await.unwrap();
    pass(60).await;
    assert_eq!(seen(&service).await, PlatformSeen::Failed);
}

#[tokio::test(start_paused = true)]
async fn the_previous_revision_is_deployed_again_and_told_from_the_first_deployment() {
    let (_, service) = opened(Strategy::Rolling).await;
    let again = |of: &Call| Sought { arm: tidegate_core::Arm::Stable, ..support::sought(of) };
    let since = |sought| Sought { since: at(60), ..sought };
    pass(120).await;
    service.start(&call(1)).await.unwrap();
    pass(120).await;
    assert_eq!(seen(&service).await, PlatformSeen::Succeeded);
    let sought = since(again(&call(2)));
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Absent);
    service.redeploy(&call(2)).await.unwrap();
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Running);
    pass(120).await;
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Succeeded);
    assert_eq!(share(&service).await, Weight::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_from_before_the_rollout_is_not_its_own() {
    let (fake, service) = opened(Strategy::Rolling).await;
    service.start(&call(1)).await.unwrap();
    pass(10).await;
    service.stop(&call(2)).await.unwrap();
    pass(600).await;
    assert_eq!(seen(&service).await, PlatformSeen::RolledBack);
    let retry = Sought { since: at(600), ..support::sought(&call(21)) };
    assert_eq!(service.platform(&retry).await.unwrap(), PlatformSeen::Absent);
    service.start(&call(21)).await.unwrap();
    assert_eq!(service.platform(&retry).await.unwrap(), PlatformSeen::Running);
    assert_eq!(fake.with(|state| state.deployments_of(&definition(2))), 2);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_s_deployment_is_foreign_is_waited_for_and_is_never_stopped() {
    let (fake, service) = opened(Strategy::BlueGreen).await;
    fake.with(|state| state.deploy(definition(9), Duration::ZERO));
    assert_eq!(seen(&service).await, PlatformSeen::Foreign);
    let error = service.start(&call(1)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable, "{}", told(&error));
    service.stop(&call(2)).await.unwrap();
    service.release(&call(2), Wait::only(WaitPoint::Ready)).await.unwrap();
    let written = ["UpdateService", "StopServiceDeployment", "ContinueServiceDeployment"];
    assert_eq!(written.map(|operation| fake.carried_out(operation)), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn ours_replaced_by_somebody_s_is_foreign_and_then_failed_and_no_success() {
    for begun in [10, 300] {
        let (fake, service) = opened(Strategy::Rolling).await;
        service.start(&call(1)).await.unwrap();
        pass(begun).await;
        seen(&service).await;
        fake.with(|state| {
            state.advance(Duration::from_secs(begun));
            state.deploy(definition(9), Duration::from_secs(begun));
        });
        assert_eq!(seen(&service).await, PlatformSeen::Foreign, "{begun}");
        service.stop(&call(2)).await.unwrap();
        assert_eq!(fake.carried_out("StopServiceDeployment"), 0, "theirs is left alone");
        pass(120).await;
        assert_eq!(seen(&service).await, PlatformSeen::Failed, "{begun}");
    }
}

#[tokio::test(start_paused = true)]
async fn ours_is_a_success_again_once_somebody_s_has_gone_back() {
    let (fake, service) = opened(Strategy::Rolling).await;
    service.start(&call(1)).await.unwrap();
    pass(120).await;
    seen(&service).await;
    fake.with(|state| state.deploy(definition(9), Duration::from_secs(120)));
    fake.with(|state| state.deployments.last_mut().unwrap().status = Status::RollbackRequested);
    assert_eq!(seen(&service).await, PlatformSeen::Foreign);
    pass(120).await;
    // It went back to the very revision that ours had deployed.
    assert_eq!(seen(&service).await, PlatformSeen::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_replaced_somebody_s_is_foreign_and_then_failed() {
    let (fake, service) = opened(Strategy::Rolling).await;
    service.start(&call(1)).await.unwrap();
    pass(120).await;
    let theirs = |state: &mut Ecs| state.deploy(definition(9), Duration::from_secs(120));
    let fault = Fault::ForeignBefore(std::sync::Arc::new(theirs));
    fake.fault("UpdateService", When::Nth(2), fault);
    service.redeploy(&call(2)).await.unwrap();
    let sought = Sought { arm: tidegate_core::Arm::Stable, ..support::sought(&call(2)) };
    let sought = Sought { since: at(60), ..sought };
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Foreign);
    pass(120).await;
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_replaces_whatever_serves() {
    let fake = Fake::new(Ecs::with(Strategy::Rolling));
    fake.with(|state| state.revisions[0] = definition(9));
    let service = open(&fake, RollbackOwner::Engine).await.unwrap();
    let first = Revisions { stable: None, ..both() };
    service.start(&Call { revisions: first.clone(), ..call(1) }).await.unwrap();
    let sought = Sought { revisions: first, ..support::sought(&call(1)) };
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Running);
    pass(120).await;
    assert_eq!(service.platform(&sought).await.unwrap(), PlatformSeen::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_not_listed_yet_is_found_by_the_service_that_names_it() {
    let (fake, service) = opened(Strategy::BlueGreen).await;
    fake.with(|state| state.listed_after = Duration::from_secs(600));
    service.start(&call(1)).await.unwrap();
    assert_eq!(seen(&service).await, PlatformSeen::Running);
    service.start(&Call { attempt: 2, ..call(1) }).await.unwrap();
    assert_eq!(fake.carried_out("UpdateService"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_deployed_so_long_ago_that_ecs_has_forgotten_it_can_be_deployed() {
    let (fake, service) = opened(Strategy::BlueGreen).await;
    fake.with(|state| state.forgotten = 1);
    service.start(&call(1)).await.unwrap();
    assert_eq!(seen(&service).await, PlatformSeen::Running);
    // What is under way, and is not told of, is no complete look-up.
    fake.with(|state| state.forgotten = 2);
    let error = service.platform(&support::sought(&call(1))).await.unwrap_err();
    assert!(told(&error).contains("is not in the answer"), "{}", told(&error));
    assert_eq!(service.start(&call(11)).await.unwrap_err().kind, FailureKind::Retryable);
    assert_eq!(fake.carried_out("UpdateService"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_state_or_a_page_that_is_missing_makes_a_look_up_incomplete() {
    let (fake, service) = opened(Strategy::Rolling).await;
    service.start(&call(1)).await.unwrap();
    fake.with(|state| state.deployments.last_mut().unwrap().status = Status::Novel);
    let error = service.platform(&support::sought(&call(1))).await.unwrap_err();
    assert!(told(&error).contains("novel-status"), "{}", told(&error));
    let error = service.start(&call(11)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable, "what is not known is under way");
    let options = EcsOptions { pages: 1, ..EcsOptions::default() };
    let narrow = EcsService::open(&fake.client(), &account(), name(), options).await.unwrap();
    fake.fault("ListServiceDeployments", When::From(1), Fault::PartialPage(1));
    let error = narrow.platform(&support::sought(&call(1))).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable);
    assert!(told(&error).contains("more than 1 pages"), "{}", told(&error));
}
