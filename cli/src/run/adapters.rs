//! What a rollout is carried out with: the adapters that the plan file names, or a simulated world.
//!
//! This is the only file of the command that knows which it is.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use tidegate::{Clock, MonotonicClock, Ports, file};
use tidegate_core::{Plan, Target};
use tidegate_mock::{KeptWorld, WorldSpec};

use super::RunError;
use crate::{
    adapters::{Opened, Outlets, PlanFile},
    args::RunArguments,
    input::Trouble,
    store::StoreName,
};

/// What a rollout is carried out with, before its journal was looked at.
#[derive(Debug)]
pub(super) enum Means {
    /// A simulated target.
    Simulated(Box<WorldSpec>),
    /// What the plan file names.
    Named(Opened),
}

impl Means {
    /// Finds them, and compiles the plan for what they can do. A world that is given wins, so that a plan
    /// can be rehearsed as it is.
    pub(super) async fn find(asked: &RunArguments) -> Result<(Plan, Self), Trouble> {
        let file = PlanFile::load(&asked.file)?;
        match (&asked.world, &file.adapters) {
            (Some(world), _) => {
                let spec: WorldSpec = file::load_as(world)?;
                Ok((file.plan(&spec.capabilities())?, Self::Simulated(Box::new(spec))))
            }
            (None, Some(_)) if asked.speed != 1 => Err(RunError::RealTime.into()),
            (None, Some(named)) => {
                let opened = file.open(named).await?;
                let plan = file.carried(file.plan(&opened.ports.capabilities())?)?;
                Ok((plan, Self::Named(opened)))
            }
            (None, None) => Err(RunError::NoAdapters(asked.file.clone()).into()),
        }
    }

    /// Opens what is to be opened.
    pub(super) fn adapters(self, asked: &RunArguments, plan: &Plan) -> Result<Adapters, RunError> {
        match self {
            Self::Simulated(spec) => Adapters::simulated(asked, plan, *spec),
            Self::Named(Opened { ports, outlets }) => {
                Ok(Adapters { ports, clock: Arc::new(MonotonicClock::system()), outlets })
            }
        }
    }
}

/// Adapters of one target.
#[derive(Debug)]
pub(super) struct Adapters {
    pub(super) ports: Ports,
    /// The clock that their world goes by.
    pub(super) clock: Arc<dyn Clock>,
    /// Who is still told when the engine is done.
    pub(super) outlets: Outlets,
}

impl Adapters {
    /// Adapters over a simulated world, which is kept in a file because it has to outlive a process that
    /// is killed.
    fn simulated(asked: &RunArguments, plan: &Plan, spec: WorldSpec) -> Result<Self, RunError> {
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
        Ok(Self { ports, clock, outlets: Outlets::default() })
    }
}

/// The journal's name with `-world-` and the target after it.
fn beside(journal: &Path, target: &Target) -> PathBuf {
    let mut name = OsString::from(journal);
    name.push(format!("-world-{target}"));
    PathBuf::from(name)
}
