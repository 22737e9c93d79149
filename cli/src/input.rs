//! The files a command reads, and why a command has no answer. Must not know commands.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use tidegate::file::{self, FileErrors};
use tidegate_core::{Capabilities, Plan, PlanErrors, PlanSpec};
use tidegate_mock::{WorldSpec, sim::SimError};

use crate::{
    adapters::{AdapterError, PlanFile},
    demo::DemoError,
    looks::LooksError,
    run::RunError,
    score::ScoreError,
    store::StoreError,
};

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// A file could not be read, or does not say what it should.
    #[error(transparent)]
    File(#[from] FileErrors),
    /// The plan compiles as written, but not when made small.
    #[error("the plan can not be made small enough to explore: {0}")]
    Small(#[source] PlanErrors),
    /// The world lacks something that the plan asks for.
    #[error("{}: {why}", file.display())]
    NotSimulated {
        /// The plan's file.
        file: PathBuf,
        /// What is lacking.
        why: SimError,
    },
    /// A file of looks does not hold any, or something else.
    #[error(transparent)]
    Looks(#[from] LooksError),
    /// A canary could not be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The demo could not begin.
    #[error("{}", chain(.0))]
    Demo(#[from] DemoError),
    /// Neither a plan nor a journal was given.
    #[error("nothing to verify; expected a plan, or --journal STORE")]
    Nothing,
    /// A store is not what was asked for, or fails.
    #[error("{}", chain(.0))]
    Store(#[from] StoreError),
    /// A rollout could not be carried out.
    #[error("{}", chain(.0))]
    Run(#[from] RunError),
    /// The adapters that a plan file names could not be built.
    #[error(transparent)]
    Adapters(#[from] AdapterError),
}

impl Trouble {
    /// Whether the input is in order and something outside failed.
    pub(crate) fn is_outside(&self) -> bool {
        match self {
            Self::Store(error) => error.is_outside(),
            Self::Run(error) => error.is_outside(),
            Self::Adapters(error) => error.is_outside(),
            _ => false,
        }
    }
}

/// An error and what it comes from, in one line. A source that only says the same again, as those of
/// SQLite do with a number before it, is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |error| (*error).source()) {
        let error = error.to_string();
        if !told.last().is_some_and(|last| error.contains(last.as_str())) {
            told.push(error);
        }
    }
    told.join(": ")
}

/// A plan, and what it was compiled for.
#[derive(Debug)]
pub(crate) struct Input {
    /// As written.
    pub(crate) spec: PlanSpec,
    /// As compiled.
    pub(crate) plan: Plan,
    /// The world file's world, where one was given.
    pub(crate) world: Option<WorldSpec>,
    /// What the capabilities were taken from, in words.
    pub(crate) assumed: String,
}

impl Input {
    /// Reads what a command was given.
    ///
    /// # Errors
    /// Everything that is wrong with the first file that has something wrong with it.
    pub(crate) fn read(file: &Path, world: Option<&Path>) -> Result<Self, Trouble> {
        let assumed = match world {
            Some(path) => format!("what the target of {} can do", path.display()),
            None => "a router in front of counted replicas (no --world was given)".to_owned(),
        };
        let world: Option<WorldSpec> = world.map(file::load_as).transpose()?;
        let caps = world.as_ref().map_or_else(Capabilities::routed, WorldSpec::capabilities);
        let file = PlanFile::load(file)?;
        Ok(Self { plan: file.plan(&caps)?, spec: file.spec()?, world, assumed })
    }
}
