//! Never two deployments for one move: whole rollouts through the engine over a faulty CodeDeploy, with
//! every fault at every call, listings on time and late, forward and back, counted.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Handle, MonotonicClock, Ports,
    machine::{
        CalendarSpec, CanarySpec, CanaryStepSpec, GateSpec, Order, Phase, Plan, PlanSpec,
        PlatformSpec, PolicySpec, RolloutId, Span, StrategySpec, Timestamp, Weight,
    },
};
use tidegate_aws::{
    CallLimits,
    codedeploy::{CodeDeploy, CodeDeployOptions},
    fakes::{
        FIRST_DAY, Fake, Fault, When,
        codedeploy::{self as fake, Compute},
    },
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::{Instant, timeout};

use crate::{
    codedeploy::{artifacts, name},
    support::{account, both},
};

/// Longer than any of these rollouts takes by itself.
const LONG: Duration = Duration::from_secs(4 * 3_600);

/// All that is called, and up to which call of it faults are tried. Readings repeat all the time, so
/// that the first few stand for the rest.
const CALLS: [(&str, u32); 8] = [
    ("CreateDeployment", 9),
    ("ContinueDeployment", 9),
    ("StopDeployment", 9),
    ("GetDeploymentGroup", 4),
    ("ListDeployments", 5),
    ("BatchGetDeployments", 5),
    ("ListDeploymentTargets", 3),
    ("BatchGetDeploymentTargets", 3),
];

/// How many seconds late listings are, and whether the group names its last deployment all the same. The
/// late bound is longer than all of them.
const LATE: [(u64, bool); 3] = [(0, true), (240, true), (240, false)];

/// How a rollout is wanted to go, apart from its faults.
#[derive(Clone, Copy, Debug)]
struct Course {
    compute: Compute,
    listed_after: Duration,
    /// Whether the group names a deployment that is not listed yet.
    names_last: bool,
    /// Whether a person aborts it once it has begun.
    aborted: bool,
}

fn spec() -> PlanSpec {
    let gate = GateSpec { bake: Span::seconds(20), ..GateSpec::default() };
    let step = |percent| CanaryStepSpec {
        weight: Weight::percent(percent),
        capacity: None,
        mirror: None,
        gate: GateSpec::default(),
    };
    let platform =
        PlatformSpec { ready: gate.clone(), step: GateSpec::default(), termination: gate };
    let canary = CanarySpec {
        steps: vec![step(10), step(100)],
        minimum_replicas: 1,
        shrink_stable: false,
        platform: Some(platform),
    };
    PlanSpec {
        target: "checkout".into(),
        owner: "payments-oncall".into(),
        strategy: StrategySpec::Canary(canary),
        checks: Default::default(),
        hooks: Default::default(),
        guards: Vec::new(),
        evidence: Default::default(),
        policy: PolicySpec {
            keep_warm: Some(Span::minutes(1)),
            observe_every: Some(Span::seconds(15)),
            ..PolicySpec::default()
        },
        calendar: CalendarSpec::default(),
    }
}

struct Rig {
    fake: Fake<fake::CodeDeploy>,
    began: Instant,
    world: SimWorld,
    journal: Arc<MemoryJournal>,
    course: Course,
}

impl Rig {
    fn new(course: Course) -> Self {
        let mut state = fake::CodeDeploy::in_group(course.compute);
        (state.listed_after, state.names_last) = (course.listed_after, course.names_last);
        // Nothing but our own care keeps a second one from being created.
        state.one_at_a_time = false;
        let world = SimWorld::new(WorldSpec::good(), 1);
        let journal = Arc::new(MemoryJournal::new());
        Self { fake: Fake::new(state), began: Instant::now(), world, journal, course }
    }

    /// One process: opens the group, recovers what an earlier one left, else starts, and runs to the
    /// end. `None` when a fault ended the process.
    async fn process(&self) -> Option<End> {
        tokio::select! {
            biased;
            () = self.fake.crashed() => None,
            end = self.run() => Some(end),
        }
    }

    async fn run(&self) -> End {
        let group = Arc::new(self.group().await);
        let ports = Ports::new(group.clone(), group, Arc::new(self.world.clone()));
        let since = Span(u64::try_from(self.began.elapsed().as_millis()).unwrap());
        let now = Timestamp(FIRST_DAY * 1_000).after(since);
        let clock = Arc::new(MonotonicClock::starting_at(now));
        let engine = Engine::builder(self.journal.clone(), ports).clock(clock).build();
        engine.recover().await.unwrap();
        let handle = match engine.claim(RolloutId(1)).await {
            Ok(handle) => {
                // A second order to start changes nothing.
                let _ = handle.start("ada").await;
                handle
            }
            Err(_) => started(&engine).await,
        };
        if self.course.aborted {
            tokio::time::sleep(Duration::from_secs(70)).await;
            let _ = handle.abort("ada", "not today").await;
        }
        self.end_of(&handle).await
    }

    /// Where it asks a person, the person sends it back, and gives up if it asks again: it may ask, but
    /// nothing may be done twice.
    async fn end_of(&self, handle: &Handle) -> End {
        for order in [Order::Abort, Order::GiveUp] {
            if let Ok(end) = timeout(LONG, handle.finished()).await {
                return end;
            }
            // One that has halted knows of no order to go back.
            let _ = handle.command(order, "ada", "looked at by hand").await;
        }
        let end = timeout(LONG, handle.finished()).await;
        end.expect("what was given up has ended")
    }

    /// Opening reads, and a reading may fail; then it is tried again.
    async fn group(&self) -> CodeDeploy {
        let limits = CallLimits { late: Span::minutes(5), ..CallLimits::default() };
        let (client, account) = (self.fake.client(), account().with_limits(limits));
        let open = || {
            let options = CodeDeployOptions { drain: Span::seconds(30), ..Default::default() };
            CodeDeploy::open(&client, &account, name(), artifacts(), options)
        };
        for _ in 0..5 {
            if let Ok(group) = open().await {
                return group;
            }
        }
        open().await.unwrap()
    }

    async fn end(&self) -> End {
        match self.process().await {
            Some(end) => end,
            None => self.process().await.expect("the process ends once"),
        }
    }

    /// Fails unless what ended so left CodeDeploy so.
    fn agrees(&self, end: &End, told: &str) {
        self.fake.with(|state| {
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
        });
    }

    /// The most deployments that carry one tag.
    fn most_of_one_tag(&self) -> usize {
        self.fake.with(|state| {
            let tags = state.deployments.iter().filter_map(|one| one.description.as_deref());
            tags.map(|tag| state.described(tag)).max().unwrap_or_default()
        })
    }
}

async fn started(engine: &Engine) -> Handle {
    let plan =
        || Plan::compile(spec(), &engine.capabilities(&spec().target.into()).unwrap()).unwrap();
    for _ in 0..5 {
        if let Ok(handle) = engine.start(plan(), both(), "ada").await {
            return handle;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    engine.start(plan(), both(), "ada").await.unwrap()
}

/// What became of all rollouts of a course, by name and number.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn note(&mut self, end: &End, aborted: bool) {
        let name = match end {
            End::Over(Phase::Completed) if !aborted => "completed",
            End::Over(Phase::RolledBack { .. }) => "rolled back",
            End::Over(Phase::NeverStarted { .. }) => "never started",
            End::Over(Phase::GaveUp) => "asked a person",
            _ => "completed before the order to go back",
        };
        *self.0.entry(name).or_default() += 1;
    }

    fn all(&self) -> usize {
        self.0.values().sum()
    }
}

/// Every fault at every call of a course.
async fn every_fault_at_every_call(course: Course) -> Tally {
    let mut tally = Tally::default();
    for (operation, calls) in CALLS {
        for fault in Fault::all() {
            for nth in 1..=calls {
                let rig = Rig::new(course);
                rig.fake.fault(operation, When::Nth(nth), fault.clone());
                let end = rig.end().await;
                let most = rig.most_of_one_tag();
                let told = format!("{course:?}, {fault:?} at {operation} {nth}");
                assert!(most <= 1, "{most} for one move: {told}");
                if course.names_last {
                    rig.agrees(&end, &told);
                }
                if !rig.fake.log().iter().any(|asked| asked.fault.is_some()) {
                    break;
                }
                tally.note(&end, course.aborted);
            }
        }
    }
    tally
}

async fn counted(compute: Compute) {
    for (late, names_last) in LATE {
        for aborted in [false, true] {
            let listed_after = Duration::from_secs(late);
            let course = Course { compute, listed_after, names_last, aborted };
            let tally = every_fault_at_every_call(course).await;
            println!("{course:?}: {} rollouts, {:?}", tally.all(), tally.0);
            assert!(tally.all() > 100, "{course:?}: only {} rollouts met a fault", tally.all());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_of_a_service() {
    counted(Compute::Ecs).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_each_platform_completes_and_goes_back() {
    for compute in Compute::ALL {
        for aborted in [false, true] {
            let listed_after = Duration::ZERO;
            let rig = Rig::new(Course { compute, listed_after, names_last: true, aborted });
            let end = rig.end().await;
            let back = matches!(end, End::Over(Phase::RolledBack { .. }));
            let as_wanted = if aborted { back } else { end == End::Over(Phase::Completed) };
            assert!(as_wanted, "{compute:?}, aborted {aborted}: {end:?}");
            assert_eq!(rig.most_of_one_tag(), 1, "{compute:?}");
        }
    }
}
