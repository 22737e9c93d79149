//! Whole rollouts through the engine, over each router: whatever goes wrong with a write, whoever else
//! writes, wherever the process ends, the outcome and the router agree in the end.

use std::{sync::Arc, time::Duration};

use tidegate::{
    End, Engine, MonotonicClock, Ports,
    machine::{Journal, Phase, RolloutId, Rule, Seq, Span, TrafficShifter, Weight},
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
use tokio::time::{Instant, timeout};

use crate::{
    lead::{LONG, in_three_steps, led},
    support::{account, both, call, fixed, percent},
};

const HALF_A_MINUTE: Span = Span::seconds(30);

/// A router with its adapter, and what somebody else might do to it.
struct Router<S> {
    name: &'static str,
    state: fn() -> S,
    shifter: fn(&Fake<S>, &Account) -> Arc<dyn TrafficShifter>,
    read: &'static str,
    write: &'static str,
    /// Gives the candidate 60 %.
    theirs: fn(&mut S),
}

/// What else may be done to a route that is not ours alone.
struct Shared<S> {
    router: Router<S>,
    /// Gives a third target half of everything, and the route another priority.
    third: fn(&mut S),
    /// Whether the third target has half of everything, and whether the priority is the other one.
    has: fn(&mut S) -> (bool, bool),
}

/// Whatever hung has landed soon.
pub(crate) fn quick() -> Account {
    account().with_limits(CallLimits { late: HALF_A_MINUTE, ..CallLimits::default() })
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
    /// Whether weights were seen that nobody here had set.
    async fn noticed(&self) -> bool {
        let theirs = [Rule::ShiftReasserted, Rule::DriftReset, Rule::DriftHeld];
        let records = self.journal.read(RolloutId(1), Seq(1)).await.unwrap();
        records.iter().any(|record| theirs.contains(&record.decision.rule))
    }
}

async fn ended(engine: &Engine) -> End {
    let handle = led(engine, &in_three_steps(), &both()).await;
    if let Ok(end) = timeout(LONG, handle.finished()).await {
        return end;
    }
    // Weight that somebody took away holds the rollout and asks a person: this one goes back.
    handle.abort("ada", "somebody else writes").await.unwrap();
    timeout(LONG, handle.finished()).await.expect("an aborted rollout ends")
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

/// The rule between `blue` and `green`, which drains quickly.
pub(crate) fn balanced(fake: &Fake<LoadBalancing>, account: &Account) -> Arc<dyn TrafficShifter> {
    let routes = vec![AlbRoute::Rule(elb::rule_arn("checkout"))];
    let placement = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    let options = AlbOptions {
        propagation: Span::seconds(10),
        deregistration: HALF_A_MINUTE,
        ..AlbOptions::default()
    };
    let routes = AlbRoutes::new(&fake.client(), account, routes, placement).unwrap();
    Arc::new(routes.with_options(options))
}

fn load_balancer() -> Router<LoadBalancing> {
    Router {
        name: "load balancer",
        state: LoadBalancing::blue_and_green,
        shifter: balanced,
        read: "DescribeRules",
        write: "ModifyRule",
        theirs: |state| {
            state.add_rule("checkout", vec![elb::forward(&[("blue", 40), ("green", 60)])]);
        },
    }
}

fn lattice() -> Router<Lattice> {
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
    Router {
        name: "lattice",
        state: Lattice::blue_and_green,
        shifter,
        read: "GetRule",
        write: "UpdateRule",
        theirs: |state| state.add_rule("checkout", vpc::forward(&[("blue", 40), ("green", 60)])),
    }
}

fn alias() -> Router<Lambda> {
    let shifter = |fake: &Fake<Lambda>, account: &Account| -> Arc<dyn TrafficShifter> {
        let alias = LambdaAlias::new(&fake.client(), account, function::FUNCTION, "live");
        Arc::new(alias.with_options(LambdaOptions { drain: HALF_A_MINUTE, ..Default::default() }))
    };
    Router {
        name: "alias",
        state: Lambda::live,
        shifter,
        read: "GetAlias",
        write: "UpdateAlias",
        theirs: |state| state.point("1", &[("2", 0.6)]),
    }
}

fn mesh() -> Router<AppMesh> {
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
    Router {
        name: "mesh",
        state: AppMesh::blue_and_green,
        shifter,
        read: "DescribeRoute",
        write: "UpdateRoute",
        theirs: |state| state.set("checkout", mesh::http(&[("blue", 40), ("green", 60)])),
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_and_the_outcome_agree() {
    agrees(load_balancer()).await;
}

#[tokio::test(start_paused = true)]
async fn lattice_and_the_outcome_agree() {
    agrees(lattice()).await;
}

#[tokio::test(start_paused = true)]
async fn an_alias_and_the_outcome_agree() {
    agrees(alias()).await;
}

#[tokio::test(start_paused = true)]
async fn a_mesh_and_the_outcome_agree() {
    agrees(mesh()).await;
}

/// Writes more than may go out at once; fails unless each follows upon its reading without a pause.
async fn writes_follow_readings<S: Service>(router: Router<S>) {
    let (fake, began) = (Fake::new((router.state)()), Instant::now());
    let shifter = (router.shifter)(&fake, &quick());
    for n in 1..=9 {
        shifter.shift(&call(n, 0), percent(0), None).await.unwrap();
    }
    assert!(began.elapsed() > Duration::from_secs(1), "{}: no write waited", router.name);
    let log = fake.log();
    for (before, write) in
        log.iter().zip(&log[1..]).filter(|(_, one)| one.operation == router.write)
    {
        assert_eq!((before.operation.as_str(), before.at), (router.read, write.at), "{before:?}");
    }
    assert_eq!(fake.carried_out(router.write), 9);
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_round_trip_comes_between_reading_and_writing_however_long_the_queue() {
    writes_follow_readings(load_balancer()).await;
    writes_follow_readings(lattice()).await;
    writes_follow_readings(mesh()).await;
}

/// One rollout where somebody gives a third target half of everything; what is there of that in the end.
async fn with_a_third<S: Service>(
    shared: &Shared<S>,
    operation: &'static str,
    nth: u32,
    fault: fn(Foreign<S>) -> Fault<S>,
) -> (bool, bool) {
    let rig = Rig::new(&shared.router);
    rig.fake.fault(operation, When::Nth(nth), fault(Arc::new(shared.third)));
    let outcome = rig.outcome().await;
    let wanted = if outcome.completed { Weight::FULL } else { Weight::ZERO };
    let told = format!("{}, at {operation} {nth}", shared.router.name);
    assert_eq!(outcome.share, wanted, "{told}");
    assert!(rig.fake.log().iter().any(|asked| asked.fault.is_some()), "nobody wrote: {told}");
    rig.fake.with(shared.has)
}

/// Somebody's change before any of the first readings, between reading and writing, and after writing.
async fn keeps_what_it_can<S: Service>(shared: Shared<S>) {
    let Router { name, read, write, theirs, .. } = shared.router;
    for nth in 1..=9 {
        let has = with_a_third(&shared, read, nth, Fault::ForeignBefore).await;
        assert_eq!(has, (true, true), "{name}: before reading {nth}");
    }
    for nth in 1..=3 {
        let has = with_a_third(&shared, write, nth, Fault::ForeignBefore).await;
        assert_eq!(has, (false, true), "{name}: between reading and write {nth}");
        let has = with_a_third(&shared, write, nth, Fault::ForeignAfter).await;
        assert_eq!(has, (true, true), "{name}: after write {nth}");
        let rig = Rig::new(&shared.router);
        rig.fake.fault(write, When::Nth(nth), Fault::ForeignAfter(Arc::new(theirs)));
        rig.outcome().await;
        assert!(rig.noticed().await, "{name}: weights after write {nth} go unnoticed");
    }
    let undisturbed = Rig::new(&shared.router);
    undisturbed.outcome().await;
    assert!(!undisturbed.noticed().await, "{name}: nobody wrote");
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_keeps_what_somebody_wrote_but_for_actions_between_reading_and_writing() {
    keeps_what_it_can(Shared {
        router: load_balancer(),
        third: |state| {
            state.add_group("red", &["healthy"]);
            let mut weights = state.weights(&elb::rule_arn("checkout"));
            weights.push(("red".to_owned(), weights.iter().map(|(_, weight)| weight).sum()));
            let weights: Vec<_> = weights.iter().map(|(name, one)| (name.as_str(), *one)).collect();
            state.add_rule("checkout", vec![elb::forward(&weights)]);
            state.rules.get_mut(&elb::rule_arn("checkout")).unwrap()["Priority"] = "20".into();
        },
        has: |state| {
            let weights = state.weights(&elb::rule_arn("checkout"));
            let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
            let half = weights.iter().any(|(name, weight)| name == "red" && 2 * weight == sum);
            (half, state.rules[&elb::rule_arn("checkout")]["Priority"] == "20")
        },
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn lattice_keeps_what_somebody_wrote_but_for_the_action_between_reading_and_writing() {
    keeps_what_it_can(Shared {
        router: lattice(),
        third: |state| {
            state.groups.push(vpc::group_id("red"));
            let mut weights = state.weights(&vpc::rule_id("checkout"));
            weights.push(("red".to_owned(), weights.iter().map(|(_, weight)| weight).sum()));
            let small = |weight: u64| u32::try_from(weight).unwrap();
            let weights: Vec<_> =
                weights.iter().map(|(name, one)| (name.as_str(), small(*one))).collect();
            state.add_rule("checkout", vpc::forward(&weights));
            state.rules.get_mut(&vpc::rule_id("checkout")).unwrap()["priority"] = 20.into();
        },
        has: |state| {
            let weights = state.weights(&vpc::rule_id("checkout"));
            let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
            let half = weights.iter().any(|(name, weight)| name == "red" && 2 * weight == sum);
            (half, state.rules[&vpc::rule_id("checkout")]["priority"] == 20)
        },
    })
    .await;
}
