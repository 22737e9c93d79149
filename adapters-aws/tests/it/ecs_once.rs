//! Never two deployments for one move: whole rollouts through the engine over a faulty ECS, with every
//! fault at every call, listings on time and late, forward and back, counted.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Handle, MonotonicClock, Ports,
    machine::{
        CalendarSpec, CanarySpec, CanaryStepSpec, GateSpec, Order, Phase, Plan, PlanSpec,
        PlatformSpec, PolicySpec, RolloutId, Span, StrategySpec, Timestamp, Weight,
    },
};
use tidegate_aws::{
    ecs::native::{EcsOptions, EcsService},
    fakes::{
        FIRST_DAY, Fake, Fault, When,
        ecs::{Ecs, Status, Strategy, definition},
    },
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::{Instant, timeout};

use crate::{
    ecs::{both, name},
    support::account,
};

/// Longer than any of these rollouts takes by itself.
const LONG: Duration = Duration::from_secs(4 * 3_600);

/// All that is called, and up to which call of it faults are tried. Readings repeat all the time, so
/// that the first few stand for the rest.
const CALLS: [(&str, u32); 7] = [
    ("UpdateService", 9),
    ("ContinueServiceDeployment", 9),
    ("StopServiceDeployment", 9),
    ("DescribeServices", 5),
    ("ListServiceDeployments", 5),
    ("DescribeServiceDeployments", 4),
    ("DescribeServiceRevisions", 3),
];

/// Every so many combinations one is tried, each course from another on; all with `TIDEGATE_DEEP`.
const SAMPLE: usize = 41;

/// How a rollout is wanted to go, apart from its faults.
#[derive(Clone, Copy, Debug)]
struct Course {
    strategy: Strategy,
    /// How late listings are. The service names its current deployment at once.
    listed_after: Duration,
    /// Whether a person aborts it once it has begun.
    aborted: bool,
}

impl Course {
    /// When a deployment without faults is under way: a rolling one takes little more than a minute, and
    /// the others wait to be released.
    const fn half_way(self) -> Duration {
        let rolling = matches!(self.strategy, Strategy::Rolling);
        Duration::from_secs(if rolling { 45 } else { 100 })
    }
}

fn spec() -> PlanSpec {
    let gate = GateSpec { bake: Span::seconds(20), ..GateSpec::default() };
    let step = |percent| CanaryStepSpec {
        weight: Weight::percent(percent),
        capacity: None,
        mirror: None,
        gate: GateSpec::default(),
    };
    let platform = PlatformSpec { ready: gate.clone(), step: gate.clone(), termination: gate };
    let canary = CanarySpec {
        steps: vec![step(50), step(100)],
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
            keep_warm: Some(Span::ZERO),
            observe_every: Some(Span::seconds(15)),
            ..PolicySpec::default()
        },
        calendar: CalendarSpec::default(),
    }
}

struct Rig {
    fake: Fake<Ecs>,
    began: Instant,
    world: SimWorld,
    journal: Arc<MemoryJournal>,
    course: Course,
}

impl Rig {
    fn new(course: Course) -> Self {
        let mut state = Ecs::with(course.strategy);
        state.listed_after = course.listed_after;
        let world = SimWorld::new(WorldSpec::good(), 1);
        let journal = Arc::new(MemoryJournal::new());
        Self { fake: Fake::new(state), began: Instant::now(), world, journal, course }
    }

    /// One process: opens the service, recovers what an earlier one left, else starts, and runs to the
    /// end. `None` when a fault ended the process.
    async fn process(&self) -> Option<End> {
        tokio::select! {
            biased;
            () = self.fake.crashed() => None,
            end = self.run() => Some(end),
        }
    }

