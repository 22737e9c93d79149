//! `tidegate simulate`: one rollout of a plan in a simulated world, decision by decision.
//!
//! Runs the real machine over the simulated fleet without an engine, so that one run is a function
//! of its seed. Must not decide anything about the rollout.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use tidegate_core::Plan;
use tidegate_mock::sim::Sim;

use crate::{
    Answer, Answered,
    args::SimulateArguments,
    input::{Input, Trouble},
    text,
    timeline::{Outcome, Timeline},
};

/// What there is to say. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Simulation {
    target: String,
    strategy: String,
    world: String,
    seed: u64,
    #[serde(flatten)]
    timeline: Timeline,
}

pub(crate) fn run(asked: &SimulateArguments) -> Answered {
    let input = Input::read(&asked.file, Some(&asked.world))?;
    let (plan, world) = (input.plan, input.world.unwrap_or_default());
    let sim = Sim::new(plan.clone(), world, &BTreeMap::new())
        .map_err(|why| Trouble::NotSimulated { file: asked.file.clone(), why })?;
    let commands = asked.at.iter().map(|at| (at.after, at.order)).collect();
    let run = sim.with_commands(commands).run(asked.seed);
    let outcome = Outcome::of(run.last.phase(), &plan).broken(run.violation.as_ref());
    let simulation = Simulation::new(asked, &plan, Timeline::of(&run.decisions, &plan, outcome));
    let text =
        if asked.json { text::document("simulate", &simulation) } else { simulation.to_string() };
    Ok(Answer { ending: simulation.timeline.outcome.ending, text })
}

impl Simulation {
    fn new(asked: &SimulateArguments, plan: &Plan, timeline: Timeline) -> Self {
        Self {
            target: plan.target().to_string(),
            strategy: plan.strategy().to_string(),
            world: asked.world.display().to_string(),
            seed: asked.seed,
            timeline,
        }
    }
}

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, strategy, world, seed, timeline } = self;
        write!(f, "{strategy} plan for {target} in {world}, seed {seed}\n\n{timeline}")
    }
}
