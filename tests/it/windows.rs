//! What a check looks at: each window once, whatever its source returns and the clock does.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use tidegate::{
    Clock, Engine, Ports, Status,
    machine::{
        CheckIndex, CheckSpec, GateSpec, HealthMetrics, Journal, JudgeSpec, Look, PortError, Query,
        Role, Span, Timestamp, WaitingOn, Weight,
    },
};
use tidegate_mock::{SimWorld, WorldSpec};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::fixtures::{Rig, S, at_gate, canary_of, step, story, until};

/// Returns the first window that it measured of a rollout for each one after it.
#[derive(Debug)]
struct Stuck(SimWorld, OnceLock<Look>);

#[async_trait]
impl HealthMetrics for Stuck {
    fn lag(&self) -> Span {
        self.0.lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let measured = self.0.look(query).await?;
        let before = query.window.from < query.opened;
        Ok(if before { measured } else { self.1.get_or_init(|| measured).clone() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_returned_again_and_again_takes_no_rollout_through_a_gate() {
    let rig = Rig::new(WorldSpec::good());
    let health = Arc::new(Stuck(rig.world.clone(), OnceLock::new()));
    let engine = rig.engine_with(Ports { health, ..rig.ports() });
    let gate = GateSpec { bake: S(60), checks: vec!["errors".into()], ..GateSpec::default() };
    let mut spec = canary_of(vec![step(20, gate), step(100, GateSpec::default())]);
    let check = CheckSpec::new("error_rate", JudgeSpec::default());
    spec.checks = [("errors".to_owned(), check)].into();
    let handle = rig.start(&engine, spec).await;
    let asks = |status: &Status| matches!(status.waiting_on, WaitingOn::Person(_));
    until(&handle, |status| asks(status) && status.phase.gate().is_some()).await;
    assert_eq!(rig.weight(), Weight::percent(20), "{}", story(&handle).await);
    let journal: &dyn Journal = &rig.journal;
    let looks = journal.looks(handle.rollout(), CheckIndex(0), Role::Guard).await.unwrap();
    let counted = looks.iter().filter(|kept| !kept.look.failed).count();
    assert!(looks.len() > 4 && counted == 1, "{looks:#?}");
}

/// Takes its time, and counts how often it is asked.
#[derive(Debug)]
struct Slow(SimWorld, watch::Sender<u32>);

#[async_trait]
impl HealthMetrics for Slow {
    fn lag(&self) -> Span {
        self.0.lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.1.send_modify(|asked| *asked += 1);
        sleep(Duration::from_secs(5)).await;
        self.0.look(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_clock_during_a_look_leaves_no_guard_blind() {
    for by_ms in [7_000, -7_000] {
        let rig = Rig::new(WorldSpec::good());
        let (looks, mut asked) = watch::channel(0);
        let health = Arc::new(Slow(rig.world.clone(), looks));
        let (clock, journal) = (rig.clock(), Arc::new(rig.journal.clone()));
        let ports = Ports { health, ..rig.ports() };
        let engine = Engine::builder(journal, ports).clock(clock.clone()).build();
        let gate = GateSpec { bake: Span::hours(1), ..GateSpec::default() };
        let handle = rig.start(&engine, canary_of(vec![step(20, gate)])).await;
        at_gate(&handle).await;
        asked.mark_unchanged();
        asked.changed().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(clock.resync(Timestamp(clock.now().0.saturating_add_signed(by_ms))), by_ms);
        let before = *asked.borrow();
        let more = timeout(Duration::from_secs(600), asked.wait_for(|asked| *asked > before + 3));
        assert!(more.await.is_ok(), "{by_ms}: {}", story(&handle).await);
    }
}
