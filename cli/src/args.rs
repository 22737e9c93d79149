//! The arguments, as clap reads them. Must not know what is done with them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use tidegate_core::{Baseline, Position, Revision, Revisions, RolloutId, Span, Target};

use crate::{
    method::{self, MethodName, Params},
    score::{self, LooksOf},
    script::{self, OrderAt},
    store::{StoreName, VARIABLE},
};

const EXIT_CODES: &str = "\
Exit codes:
  0   it completes, or the plan or the journal holds, or the last verdict is no failure, or the score
      passes, or it is done
  1   it rolls back, or an invariant is broken, or the last verdict or the score is a failure, or the
      order changed nothing
  2   it halts, gives up or waits for a person, or the search met its limit, or a score neither passes
      nor fails, or nobody has read the order yet
  64  bad input: a file or an argument; the place and what was expected are on standard error
  74  output could not be written, or a store could not be reached or failed";

/// Progressive delivery: what a plan would do, whether it holds, and how it would go.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the compiled stages of a plan as a person reads them.
    Plan(PlanArguments),
    /// Explore every state of a plan, made small, against a world that does its worst.
    Verify(VerifyArguments),
    /// Run one rollout of a plan in a simulated world, decision by decision.
    Simulate(SimulateArguments),
    /// Three plans, a good and a bad release each, through the real engine in a simulated world.
    Demo(DemoArguments),
    /// What a judge says of looks that were kept: one verdict a look, with its evidence.
    Judge(JudgeArguments),
    /// What Kayenta would score a canary by several metrics' looks that were kept.
    Score(ScoreArguments),
    /// Carry out a plan, with its decisions kept in a journal; after a crash, go on where it was.
    Run(Box<RunArguments>),
    /// List everything that is known to be in the way of a rollout. Reads, and changes nothing.
    Preflight(PreflightArguments),
    /// The rollouts of a journal, the newest first.
    List(ListArguments),
    /// Where a rollout is, and what it waits for.
    Get(OneArguments),
    /// Every decision of a rollout, with its time and number.
    History(OneArguments),
    /// Go no further until resumed; guards are judged all the same.
    Pause(OrderArguments),
    /// Lift every hold that a person may lift.
    Resume(OrderArguments),
    /// Approve a gate.
    Approve(GateArguments),
    /// Refuse a gate: the rollout goes back.
    Deny(GateArguments),
    /// Open a gate without waiting for it.
    Promote(GateArguments),
    /// Walk every remaining weight with gates skipped; guards and readiness are kept.
    PromoteFull(OrderArguments),
    /// Go back.
    Abort(OrderArguments),
    /// Of a halted rollout: try again what it halted at.
    Retry(OrderArguments),
    /// Of a halted rollout: take the candidate as it is.
    Accept(OrderArguments),
    /// Of a halted rollout: leave the world as it is.
    GiveUp(OrderArguments),
    /// Forget what is old, of rollouts that are over.
    Prune(PruneArguments),
    /// Copy a journal in a file, while it is used.
    Backup(BackupArguments),
    /// Put a backup in a journal's place, or say that one was put there.
    Restore(RestoreArguments),
}

/// A plan and what it is compiled for.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// The plan: .yaml, .toml or .json.
    pub(crate) file: PathBuf,
    /// A world file; the plan is compiled for what its target can do. Without it: a router in front
    /// of counted replicas.
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A plan and how bad its world may be, or a journal.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The plan: .yaml, .toml or .json.
    #[arg(conflicts_with = "journal")]
    pub(crate) file: Option<PathBuf>,
    /// A world file; the plan is compiled for what its target can do. Without it: a router in front
    /// of counted replicas.
    #[arg(long, value_name = "FILE", conflicts_with = "journal")]
    pub(crate) world: Option<PathBuf>,
    /// Instead of a plan: check every record of a journal. Without a plan, the one that TIDEGATE_JOURNAL
    /// names in the environment.
    #[arg(long, value_name = "STORE")]
    pub(crate) journal: Option<StoreName>,
    /// Of the journal, this rollout only.
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = rollout)]
    pub(crate) rollout: Option<RolloutId>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// States after which one exploration gives up.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    pub(crate) limit: usize,
    /// Break the assumption that every call has landed by its late bound, and see what rests on it.
    #[arg(long)]
    pub(crate) beyond_late_bound: bool,
}

