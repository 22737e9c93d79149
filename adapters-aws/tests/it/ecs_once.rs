//! Never two deployments for one move: whole rollouts through the engine over a faulty ECS, with every
//! fault at every call, listings on time and late, forward and back, counted; and with somebody else who
//! deploys at the same time.

use std::time::Duration;

use tidegate::{
    End,
    machine::{Phase, PortError, Revisions, Rule, Span},
};
use tidegate_aws::{
    ecs::native::{EcsOptions, EcsService},
    fakes::{
        Fake, Fault, When,
        ecs::{Ecs, Status, Strategy, definition},
    },
};

use crate::{
    ecs::{both, name},
    once::{self, Course, Rig, Sample, with_somebody_before},
    support::account,
};

/// Every so many combinations one is tried; all with `TIDEGATE_DEEP`.
const SAMPLE: Sample = Sample { every: 61, from: 0 };

/// How a service is set up, and whether a person aborts the rollout once it is under way.
#[derive(Clone, Copy, Debug)]
struct OfService {
    strategy: Strategy,
    /// How late listings are. The service names its current deployment at once.
    listed_after: Duration,
    aborted: bool,
}

impl OfService {
    const fn forward(strategy: Strategy) -> Self {
        Self { strategy, listed_after: Duration::ZERO, aborted: false }
    }
}

impl Course for OfService {
    type Service = Ecs;
    type Port = EcsService;

    const CALLS: &'static [(&'static str, u32)] = &[
        ("UpdateService", 9),
        ("ContinueServiceDeployment", 9),
        ("StopServiceDeployment", 9),
        ("DescribeServices", 5),
        ("ListServiceDeployments", 5),
        ("DescribeServiceDeployments", 4),
        ("DescribeServiceRevisions", 3),
    ];

    fn revisions() -> Revisions {
        both()
    }

    fn steps() -> [u16; 2] {
        [50, 100]
    }

    fn state(self) -> Ecs {
        let mut state = Ecs::with(self.strategy);
        state.listed_after = self.listed_after;
        state
    }

    /// A rolling deployment takes little more than a minute, and the others wait to be released.
    fn aborted_after(self) -> Option<Duration> {
        let rolling = self.strategy == Strategy::Rolling;
        self.aborted.then_some(Duration::from_secs(if rolling { 45 } else { 100 }))
    }

    async fn open(fake: &Fake<Ecs>) -> Result<EcsService, PortError> {
        let options = EcsOptions { drain: Span::seconds(30), ..EcsOptions::default() };
        EcsService::open(&fake.client(), &account(), name(), options).await
    }

    fn check(self, state: &mut Ecs, end: &End, told: &str) {
        let starts = state.deployments_of(&definition(2));
        assert!(starts <= 1, "{starts} for one move: {told}");
        match end {
            End::Over(Phase::Completed) => {
                assert_eq!(state.serving(), Some(&*definition(2)), "{told}");
            }
            End::Over(Phase::RolledBack { .. } | Phase::NeverStarted { .. }) => {
                assert_eq!(state.serving(), Some(&*definition(1)), "{told}");
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_of_a_service() {
    let mut courses = Vec::new();
    for strategy in Strategy::ALL {
        for (late, aborted) in [(0, false), (0, true), (240, false), (240, true)] {
            let listed_after = Duration::from_secs(late);
            courses.push(OfService { strategy, listed_after, aborted });
        }
    }
    once::counted(&courses, SAMPLE, 2_000).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_each_strategy_completes_and_goes_back() {
    for strategy in Strategy::ALL {
        for aborted in [false, true] {
            once::goes_as_wanted(OfService { aborted, ..OfService::forward(strategy) }).await;
        }
    }
}

/// What somebody else has done, and how, at a time of the fake.
type Theirs = (&'static str, fn(&mut Ecs, Duration));

/// What may have been done between our look and our update.
const THEIRS: [Theirs; 3] = [
    ("theirs was under way", |state, at| state.deploy(definition(9), at)),
    ("theirs had succeeded", |state, at| {
        state.deploy(definition(9), at);
        state.settled = state.deployments.last().unwrap().target;
        state.deployments.last_mut().unwrap().end(Status::Successful, None, at);
    }),
    ("theirs was of the old revision", |state, at| state.deploy(definition(1), at)),
];

#[tokio::test(start_paused = true)]
async fn somebody_s_deployment_between_our_look_and_our_update_is_noticed_and_ours_is_no_success() {
    for strategy in [Strategy::Rolling, Strategy::Linear] {
        for (what, theirs) in THEIRS {
            let course = OfService::forward(strategy);
            let (rig, end) = with_somebody_before(course, "UpdateService", theirs).await;
            let told = format!("{strategy:?}, {what}: {end:?}");
            assert_ne!(end, End::Over(Phase::Completed), "{told}");
            assert!(rig.has_fired(Rule::PlatformForeign).await, "{told}");
            rig.fake.with(|state| {
                assert_eq!(state.deployments_of(&definition(2)), 1, "{told}");
                let serving = state.serving().map(ToOwned::to_owned);
                let before = if what == "theirs had succeeded" { 9 } else { 1 };
                // A rolling deployment can not be held: it was over before the person came.
                let wanted = if strategy == Strategy::Rolling { 2 } else { before };
                assert_eq!(serving, Some(definition(wanted)), "{told}");
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_s_deployment_that_has_gone_back_before_our_update_is_in_nobody_s_way() {
    for strategy in Strategy::ALL {
        let theirs = |state: &mut Ecs, at| {
            state.deploy(definition(9), at);
            state.deployments.last_mut().unwrap().end(Status::RollbackSuccessful, None, at);
        };
        let course = OfService::forward(strategy);
        let (rig, end) = with_somebody_before(course, "UpdateService", theirs).await;
        assert_eq!(end, End::Over(Phase::Completed), "{strategy:?}");
        rig.check(&end, "theirs has gone back");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_deploys_over_ours_holds_the_rollout_and_a_person_is_asked() {
    for strategy in Strategy::ALL {
        let rig = Rig::new(OfService::forward(strategy));
        let fake = rig.fake.clone();
        let somebody = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            fake.with(|state| {
                state.advance(Duration::from_secs(40));
                state.deploy(definition(9), Duration::from_secs(40));
                // Theirs is not held up by hooks.
                let theirs = state.deployments.last_mut().unwrap();
                theirs.legs.iter_mut().for_each(|leg| leg.pause = None);
            });
            std::future::pending::<End>().await
        };
        let end = tokio::select! {
            end = rig.end() => end,
            end = somebody => end,
        };
        assert_eq!(end, End::Over(Phase::GaveUp), "{strategy:?}");
        rig.fake.with(|state| {
            let theirs = state.deployments.last().unwrap();
            assert_eq!(theirs.status, Status::Successful, "{strategy:?}: theirs was left alone");
        });
        rig.check(&end, "counted");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_throttling_take_no_rollout_back() {
    for strategy in Strategy::ALL {
        for from in [3, 33, 45] {
            let rig = Rig::new(OfService::forward(strategy));
            let from = Duration::from_secs(from);
            let during = When::During { from, to: from + Duration::from_secs(600) };
            rig.fake.fault(None, during, Fault::Throttled);
            let end = rig.end().await;
            assert_eq!(end, End::Over(Phase::Completed), "{strategy:?}, {from:?}");
            assert!(
                rig.fake.log().iter().any(|asked| asked.fault.is_some()),
                "{strategy:?}, {from:?}"
            );
            rig.check(&end, "counted");
        }
    }
}
