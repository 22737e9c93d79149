//! What a rollout is carried out with: the adapters that a world file names.
//!
//! So far a world file describes a simulated target and nothing else, and this is the only file that
//! knows it. Adapters for real platforms will be named in such a file too; what is asked of one is
//! here.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use tidegate::{Clock, MonotonicClock, Ports};
use tidegate_core::{Plan, Target};
use tidegate_mock::{KeptWorld, WorldSpec};

use super::RunError;
use crate::{args::RunArguments, store::StoreName};

/// Adapters of one target.
#[derive(Debug)]
pub(super) struct Adapters {
    pub(super) ports: Ports,
    /// The clock that their world goes by.
    pub(super) clock: Arc<dyn Clock>,
}

impl Adapters {
    /// Adapters over a simulated world, which is kept in a file because it has to outlive a process that
    /// is killed.
    pub(super) fn simulated(
        asked: &RunArguments,
        plan: &Plan,
        spec: WorldSpec,
    ) -> Result<Self, RunError> {
        let state = match (&asked.world_state, &asked.store.journal) {
            (Some(state), _) => state.clone(),
            (None, StoreName::File(journal)) => beside(journal, plan.target()),
            (None, StoreName::Postgres(_)) => return Err(RunError::NoState),
        };
        let world = KeptWorld::open(&state, plan.target(), spec, asked.seed, asked.speed)?;
        let clock = Arc::new(MonotonicClock::starting_at(world.now()));
        let world = Arc::new(world);
        let mut ports = Ports::new(world.clone(), world.clone(), world.clone());
        for hook in plan.hooks() {
            ports = ports.with_hook(hook.name.clone(), world.clone());
        }
        Ok(Self { ports, clock })
    }
}

/// The journal's name with `-world-` and the target after it.
fn beside(journal: &Path, target: &Target) -> PathBuf {
    let mut name = OsString::from(journal);
    name.push(format!("-world-{target}"));
    PathBuf::from(name)
}
