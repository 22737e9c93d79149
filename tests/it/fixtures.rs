//! Plans, worlds and engines that the tests share.

use std::{sync::Arc, time::Duration};

use tidegate::{
    End, Engine, EngineBuilder, Handle, MonotonicClock, Ports,
    machine::{
        AmountSpec, BlueGreenSpec, CalendarSpec, CanarySpec, CanaryStepSpec, Capabilities,
        CheckSpec, GateRef, GateSpec, HookSpec, Journal, JudgeSpec, Phase, Plan, PlanSpec,
        PolicySpec, PreviewSpec, Revisions, RollingGatesSpec, RollingSpec, Rule, Select, Span,
        StrategySpec, Supersede, SwitchStepSpec, ThresholdSpec, Weight, record::Record,
    },
};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::timeout;

pub(crate) const S: fn(u64) -> Span = Span::seconds;

/// Longer than any rollout of these plans takes, in paused time.
const LONG: Duration = Duration::from_secs(6 * 3_600);

fn check(metric: &str, max: f64) -> CheckSpec {
    let line = ThresholdSpec { max: Some(max), ..ThresholdSpec::default() };
    CheckSpec { window: S(30), ..CheckSpec::new(metric, JudgeSpec::Threshold(line)) }
}

pub(crate) fn spec(strategy: StrategySpec) -> PlanSpec {
    let hook = HookSpec { time_limit: Some(S(5)), every: Some(S(30)) };
    PlanSpec {
        target: "checkout".into(),
        owner: "payments-oncall".into(),
        strategy,
        checks: [("errors".to_owned(), check("error_rate", 0.05))].into(),
        hooks: [("smoke".to_owned(), hook)].into(),
        guards: vec!["errors".into()],
        evidence: Default::default(),
        policy: PolicySpec { keep_warm: Some(S(60)), drain: Some(S(60)), ..PolicySpec::default() },
        calendar: CalendarSpec::default(),
    }
}

/// Baked for a minute, with the check.
pub(crate) fn checked() -> GateSpec {
    GateSpec { bake: S(60), checks: vec!["errors".into()], ..GateSpec::default() }
}

pub(crate) fn step(percent: u16, gate: GateSpec) -> CanaryStepSpec {
    CanaryStepSpec { weight: Weight::percent(percent), capacity: None, mirror: None, gate }
}

pub(crate) fn canary_of(steps: Vec<CanaryStepSpec>) -> PlanSpec {
    spec(StrategySpec::Canary(CanarySpec {
        steps,
        minimum_replicas: 1,
        shrink_stable: false,
        platform: None,
    }))
}

pub(crate) fn canary() -> PlanSpec {
    canary_of(vec![step(10, checked()), step(50, checked()), step(100, checked())])
}

pub(crate) fn blue_green() -> PlanSpec {
    spec(StrategySpec::BlueGreen(BlueGreenSpec {
        preview: Some(PreviewSpec { capacity: Weight::percent(50), gate: GateSpec::default() }),
        before: GateSpec::default(),
        steps: Vec::new(),
        after: checked(),
    }))
}

pub(crate) fn rolling() -> PlanSpec {
    spec(StrategySpec::Rolling(RollingSpec {
        max_surge: Some(AmountSpec::Count(2)),
        max_unavailable: Some(AmountSpec::Count(2)),
        minimum_healthy: None,
        zones_one_by_one: false,
        gates: RollingGatesSpec { each_batch: Some(checked()), at: Vec::new() },
    }))
}

/// A rollout that stands before a gate of its strategy.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) spec: PlanSpec,
    pub(crate) world: WorldSpec,
    /// The stage whose gate it is.
    stage: u16,
    /// The candidate's share there.
    pub(crate) weight: Weight,
}

impl Scene {
    /// Starts it, and waits until it stands before the gate.
    pub(crate) async fn set(&self) -> (Rig, Engine, Handle) {
        let rig = Rig::new(self.world.clone());
        let engine = rig.engine();
        let handle = rig.start(&engine, self.spec.clone()).await;
        self.wait(&handle).await;
        (rig, engine, handle)
    }

    pub(crate) async fn wait(&self, handle: &Handle) -> GateRef {
        let there = |gate: Option<GateRef>| gate.filter(|gate| gate.at.stage == self.stage);
        until(handle, |status| there(status.phase.gate()).is_some()).await;
        handle.status().phase.gate().unwrap()
    }

    /// Whether there is a router, so that weights can be set.
    pub(crate) const fn is_routed(&self) -> bool {
        !self.world.routerless
    }
}

