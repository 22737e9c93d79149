//! What a check may count: each window once, whatever its source returns.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tidegate::{
    Ports, Status,
    machine::{
        CheckIndex, CheckSpec, GateSpec, HealthMetrics, Journal, JudgeSpec, Look, PortError, Query,
        Role, Span, WaitingOn, Weight,
    },
};
use tidegate_mock::{SimWorld, WorldSpec};

use crate::fixtures::{Rig, S, canary_of, step, story, until};

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
