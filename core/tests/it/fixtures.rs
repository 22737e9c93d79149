//! Small plans whose timers are small multiples of a second, so that exploring them stays finite.

use tidegate_core::{
    AmountSpec, BlueGreenSpec, CalendarSpec, CanarySpec, CanaryStepSpec, Capabilities,
    CapacityKind, CheckSpec, DeadlineSpec, FreezeSpec, GateSpec, HookSpec, JudgeSpec, OnDeadline,
    OnFail, Operation, Plan, PlanSpec, PlatformAbility, PlatformSpec, PolicySpec, PreviewSpec,
    RollingGatesSpec, RollingSpec, RoutingKind, SafetyClass, Span, StrategySpec, Supersede,
    ThresholdSpec, Timestamp, Weight, World, rollout::CANONICAL_CLOCK,
};

pub(crate) const S: fn(u64) -> Span = Span::seconds;

/// Capabilities with every bound a second or two.
pub(crate) fn routed(class: SafetyClass) -> Capabilities {
    let operation = Operation { class, late_bound: S(2), time_limit: S(1) };
    Capabilities {
        shift: operation,
        scale: operation,
        propagation: Span::ZERO,
        metric_lag: Span::ZERO,
        drain: S(1),
        routing: RoutingKind::Split { grid: Weight::percent(1) },
        ..Capabilities::routed()
    }
}

pub(crate) fn routerless() -> Capabilities {
    Capabilities {
        routing: RoutingKind::FollowsCapacity,
        mirror: false,
        test_traffic: false,
        ..routed(SafetyClass::BareSet)
    }
}

pub(crate) fn platform() -> Capabilities {
    let start = Operation { class: SafetyClass::BareCreate, late_bound: S(2), time_limit: S(1) };
    let control = Operation { class: SafetyClass::BareSet, ..start };
    Capabilities {
        platform: Some(PlatformAbility {
            start,
            control,
            can_hold: true,
            continues_on_expiry: false,
            terminates_after: None,
        }),
        ..routed(SafetyClass::BareSet)
    }
}

pub(crate) fn policy() -> PolicySpec {
    PolicySpec {
        keep_warm: Some(S(1)),
        drain: Some(S(1)),
        start: Some(DeadlineSpec { within: S(4), then: OnDeadline::Ask }),
        progress: Some(DeadlineSpec { within: S(4), then: OnDeadline::RollBack }),
        confirm: Some(S(1)),
        rollback: Some(S(8)),
        attempts: Some(2),
        back_off: Some(S(1)),
        drift_corrections: Some(1),
        observe_every: Some(S(1)),
        ..PolicySpec::default()
    }
}

pub(crate) fn deadline(then: OnDeadline) -> Option<DeadlineSpec> {
    Some(DeadlineSpec { within: S(4), then })
}

/// A gate with a short deadline and nothing else.
pub(crate) fn gate() -> GateSpec {
    GateSpec { deadline: deadline(OnDeadline::Ask), ..GateSpec::default() }
}

fn check(on_fail: OnFail, then: OnDeadline) -> CheckSpec {
    let line = ThresholdSpec { max: Some(0.01), ..ThresholdSpec::default() };
    CheckSpec {
        window: S(1),
        on_fail,
        lack: Some(DeadlineSpec { within: S(2), then }),
        ..CheckSpec::new("errors", JudgeSpec::Threshold(line))
    }
}

pub(crate) fn spec(strategy: StrategySpec) -> PlanSpec {
    let checks = [
        ("errors".to_owned(), check(OnFail::RollBack, OnDeadline::Ask)),
        ("ratio".to_owned(), check(OnFail::Hold, OnDeadline::Hold)),
        ("strict".to_owned(), check(OnFail::RollBack, OnDeadline::RollBack)),
    ];
    let hook = HookSpec { time_limit: Some(S(1)), every: Some(S(1)) };
    PlanSpec {
        target: "checkout".into(),
        owner: "payments-oncall".into(),
        strategy,
        checks: checks.into(),
        hooks: [("smoke".to_owned(), hook)].into(),
        guards: vec!["errors".into()],
        evidence: Default::default(),
        policy: policy(),
        calendar: CalendarSpec::default(),
    }
}

pub(crate) fn step(percent: u16, gate: GateSpec) -> CanaryStepSpec {
    CanaryStepSpec { weight: Weight::percent(percent), capacity: None, mirror: None, gate }
}

pub(crate) fn canary_spec(steps: Vec<CanaryStepSpec>) -> PlanSpec {
    spec(StrategySpec::Canary(CanarySpec {
        steps,
        minimum_replicas: 1,
        shrink_stable: false,
        platform: None,
    }))
}

