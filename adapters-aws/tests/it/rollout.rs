//! Whole rollouts through the engine, over each router: whatever goes wrong with a write, whoever else
//! writes, wherever the process ends, the outcome and the router agree in the end.

use std::{sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Handle, MonotonicClock, Ports,
    machine::{
        CalendarSpec, CanarySpec, CanaryStepSpec, GateSpec, Phase, Plan, PlanSpec, PolicySpec,
        RolloutId, Span, StrategySpec, TrafficShifter, Weight,
    },
};
use tidegate_aws::{
    Account, CallLimits,
    alb::{AlbOptions, AlbRoute, AlbRoutes},
    appmesh::{MeshOptions, MeshRoute, MeshRoutes, RouteProtocol},
    fakes::{
        Fake, Fault, Foreign, Service, When,
        alb::{self as elb, LoadBalancing},
        appmesh::{self as mesh, AppMesh},
        lambda::{self as function, Lambda},
        lattice::{self as vpc, Lattice},
    },
    lambda::{LambdaAlias, LambdaOptions},
    lattice::{LatticeOptions, LatticeRoute, LatticeRoutes},
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::timeout;

use crate::support::{account, both, fixed};

/// Longer than any of these rollouts takes by itself.
const LONG: Duration = Duration::from_secs(4 * 3_600);
const HALF_A_MINUTE: Span = Span::seconds(30);

/// A router with its adapter, and what somebody else might do to it.
struct Router<S> {
    name: &'static str,
    state: fn() -> S,
    shifter: fn(&Fake<S>, &Account) -> Arc<dyn TrafficShifter>,
    write: &'static str,
    /// Gives the candidate 60 %.
    theirs: fn(&mut S),
}

fn quick() -> Account {
    account().with_limits(CallLimits { late: HALF_A_MINUTE, ..CallLimits::default() })
}

fn step(percent: u16) -> CanaryStepSpec {
    let gate = GateSpec { bake: Span::seconds(20), ..GateSpec::default() };
    CanaryStepSpec { weight: Weight::percent(percent), capacity: None, mirror: None, gate }
}

fn spec() -> PlanSpec {
    let steps = vec![step(10), step(50), step(100)];
    let canary = CanarySpec { steps, minimum_replicas: 1, shrink_stable: false, platform: None };
    PlanSpec {
        target: "checkout".into(),
        owner: "payments-oncall".into(),
        strategy: StrategySpec::Canary(canary),
        checks: Default::default(),
        hooks: Default::default(),
        guards: Vec::new(),
        evidence: Default::default(),
        policy: PolicySpec { keep_warm: Some(HALF_A_MINUTE), ..PolicySpec::default() },
        calendar: CalendarSpec::default(),
    }
}

/// What became of a rollout: how it ended, and the share that the router then gives the candidate.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    completed: bool,
    share: Weight,
}

/// One rollout over one fake, with a simulated deployer.
struct Rig<'a, S> {
    router: &'a Router<S>,
    fake: Fake<S>,
    world: SimWorld,
    journal: Arc<MemoryJournal>,
}

impl<'a, S: Service> Rig<'a, S> {
    fn new(router: &'a Router<S>) -> Self {
        let fake = Fake::new((router.state)());
        let world = SimWorld::new(WorldSpec::good(), 1);
        Self { router, fake, world, journal: Arc::new(MemoryJournal::new()) }
    }

    /// One process: recovers what an earlier one left, else starts, and runs to the end. `None` when a
    /// fault ended the process.
    async fn process(&self) -> Option<End> {
        let traffic = (self.router.shifter)(&self.fake, &quick());
        let sim = Arc::new(self.world.clone());
        let ports = Ports::new(traffic, sim.clone(), sim);
        let clock = Arc::new(MonotonicClock::starting_at(self.world.clock().now()));
        // One name for both processes: the second goes on at once with what the first held.
        let engine = Engine::builder(self.journal.clone(), ports).clock(clock).name("releases");
        let engine = engine.build();
        tokio::select! {
            end = ended(&engine) => Some(end),
            () = self.fake.crashed() => None,
        }
    }

    async fn outcome(&self) -> Outcome {
        let end = match self.process().await {
            Some(end) => end,
            None => self.process().await.expect("the process ends once"),
        };
        let completed = end == End::Over(Phase::Completed);
        let back = matches!(end, End::Over(Phase::RolledBack { .. }));
        assert!(completed || back, "{} ended as {end:?}", self.router.name);
        self.fake.heal();
        let shifter = (self.router.shifter)(&self.fake, &quick());
        let seen = shifter.observe(&"checkout".into(), &both()).await.unwrap();
        Outcome { completed, share: seen.routes[0].split.of_arms() }
    }
}

async fn ended(engine: &Engine) -> End {
    engine.recover().await.unwrap();
    let handle = match engine.claim(RolloutId(1)).await {
        Ok(handle) => {
            // A process that ended before the order to start leaves it to a person; a second order
            // changes nothing.
            let _ = handle.start("ada").await;
            handle
        }
        Err(_) => started(engine).await,
    };
    if let Ok(end) = timeout(LONG, handle.finished()).await {
        return end;
    }
    // Weight that somebody took away holds the rollout and asks a person: this one goes back.
    handle.abort("ada", "somebody else writes").await.unwrap();
    timeout(LONG, handle.finished()).await.expect("an aborted rollout ends")
}