    async fn run(&self) -> End {
        let service = Arc::new(self.service().await);
        let ports = Ports::new(service.clone(), service, Arc::new(self.world.clone()));
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
            tokio::time::sleep(self.course.half_way()).await;
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
    async fn service(&self) -> EcsService {
        let (client, account) = (self.fake.client(), account());
        let open = || {
            let options = EcsOptions { drain: Span::seconds(30), ..EcsOptions::default() };
            EcsService::open(&client, &account, name(), options)
        };
        for _ in 0..5 {
            if let Ok(service) = open().await {
                return service;
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

    /// Fails unless what ended so left ECS so.
    fn agrees(&self, end: &End, told: &str) {
        self.fake.with(|state| match end {
            End::Over(Phase::Completed) => {
                assert_eq!(state.serving(), Some(&*definition(2)), "{told}");
            }
            End::Over(Phase::RolledBack { .. } | Phase::NeverStarted { .. }) => {
                assert_eq!(state.serving(), Some(&*definition(1)), "{told}");
            }
            _ => {}
        });
    }

    /// How many deployments of the candidate there were.
    fn starts(&self) -> usize {
        self.fake.with(|state| state.deployments_of(&definition(2)))
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

/// Every fault at every call of a course, or every so many of them from one on.
async fn faults_at_calls(course: Course, from: usize, every: usize) -> Tally {
    let mut tally = Tally::default();
    let calls = CALLS.iter().flat_map(|(operation, calls)| (1..=*calls).map(|n| (*operation, n)));
    let all = calls.flat_map(|call| Fault::all().into_iter().map(move |fault| (call, fault)));
    for ((operation, nth), fault) in all.skip(from).step_by(every) {
        let rig = Rig::new(course);
        rig.fake.fault(operation, When::Nth(nth), fault.clone());
        let end = rig.end().await;
        let told = format!("{course:?}, {fault:?} at {operation} {nth}, {end:?}");
        assert!(rig.starts() <= 1, "{} for one move: {told}", rig.starts());
        rig.agrees(&end, &told);
        if rig.fake.log().iter().any(|asked| asked.fault.is_some()) {
            tally.note(&end, course.aborted);
        }
    }
    tally
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_call_makes_two_deployments_of_a_service() {
    let every = if std::env::var_os("TIDEGATE_DEEP").is_some() { 1 } else { SAMPLE };
    let courses = Strategy::ALL.into_iter().flat_map(|strategy| {
        [(0, false), (0, true), (240, false), (240, true)].map(|(late, aborted)| Course {
            strategy,
            listed_after: Duration::from_secs(late),
            aborted,
        })
    });
    let mut all = 0;
    for (n, course) in courses.enumerate() {
        let tally = faults_at_calls(course, (n * 5) % every, every).await;
        println!("{course:?}: {} rollouts, {:?}", tally.all(), tally.0);
        all += tally.all();
    }
    assert!(all * every > 2_000, "only {all} rollouts met a fault, of every {every}");
}

#[tokio::test(start_paused = true)]
async fn without_a_fault_each_strategy_completes_and_goes_back() {
    for strategy in Strategy::ALL {
        for aborted in [false, true] {
            let rig = Rig::new(Course { strategy, listed_after: Duration::ZERO, aborted });
            let end = rig.end().await;
            let back = matches!(end, End::Over(Phase::RolledBack { .. }));
            let as_wanted = if aborted { back } else { end == End::Over(Phase::Completed) };
            assert!(as_wanted, "{strategy:?}, aborted {aborted}: {end:?}");
            rig.agrees(&end, "without a fault");
            assert_eq!(rig.starts(), 1, "{strategy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_deploys_over_ours_holds_the_rollout_and_a_person_is_asked() {
    for strategy in Strategy::ALL {
        let course = Course { strategy, listed_after: Duration::ZERO, aborted: false };
        let rig = Rig::new(course);
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
        assert_eq!(rig.starts(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_throttling_take_no_rollout_back() {
    for strategy in Strategy::ALL {
        for from in [3, 33, 45] {
            let rig = Rig::new(Course { strategy, listed_after: Duration::ZERO, aborted: false });
            let from = Duration::from_secs(from);
            let during = When::During { from, to: from + Duration::from_secs(600) };
            rig.fake.fault(None, during, Fault::Throttled);
            let end = rig.end().await;
            assert_eq!(end, End::Over(Phase::Completed), "{strategy:?}, {from:?}");
            assert!(
                rig.fake.log().iter().any(|asked| asked.fault.is_some()),
                "{strategy:?}, {from:?}"
            );
            assert_eq!(rig.starts(), 1);
        }
    }
}
