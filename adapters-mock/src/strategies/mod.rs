//! Strategies for property tests: worlds, faults, command scripts, plans, evidence.
//!
//! Everything is built from small integers and short lists, so that a failing case shrinks to one
//! that can be read: fewer faults, rounder numbers, the first variant. A plan made here compiles
//! for every routed, counted world ([`plans`]), and rolling ones also without a router.

mod looks;

use proptest::{collection::vec, option, prelude::*};
use tidegate_core::{
    AmountSpec, Arm, BlueGreenSpec, CanarySpec, CanaryStepSpec, CheckSpec, GateSpec, JudgeSpec,
    PlanSpec, PolicySpec, PreviewSpec, RollingGatesSpec, RollingSpec, Span, StrategySpec,
    SwitchStepSpec, ThresholdSpec, Weight,
};

pub use self::looks::*;
pub use crate::sim::Ordered;
use crate::{
    faults::{Fault, Happening, Happens, Op, Wrong},
    spec::{ArmSpec, EffectSpec, RequestSpec, Shape, WorldSpec},
};

/// Worlds without faults: any size, rate, start time and effect.
pub fn worlds() -> impl Strategy<Value = WorldSpec> {
    let arm = |seconds: u64| ArmSpec { starts_in: Span::seconds(seconds), ..ArmSpec::default() };
    let rates = prop_oneof![Just(100_u32), 0_u32..=1_000];
    (1_u32..=12, 0_u64..=60, 0_u64..=15, rates, 0_u32..=5, effects(), 1_u8..=3).prop_map(
        move |(size, starts_in, propagation, rate, errors, effect, routes)| WorldSpec {
            size,
            routes,
            stable: arm(starts_in),
            candidate: arm(starts_in),
            propagation: Span::seconds(propagation),
            requests: RequestSpec { per_second: f64::from(rate), ..RequestSpec::default() },
            error_rate: f64::from(errors) / 1_000.0,
            effect,
            ..WorldSpec::default()
        },
    )
}

/// Worlds in which things go wrong: up to three faults, up to two happenings.
pub fn faulty_worlds() -> impl Strategy<Value = WorldSpec> {
    (worlds(), faults(), vec(happenings(), 0..=2))
        .prop_map(|(world, faults, happenings)| WorldSpec { faults, happenings, ..world })
}

/// Worlds whose release fails from the first request on, at least `at_least` of a hundred
/// requests more than before.
pub fn bad_worlds(at_least: u32) -> impl Strategy<Value = WorldSpec> {
    (worlds(), at_least.min(100)..=100).prop_map(|(world, percent)| {
        let errors = f64::from(percent) / 100.0;
        let requests = RequestSpec::default();
        WorldSpec { requests, effect: EffectSpec { errors, ..EffectSpec::default() }, ..world }
    })
}

/// How a release differs: shrinks to not at all.
pub fn effects() -> impl Strategy<Value = EffectSpec> {
    (prop_oneof![Just(0_u32), 0_u32..=100], 1_u32..=5, shapes()).prop_map(
        |(percent, slower, shape)| EffectSpec {
            errors: f64::from(percent) / 100.0,
            latency_ratio: f64::from(slower),
            shape,
            ..EffectSpec::default()
        },
    )
}

/// When an effect shows: shrinks to always.
pub fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Always),
        (0_u64..=60).prop_map(|minutes| Shape::After(Span::minutes(minutes))),
        (1_u64..=60).prop_map(|minutes| Shape::Leak(Span::minutes(minutes))),
        (1_u16..=99).prop_map(|percent| Shape::AboveWeight(Weight::percent(percent))),
    ]
}

/// Up to three faults of calls and measurements: shrinks to none.
pub fn faults() -> impl Strategy<Value = Vec<Fault>> {
    vec(prop_oneof![call_faults(), look_faults()], 0..=3)
}

