//! How the tests' rollouts are led through the engine: their plan, their start, and their going on in another
//! process. It must not know what a rollout runs over.

use std::{sync::Arc, time::Duration};

use tidegate::{
    Engine, Handle, MonotonicClock,
    machine::{
        CalendarSpec, CanarySpec, CanaryStepSpec, GateSpec, Plan, PlanSpec, PlatformSpec,
        PolicySpec, Revisions, RolloutId, Span, StrategySpec, Timestamp, Weight,
    },
};
use tidegate_aws::fakes::FIRST_DAY;
use tokio::time::Instant;

/// Longer than any of these rollouts takes by itself.
pub(crate) const LONG: Duration = Duration::from_secs(4 * 3_600);

/// A bake of so long that a reading or two fall into it, and nothing else.
pub(crate) fn bake() -> GateSpec {
    GateSpec { bake: Span::seconds(20), ..GateSpec::default() }
}

pub(crate) fn step(percent: u16, gate: GateSpec) -> CanaryStepSpec {
    CanaryStepSpec { weight: Weight::percent(percent), capacity: None, mirror: None, gate }
}

/// A canary of `checkout`, without checks.
pub(crate) fn canary(
    steps: Vec<CanaryStepSpec>,
    platform: Option<PlatformSpec>,
    policy: PolicySpec,
) -> PlanSpec {
    let canary = CanarySpec { steps, minimum_replicas: 1, shrink_stable: false, platform };
    PlanSpec {
        target: "checkout".into(),
        owner: "payments-oncall".into(),
        strategy: StrategySpec::Canary(canary),
        checks: Default::default(),
        hooks: Default::default(),
        guards: Vec::new(),
        evidence: Default::default(),
        policy,
        calendar: CalendarSpec::default(),
    }
}

/// At 10, 50 and 100 %.
pub(crate) fn in_three_steps() -> PlanSpec {
    let policy = PolicySpec { keep_warm: Some(Span::seconds(30)), ..PolicySpec::default() };
    canary([10, 50, 100].map(|percent| step(percent, bake())).into(), None, policy)
}

/// The time of a fake that began then, for the engine.
pub(crate) fn clock(began: Instant) -> Arc<MonotonicClock> {
    let since = Span(u64::try_from(began.elapsed().as_millis()).unwrap());
    Arc::new(MonotonicClock::starting_at(Timestamp(FIRST_DAY * 1_000).after(since)))
}

/// Goes on with what an earlier process left, else starts the rollout.
pub(crate) async fn led(engine: &Engine, spec: &PlanSpec, revisions: &Revisions) -> Handle {
    engine.recover().await.unwrap();
    match engine.claim(RolloutId(1)).await {
        Ok(handle) => {
            // A process that ended before the order to start leaves it to a person; a second order
            // changes nothing.
            let _ = handle.start("ada").await;
            handle
        }
        Err(_) => started(engine, spec, revisions).await,
    }
}

/// A plan for what the engine's adapters can do.
pub(crate) fn compiled(engine: &Engine, spec: &PlanSpec) -> Plan {
    let capabilities = engine.capabilities(&spec.target.as_str().into()).unwrap();
    Plan::compile(spec.clone(), &capabilities).unwrap()
}

/// A reading may fail before anything has begun; then it is tried again.
async fn started(engine: &Engine, spec: &PlanSpec, revisions: &Revisions) -> Handle {
    let plan = compiled(engine, spec);
    let start = async || engine.start(plan.clone(), revisions.clone(), "ada").await;
    for _ in 0..5 {
        if let Ok(handle) = start().await {
            return handle;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    start().await.unwrap()
}