/// Ten stages, one of each kind of gate among them.
pub(crate) fn ten_stages() -> PlanSpec {
    let baked = GateSpec { bake: S(1), checks: vec!["errors".into()], ..gate() };
    let mut steps: Vec<_> = (1..10).map(|n| step(n * 10, gate())).collect();
    steps[0].gate = baked;
    steps[4].gate = GateSpec { approval: true, ..gate() };
    steps[6].gate = GateSpec { hooks: vec!["smoke".into()], ..gate() };
    steps.push(step(100, gate()));
    canary_spec(steps)
}

pub(crate) fn blue_green_spec() -> PlanSpec {
    let baked = GateSpec { bake: S(1), checks: vec!["errors".into()], ..gate() };
    spec(StrategySpec::BlueGreen(BlueGreenSpec {
        preview: Some(PreviewSpec { capacity: Weight::percent(50), gate: gate() }),
        before: GateSpec { approval: true, ..gate() },
        steps: vec![tidegate_core::SwitchStepSpec { weight: Weight::percent(50), gate: gate() }],
        after: baked,
    }))
}

pub(crate) fn rolling_spec(surge: AmountSpec, unavailable: AmountSpec) -> PlanSpec {
    spec(StrategySpec::Rolling(RollingSpec {
        max_surge: Some(surge),
        max_unavailable: Some(unavailable),
        minimum_healthy: None,
        zones_one_by_one: false,
        gates: RollingGatesSpec {
            each_batch: Some(GateSpec { checks: vec!["errors".into()], ..gate() }),
            at: Vec::new(),
        },
    }))
}

pub(crate) fn platform_spec() -> PlanSpec {
    let mut spec = canary_spec(vec![step(50, GateSpec::default()), step(100, GateSpec::default())]);
    if let StrategySpec::Canary(canary) = &mut spec.strategy {
        canary.platform = Some(PlatformSpec {
            ready: gate(),
            step: GateSpec { checks: vec!["errors".into()], ..gate() },
            termination: gate(),
        });
    }
    spec
}

pub(crate) fn compile(spec: PlanSpec, caps: &Capabilities) -> Plan {
    Plan::compile(spec, caps).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(crate) fn at_rest(caps: &Capabilities, full: u32) -> World {
    World::at_rest(caps, full, CANONICAL_CLOCK)
}

pub(crate) fn with_freeze(mut spec: PlanSpec) -> PlanSpec {
    spec.calendar.freezes = vec![FreezeSpec { from: "2026-12-20".into(), to: "2026-12-27".into() }];
    spec
}

pub(crate) fn superseding(mut spec: PlanSpec, how: Supersede) -> PlanSpec {
    spec.policy.supersede = Some(how);
    spec
}

pub(crate) const NOW: Timestamp = CANONICAL_CLOCK;

pub(crate) fn shrinking(mut spec: PlanSpec) -> PlanSpec {
    if let StrategySpec::Canary(canary) = &mut spec.strategy {
        canary.shrink_stable = true;
    }
    spec
}

pub(crate) fn elastic() -> Capabilities {
    Capabilities { capacity: CapacityKind::Elastic, ..routed(SafetyClass::CompareAndSet) }
}

pub(crate) fn minimum_healthy_spec(healthy: AmountSpec) -> PlanSpec {
    spec(StrategySpec::Rolling(RollingSpec {
        max_surge: None,
        max_unavailable: None,
        minimum_healthy: Some(healthy),
        zones_one_by_one: false,
        gates: RollingGatesSpec::default(),
    }))
}

pub(crate) fn redeploying(mut spec: PlanSpec) -> PlanSpec {
    spec.policy.redeploy = true;
    spec
}

/// A blue/green of revisions that must not serve side by side: it switches at once.
pub(crate) fn at_once(mut spec: PlanSpec) -> PlanSpec {
    spec.policy.incompatible = true;
    if let StrategySpec::BlueGreen(blue_green) = &mut spec.strategy {
        blue_green.before.approval = false;
        blue_green.steps.clear();
    }
    spec
}

pub(crate) fn zoned() -> Capabilities {
    Capabilities { zones: vec!["a".into(), "b".into()], ..routerless() }
}

pub(crate) fn zone_by_zone() -> PlanSpec {
    let mut spec = rolling_spec(AmountSpec::Count(0), AmountSpec::Count(1));
    if let StrategySpec::Rolling(rolling) = &mut spec.strategy {
        rolling.zones_one_by_one = true;
        rolling.gates = RollingGatesSpec::default();
    }
    spec
}
