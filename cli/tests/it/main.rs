//! The binary as people and programs meet it: what it prints, in words and as JSON, and how it ends.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[cfg(not(feature = "aws"))]
mod adapters;
#[cfg(feature = "aws")]
mod aws;
mod demo;
mod examples;
mod json;
mod judge;
#[cfg(unix)]
mod keeping;
#[cfg(target_os = "linux")]
mod lost;
mod operations;
#[cfg(feature = "postgres")]
mod postgres;
mod score;
mod scripts;
mod secrets;
mod world;

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// The folder that holds `examples`: commands run there, as a person would.
fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs the binary with the arguments of one line.
fn tidegate(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(line.split_whitespace())
        .current_dir(repository())
        .output()
        .unwrap_or_else(|error| panic!("tidegate {line}: {error}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("it was killed: {output:?}"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
