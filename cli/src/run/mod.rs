//! `tidegate run`: carries out a plan with the real engine, its journal in a store.
//!
//! A process that was killed is started again with the same command: it goes on with the rollout of
//! this plan and these revisions, whatever was under way. Must not decide anything about a rollout.

mod adapters;
mod begin;
mod pace;
mod progress;
mod watch;

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use serde::Serialize;
use tidegate::{End, Engine, EngineError, Handle, Ports, Targets};
use tidegate_core::{Journal, JournalError, Obstacle, ObstacleKind, Plan, RolloutId, Seq};
use tidegate_mock::KeptError;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::pace::block_on;
use self::{
    adapters::{Adapters, Means},
    begin::{begun, found, start},
    progress::{Told, tell},
    watch::watch,
};
use crate::{
    Answer, Answered,
    args::RunArguments,
    input::Trouble,
    store::{Store, StoreError},
    text,
    timeline::{Outcome, Timeline},
};

/// A vanished engine's rollouts are taken over after this, in real time.
const LEASE: Duration = Duration::from_secs(10);

/// Calls under way may take so long once the process is told to end, in real time.
const GRACE: Duration = Duration::from_secs(30);

/// Why a rollout could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// No time to run on, or no signals to listen to.
    #[error("no runtime could be built")]
    NoRuntime(#[source] io::Error),
    /// Nothing to carry it out with.
    #[error(
        "{}: names no adapters; expected a section adapters in it, or --world FILE for a simulated target",
        .0.display()
    )]
    NoAdapters(PathBuf),
    /// Time can not be made to pass faster for anybody else.
    #[error("--speed is for a simulated target; expected --world FILE with it")]
    RealTime,
    /// It could not have gone as planned, so it was not begun.
    #[error("{}, for this is in the way:\n{}", unbegun(.beside.as_ref()), lines(.obstacles))]
    InTheWay {
        /// What is in the way.
        obstacles: Vec<Obstacle>,
        /// Another rollout of the target, which is left as it is.
        beside: Option<RolloutId>,
    },
    /// A database has no folder to keep a world in.
    #[error("with a journal in a database the world needs a file of its own: --world-state FILE")]
    NoState,
    /// The world's file.
    #[error(transparent)]
    World(#[from] KeptError),
    /// What is to be tried again is something else.
    #[error("{0} had another plan or other revisions; name its own, or leave out --retry-of")]
    OtherRollout(RolloutId),
    /// The engine refused, or its journal failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl RunError {
    /// Whether the input is in order and something outside failed.
    pub(crate) fn is_outside(&self) -> bool {
        match self {
            Self::InTheWay { obstacles, .. } => {
                obstacles.iter().all(|one| one.kind == ObstacleKind::Unreadable)
            }
            Self::Journal(error) => !matches!(error, JournalError::Unknown(_)),
            Self::NoRuntime(_)
            | Self::World(KeptError::Io { .. })
            | Self::Engine(EngineError::Journal(_) | EngineError::Unreadable(_)) => true,
            _ => false,
        }
    }
}

fn unbegun(beside: Option<&RolloutId>) -> String {
    match beside {
        Some(beside) => format!("nothing was begun, and {beside} was left as it is"),
        None => "nothing was begun".to_owned(),
    }
}

fn lines(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// How it went. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Report {
    rollout: u64,
    target: String,
    journal: String,
    /// Whether it went on with a rollout that was there.
    resumed: bool,
    #[serde(flatten)]
    timeline: Timeline,
}

pub(crate) fn run(asked: &RunArguments) -> Answered {
    let carried_out = block_on(asked.speed, async {
        let (plan, means) = Means::find(asked).await?;
        let store = Store::open_or_make(&asked.store.journal, asked.speed).await?;
        let report = carry_out(asked, &store, plan, means).await;
        store.close().await;
        report
    });
    let report = carried_out.map_err(RunError::NoRuntime)??;
    let ending = report.timeline.outcome.ending;
    let text = if asked.store.json { text::document("run", &report) } else { report.to_string() };
    Ok(Answer { ending, text })
}

