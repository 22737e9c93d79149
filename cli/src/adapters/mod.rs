//! The adapters that a plan file names in its section `adapters`, beside the plan.
//!
//! `spec` is what can be written, and `aws` what is built of it, in a program that has them. This file
//! must not know what the adapters are used for.

#[cfg(not(feature = "aws"))]
mod absent;
#[cfg(feature = "aws")]
mod artifacts;
#[cfg(feature = "aws")]
mod aws;
mod check;
#[cfg(feature = "aws")]
mod cloudwatch;
mod health;
#[cfg(feature = "aws")]
mod none;
#[cfg(feature = "aws")]
mod open;
mod outlets;
#[cfg(test)]
mod schema;
mod spec;
#[cfg(feature = "aws")]
mod task_sets;

use std::path::Path;

use tidegate::{
    Ports,
    file::{Document, FileErrors},
};
use tidegate_core::{Capabilities, FailureKind, KeyPath, Obstacle, Plan, PlanSpec, PortError};

use crate::input::{Trouble, chain};
pub(crate) use outlets::Outlets;
pub(crate) use spec::AdaptersSpec;

#[cfg(not(feature = "aws"))]
use absent::{open, survey};
#[cfg(feature = "aws")]
use open::{open, survey};

/// The key of the section.
const SECTION: &str = "adapters";

/// A plan file: a plan, and the adapters to carry it out with, where it names them.
#[derive(Debug)]
pub(crate) struct PlanFile {
    document: Document,
    /// What it names.
    pub(crate) adapters: Option<AdaptersSpec>,
}

impl PlanFile {
    /// Reads a file, as strictly as a plan alone.
    ///
    /// # Errors
    /// When it can not be read, or its section of adapters does not say what it should.
    pub(crate) fn load(path: &Path) -> Result<Self, FileErrors> {
        let mut document = Document::load(path)?;
        let adapters: Option<AdaptersSpec> = document.take(SECTION)?;
        let problems = adapters.as_ref().map(check::problems).unwrap_or_default();
        if problems.is_empty() {
            Ok(Self { document, adapters })
        } else {
            Err(document.errors(problems))
        }
    }

    /// The plan as written.
    pub(crate) fn spec(&self) -> Result<PlanSpec, FileErrors> {
        self.document.to()
    }

    /// The plan, compiled for what a target can do.
    pub(crate) fn plan(&self, caps: &Capabilities) -> Result<Plan, FileErrors> {
        self.document.compile(|spec| Plan::compile(spec, caps))
    }

    /// Builds the adapters. They may have to ask what they are for.
    ///
    /// # Errors
    /// When this program does not have them, or they can not be built.
    pub(crate) async fn open(&self, spec: &AdaptersSpec) -> Result<Opened, Trouble> {
        open(&self.document, spec).await
    }

    /// Builds what can be built, and says what of the rest is in the way.
    ///
    /// # Errors
    /// When this program does not have the adapters.
    pub(crate) async fn survey(&self, spec: &AdaptersSpec) -> Result<Surveyed, Trouble> {
        survey(&self.document, spec).await
    }

    /// Refuses a plan that asks for what its adapters do not have.
    ///
    /// # Errors
    /// When it has checks, and nothing measures.
    pub(crate) fn carried(&self, plan: Plan) -> Result<Plan, FileErrors> {
        let measures = self.adapters.as_ref().is_some_and(|adapters| adapters.health.is_some());
        if measures || plan.checks().is_empty() {
            return Ok(plan);
        }
        let what =
            "the adapters of this file measure nothing; expected adapters.health, or no checks";
        Err(self.document.errors([(KeyPath::of("checks"), what.to_owned())]))
    }
}

/// The adapters of a file.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Them.
    pub(crate) ports: Ports,
    /// Those of them that tell of decisions after the engine has gone on.
    pub(crate) outlets: Outlets,
}

/// The adapters of a file before a rollout.
#[derive(Debug)]
pub(crate) struct Surveyed {
    /// Them, where all could be built.
    pub(crate) ports: Option<Ports>,
    /// What is in the way of building them.
    pub(crate) obstacles: Vec<Obstacle>,
}

/// Why adapters could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the adapters can not be used: {}", chain(.0))]
pub(crate) struct AdapterError(#[from] PortError);

impl AdapterError {
    /// Whether what is named is in order, as far as is known, and something outside failed.
    pub(crate) fn is_outside(&self) -> bool {
        self.0.kind != FailureKind::Permanent
    }
}