/// Each strategy before a gate, at every kind of place it has: only that gate asks for anything.
pub(crate) fn scenes(gate: &GateSpec) -> [Scene; 6] {
    let open = GateSpec::default;
    let sides = |before: GateSpec, steps: Vec<GateSpec>, after: GateSpec| {
        let weight = Weight::percent(30);
        let steps = steps.into_iter().map(|gate| SwitchStepSpec { weight, gate }).collect();
        spec(StrategySpec::BlueGreen(BlueGreenSpec { preview: None, before, steps, after }))
    };
    let batches = || {
        let mut spec = rolling();
        if let StrategySpec::Rolling(rolling) = &mut spec.strategy {
            rolling.gates.each_batch = Some(gate.clone());
        }
        spec
    };
    let scene = |name, spec, stage, percent| Scene {
        name,
        spec,
        world: WorldSpec::good(),
        stage,
        weight: Weight::percent(percent),
    };
    let canary = canary_of(vec![step(30, gate.clone()), step(100, open())]);
    [
        scene("canary", canary, 0, 30),
        scene("blue/green, before the switch", sides(gate.clone(), vec![], open()), 0, 0),
        scene("blue/green, during the switch", sides(open(), vec![gate.clone()], open()), 1, 30),
        scene("blue/green, after the switch", sides(open(), vec![], gate.clone()), 1, 100),
        scene("rolling", batches(), 0, 40),
        Scene {
            world: WorldSpec::without_router(),
            ..scene("rolling, without router", batches(), 0, 40)
        },
    ]
}

/// Each strategy, by name.
pub(crate) fn strategies() -> [(&'static str, PlanSpec); 3] {
    [("canary", canary()), ("blue/green", blue_green()), ("rolling", rolling())]
}

pub(crate) fn superseding(mut spec: PlanSpec, how: Supersede) -> PlanSpec {
    spec.policy.supersede = Some(how);
    spec
}

pub(crate) fn revisions() -> Revisions {
    to("v2")
}

/// From what serves to another candidate.
pub(crate) fn to(candidate: &str) -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: candidate.into() }
}

pub(crate) fn compile(spec: PlanSpec, caps: &Capabilities) -> Plan {
    Plan::compile(spec, caps).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A simulated world, a journal, and engines over them.
#[derive(Clone, Debug)]
pub(crate) struct Rig {
    pub(crate) world: SimWorld,
    pub(crate) journal: MemoryJournal,
}

impl Rig {
    pub(crate) fn new(spec: WorldSpec) -> Self {
        Self { world: SimWorld::new(spec, 7), journal: MemoryJournal::new() }
    }

    pub(crate) fn ports(&self) -> Ports {
        let world = Arc::new(self.world.clone());
        Ports::new(world.clone(), world.clone(), world.clone())
            .with_hook("smoke", world.clone())
            .with_observer(world)
    }

    /// A clock that agrees with the world's.
    pub(crate) fn clock(&self) -> Arc<MonotonicClock> {
        Arc::new(MonotonicClock::starting_at(self.world.clock().now()))
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(self.ports())
    }

    /// An engine called "one": another one is that process started again.
    pub(crate) fn engine_with(&self, ports: Ports) -> Engine {
        self.builder(ports).name("one").build()
    }

    pub(crate) fn engine_named(&self, name: &str) -> Engine {
        self.builder(self.ports()).name(name).build()
    }

    fn builder(&self, ports: Ports) -> EngineBuilder {
        Engine::builder(Arc::new(self.journal.clone()), ports).clock(self.clock())
    }

    pub(crate) fn plan(&self, spec: PlanSpec) -> Plan {
        compile(spec, &self.world.capabilities())
    }

    pub(crate) async fn start(&self, engine: &Engine, spec: PlanSpec) -> Handle {
        let started = engine.start(self.plan(spec), revisions(), "ada").await;
        started.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Whether no rollout was ever opened.
    pub(crate) async fn journal_is_empty(&self) -> bool {
        self.journal.list(&Select::default()).await.unwrap().is_empty()
    }

    /// The candidate's highest share of traffic as the data plane has it.
    pub(crate) fn weight(&self) -> Weight {
        self.world.with_fleet(|fleet| fleet.truth(&revisions()).0.high)
    }
}

/// Waits for the end, and shows the way there if it does not come.
pub(crate) async fn end_of(handle: &Handle) -> End {
    match timeout(LONG, handle.finished()).await {
        Ok(end) => end,
        Err(_) => {
            panic!("no end in sight:\n{}\n{:#?}", story(handle).await, handle.status());
        }
    }
}

/// Waits until a status is as wanted.
pub(crate) async fn until(handle: &Handle, wanted: impl FnMut(&tidegate::Status) -> bool) {
    let mut status = handle.watch();
    let came = timeout(LONG, status.wait_for(wanted)).await;
    if came.is_err() {
        panic!("it never came:\n{}", story(handle).await);
    }
}

/// Waits until the rollout stands before a gate.
pub(crate) async fn at_gate(handle: &Handle) -> tidegate::machine::GateRef {
    until(handle, |status| status.phase.gate().is_some()).await;
    handle.status().phase.gate().unwrap()
}

pub(crate) async fn records(handle: &Handle) -> Vec<Record> {
    handle.records().await.unwrap()
}

pub(crate) async fn rules(handle: &Handle) -> Vec<Rule> {
    records(handle).await.iter().map(|record| record.decision.rule).collect()
}

/// Every decision with its time, for a failing test.
pub(crate) async fn story(handle: &Handle) -> String {
    let plan = &handle.head().plan;
    let line = |record: &Record| {
        format!("{:>4} {} {}\n", record.seq.0, record.at, record.decision.sentence(plan))
    };
    records(handle).await.iter().map(line).collect()
}

pub(crate) fn rolled_back(end: &End) -> bool {
    matches!(end, End::Over(Phase::RolledBack { .. }))
}