/// How often each kind of trouble may come in one run. With none given, each kind is explored
/// alone and in the pairs that matter; with any given, exactly these together.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct Bounds {
    /// Calls that fail or whose answer is lost.
    #[arg(long, value_name = "N")]
    pub(crate) faults: Option<u8>,
    /// Calls that land late.
    #[arg(long, value_name = "N")]
    pub(crate) lates: Option<u8>,
    /// Crashes of the engine.
    #[arg(long, value_name = "N")]
    pub(crate) crashes: Option<u8>,
    /// Commands of people, beyond the one to start.
    #[arg(long, value_name = "N")]
    pub(crate) commands: Option<u8>,
    /// Changes of the weight by somebody else.
    #[arg(long, value_name = "N")]
    pub(crate) drifts: Option<u8>,
    /// Times that ready replicas become unready.
    #[arg(long, value_name = "N")]
    pub(crate) shortages: Option<u8>,
    /// Times that the full size grows by one.
    #[arg(long, value_name = "N")]
    pub(crate) resizes: Option<u8>,
    /// Verdicts other than a pass.
    #[arg(long, value_name = "N")]
    pub(crate) verdicts: Option<u8>,
    /// Changes of the calendar.
    #[arg(long, value_name = "N")]
    pub(crate) freezes: Option<u8>,
    /// Steps of the clock.
    #[arg(long, value_name = "N")]
    pub(crate) clock_steps: Option<u8>,
    /// Times that the journal is set back.
    #[arg(long, value_name = "N")]
    pub(crate) set_backs: Option<u8>,
}

/// A plan, its world, and what chance and people do.
#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The plan: .yaml, .toml or .json.
    pub(crate) file: PathBuf,
    /// The world: .yaml, .toml or .json.
    #[arg(long, value_name = "FILE")]
    pub(crate) world: PathBuf,
    /// Everything random comes from this number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// An order and when it is given, such as 40m=approve:3 or 1h=abort; may be repeated.
    #[arg(long, value_name = "TIME=ORDER")]
    pub(crate) at: Vec<OrderAt>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A judge, and looks for it.
#[derive(Debug, Args)]
pub(crate) struct JudgeArguments {
    /// How to judge.
    #[arg(long, value_enum)]
    pub(crate) method: MethodName,
    /// The judge's parameters, with the keys it has in a plan: a file, or the text itself, as in
    /// '{max: 0.02, looks: 3}'.
    #[arg(long, value_name = "FILE|TEXT", value_parser = Params::of)]
    pub(crate) params: Option<Params>,
    /// The looks: one JSON object a line, oldest first.
    #[arg(long, value_name = "FILE")]
    pub(crate) looks: PathBuf,
    /// Looks from before the rollout, likewise.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// What the candidate is compared with: fixed, concurrent or history. The judge's usual one when
    /// absent.
    #[arg(long, value_name = "BASELINE", value_parser = method::baseline)]
    pub(crate) baseline: Option<Baseline>,
    /// Of judges that compare: the probability with which a good release fails.
    #[arg(long, value_name = "P", value_parser = method::probability)]
    pub(crate) alpha: Option<f64>,
    /// Of judges that compare: the probability with which one that is worse by the margin passes.
    #[arg(long, value_name = "P", value_parser = method::probability)]
    pub(crate) beta: Option<f64>,
    /// What is measured, for the sentences.
    #[arg(long, value_name = "NAME", default_value = "value")]
    pub(crate) metric: String,
    /// Print from this look on, counted from 1. Those before it are judged all the same.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) from: usize,
    /// Print at the end what all looks come to: intervals and tests for one look at the end.
    #[arg(long)]
    pub(crate) describe: bool,
    /// Print one JSON document a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A canary's metrics, and looks for each.
#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// The metrics, their groups and the scores asked for: .yaml, .toml or .json.
    pub(crate) file: PathBuf,
    /// The looks of a metric: one JSON object a line, oldest first. Once for each metric.
    #[arg(long, value_name = "METRIC=FILE", required = true, value_parser = score::looks_of)]
    pub(crate) looks: Vec<LooksOf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the demo's files are.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// The folder with plans/ and worlds/; `examples` here or in the nearest folder above.
    #[arg(long, value_name = "DIR")]
    pub(crate) examples: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which journal.
#[derive(Debug, Args)]
pub(crate) struct JournalArguments {
    /// The journal: a file, or a postgres:// URL. From the environment, so that a password is not
    /// seen in the list of processes: TIDEGATE_JOURNAL.
    #[arg(long, value_name = "STORE", env = VARIABLE, hide_env_values = true)]
    pub(crate) journal: StoreName,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which rollouts.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) store: JournalArguments,
    /// Of this target only.
    #[arg(long, value_name = "NAME", value_parser = target)]
    pub(crate) target: Option<Target>,
    /// Only those that are not over.
    #[arg(long)]
    pub(crate) active: bool,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

/// One rollout.
#[derive(Debug, Args)]
pub(crate) struct OneArguments {
    /// Its number, as `tidegate list` shows it.
    #[arg(value_parser = rollout)]
    pub(crate) rollout: RolloutId,
    #[command(flatten)]
    pub(crate) store: JournalArguments,
}

/// An order.
#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    #[command(flatten)]
    pub(crate) one: OneArguments,
    /// Who gives it.
    #[arg(long, value_name = "NAME", env = "USER", value_parser = name)]
    pub(crate) actor: String,
    /// Why; it stands in the journal.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// How many seconds to wait until it was read. It is kept in any case.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait: u64,
}

