//! The arguments, as clap reads them. Must not know what is done with them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::script::OrderAt;

const EXIT_CODES: &str = "\
Exit codes:
  0   it completes, or the plan holds
  1   it rolls back, or the plan breaks an invariant
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
