//! `tidegate preflight`: everything that is known to be in the way of a rollout, before its first move.
//!
//! Reads, and changes nothing. What is in the way of what is for the adapters to know.

use std::fmt;

use serde::Serialize;
use tidegate_core::{Obstacle, Target, Weight};

use crate::{
    Answer, Answered, Ending,
    adapters::{PlanFile, Surveyed},
    args::PreflightArguments,
    input::Trouble,
    run::{RunError, block_on},
    text,
};

/// What was found. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Report {
    target: String,
    /// What of the plan these adapters can not carry out, each with its place in the file.
    plan: Vec<String>,
    /// What is in the way outside.
    obstacles: Vec<Obstacle>,
}

pub(crate) fn run(asked: &PreflightArguments) -> Answered {
    let report = block_on(1, look(asked)).map_err(RunError::NoRuntime)??;
    let clear = report.plan.is_empty() && report.obstacles.is_empty();
    let ending = if clear { Ending::Well } else { Ending::Back };
    let text = if asked.json { text::document("preflight", &report) } else { report.to_string() };
    Ok(Answer { ending, text })
}

async fn look(asked: &PreflightArguments) -> Result<Report, Trouble> {
    let file = PlanFile::load(&asked.file)?;
    let Some(named) = &file.adapters else {
        return Err(RunError::NoAdapters(asked.file.clone()).into());
    };
    let target: Target = file.spec()?.target.as_str().into();
    let revisions = asked.revisions.both();
    let Surveyed { ports, mut obstacles } = file.survey(named).await?;
    let mut plan = Vec::new();
    if let Some(ports) = ports {
        let compiled = file.plan(&ports.capabilities()).and_then(|plan| file.carried(plan));
        obstacles.extend(match compiled {
            Ok(plan) => ports.preflight(&plan, &revisions).await,
            Err(errors) => {
                plan.extend(errors.0.iter().map(ToString::to_string));
                // Where it ends, whatever its steps.
                ports.obstacles(&target, &revisions, &[Weight::FULL], &[]).await
            }
        });
    }
    once(&mut obstacles);
    Ok(Report { target: target.to_string(), plan, obstacles })
}

/// Leaves out what two adapters have found alike.
fn once(obstacles: &mut Vec<Obstacle>) {
    let mut told: Vec<Obstacle> = Vec::new();
    obstacles.retain(|one| {
        let new = !told.contains(one);
        told.push(one.clone());
        new
    });
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, plan, obstacles } = self;
        match plan.len() + obstacles.len() {
            0 => return writeln!(f, "{target}: nothing is in the way, as far as reading tells"),
            1 => writeln!(f, "{target}: one thing is in the way")?,
            many => writeln!(f, "{target}: {many} things are in the way")?,
        }
        plan.iter().try_for_each(|problem| writeln!(f, "{problem}"))?;
        obstacles.iter().try_for_each(|one| writeln!(f, "{one}"))
    }
}