/// A fault of one of the first calls that change something.
pub fn call_faults() -> impl Strategy<Value = Fault> {
    let ops =
        prop::sample::select(vec![Op::Shift, Op::Provision, Op::Scale, Op::Retire, Op::Mirror]);
    (ops, 1_u32..=5, wrong_calls()).prop_map(|(op, nth, wrong)| Fault::nth(op, nth, wrong))
}

fn wrong_calls() -> impl Strategy<Value = Wrong> {
    // Up to the late bound of the worlds here, 60 s after a limit of 15 s, and a little beyond.
    let lands = || option::weighted(0.8, (1_u64..=90).prop_map(Span::seconds));
    prop_oneof![
        Just(Wrong::LostAnswer),
        Just(Wrong::Refused { permanent: false }),
        Just(Wrong::Refused { permanent: true }),
        Just(Wrong::Throttled),
        lands().prop_map(|lands| Wrong::Late { lands }),
        lands().prop_map(|lands| Wrong::Slow { lands }),
        Just(Wrong::Lie),
        (0_u16..=99).prop_map(|percent| Wrong::Partial { share: Weight::percent(percent) }),
        (1_u64..=60).prop_map(|seconds| Wrong::Twice { after: Span::seconds(seconds) }),
    ]
}

/// A fault of all measurements in a few minutes.
pub fn look_faults() -> impl Strategy<Value = Fault> {
    let wrong = prop_oneof![
        Just(Wrong::Gap),
        Just(Wrong::Throttled),
        Just(Wrong::NaN),
        Just(Wrong::Zeros),
        Just(Wrong::Duplicates),
        Just(Wrong::Swapped),
        (1_u64..=10).prop_map(|minutes| Wrong::Lag { by: Span::minutes(minutes) }),
    ];
    (wrong, 0_u64..=30, 1_u64..=30).prop_map(|(wrong, from, lasts)| {
        Fault::between(Op::Look, Span::minutes(from), Span::minutes(from + lasts), wrong)
    })
}

/// Something that people or chance do in the first half hour.
pub fn happenings() -> impl Strategy<Value = Happening> {
    let arms = || prop_oneof![Just(Arm::Candidate), Just(Arm::Stable)];
    let what = prop_oneof![
        (0_u16..=100).prop_map(|percent| Happens::PersonShifts { to: Weight::percent(percent) }),
        (arms(), 0_u32..=12).prop_map(|(arm, units)| Happens::PersonScales { arm, units }),
        (1_u32..=12).prop_map(|size| Happens::Resized { size }),
        (arms(), 1_u32..=12).prop_map(|(arm, units)| Happens::ReplicasCrash { arm, units }),
    ];
    (0_u64..=30, what).prop_map(|(minutes, what)| Happening { at: Span::minutes(minutes), what })
}
/// Up to four orders, each at a time since the start, times rising: shrinks to none.
pub fn command_scripts() -> impl Strategy<Value = Vec<(Span, Ordered)>> {
    let orders = prop::sample::select(vec![
        Ordered::Pause,
        Ordered::Resume,
        Ordered::Approve,
        Ordered::Deny,
        Ordered::Promote,
        Ordered::PromoteFull,
        Ordered::Abort,
        Ordered::Retry,
        Ordered::Accept,
        Ordered::GiveUp,
    ]);
    vec((0_u64..=60, orders), 0..=4).prop_map(|mut script| {
        script.sort_by_key(|(minute, _)| *minute);
        script.into_iter().map(|(minute, order)| (Span::minutes(minute), order)).collect()
    })
}

/// Plans of all three strategies for a routed, counted target: they compile.
pub fn plans() -> impl Strategy<Value = PlanSpec> {
    prop_oneof![canaries(), blue_greens(), rollings()]
}

