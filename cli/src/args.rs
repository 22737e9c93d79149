//! The arguments, as clap reads them. Must not know what is done with them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use tidegate_core::Baseline;

use crate::{
    method::{self, MethodName, Params},
    script::OrderAt,
};

const EXIT_CODES: &str = "\
Exit codes:
  0   it completes, or the plan holds, or the last verdict is no failure
  1   it rolls back, or the plan breaks an invariant, or the last verdict is a failure
  2   it halts, gives up or waits for a person, or the search met its limit
  64  bad input: a file or an argument; the place and what was expected are on standard error";

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

/// A plan, and how bad its world may be.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) plan: PlanArguments,
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
