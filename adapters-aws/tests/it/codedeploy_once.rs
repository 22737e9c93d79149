//! Never two deployments for one move: whole rollouts through the engine over a faulty CodeDeploy, with
//! every fault at every call, listings on time and late, forward and back, counted; and with somebody else
//! who deploys at the same time.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::{
    End,
    machine::{Phase, PortError, Revisions, Rule, Span},
};
use tidegate_aws::{
    CallLimits,
    codedeploy::{CodeDeploy, CodeDeployOptions},
    fakes::{
        Fake,
        codedeploy::{self as fake, Compute},
    },
};

use crate::{
    codedeploy::{artifacts, name},
    once::{self, Course, Rig, Sample, with_somebody_before},
    support::{account, both},
};

/// How many seconds late listings are, and whether the group names its last deployment all the same. The
/// late bound is longer than all of them.
const LATE: [(u64, bool); 3] = [(0, true), (240, true), (240, false)];

/// Every so many combinations one is tried; all with `TIDEGATE_DEEP`.
const EVERY: usize = 151;

/// How a group is set up, and whether a person aborts the rollout once it is under way.
#[derive(Clone, Copy, Debug)]
struct OfGroup {
    compute: Compute,
    listed_after: Duration,
    /// Whether the group names a deployment that is not listed yet.
    names_last: bool,
    aborted: bool,
}

impl OfGroup {
    const fn forward(compute: Compute) -> Self {
        Self { compute, listed_after: Duration::ZERO, names_last: true, aborted: false }
    }
}

impl Course for OfGroup {
    type Service = fake::CodeDeploy;
    type Port = CodeDeploy;

    const CALLS: &'static [(&'static str, u32)] = &[
        ("CreateDeployment", 9),
        ("ContinueDeployment", 9),
        ("StopDeployment", 9),
        ("GetDeploymentGroup", 4),
        ("ListDeployments", 5),
        ("BatchGetDeployments", 5),
        ("ListDeploymentTargets", 3),
        ("BatchGetDeploymentTargets", 3),
    ];

    fn revisions() -> Revisions {
        both()
    }

    fn steps() -> [u16; 2] {
        [10, 100]
    }

    fn state(self) -> fake::CodeDeploy {
        let mut state = fake::CodeDeploy::in_group(self.compute);
        (state.listed_after, state.names_last) = (self.listed_after, self.names_last);
        // Nothing but our own care keeps a second one from being created.
        state.one_at_a_time = false;
        state
    }

    fn aborted_after(self) -> Option<Duration> {
        self.aborted.then_some(Duration::from_secs(70))
    }

    async fn open(fake: &Fake<fake::CodeDeploy>) -> Result<CodeDeploy, PortError> {
        let limits = CallLimits { late: Span::minutes(5), ..CallLimits::default() };
        let options = CodeDeployOptions { drain: Span::seconds(30), ..Default::default() };
        let account = account().with_limits(limits);
        CodeDeploy::open(&fake.client(), &account, name(), artifacts(), options).await
    }

    fn check(self, state: &mut fake::CodeDeploy, end: &End, told: &str) {
        let tags = state.deployments.iter().filter_map(|one| one.description.as_deref());
        let most = tags.map(|tag| state.described(tag)).max().unwrap_or_default();
        assert!(most <= 1, "{most} for one move: {told}");
        // Where nobody names a deployment that is not listed, the end may come before it is seen.
        if !self.names_last {
            return;
        }
        let ours = state.deployments.iter().rev().find(|one| one.description.is_some());
        let Some(ours) = ours else {
            return assert_ne!(*end, End::Over(Phase::Completed), "{told}");
        };
        match end {
            End::Over(Phase::Completed) => {
                assert_eq!((ours.status, ours.share), (Some("Succeeded"), 100), "{told}");
            }
            End::Over(Phase::RolledBack { .. } | Phase::NeverStarted { .. }) => {
                assert_eq!(ours.status, Some("Stopped"), "{told}");
            }
            _ => {}
        }
    }
}

