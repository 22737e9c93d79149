//! `tidegate demo`: three plan files, a good and a bad release each, through the real engine.
//!
//! The engine runs on paused time over a simulated world, so that hours pass in a moment. Nothing
//! here decides anything: plans and worlds are files, decisions are read from the journal.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;
use tidegate::{End, Engine, EngineError, Handle, MonotonicClock, Ports, file};
use tidegate_core::{Decision, Plan, Revisions, Span};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::{runtime, time};

use crate::{
    Answer, Answered, Ending,
    args::DemoArguments,
    input::Trouble,
    text,
    timeline::{Line, Outcome, Timeline},
};

/// Everything random in the demo comes from this number; no outcome hangs on it.
const SEED: u64 = 7;

/// Longer than any rollout of the demo takes, in paused time.
const LONG: Span = Span::hours(24);

/// The plans, and the service whose worlds they are run in.
const PLANS: [(&str, &str); 3] =
    [("canary.yaml", "checkout"), ("blue-green.toml", "catalog"), ("rolling.json", "search")];

/// The worlds of a service, and how a release should end there.
const RELEASES: [(&str, Ending); 2] = [("good", Ending::Well), ("bad", Ending::Back)];

/// Why an engine did not run a plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// No folder with the examples.
    #[error("no examples/plans here or above; run it in the repository, or give --examples DIR")]
    NoExamples,
    /// The engine refused.
    #[error("the engine refused")]
    Refused(#[from] EngineError),
    /// No time to run on.
    #[error("no runtime could be built")]
    NoRuntime(#[from] io::Error),
}

/// One rollout of the demo.
#[derive(Debug, Serialize)]
struct Rollout {
    plan: String,
    world: String,
    target: String,
    strategy: String,
    release: &'static str,
    took_ms: u64,
    deciding: Option<Line>,
    outcome: Outcome,
    as_expected: bool,
}

/// All of them. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Demo {
    rollouts: Vec<Rollout>,
}

pub(crate) fn run(asked: &DemoArguments) -> Answered {
    let examples = match &asked.examples {
        Some(folder) => folder.clone(),
        None => nearest_examples().ok_or(DemoError::NoExamples)?,
    };
    let mut rollouts = Vec::new();
    for (plan, service) in PLANS {
        for (release, expected) in RELEASES {
            let plan = examples.join("plans").join(plan);
            let world = examples.join("worlds").join(format!("{service}-{release}.yaml"));
            let (plan_read, timeline) = roll_out(&plan, &world)?;
            rollouts.push(Rollout {
                plan: name(&plan),
                world: name(&world),
                target: plan_read.target().to_string(),
                strategy: plan_read.strategy().to_string(),
                release,
                took_ms: timeline.took().0,
                deciding: timeline.deciding().cloned(),
                as_expected: timeline.outcome.ending == expected,
                outcome: timeline.outcome,
            });
        }
    }
    let ending = match rollouts.iter().all(|rollout| rollout.as_expected) {
        true => Ending::Well,
        false => Ending::Back,
    };
    let demo = Demo { rollouts };
    let text = if asked.json { text::document("demo", &demo) } else { demo.to_string() };
    Ok(Answer { ending, text })
}

/// The folder `examples` with plans in it, here or in the nearest folder above.
fn nearest_examples() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|above| above.join("examples")).find(|found| found.join("plans").is_dir())
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Runs one plan in one world, on a runtime of its own whose time is paused.
fn roll_out(plan: &Path, world: &Path) -> Result<(Plan, Timeline), Trouble> {
    let world: WorldSpec = file::load_as(world)?;
    let plan = file::load_plan(plan, &world.capabilities())?;
    let mut paused = runtime::Builder::new_current_thread();
    let paused = paused.enable_time().start_paused(true).build().map_err(DemoError::NoRuntime)?;
    let timeline = paused.block_on(carry_out(plan.clone(), world))?;
    Ok((plan, timeline))
}

async fn carry_out(plan: Plan, world: WorldSpec) -> Result<Timeline, DemoError> {
    let world = Arc::new(SimWorld::new(world, SEED));
    let mut ports = Ports::new(world.clone(), world.clone(), world.clone());
    for hook in plan.hooks() {
        ports = ports.with_hook(hook.name.clone(), world.clone());
    }
    let clock = Arc::new(MonotonicClock::starting_at(world.clock().now()));
    let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).clock(clock).build();
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
    let handle = engine.start(plan.clone(), revisions, "demo").await?;
    // At the end of all time the status says what it still waits for.
    let _ = time::timeout(LONG.duration(), handle.finished()).await;
    let decisions = decisions(&handle).await?;
    let status = handle.status();
    let phase = match status.end {
        Some(End::Over(phase)) => phase,
        _ => status.phase,
    };
    Ok(Timeline::of(&decisions, &plan, Outcome::of(&phase, &plan)))
}

async fn decisions(handle: &Handle) -> Result<Vec<Decision>, EngineError> {
    let records = handle.records().await?;
    Ok(records.into_iter().map(|record| record.decision).collect())
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = "";
        for rollout in &self.rollouts {
            if shown != rollout.plan {
                let gap = if shown.is_empty() { "" } else { "\n" };
                writeln!(f, "{gap}{}: {} of {}", rollout.plan, rollout.strategy, rollout.target)?;
                shown = &rollout.plan;
            }
            write!(f, "{rollout}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, outcome, took_ms, world, .. } = self;
        let took = Span(*took_ms);
        writeln!(f, "  {release:<4}  {outcome} after {took} in {world}")?;
        if let Some(line) = &self.deciding {
            writeln!(f, "        {}", line.sentence)?;
        }
        if !self.as_expected {
            writeln!(f, "        this is not what was expected of it")?;
        }
        Ok(())
    }
}
