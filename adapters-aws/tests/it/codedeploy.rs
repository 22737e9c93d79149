//! A CodeDeploy group: one start for one effect, wait points held, the way back followed.

use std::{sync::Arc, time::Duration};

use tidegate_aws::{
    codedeploy::{
        Artifact, BundleType, ByTable, CodeDeploy, CodeDeployOptions, GroupName, Problems,
        RollbackOwner,
    },
    fakes::{
        FIRST_DAY, Fake, Fault, When,
        codedeploy::{self as fake, APPLICATION, Compute, GROUP},
    },
};
use tidegate_core::{
    Call, DeploymentActions, FailureKind, PlatformSeen, PortError, Seq, Span, Timestamp,
    TrafficShifter, Wait, WaitPoint, Weight,
};
use tidegate_mock::conformance::{self, DeploymentSubject, TrafficSubject, assert_conforms};

use crate::support::{account, both, call, sought, told};

type CodeDeployFake = Fake<fake::CodeDeploy>;

/// Revisions 1 and 2, as bundles in S3.
pub(crate) fn artifacts() -> Arc<ByTable> {
    let bundle = |revision: &str| Artifact::S3 {
        bucket: "releases".to_owned(),
        key: format!("checkout-{revision}.zip"),
        bundle: BundleType::Zip,
        version: None,
        etag: None,
    };
    Arc::new(ByTable(["1", "2"].map(|one| (one.into(), bundle(one))).into()))
}

pub(crate) fn name() -> GroupName {
    GroupName { application: APPLICATION.to_owned(), group: GROUP.to_owned() }
}

async fn open(fake: &CodeDeployFake, rollback: RollbackOwner) -> Result<CodeDeploy, PortError> {
    let options = CodeDeployOptions { rollback, ..CodeDeployOptions::default() };
    CodeDeploy::open(&fake.client(), &account(), name(), artifacts(), options).await
}

async fn opened(compute: Compute) -> (CodeDeployFake, CodeDeploy) {
    let fake = Fake::new(fake::CodeDeploy::in_group(compute));
    let group = open(&fake, RollbackOwner::Engine).await.unwrap();
    (fake, group)
}

async fn seen(group: &CodeDeploy, of: &Call) -> PlatformSeen {
    group.platform(&sought(of)).await.unwrap()
}