async fn carry_out(
    asked: &RunArguments,
    store: &Store,
    plan: Plan,
    means: Means,
) -> Result<Report, Trouble> {
    let Adapters { ports, clock, outlets } = means.adapters(asked, &plan)?;
    // A newer release takes no name: the process that runs the older one sees to its end.
    let named = || format!("run-{}-{}", plan.target(), asked.revisions.both().candidate);
    let name = asked.name.clone().unwrap_or_else(named);
    // Of any other target, this process could carry out nothing.
    let targets = Targets::new().with(plan.target().clone(), ports.clone());
    let engine = Engine::builder(store.shared(), targets)
        .clock(clock)
        .name(name)
        .lease(LEASE * asked.speed)
        .poll(Duration::from_secs(1) * asked.speed)
        .grace(GRACE * asked.speed)
        .build();
    let followed = tokio::select! {
        followed = follow(asked, &engine, &ports, store, plan) => followed,
        never = watch(&engine, asked.speed) => match never {},
    };
    engine.shutdown().await;
    // A rollout never fails because somebody was not told of it.
    match outlets.flush().await {
        0 => {}
        untold => say(&format!("observers were not told of {untold} decisions")),
    }
    let Followed { rollout, resumed, last } = followed?;
    Ok(report(asked, store.journal(), &rollout, resumed, &last).await?)
}

/// A rollout as far as this process has followed it.
struct Followed {
    rollout: Handle,
    resumed: bool,
    /// Why it is not followed further.
    last: Last,
}

enum Last {
    Told(Told),
    Signal,
}

async fn follow(
    asked: &RunArguments,
    engine: &Engine,
    ports: &Ports,
    store: &Store,
    plan: Plan,
) -> Result<Followed, RunError> {
    let revisions = asked.revisions.both();
    // Looked at before it is run: whatever happens from here on is told.
    let found = found(asked, engine, store.journal(), &plan, &revisions).await?;
    let (resumed, told) = (found.is_some(), found.as_ref().map_or(Seq(0), |r| r.status().seq));
    let rollout = match found {
        Some(rollout) => {
            engine.recover().await?;
            let (id, target) = (rollout.rollout(), rollout.target());
            say(&format!("goes on with {id} of {target}, after record {}", told.0));
            rollout
        }
        None => begun(asked, engine, ports, store.journal(), plan, revisions).await?,
    };
    let telling = async {
        if resumed {
            start(&rollout, store.journal(), asked).await?;
        }
        Ok::<_, RunError>(tell(&rollout, store, told).await?)
    };
    let last = tokio::select! {
        told = telling => Last::Told(told?),
        signal = told_to_end() => {
            signal.map_err(RunError::NoRuntime)?;
            Last::Signal
        }
    };
    Ok(Followed { rollout, resumed, last })
}

async fn report(
    asked: &RunArguments,
    journal: &dyn Journal,
    rollout: &Handle,
    resumed: bool,
    last: &Last,
) -> Result<Report, StoreError> {
    let (id, plan) = (rollout.rollout(), &rollout.head().plan);
    let opened = rollout.head().open();
    let records = journal.read(id, Seq(1)).await?;
    let phase = *records.last().map_or(opened.next.phase(), |record| record.after.phase());
    match last {
        Last::Told(Told::Ended(End::Over(_)) | Told::Halted) => {}
        Last::Told(Told::Ended(end)) => say(&parted(end)),
        Last::Signal => say("told to end: it stays in the journal, and the same command goes on"),
    }
    let decisions: Vec<_> = std::iter::once(opened.decision)
        .chain(records.into_iter().map(|record| record.decision))
        .collect();
    let outcome = match last {
        Last::Told(Told::Ended(End::Replaced)) => Outcome::replaced(phase.name()),
        _ => Outcome::so_far(&phase, plan),
    };
    Ok(Report {
        rollout: id.0,
        target: rollout.target().to_string(),
        journal: asked.store.journal.to_string(),
        resumed,
        timeline: Timeline::of(&decisions, plan, outcome),
    })
}

/// How this engine's part ended while the rollout was not over.
fn parted(end: &End) -> String {
    match end {
        End::Lost { .. } => "another engine has taken it over, and goes on with it".to_owned(),
        End::Stopped => "this engine was stopped: another has taken its name".to_owned(),
        End::Broken(why) => format!("its journal can not be read on: {why}"),
        End::Replaced => "another rollout took its place before it began".to_owned(),
        End::Over(phase) => phase.name().to_string(),
    }
}

/// Tells on standard error. What nobody can read is no reason to stop a rollout.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Returns when the process is told to end.
#[cfg(unix)]
async fn told_to_end() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// Returns when the process is told to end.
#[cfg(not(unix))]
async fn told_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, target, timeline, .. } = self;
        let says = timeline.outcome.to_string();
        let says = says.trim_end_matches(',');
        writeln!(f, "rollout r{rollout} of {target}: {says} after {}", timeline.took())
    }
}