/// Canaries of one to five steps with rising whole percents.
pub fn canaries() -> impl Strategy<Value = PlanSpec> {
    let step = |(weight, gate): (u16, GateSpec)| CanaryStepSpec {
        weight: Weight::percent(weight),
        capacity: None,
        mirror: None,
        gate,
    };
    (rising_weights(), vec(gates(), 5), 1_u32..=3, any::<bool>()).prop_map(
        move |(weights, gates, minimum_replicas, shrink_stable)| {
            let steps = weights.into_iter().zip(gates).map(step).collect();
            let canary = CanarySpec { steps, minimum_replicas, shrink_stable, platform: None };
            plan(StrategySpec::Canary(canary))
        },
    )
}

/// Blue/greens, with or without preview, switched at once or in up to three steps.
pub fn blue_greens() -> impl Strategy<Value = PlanSpec> {
    let previews = (1_u16..=100, gates())
        .prop_map(|(percent, gate)| PreviewSpec { capacity: Weight::percent(percent), gate });
    let steps = (option::of(rising_weights()), vec(gates(), 5)).prop_map(|(weights, gates)| {
        let weights = weights.unwrap_or_default().into_iter().filter(|weight| *weight < 100);
        let step = |(weight, gate)| SwitchStepSpec { weight: Weight::percent(weight), gate };
        weights.zip(gates).map(step).collect()
    });
    (option::of(previews), gates_without_traffic(), steps, gates()).prop_map(
        |(preview, before, steps, after)| {
            let preview = preview.map(|preview| PreviewSpec {
                gate: GateSpec { checks: Vec::new(), ..preview.gate },
                ..preview
            });
            plan(StrategySpec::BlueGreen(BlueGreenSpec { preview, before, steps, after }))
        },
    )
}

/// Rolling replacements by surge and unavailable counts, never both zero, or by minimum healthy.
pub fn rollings() -> impl Strategy<Value = PlanSpec> {
    let counted = (0_u32..=3, 0_u32..=3).prop_map(|(surge, unavailable)| {
        let surge = if unavailable == 0 { surge.max(1) } else { surge };
        (Some(AmountSpec::Count(surge)), Some(AmountSpec::Count(unavailable)), None)
    });
    let healthy = (0_u16..=9)
        .prop_map(|tenths| (None, None, Some(AmountSpec::Share(Weight::percent(tenths * 10)))));
    (prop_oneof![4 => counted, 1 => healthy], option::of(gates())).prop_map(
        |((max_surge, max_unavailable, minimum_healthy), each_batch)| {
            let gates = RollingGatesSpec { each_batch, at: Vec::new() };
            plan(StrategySpec::Rolling(RollingSpec {
                max_surge,
                max_unavailable,
                minimum_healthy,
                zones_one_by_one: false,
                gates,
            }))
        },
    )
}

fn rising_weights() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::btree_set(1_u16..=100, 1..=5).prop_map(|set| set.into_iter().collect())
}

fn gates() -> impl Strategy<Value = GateSpec> {
    (0_u64..=10, any::<bool>()).prop_map(|(minutes, checked)| GateSpec {
        bake: Span::minutes(minutes),
        checks: checked.then(|| ERRORS.into()).into_iter().collect(),
        ..GateSpec::default()
    })
}

/// Gates where the candidate has no traffic to be checked on.
fn gates_without_traffic() -> impl Strategy<Value = GateSpec> {
    gates().prop_map(|gate| GateSpec { checks: Vec::new(), ..gate })
}

/// The only check of a generated plan.
const ERRORS: &str = "errors";

fn plan(strategy: StrategySpec) -> PlanSpec {
    let line = ThresholdSpec { max: Some(0.05), failure_limit: Some(1), ..Default::default() };
    let check = CheckSpec::new("error_rate", JudgeSpec::Threshold(line));
    PlanSpec {
        target: "checkout".to_owned(),
        owner: "team-checkout".to_owned(),
        strategy,
        checks: [(ERRORS.to_owned(), check)].into(),
        hooks: Default::default(),
        guards: vec![ERRORS.into()],
        evidence: Default::default(),
        policy: PolicySpec::default(),
        calendar: Default::default(),
    }
}
