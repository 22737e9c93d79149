//! An adapter of one's own: a `TrafficShifter` for a made-up router in some forty lines, held
//! against the laws of the port first, then used in a rollout.
//!
//! Three things make an adapter right, and the conformance suite asks for each: it sets absolutely,
//! it keeps what else hangs on the route, and it reads back what the router has, not what it wrote.
//!
//! ```text
//! cargo run --example custom_adapter
//! ```

mod common;

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use tidegate::{
    Engine, MonotonicClock, Ports,
    file::{Format, parse_plan},
    machine::{
        Arm, Call, Extra, FailureKind, Operation, PortError, Revisions, RouteReading, RoutingKind,
        SafetyClass, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version,
        Weight,
    },
};
use tidegate_mock::{
    MemoryJournal, SimWorld, WorldSpec,
    conformance::{self, TrafficSubject},
};

use self::lanes::{Lanes, Pool};
use crate::common::Story;

/// The adapter: a pool of backends with parts of 10 000, in which revisions are backends.
#[derive(Clone, Debug)]
struct LanesTraffic(Lanes);

#[async_trait]
impl TrafficShifter for LanesTraffic {
    fn ability(&self) -> TrafficAbility {
        let bare_set = SafetyClass::BareSet;
        let (late_bound, time_limit) = (Span::seconds(30), Span::seconds(10));
        TrafficAbility {
            routing: RoutingKind::Split { grid: Weight::percent(1) },
            shift: Operation { class: bare_set, late_bound, time_limit },
            mirror: false,
            test_traffic: false,
            propagation: Span::seconds(5),
            drain: Span::seconds(60),
            routes: 1,
        }
    }

    async fn observe(&self, _: &Target, of: &Revisions) -> Result<TrafficReading, PortError> {
        let pool = self.0.pool();
        let part = |arm| of.of(arm).and_then(|revision| pool.get(revision.as_str()).copied());
        let share = |arm| part(arm).and_then(Weight::basis_points).unwrap_or_default();
        let other = Weight::basis_points(others(&pool, of)).unwrap_or_default();
        let split = Split::new(share(Arm::Stable), share(Arm::Candidate), other)
            .map_err(|error| failed(FailureKind::Retryable, "read the pool", error))?;
        Ok(TrafficReading { routes: vec![RouteReading { split, version: None }], extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        let mut pool = self.0.pool();
        // A shift divides what both arms get together; the rest is somebody else's.
        let ours = 10_000_u16.saturating_sub(others(&pool, &call.revisions));
        let candidate = nearest(ours, to.of_arms());
        for (arm, part) in [(Arm::Stable, ours - candidate), (Arm::Candidate, candidate)] {
            pool.extend(call.revisions.of(arm).map(|revision| (revision.to_string(), part)));
        }
        let put = self.0.put(pool);
        put.map_err(|refused| failed(FailureKind::Permanent, "write the pool", refused))
    }

    async fn mirror(&self, _: &Call, _: Extra) -> Result<(), PortError> {
        Err(PortError::new(FailureKind::Permanent, "copy requests: this router does not"))
    }
}

/// What the pool gives to backends that are neither arm.
fn others(pool: &Pool, of: &Revisions) -> u16 {
    let arms = [of.stable.as_ref(), Some(&of.candidate)];
    let is_arm = |name: &str| arms.into_iter().flatten().any(|arm| arm.as_str() == name);
    pool.iter().filter(|(name, _)| !is_arm(name)).map(|(_, part)| part).sum()
}

/// A share of so many parts, rounded to the nearest.
fn nearest(parts: u16, share: Weight) -> u16 {
    let rounded = (u32::from(parts) * u32::from(share.bp()) + 5_000) / 10_000;
    u16::try_from(rounded).unwrap_or(parts)
}

fn failed(
    kind: FailureKind,
    action: &str,
    source: impl Error + Send + Sync + 'static,
) -> PortError {
    PortError::new(kind, action).because(source)
}

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps: [{ weight: 20%, gate: { bake: 2m, checks: [errors] } }]
checks:
  errors:
    metric: error_rate
    judge: { threshold: { max: 0.01 } }
guards: [errors]
";

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    match conformance::traffic(subject).await {
        Ok(()) => println!("The adapter keeps every law of a traffic shifter."),
        Err(broken) => {
            broken.iter().for_each(|law| println!("{law}"));
            return Err("the adapter breaks laws of its port".into());
        }
    }
    // Deployments and health stay the simulated world's; the traffic is ours.
    let world = Arc::new(SimWorld::new(WorldSpec::good(), 42));
    let lanes = Lanes::before(&world, &[("v1", 10_000)]);
    let traffic = Arc::new(LanesTraffic(lanes.clone()));
    let ports = Ports::new(traffic, world.clone(), world.clone());
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "canary.yaml", &ports.capabilities())?;
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    println!("the pool before: {:?}", lanes.pool());
    let rollout = engine.start(plan, lanes::revisions(), "ada").await?;
    Story::of(&rollout).end().await?;
    println!("the pool after: {:?}", lanes.pool());
    engine.shutdown().await;
    Ok(())
}