async fn share(group: &CodeDeploy) -> Weight {
    let reading = TrafficShifter::observe(group, &"checkout".into(), &both()).await.unwrap();
    reading.routes[0].split.of_arms()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Seconds of the fake's time as rollout time.
fn at(seconds: u64) -> Timestamp {
    Timestamp((FIRST_DAY + seconds) * 1_000)
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_every_law_of_deployment_on_every_platform() {
    for compute in Compute::ALL {
        let make = async || {
            let (fake, port) = opened(compute).await;
            let (counted, broken) = (fake.clone(), fake);
            let tagged = move |tag: &str| counted.with(|state| state.described(tag));
            let break_lookup =
                move || broken.fault("ListDeployments", When::From(1), Fault::Throttled);
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
        let (_, port) = opened(Compute::Ecs).await;
        TrafficSubject { port, target: "checkout".into(), revisions: both(), interfere: None }
    };
    let broken = conformance::traffic(make).await.unwrap_err();
    let read_only = |because: &str| because.contains("CodeDeploy moves traffic at its own pace");
    assert!(!broken.iter().any(|one| one.law == "every route is reported"), "{broken:?}");
    for one in broken {
        let refused = read_only(&one.because) || one.because.contains("permanent");
        assert!(refused, "{one}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_held_until_released_and_the_old_side_until_terminated() {
    for compute in [Compute::Ecs, Compute::Replaced] {
        let (_, group) = opened(compute).await;
        let start = call(1, 0);
        group.start(&start).await.unwrap();
        assert_eq!(seen(&group, &start).await, PlatformSeen::Running);
        pass(30).await;
        let expires = at(30 + 3_600);
        let held = PlatformSeen::AtWait { wait: Wait::only(WaitPoint::Ready), expires };
        assert_eq!(seen(&group, &start).await, held, "{compute:?}");
        pass(600).await;
        assert_eq!((seen(&group, &start).await, share(&group).await), (held, Weight::ZERO));
        group.release(&call(2, 0), Wait::only(WaitPoint::Ready)).await.unwrap();
        assert_eq!(seen(&group, &start).await, PlatformSeen::Running);
        assert_eq!(share(&group).await, Weight::percent(10), "{compute:?}");
        // Releasing what waits no longer is no error, and moves nothing on.
        group.release(&call(2, 0), Wait::only(WaitPoint::Ready)).await.unwrap();
        pass(60).await;
        let kept =
            PlatformSeen::AtWait { wait: Wait::only(WaitPoint::Termination), expires: at(990) };
        assert_eq!((seen(&group, &start).await, share(&group).await), (kept, Weight::FULL));
        group.release(&call(3, 0), Wait::only(WaitPoint::Termination)).await.unwrap();
        assert_eq!(seen(&group, &start).await, PlatformSeen::Succeeded);
        assert_eq!(share(&group).await, Weight::FULL, "{compute:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_nobody_releases_is_stopped_and_has_changed_nothing() {
    let (_, group) = opened(Compute::Ecs).await;
    group.start(&call(1, 0)).await.unwrap();
    pass(3_700).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RolledBack);
    assert_eq!(share(&group).await, Weight::ZERO);
}

#[tokio::test(start_paused = true)]
async fn stopping_goes_back_by_a_deployment_of_its_own_which_is_followed() {
    for compute in Compute::ALL {
        let (fake, group) = opened(compute).await;
        group.start(&call(1, 0)).await.unwrap();
        pass(35).await;
        group.release(&call(2, 0), Wait::only(WaitPoint::Ready)).await.unwrap();
        assert_eq!(share(&group).await, Weight::percent(10), "{compute:?}");
        group.stop(&call(3, 0)).await.unwrap();
        assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RollingBack, "{compute:?}");
        group.stop(&call(3, 0)).await.unwrap();
        pass(60).await;
        assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RolledBack, "{compute:?}");
        assert_eq!(share(&group).await, Weight::ZERO, "{compute:?}");
        assert_eq!(fake.with(|state| state.deployments.len()), 3, "one before, ours, its rollback");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_is_no_way_back() {
    let (fake, group) = opened(Compute::InPlace).await;
    group.start(&call(1, 0)).await.unwrap();
    pass(35).await;
    group.stop(&call(2, 0)).await.unwrap();
    fake.with(|state| {
        let rollback = state.deployments.last_mut().unwrap();
        (rollback.stage, rollback.status) = (fake::Stage::Over, Some("Failed"));
    });
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_fails_half_way_has_failed_once_no_rollback_can_be_named_any_more() {
    let (fake, group) = opened(Compute::InPlace).await;
    fake.with(|state| state.group.fails_at = Some(10));
    group.start(&call(1, 0)).await.unwrap();
    pass(35).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RollingBack);
    pass(120).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::Failed);
    assert_eq!(share(&group).await, Weight::percent(10));
}

#[tokio::test(start_paused = true)]
async fn the_previous_revision_can_be_deployed_again_after_success() {
    let (_, group) = opened(Compute::InPlace).await;
    group.start(&call(1, 0)).await.unwrap();
    pass(120).await;
    assert_eq!(
        (seen(&group, &call(1, 0)).await, share(&group).await),
        (PlatformSeen::Succeeded, Weight::FULL)
    );
    group.redeploy(&call(2, 0)).await.unwrap();
    assert_eq!(seen(&group, &call(2, 0)).await, PlatformSeen::Running);
    pass(120).await;
    assert_eq!(
        (seen(&group, &call(2, 0)).await, share(&group).await),
        (PlatformSeen::Succeeded, Weight::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_goes_back_or_stops_by_itself_is_refused_with_all_reasons_unless_it_owns_rollback()
 {
    let fake = Fake::new(fake::CodeDeploy::in_group(Compute::Ecs));
    fake.with(|state| {
        state.group.goes_back_on = vec!["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"];
        state.group.alarms = vec!["too-slow"];
    });
    let error = open(&fake, RollbackOwner::Engine).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    let problems = error.source.as_deref().and_then(|one| one.downcast_ref::<Problems>()).unwrap();
    assert_eq!(problems.problems.len(), 2, "{problems}");
    for part in ["DEPLOYMENT_STOP_ON_ALARM", "too-slow"] {
        assert!(told(&error).contains(part), "{}", told(&error));
    }
    let group = open(&fake, RollbackOwner::Group).await.unwrap();
    assert_eq!(group.setup().stops_on, ["too-slow"]);
    assert_eq!(fake.carried_out("CreateDeployment"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_owns_rollback_goes_back_by_itself_and_is_followed() {
    let fake = Fake::new(fake::CodeDeploy::in_group(Compute::InPlace));
    fake.with(|state| {
        state.group.goes_back_on = vec!["DEPLOYMENT_FAILURE"];
        state.group.fails_at = Some(10);
    });
    let group = open(&fake, RollbackOwner::Group).await.unwrap();
    group.start(&call(1, 0)).await.unwrap();
    pass(35).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RollingBack);
    pass(60).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::RolledBack);
    assert_eq!(share(&group).await, Weight::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_was_changed_since_it_was_opened_starts_nothing() {
    let (fake, group) = opened(Compute::Ecs).await;
    fake.with(|state| state.group.terminates_after = Some(0));
    let error = group.start(&call(1, 0)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert!(told(&error).contains("when it was opened"), "{}", told(&error));
    assert_eq!(fake.carried_out("CreateDeployment"), 0);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_s_deployment_is_foreign_is_waited_for_and_is_never_stopped() {
    let (fake, group) = opened(Compute::Ecs).await;
    let theirs = serde_json::json!({ "revisionType": "GitHub",
        "gitHubLocation": { "repository": "else/where", "commitId": "abc" } });
    fake.with(|state| state.start_by_hand(theirs, Duration::ZERO));
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::Foreign);
    let error = group.start(&call(1, 0)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable, "{}", told(&error));
    group.stop(&call(2, 0)).await.unwrap();
    group.release(&call(2, 0), Wait::only(WaitPoint::Ready)).await.unwrap();
    let written = ["CreateDeployment", "StopDeployment", "ContinueDeployment"];
    assert_eq!(written.map(|operation| fake.carried_out(operation)), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_not_listed_yet_is_found_by_the_refusal_that_names_it() {
    let (fake, group) = opened(Compute::Ecs).await;
    fake.with(|state| (state.listed_after, state.names_last) = (Duration::from_secs(600), false));
    group.start(&call(1, 0)).await.unwrap();
    group.start(&Call { attempt: 2, ..call(1, 0) }).await.unwrap();
    assert_eq!(fake.carried_out("CreateDeployment"), 2, "the second was refused");
    assert_eq!(fake.with(|state| state.described(&call(1, 0).token())), 1);
    let error = group.start(&call(5, 0)).await.unwrap_err();
    assert_eq!(
        error.kind,
        FailureKind::Retryable,
        "another move's deployment is not taken for ours"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_not_listed_yet_is_found_by_the_group_that_names_it() {
    let (fake, group) = opened(Compute::Ecs).await;
    fake.with(|state| state.listed_after = Duration::from_secs(600));
    group.start(&call(1, 0)).await.unwrap();
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::Running);
    group.stop(&call(2, 0)).await.unwrap();
    assert_eq!(fake.carried_out("StopDeployment"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_state_or_a_page_that_is_missing_makes_a_look_up_incomplete() {
    let (fake, group) = opened(Compute::Ecs).await;
    group.start(&call(1, 0)).await.unwrap();
    fake.with(|state| {
        let one = state.deployments.last_mut().unwrap();
        (one.stage, one.status) = (fake::Stage::Over, Some("novel-status"));
    });
    let error = group.platform(&sought(&call(1, 0))).await.unwrap_err();
    assert!(told(&error).contains("novel-status"), "{}", told(&error));
    let options = CodeDeployOptions { pages: 1, ..CodeDeployOptions::default() };
    let (client, account) = (fake.client(), account());
    let narrow = CodeDeploy::open(&client, &account, name(), artifacts(), options).await.unwrap();
    fake.fault("ListDeployments", When::From(1), Fault::PartialPage(1));
    let error = narrow.platform(&sought(&call(9, 0))).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Retryable);
    assert!(told(&error).contains("more than 1 pages"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_does_not_fit_is_refused_before_anything_is_sent() {
    let (fake, group) = opened(Compute::Ecs).await;
    let before = fake.log().len();
    let long = Call { target: "x".repeat(250).into(), ..call(1, 0) };
    let error = group.start(&long).await.unwrap_err();
    assert!(told(&error).contains("at most 256 fit"), "{}", told(&error));
    assert_eq!(fake.log().len(), before);
}

#[tokio::test(start_paused = true)]
async fn the_tag_of_a_move_is_not_taken_for_another_s() {
    let (fake, group) = opened(Compute::InPlace).await;
    for seq in [1, 11] {
        let mut one = call(1, 0);
        one.id.seq = Seq(seq);
        group.start(&one).await.unwrap();
        pass(200).await;
    }
    assert_eq!(fake.with(|state| state.deployments.len()), 3);
    let far = Span::hours(24 * 31).duration();
    tokio::time::sleep(far).await;
    assert_eq!(seen(&group, &call(1, 0)).await, PlatformSeen::Absent, "older than is looked back");
}
