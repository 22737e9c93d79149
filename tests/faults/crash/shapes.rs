//! Plan shapes: every strategy, every class of target, each forward and going back.
//!
//! Times are short, so that a rollout has few calls: what matters here is their order.

use tidegate::machine::{
    AmountSpec, BlueGreenSpec, CalendarSpec, CanarySpec, CanaryStepSpec, CapacityKind, CheckSpec,
    DeadlineSpec, GateSpec, HookAnswer, HookSpec, JudgeSpec, OnDeadline, PlanSpec, PlatformSpec,
    PolicySpec, PreviewSpec, Revisions, RollingGateSpec, RollingGatesSpec, RollingSpec,
    SafetyClass, Span, StrategySpec, SwitchStepSpec, ThresholdSpec, Weight,
};
use tidegate_mock::{ArmSpec, MetricSpec, OperationSpec, PlatformWorldSpec, WorldSpec};

const S: fn(u64) -> Span = Span::seconds;

/// What the tests' one target is called.
pub(crate) const TARGET: &str = "checkout";

/// A plan, and the world that it is carried out in.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) spec: PlanSpec,
    pub(crate) world: WorldSpec,
    pub(crate) revisions: Revisions,
    /// Whether it completes; it goes back otherwise.
    pub(crate) forward: bool,
    /// Whether it is opened first, and started a while later.
    pub(crate) opened: bool,
}

/// A target that answers, starts and settles quickly.
pub(crate) fn quick_world() -> WorldSpec {
    WorldSpec {
        size: 4,
        propagation: S(2),
        drain: S(5),
        candidate: ArmSpec { starts_in: S(3), ..ArmSpec::default() },
        metrics: MetricSpec { lag: S(5), period: S(5), ..MetricSpec::default() },
        shift: of(SafetyClass::BareSet),
        scale: of(SafetyClass::BareSet),
        ..WorldSpec::good()
    }
}

pub(crate) fn of(class: SafetyClass) -> OperationSpec {
    OperationSpec { class, late_bound: S(10), time_limit: S(5) }
}

pub(crate) fn plan(strategy: StrategySpec) -> PlanSpec {
    let line = ThresholdSpec { max: Some(0.05), ..ThresholdSpec::default() };
    let check = CheckSpec::new("error_rate", JudgeSpec::Threshold(line));
    let check = CheckSpec { window: S(10), ..check };
    let hook = HookSpec { time_limit: Some(S(5)), every: Some(S(10)) };
    PlanSpec {
        target: TARGET.into(),
        owner: "payments-oncall".into(),
        strategy,
        checks: [("errors".to_owned(), check)].into(),
        hooks: [("smoke".to_owned(), hook)].into(),
        guards: Vec::new(),
        evidence: Default::default(),
        policy: PolicySpec {
            keep_warm: Some(S(10)),
            drain: Some(S(5)),
            observe_every: Some(S(10)),
            confirm: Some(S(20)),
            ..PolicySpec::default()
        },
        calendar: CalendarSpec::default(),
    }
}

pub(crate) fn baked() -> GateSpec {
    GateSpec { bake: S(5), ..GateSpec::default() }
}

fn asked() -> GateSpec {
    GateSpec { hooks: vec!["smoke".into()], ..baked() }
}

fn approved() -> GateSpec {
    GateSpec { approval: true, ..baked() }
}

fn checked() -> GateSpec {
    GateSpec { checks: vec!["errors".into()], ..baked() }
}

pub(crate) fn step(percent: u16, gate: GateSpec) -> CanaryStepSpec {
    CanaryStepSpec { weight: Weight::percent(percent), capacity: None, mirror: None, gate }
}

pub(crate) fn canary(steps: Vec<CanaryStepSpec>) -> StrategySpec {
    let platform = None;
    StrategySpec::Canary(CanarySpec { steps, minimum_replicas: 1, shrink_stable: false, platform })
}

pub(crate) fn blue_green(gate: GateSpec) -> StrategySpec {
    let (preview, before, steps) = (None, GateSpec::default(), Vec::new());
    StrategySpec::BlueGreen(BlueGreenSpec { preview, before, steps, after: gate })
}

pub(crate) fn rolling(gates: RollingGatesSpec) -> RollingSpec {
    RollingSpec {
        max_surge: Some(AmountSpec::Count(2)),
        max_unavailable: Some(AmountSpec::Count(0)),
        minimum_healthy: None,
        zones_one_by_one: false,
        gates,
    }
}

fn each_batch(gate: GateSpec) -> RollingGatesSpec {
    RollingGatesSpec { each_batch: Some(gate), at: Vec::new() }
}