/// What the conformance suite tries a law on: the adapter, a tenth of all requests that is neither
/// arm's, and a person who goes behind the adapter's back.
async fn subject() -> TrafficSubject<LanesTraffic> {
    let world = SimWorld::new(WorldSpec::good(), 42);
    let lanes = Lanes::before(&world, &[("v1", 9_000), ("static-pages", 1_000)]);
    let behind = lanes.clone();
    let person = move |share: Weight| {
        let v2 = nearest(9_000, share);
        let parts = [("v1", 9_000 - v2), ("v2", v2), ("static-pages", 1_000)];
        if let Err(refused) = behind.put(lanes::pool_of(&parts)) {
            println!("{refused}");
        }
    };
    TrafficSubject {
        port: LanesTraffic(lanes),
        target: "checkout".into(),
        revisions: lanes::revisions(),
        interfere: Some(Box::new(person)),
    }
}

/// The made-up router: one pool of backends, read and written as a whole. The simulated world is
/// told of every write, so that requests go, and are measured, where the pool says.
mod lanes {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex, PoisonError},
    };

    use tidegate::machine::{
        Call, Epoch, Generation, Identity, MoveId, Revisions, RolloutId, Seq, Split, Weight,
    };
    use tidegate_mock::{Request, SimWorld};

    /// Parts of 10 000 by backend.
    pub(crate) type Pool = BTreeMap<String, u16>;

    pub(crate) fn pool_of(parts: &[(&str, u16)]) -> Pool {
        parts.iter().map(|(name, part)| ((*name).to_owned(), *part)).collect()
    }

    pub(crate) fn revisions() -> Revisions {
        Revisions { stable: Some("v1".into()), candidate: "v2".into() }
    }

    #[derive(Clone, Debug)]
    pub(crate) struct Lanes {
        pool: Arc<Mutex<Pool>>,
        world: SimWorld,
    }

    /// The router did not take a pool.
    #[derive(Debug, thiserror::Error)]
    #[error("the pool's parts sum to {0}, not to 10000")]
    pub(crate) struct Refused(u32);

    impl Lanes {
        pub(crate) fn before(world: &SimWorld, parts: &[(&str, u16)]) -> Self {
            Self { pool: Arc::new(Mutex::new(pool_of(parts))), world: world.clone() }
        }

        pub(crate) fn pool(&self) -> Pool {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(crate) fn put(&self, pool: Pool) -> Result<(), Refused> {
            let sum = pool.values().copied().map(u32::from).sum();
            if sum != 10_000 {
                return Err(Refused(sum));
            }
            self.send_requests(pool.get("v2").copied().unwrap_or(0));
            *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = pool;
            Ok(())
        }

        /// How the simulated data plane hears of it; a router of yours needs nothing of the kind.
        fn send_requests(&self, v2: u16) {
            let to = Split::candidate(Weight::basis_points(v2).unwrap_or_default());
            let id = MoveId {
                of: Identity { rollout: RolloutId(0), generation: Generation(0) },
                seq: Seq(u64::from(v2)),
            };
            let (target, revisions) = ("checkout".into(), revisions());
            let call = Call { target, revisions, id, attempt: 1, epoch: Epoch(0), route: 0 };
            let request = Request::Shift { to, version: None };
            let _ = self.world.with_fleet(|fleet| fleet.send(&call, request));
        }
    }
}
