//! The command line of Tidegate: what would this plan do, does it hold, how would it go, what would a
//! judge have said; and, over a journal, how do its rollouts go, and what shall they do?
//!
//! This file turns arguments into a command, and what came of it into an exit code. Nothing else
//! knows exit codes; nothing here knows what a command does.

mod adapters;
mod args;
mod demo;
mod input;
mod judge;
mod looks;
mod method;
mod ops;
mod plan;
mod preflight;
mod run;
mod score;
mod script;
mod simulate;
mod small;
mod store;
mod text;
mod timeline;
mod verify;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use tidegate_core::Order;

use crate::{
    args::{Arguments, Command},
    input::Trouble,
};

/// What came of a command, as its exit code says it. `docs/cli.md` documents the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It completed; the plan or the journal holds; nothing failed at the end; a score passes; it is
    /// done.
    Well,
    /// It rolled back; an invariant is broken; the last verdict or a score is a failure; an order
    /// changed nothing.
    Back,
    /// It halted, gave up, or waits for a person; the search met its limit; a score neither passes nor
    /// fails; nobody has read the order yet.
    Undecided,
}

impl Ending {
    /// The exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Back => 1,
            Self::Undecided => 2,
        }
    }
}

/// The exit code of bad input, as `sysexits.h` has it.
const BAD_INPUT: u8 = 64;

/// The exit code of output that could not be written, and of a store that failed, as `sysexits.h`
/// has it.
const FAILED: u8 = 74;

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command),
        Err(error) => {
            // Help and version are answers; everything else is bad input.
            let code = if error.use_stderr() { BAD_INPUT } else { 0 };
            match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(FAILED),
            }
        }
    }
}

fn run(command: Command) -> ExitCode {
    let ended = match command {
        Command::Plan(asked) => plan::run(&asked),
        Command::Verify(asked) => verify::run(&asked),
        Command::Simulate(asked) => simulate::run(&asked),
        Command::Demo(asked) => demo::run(&asked),
        Command::Judge(asked) => judge::run(&asked),
        Command::Score(asked) => score::run(&asked),
        Command::Run(asked) => run::run(&asked),
        Command::Preflight(asked) => preflight::run(&asked),
        Command::List(asked) => ops::list(&asked),
        Command::Get(asked) => ops::get(&asked),
        Command::History(asked) => ops::history(&asked),
        Command::Pause(asked) => ops::give("pause", Order::Pause, &asked),
        Command::Resume(asked) => ops::give("resume", Order::Resume, &asked),
        Command::Approve(asked) => ops::give_of_gate("approve", Order::Approve, &asked),
        Command::Deny(asked) => ops::give_of_gate("deny", Order::Deny, &asked),
        Command::Promote(asked) => ops::give_of_gate("promote", Order::Promote, &asked),
        Command::PromoteFull(asked) => ops::give("promote-full", Order::PromoteFull, &asked),
        Command::Abort(asked) => ops::give("abort", Order::Abort, &asked),
        Command::Retry(asked) => ops::give("retry", Order::Retry, &asked),
        Command::Accept(asked) => ops::give("accept", Order::Accept, &asked),
        Command::GiveUp(asked) => ops::give("give-up", Order::GiveUp, &asked),
        Command::Prune(asked) => ops::prune(&asked),
        Command::Backup(asked) => ops::backup(&asked),
        Command::Restore(asked) => ops::restore(&asked),
    };
    match ended {
        Ok(Answer { ending, text }) => show(&text, ending),
        Err(trouble) => {
            let _ = writeln!(io::stderr(), "{trouble}");
            ExitCode::from(if trouble.is_outside() { FAILED } else { BAD_INPUT })
        }
    }
}

/// What a command has to say.
pub(crate) struct Answer {
    ending: Ending,
    text: String,
}

/// A command's own result.
pub(crate) type Answered = Result<Answer, Trouble>;

fn show(text: &str, ending: Ending) -> ExitCode {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(ending.code()),
        Err(_) => ExitCode::from(FAILED),
    }
}
