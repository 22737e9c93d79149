//! The command line of Tidegate: what would this plan do, does it hold, how would it go, and what would a
//! judge have said?
//!
//! This file turns arguments into a command, and what came of it into an exit code. Nothing else
//! knows exit codes; nothing here knows what a command does.

mod args;
mod demo;
mod input;
mod judge;
mod looks;
mod method;
mod plan;
mod script;
mod simulate;
mod small;
mod text;
mod timeline;
mod verify;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    args::{Arguments, Command},
    input::BadInput,
};

/// What came of a command, as its exit code says it. `docs/cli.md` documents the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It completed; the plan holds; nothing failed at the end.
    Well,
    /// It rolled back; the plan breaks an invariant; the last verdict is a failure.
    Back,
    /// It halted, gave up, or waits for a person; the search met its limit.
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

/// The exit code of output that could not be written.
const OUTPUT_LOST: u8 = 74;

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command),
        Err(error) => {
            // Help and version are answers; everything else is bad input.
            let code = if error.use_stderr() { BAD_INPUT } else { 0 };
            match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(OUTPUT_LOST),
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
    };
    match ended {
        Ok(Answer { ending, text }) => show(&text, ending),
        Err(bad) => {
            let _ = writeln!(io::stderr(), "{bad}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// What a command has to say.
pub(crate) struct Answer {
    ending: Ending,
    text: String,
}

/// A command's own result.
pub(crate) type Answered = Result<Answer, BadInput>;

fn show(text: &str, ending: Ending) -> ExitCode {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(ending.code()),
        Err(_) => ExitCode::from(OUTPUT_LOST),
    }
}