/// Faults at the calls of every course of one platform, from another combination on than others'.
async fn counted(compute: Compute) {
    let course = |listed_after, names_last, aborted| OfGroup {
        compute,
        listed_after: Duration::from_secs(listed_after),
        names_last,
        aborted,
    };
    let late = LATE.into_iter();
    let courses = late.flat_map(|(late, names_last)| {
        [false, true].map(|aborted| course(late, names_last, aborted))
    });
    let sample = Sample { every: EVERY, from: 30 * compute as usize };
    once::counted(&courses.collect::<Vec<_>>(), sample, 900).await;
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_of_an_ecs_service() {
    counted(Compute::Ecs).await;
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_of_a_lambda_function() {
    counted(Compute::Lambda).await;
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_to_servers_in_place() {
    counted(Compute::InPlace).await;
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_to_servers_that_are_replaced() {
    counted(Compute::Replaced).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_each_platform_completes_and_goes_back() {
    for compute in Compute::ALL {
        for aborted in [false, true] {
            once::goes_as_wanted(OfGroup { aborted, ..OfGroup::forward(compute) }).await;
        }
    }
}

/// A bundle that is neither arm's.
fn another() -> Value {
    json!({ "revisionType": "S3",
        "s3Location": { "bucket": "releases", "key": "checkout-9.zip", "bundleType": "zip" } })
}

/// The bundle of the newest deployment that has succeeded.
fn serving(rig: &Rig<OfGroup>) -> Value {
    rig.fake.with(|state| {
        let mut newest = state.deployments.iter().rev();
        let one = newest.find(|one| one.status == Some("Succeeded")).unwrap();
        one.revision["s3Location"]["key"].clone()
    })
}

#[tokio::test(start_paused = true)]
async fn somebody_s_deployment_that_is_done_between_our_look_and_our_creation_is_noticed() {
    for compute in Compute::ALL {
        let theirs = |state: &mut fake::CodeDeploy, at| {
            state.start_by_hand(another(), at);
            let one = state.deployments.last_mut().unwrap();
            one.share = 100;
            one.end("Succeeded", at);
        };
        let course = OfGroup::forward(compute);
        let (rig, end) = with_somebody_before(course, "CreateDeployment", theirs).await;
        assert_ne!(end, End::Over(Phase::Completed), "{compute:?}");
        assert!(rig.has_fired(Rule::PlatformForeign).await, "{compute:?}: {end:?}");
        if matches!(end, End::Over(Phase::RolledBack { .. })) {
            assert_eq!(serving(&rig), "checkout-9.zip", "{compute:?}: theirs is there again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_s_deployment_that_holds_the_group_is_waited_for_and_then_nothing_replaces_it() {
    for compute in [Compute::Ecs, Compute::InPlace] {
        let theirs = |state: &mut fake::CodeDeploy, at| {
            // As a group is: another is refused while one is under way.
            state.one_at_a_time = true;
            state.start_by_hand(another(), at);
            state.deployments.last_mut().unwrap().stage = fake::Stage::Shifting { since: at };
        };
        let course = OfGroup::forward(compute);
        let (rig, end) = with_somebody_before(course, "CreateDeployment", theirs).await;
        assert_ne!(end, End::Over(Phase::Completed), "{compute:?}");
        assert!(rig.has_fired(Rule::PlatformForeign).await, "{compute:?}: {end:?}");
        assert_eq!(rig.fake.with(|state| state.deployments.len()), 2, "{compute:?}: {end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_s_deployment_that_has_gone_back_before_our_creation_is_in_nobody_s_way() {
    for compute in Compute::ALL {
        let theirs = |state: &mut fake::CodeDeploy, at| {
            state.start_by_hand(another(), at);
            let one = state.deployments.last_mut().unwrap();
            one.end("Stopped", at);
        };
        let course = OfGroup::forward(compute);
        let (rig, end) = with_somebody_before(course, "CreateDeployment", theirs).await;
        assert_eq!(end, End::Over(Phase::Completed), "{compute:?}");
        rig.check(&end, "theirs has gone back");
    }
}
