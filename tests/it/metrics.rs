//! What a source of metrics says of itself: the grid that it keeps numbers on, and whether it is fit to
//! judge by.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use tidegate::{
    End, EngineError, Ports,
    machine::{
        FailureKind, HealthMetrics, Look, Phase, PortError, Query, Revisions, Span, Supersede,
        Target, Timestamp, Window,
    },
};
use tidegate_mock::{SimWorld, WorldSpec};

use crate::fixtures::{Rig, S, canary, end_of, revisions, superseding, to, until};

const MINUTE: Span = S(60);

/// The world's metrics, by the minute.
#[derive(Debug)]
struct ByTheMinute(SimWorld, Mutex<Vec<Window>>);

#[async_trait]
impl HealthMetrics for ByTheMinute {
    fn lag(&self) -> Span {
        self.0.lag()
    }

    fn grid(&self, metric: &str) -> Span {
        assert_eq!(metric, "error_rate");
        MINUTE
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.1.lock().unwrap().push(query.window);
        self.0.look(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn windows_begin_on_the_grid_of_their_source_whenever_a_gate_does_and_whoever_goes_on() {
    let rig = Rig::new(WorldSpec::good());
    tokio::time::advance(S(17).duration()).await;
    let health = Arc::new(ByTheMinute(rig.world.clone(), Mutex::default()));
    let ports = || Ports { health: health.clone(), ..rig.ports() };
    let mut spec = canary();
    spec.checks.values_mut().for_each(|check| check.window = MINUTE);
    let engine = rig.engine_with(ports());
    let handle = rig.start(&engine, spec).await;
    until(&handle, |status| status.phase.gate().is_some()).await;
    tokio::time::sleep(S(100).duration()).await;
    drop(engine);
    let next = rig.engine_with(ports());
    let recovered = next.recover().await.unwrap();
    assert_eq!(end_of(&recovered[0]).await, End::Over(Phase::Completed));
    let windows = health.1.lock().unwrap().clone();
    let on_grid = |at: Timestamp| at.0.is_multiple_of(MINUTE.0);
    assert!(windows.len() > 6, "{windows:?}");
    assert!(windows.iter().all(|window| on_grid(window.from) && on_grid(window.to)), "{windows:?}");
}

/// The world's metrics, of which something is wrong.
#[derive(Debug)]
struct Unfit(SimWorld, Option<FailureKind>);

#[async_trait]
impl HealthMetrics for Unfit {
    fn lag(&self) -> Span {
        self.0.lag()
    }

    async fn fit(&self, _: &Target, _: &Revisions, metrics: &[&str]) -> Result<(), PortError> {
        assert_eq!(metrics, ["error_rate"]);
        match self.1 {
            Some(kind) => Err(PortError::new(kind, "trust a broken gauge")),
            None => pending().await,
        }
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.0.look(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn no_rollout_is_opened_with_metrics_that_are_not_fit_or_that_nobody_can_ask() {
    for kind in [Some(FailureKind::Permanent), Some(FailureKind::Retryable), None] {
        let rig = Rig::new(WorldSpec::good());
        let health = Arc::new(Unfit(rig.world.clone(), kind));
        let engine = rig.engine_with(Ports { health, ..rig.ports() });
        let error = engine.start(rig.plan(canary()), revisions(), "ada").await.unwrap_err();
        let EngineError::Unfit { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind, kind.unwrap_or(FailureKind::Retryable));
        assert_eq!(rig.journal.writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn behind_another_rollout_metrics_are_not_asked_because_they_may_tell_of_that_one() {
    let rig = Rig::new(WorldSpec::good());
    let plan = || superseding(canary(), Supersede::Queue);
    let handle = rig.start(&rig.engine(), plan()).await;
    let health = Arc::new(Unfit(rig.world.clone(), Some(FailureKind::Permanent)));
    let engine = rig.engine_with(Ports { health, ..rig.ports() });
    let queued = engine.start(rig.plan(plan()), to("v3"), "ada").await.unwrap();
    assert_ne!(queued.rollout(), handle.rollout());
}