/// A shape forward: its name, its strategy, its world.
type Written = (&'static str, StrategySpec, WorldSpec);

const STARTED_LATER: &str = "canary, started later";

fn canaries() -> Vec<Written> {
    let two = || canary(vec![step(25, asked()), step(100, GateSpec::default())]);
    let edit = |edit: fn(&mut CanarySpec)| {
        let mut strategy = two();
        if let StrategySpec::Canary(canary) = &mut strategy {
            edit(canary);
        }
        strategy
    };
    let class = |class| WorldSpec { shift: of(class), scale: of(class), ..quick_world() };
    let zones = [("a".to_owned(), 2), ("b".to_owned(), 2)].into();
    vec![
        ("canary", two(), quick_world()),
        (STARTED_LATER, two(), quick_world()),
        ("canary, checked", canary(vec![step(50, checked())]), quick_world()),
        (
            "canary, three steps",
            canary(vec![step(10, baked()), step(50, asked()), step(100, baked())]),
            quick_world(),
        ),
        ("canary, at once", canary(vec![step(100, asked())]), quick_world()),
        ("canary, shrinking stable", edit(|canary| canary.shrink_stable = true), quick_world()),
        (
            "canary, three replicas at least",
            edit(|canary| canary.minimum_replicas = 3),
            quick_world(),
        ),
        (
            "canary, copied requests",
            edit(|canary| canary.steps[0].mirror = Some(Weight::percent(10))),
            quick_world(),
        ),
        (
            "canary, capacity apart",
            edit(|canary| canary.steps[0].capacity = Some(Weight::FULL)),
            quick_world(),
        ),
        ("canary, approved", canary(vec![step(50, approved())]), quick_world()),
        ("canary, class 1", two(), class(SafetyClass::CompareAndSet)),
        ("canary, class 2", two(), class(SafetyClass::Token)),
        ("canary, three routes", two(), WorldSpec { routes: 3, ..quick_world() }),
        (
            "canary, three routes of class 1",
            two(),
            WorldSpec { routes: 3, ..class(SafetyClass::CompareAndSet) },
        ),
        ("canary, zones", two(), WorldSpec { zones, ..quick_world() }),
        ("canary, percent", two(), WorldSpec { capacity: CapacityKind::Percent, ..quick_world() }),
        ("canary, elastic", two(), WorldSpec { capacity: CapacityKind::Elastic, ..quick_world() }),
        (
            "canary, some traffic elsewhere",
            two(),
            WorldSpec { other: Weight::percent(20), ..quick_world() },
        ),
    ]
}

fn blue_greens() -> Vec<Written> {
    let edit = |edit: fn(&mut BlueGreenSpec)| {
        let mut strategy = blue_green(asked());
        if let StrategySpec::BlueGreen(blue_green) = &mut strategy {
            edit(blue_green);
        }
        strategy
    };
    let class = |class| WorldSpec { shift: of(class), scale: of(class), ..quick_world() };
    let preview = edit(|blue_green| {
        blue_green.preview = Some(PreviewSpec { capacity: Weight::percent(50), gate: baked() });
    });
    vec![
        ("blue/green", blue_green(asked()), quick_world()),
        ("blue/green, checked", blue_green(checked()), quick_world()),
        ("blue/green, preview", preview, quick_world()),
        (
            "blue/green, asked before",
            edit(|blue_green| {
                (blue_green.before, blue_green.after) = (asked(), baked());
            }),
            quick_world(),
        ),
        (
            "blue/green, in steps",
            edit(|blue_green| {
                blue_green.steps =
                    vec![SwitchStepSpec { weight: Weight::percent(30), gate: baked() }];
            }),
            quick_world(),
        ),
        ("blue/green, approved", blue_green(approved()), quick_world()),
        ("blue/green, class 1", blue_green(asked()), class(SafetyClass::CompareAndSet)),
        ("blue/green, class 2", blue_green(asked()), class(SafetyClass::Token)),
        ("blue/green, three routes", blue_green(asked()), WorldSpec { routes: 3, ..quick_world() }),
        (
            "blue/green, percent",
            blue_green(asked()),
            WorldSpec { capacity: CapacityKind::Percent, ..quick_world() },
        ),
        (
            "blue/green, elastic",
            blue_green(asked()),
            WorldSpec { capacity: CapacityKind::Elastic, ..quick_world() },
        ),
    ]
}

fn batches() -> Vec<Written> {
    let of_rolling = StrategySpec::Rolling;
    let asked_each = || rolling(each_batch(asked()));
    let half = RollingGateSpec { share: Weight::percent(50), gate: asked() };
    let at_half = RollingGatesSpec { each_batch: None, at: vec![half] };
    let without_router =
        || WorldSpec { routerless: true, mirror: false, test_traffic: false, ..quick_world() };
    let down = RollingSpec {
        max_surge: Some(AmountSpec::Count(0)),
        max_unavailable: Some(AmountSpec::Count(2)),
        ..asked_each()
    };
    let hosts = RollingSpec {
        max_surge: None,
        max_unavailable: None,
        minimum_healthy: Some(AmountSpec::Count(2)),
        ..asked_each()
    };
    let zones = || [("a".to_owned(), 2), ("b".to_owned(), 2)].into();
    let by_zone = RollingSpec { zones_one_by_one: true, ..asked_each() };
    let class = |class| WorldSpec { shift: of(class), scale: of(class), ..quick_world() };
    vec![
        ("rolling", of_rolling(asked_each()), quick_world()),
        ("rolling, checked", of_rolling(rolling(each_batch(checked()))), quick_world()),
        ("rolling, approved", of_rolling(rolling(each_batch(approved()))), quick_world()),
        ("rolling, a gate at half", of_rolling(rolling(at_half.clone())), quick_world()),
        ("rolling, down first", of_rolling(down.clone()), quick_world()),
        ("rolling, hosts", of_rolling(hosts), quick_world()),
        ("rolling, class 1", of_rolling(asked_each()), class(SafetyClass::CompareAndSet)),
        ("rolling, class 2", of_rolling(asked_each()), class(SafetyClass::Token)),
        (
            "rolling, zone by zone",
            of_rolling(by_zone),
            WorldSpec { zones: zones(), ..quick_world() },
        ),
        ("no router, rolling", of_rolling(asked_each()), without_router()),
        ("no router, a gate at half", of_rolling(rolling(at_half)), without_router()),
        ("no router, down first", of_rolling(down), without_router()),
        (
            "no router, canary",
            canary(vec![step(50, asked()), step(100, GateSpec::default())]),
            without_router(),
        ),
        (
            "no router, class 2",
            of_rolling(asked_each()),
            WorldSpec { scale: of(SafetyClass::Token), ..without_router() },
        ),
    ]
}

fn platforms() -> Vec<Written> {
    let plan = |ready, step_gate, termination| {
        let mut strategy =
            canary(vec![step(20, GateSpec::default()), step(100, GateSpec::default())]);
        if let StrategySpec::Canary(canary) = &mut strategy {
            canary.platform = Some(PlatformSpec { ready, step: step_gate, termination });
        }
        strategy
    };
    let open = GateSpec::default;
    let platform = || PlatformWorldSpec {
        steps: vec![Weight::percent(20)],
        step_every: S(10),
        waits_ready: true,
        waits_step: true,
        waits_termination: true,
        rolls_back_in: S(5),
        start: of(SafetyClass::BareCreate),
        control: of(SafetyClass::BareSet),
        ..PlatformWorldSpec::default()
    };
    let world = |platform| WorldSpec { platform: Some(platform), ..quick_world() };
    let token = PlatformWorldSpec { start: of(SafetyClass::Token), ..platform() };
    let few = PlatformWorldSpec { waits_ready: false, waits_termination: false, ..platform() };
    let steps = vec![Weight::percent(20), Weight::percent(60)];
    let twice = PlatformWorldSpec { steps, ..few.clone() };
    vec![
        ("platform", plan(open(), asked(), open()), world(platform())),
        ("platform, asked when ready", plan(asked(), open(), open()), world(platform())),
        ("platform, checked", plan(open(), checked(), open()), world(platform())),
        ("platform, class 2", plan(open(), asked(), open()), world(token)),
        ("platform, one wait", plan(open(), asked(), open()), world(few)),
        ("platform, two waits of a kind", plan(open(), asked(), open()), world(twice)),
    ]
}

fn firsts() -> Vec<Written> {
    let first = |world| WorldSpec { first: true, ..world };
    let class_1 = WorldSpec {
        shift: of(SafetyClass::CompareAndSet),
        scale: of(SafetyClass::Token),
        ..quick_world()
    };
    let before = |gate| {
        let (preview, steps, after) = (None, Vec::new(), GateSpec::default());
        StrategySpec::BlueGreen(BlueGreenSpec { preview, before: gate, steps, after })
    };
    vec![
        ("first, blue/green", before(asked()), first(quick_world())),
        ("first, class 1", before(asked()), first(class_1)),
        ("first, canary", canary(vec![step(100, baked())]), first(quick_world())),
    ]
}

/// Every shape, forward and going back: because its hook says no, or its requests fail.
pub(crate) fn all() -> Vec<Shape> {
    let written = [canaries(), blue_greens(), batches(), platforms(), firsts()].concat();
    written.into_iter().flat_map(|written| [true, false].map(|way| shape(&written, way))).collect()
}

fn shape((name, strategy, world): &Written, forward: bool) -> Shape {
    let way = if forward { "forward" } else { "going back" };
    let mut world = world.clone();
    if !forward {
        world.effect.errors = 0.2;
        world.hooks = [("smoke".to_owned(), vec![HookAnswer::Denied])].into();
    }
    if !forward && world.first {
        // Past its first traffic there is nothing to go back to: it fails before.
        world.candidate.crash_on_start = 1.0;
    }
    let stable = (!world.first).then(|| "v1".into());
    let mut spec = plan(strategy.clone());
    if !forward && world.first {
        // Longer than two outages: what was to be done before it is done.
        let soon = DeadlineSpec { within: S(150), then: OnDeadline::RollBack };
        spec.policy.progress = Some(soon);
    }
    Shape {
        name: format!("{name}, {way}"),
        spec,
        revisions: Revisions { stable, candidate: "v2".into() },
        world,
        forward,
        opened: *name == STARTED_LATER,
    }
}
