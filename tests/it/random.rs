//! Random plans in random worlds, with faults, interference, commands and a crash.
//!
//! Whatever happens, every transition keeps the invariants, and the rollout ends or waits for a
//! named person.

use std::time::Duration;

use proptest::prelude::*;
use tidegate::{
    End, EngineError, Handle,
    machine::{PlanSpec, RolloutId, Span, WaitingOn},
};
use tidegate_mock::{
    CrashPoint, WorldSpec,
    strategies::{self, Ordered},
};
use tokio::time::{sleep, timeout};

use crate::{
    crash::assert_invariants,
    fixtures::{Rig, revisions, story},
};

/// Longer than every wait of these plans together.
const LONG: Duration = Duration::from_secs(8 * 3_600);

async fn give(handle: &Handle, ordered: Ordered) {
    let Some(order) = ordered.order(&handle.status().phase) else { return };
    // Ignored or not: that is part of what is random.
    let _ = handle.command(order, "ada", "at random").await;
}

/// Runs on one engine until it ends, waits for a person, or crashes.
async fn run(rig: &Rig, spec: &PlanSpec, script: &[(Span, Ordered)]) -> Option<Handle> {
    let engine = rig.engine();
    let run = async {
        engine.recover().await.unwrap();
        let handle = match engine.claim(RolloutId(1)).await {
            Ok(handle) => handle,
            Err(_) => match engine.start(rig.plan(spec.clone()), revisions(), "ada").await {
                Ok(handle) => handle,
                // A world that can not be read, or was meddled with before the start.
                Err(EngineError::Unreadable(_) | EngineError::NotAtRest { .. }) => return None,
                Err(error) => panic!("{error:?}"),
            },
        };
        let mut now = Span::ZERO;
        for (at, ordered) in script {
            sleep(Duration::from_millis(at.0.saturating_sub(now.0))).await;
            now = *at;
            give(&handle, *ordered).await;
        }
        let _ = timeout(LONG, handle.finished()).await;
        Some(handle)
    };
    tokio::select! {
        handle = run => handle,
        () = rig.world.crashed() => None,
    }
}

async fn holds(spec: PlanSpec, world: WorldSpec, script: Vec<(Span, Ordered)>, crash: Option<u32>) {
    let crashes = crash.map(|call| CrashPoint { call, after: call % 2 == 0 });
    let rig = Rig::new(WorldSpec { crashes: crashes.into_iter().collect(), ..world });
    let mut ended = run(&rig, &spec, &script).await;
    if ended.is_none() {
        ended = run(&rig, &spec, &script).await;
    }
    let Some(handle) = ended else { return };
    let status = handle.status();
    let waits = matches!(status.waiting_on, WaitingOn::Person(_));
    let over = matches!(status.end, Some(End::Over(_)));
    assert!(waits || over, "{:?}\n{}", status.waiting_on, story(&handle).await);
    assert_invariants(&handle, "at random").await;
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

proptest! {
    // The machine itself is explored elsewhere by the million; this is about the engine around it.
    // `PROPTEST_CASES` asks for more.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn whatever_happens_a_rollout_ends_or_waits_for_a_person(
        spec in strategies::plans(),
        world in strategies::faulty_worlds(),
        script in strategies::command_scripts(),
        crash in proptest::option::of(1_u32..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(holds(spec, world, script, crash));
    }
}
