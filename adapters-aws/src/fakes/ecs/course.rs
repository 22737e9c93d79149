//! The lifecycle stages of a deployment, in their order. It must not know time.

use std::time::Duration;

use super::{Pause, Setup};

/// One stage of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// As ECS names it.
    pub stage: &'static str,
    /// The hook that pauses before it ends.
    pub pause: Option<Pause>,
    /// How long it takes, besides.
    pub lasts: Duration,
    /// The percentage of traffic on the new side.
    pub share: u32,
    /// The percentage of new tasks that run.
    pub grown: u32,
}

const SCALES_UP: Duration = Duration::from_secs(30);
const SHIFTS: Duration = Duration::from_secs(5);
const CLEANS_UP: Duration = Duration::from_secs(10);

/// All stages, from the first to the last.
pub(super) fn course(setup: &Setup) -> Vec<Leg> {
    let minutes = |n: u32| Duration::from_secs(60 * u64::from(n));
    let pause = |stage| setup.pauses.iter().find(|pause| pause.stage == stage).copied();
    let leg = |stage, lasts, share, grown| Leg { stage, pause: pause(stage), lasts, share, grown };
    if setup.strategy == "ROLLING" {
        return vec![
            leg("SCALE_UP", SCALES_UP, 25, 25),
            leg("SCALE_UP", SCALES_UP, 75, 75),
            leg("CLEAN_UP", CLEANS_UP, 100, 100),
        ];
    }
    let mut legs = vec![
        leg("PRE_SCALE_UP", Duration::ZERO, 0, 0),
        leg("SCALE_UP", SCALES_UP, 0, 50),
        leg("POST_SCALE_UP", Duration::ZERO, 0, 100),
        leg("TEST_TRAFFIC_SHIFT", SHIFTS, 0, 100),
        leg("POST_TEST_TRAFFIC_SHIFT", Duration::ZERO, 0, 100),
    ];
    let mut before = 0;
    for share in shares(setup) {
        let bakes = if share < 100 { minutes(setup.step_bake) } else { Duration::ZERO };
        legs.push(leg("PRE_PRODUCTION_TRAFFIC_SHIFT", Duration::ZERO, before, 100));
        legs.push(leg("PRODUCTION_TRAFFIC_SHIFT", SHIFTS + bakes, share, 100));
        before = share;
    }
    legs.push(leg("POST_PRODUCTION_TRAFFIC_SHIFT", Duration::ZERO, 100, 100));
    legs.push(leg("BAKE_TIME", minutes(setup.bake), 100, 100));
    legs.push(leg("CLEAN_UP", CLEANS_UP, 100, 100));
    legs
}

/// The shares of the new side after each shift.
fn shares(setup: &Setup) -> Vec<u32> {
    match setup.strategy {
        "LINEAR" => (1..)
            .map(|n| (n * setup.step).min(100))
            .take(100_usize.div_ceil(setup.step as usize))
            .collect(),
        "CANARY" => vec![setup.step, 100],
        _ => vec![100],
    }
}