/// A reading may fail before anything has begun; then it is tried again.
async fn started(engine: &Engine) -> Handle {
    for _ in 0..5 {
        let plan =
            Plan::compile(spec(), &engine.capabilities(&spec().target.into()).unwrap()).unwrap();
        if let Ok(handle) = engine.start(plan, both(), "ada").await {
            return handle;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    engine
        .start(
            Plan::compile(spec(), &engine.capabilities(&spec().target.into()).unwrap()).unwrap(),
            both(),
            "ada",
        )
        .await
        .unwrap()
}

/// Every fault at every write, one a rollout; how many rollouts that were.
async fn at_every_write<S: Service>(router: &Router<S>, faults: &[Fault<S>]) -> usize {
    let mut befell = 0;
    for fault in faults {
        for nth in 1.. {
            let rig = Rig::new(router);
            rig.fake.fault(router.write, When::Nth(nth), fault.clone());
            let outcome = rig.outcome().await;
            let wanted = if outcome.completed { Weight::FULL } else { Weight::ZERO };
            assert_eq!(outcome.share, wanted, "{} {fault:?} at write {nth}", router.name);
            if !rig.fake.log().iter().any(|asked| asked.fault.is_some()) {
                break;
            }
            befell += 1;
        }
    }
    befell
}

async fn agrees<S: Service>(router: Router<S>) {
    let theirs: Foreign<S> = Arc::new(router.theirs);
    let mut faults = Fault::all();
    faults.push(Fault::ForeignBefore(theirs.clone()));
    faults.push(Fault::ForeignAfter(theirs));
    let befell = at_every_write(&router, &faults).await;
    // Three writes at least in each, for 10, 50 and 100 %.
    assert!(befell >= 3 * faults.len(), "{}: {befell} of {}", router.name, faults.len());
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_and_the_outcome_agree() {
    let shifter = |fake: &Fake<LoadBalancing>, account: &Account| -> Arc<dyn TrafficShifter> {
        let routes = vec![AlbRoute::Rule(elb::rule_arn("checkout"))];
        let placement = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
        let options = AlbOptions {
            propagation: Span::seconds(10),
            deregistration: HALF_A_MINUTE,
            ..AlbOptions::default()
        };
        let routes = AlbRoutes::new(&fake.client(), account, routes, placement).unwrap();
        Arc::new(routes.with_options(options))
    };
    agrees(Router {
        name: "load balancer",
        state: LoadBalancing::blue_and_green,
        shifter,
        write: "ModifyRule",
        theirs: |state| {
            state.add_rule("checkout", vec![elb::forward(&[("blue", 40), ("green", 60)])]);
        },
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn lattice_and_the_outcome_agree() {
    let shifter = |fake: &Fake<Lattice>, account: &Account| -> Arc<dyn TrafficShifter> {
        let route = LatticeRoute {
            service: vpc::SERVICE.to_owned(),
            listener: vpc::LISTENER.to_owned(),
            rule: Some(vpc::rule_id("checkout")),
        };
        let placement = fixed(&vpc::group_arn("blue"), &vpc::group_arn("green"));
        let routes = LatticeRoutes::new(&fake.client(), account, vec![route], placement).unwrap();
        Arc::new(routes.with_options(LatticeOptions { drain: HALF_A_MINUTE, ..Default::default() }))
    };
    agrees(Router {
        name: "lattice",
        state: Lattice::blue_and_green,
        shifter,
        write: "UpdateRule",
        theirs: |state| state.add_rule("checkout", vpc::forward(&[("blue", 40), ("green", 60)])),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_alias_and_the_outcome_agree() {
    let shifter = |fake: &Fake<Lambda>, account: &Account| -> Arc<dyn TrafficShifter> {
        let alias = LambdaAlias::new(&fake.client(), account, function::FUNCTION, "live");
        Arc::new(alias.with_options(LambdaOptions { drain: HALF_A_MINUTE, ..Default::default() }))
    };
    agrees(Router {
        name: "alias",
        state: Lambda::live,
        shifter,
        write: "UpdateAlias",
        theirs: |state| state.point("1", &[("2", 0.6)]),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mesh_and_the_outcome_agree() {
    let shifter = |fake: &Fake<AppMesh>, account: &Account| -> Arc<dyn TrafficShifter> {
        let route = MeshRoute {
            mesh: mesh::MESH.to_owned(),
            mesh_owner: None,
            router: mesh::ROUTER.to_owned(),
            route: "checkout".to_owned(),
            protocol: RouteProtocol::Http,
        };
        let placement = fixed("blue", "green");
        let routes = MeshRoutes::new(&fake.client(), account, vec![route], placement).unwrap();
        Arc::new(routes.with_options(MeshOptions { drain: HALF_A_MINUTE, ..Default::default() }))
    };
    agrees(Router {
        name: "mesh",
        state: AppMesh::blue_and_green,
        shifter,
        write: "UpdateRoute",
        theirs: |state| state.set("checkout", mesh::http(&[("blue", 40), ("green", 60)])),
    })
    .await;
}