/// An order about a gate.
#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    #[command(flatten)]
    pub(crate) order: OrderArguments,
    /// The stage, as `tidegate plan` counts them, with the batch after a dot. Where the rollout is now
    /// unless told otherwise.
    #[arg(long, value_name = "STAGE", value_parser = script::position)]
    pub(crate) stage: Option<Position>,
}

/// What is old.
#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    #[command(flatten)]
    pub(crate) store: JournalArguments,
    /// Forget the measurements of rollouts that ended longer ago, such as 30d.
    #[arg(long, value_name = "AGE", required_unless_present = "rollouts_older", value_parser = age)]
    pub(crate) looks_older: Option<Span>,
    /// Forget everything of rollouts that ended longer ago, such as 400d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) rollouts_older: Option<Span>,
}

/// A copy.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    pub(crate) store: JournalArguments,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// A backup.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) store: JournalArguments,
    /// The backup; the journal's file must not be there. Without it the store is only told that it was
    /// set back.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

/// A plan, its target, and where its journal is.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The plan, with the adapters to carry it out with: .yaml, .toml or .json.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: JournalArguments,
    /// A world to carry it out in, in place of what the plan names: .yaml, .toml or .json.
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Where the simulated world is kept, so that it outlives this process; the journal's name with
    /// `-world-` and the target after it unless told otherwise.
    #[arg(long, value_name = "FILE", requires = "world")]
    pub(crate) world_state: Option<PathBuf>,
    /// Everything random in the world comes from this number.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "world")]
    pub(crate) seed: u64,
    /// Seconds of the rollout in a second of real time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) speed: u32,
    #[command(flatten)]
    pub(crate) revisions: RevisionArguments,
    /// A rollout of this plan and these revisions that is over, and is to be tried again.
    #[arg(long, value_name = "ROLLOUT", value_parser = rollout)]
    pub(crate) retry_of: Option<RolloutId>,
    /// Who starts it.
    #[arg(long, value_name = "NAME", env = "USER", value_parser = name)]
    pub(crate) actor: String,
    /// What this engine is called in the journal; `run-`, the target and the candidate unless told
    /// otherwise. Of two with one name the later goes on with what the earlier did.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,
}

/// A plan with its adapters, and what it is to be carried out for.
#[derive(Debug, Args)]
pub(crate) struct PreflightArguments {
    /// The plan, with the adapters to carry it out with: .yaml, .toml or .json.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) revisions: RevisionArguments,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which revisions.
#[derive(Debug, Args)]
pub(crate) struct RevisionArguments {
    /// The revision that serves; none on a first deployment.
    #[arg(long, value_name = "REVISION")]
    stable: Option<String>,
    /// The revision that comes in.
    #[arg(long, value_name = "REVISION")]
    candidate: String,
}

impl RevisionArguments {
    /// As a rollout has them.
    pub(crate) fn both(&self) -> Revisions {
        Revisions {
            stable: self.stable.as_deref().map(Revision::from),
            candidate: Revision::from(self.candidate.as_str()),
        }
    }
}

/// A rollout's number, with or without the `r` that it is shown with.
fn rollout(text: &str) -> Result<RolloutId, String> {
    let number = text.strip_prefix('r').unwrap_or(text);
    number.parse().map(RolloutId).map_err(|_| "expected a rollout's number, such as 7".to_owned())
}

/// A length of time, or a number of days of 24 hours each.
fn age(text: &str) -> Result<Span, String> {
    match text.strip_suffix('d').map(str::parse::<u64>) {
        Some(Ok(days)) => Ok(Span(days.saturating_mul(Span::hours(24).0))),
        Some(Err(_)) | None => text.parse::<Span>().map_err(|error| error.to_string()),
    }
}

fn target(text: &str) -> Result<Target, String> {
    name(text).map(Target::from)
}

fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty; expected a name".to_owned()),
        name => Ok(name.to_owned()),
    }
}
