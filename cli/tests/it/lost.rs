//! Output that can not be written: nobody may take half a report for a whole one. Where `/dev/full` is.

use std::{
    fs::OpenOptions,
    process::{Command, Stdio},
};

use crate::{repository, stderr, tidegate};

/// Runs the binary with a standard output that takes nothing.
fn into_full_disk(line: &str) -> std::process::Output {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(line.split_whitespace())
        .current_dir(repository())
        .stdout(Stdio::from(full))
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

#[test]
fn output_that_can_not_be_written_ends_with_74_whatever_the_command_found() {
    let lines = [
        "plan examples/plans/canary.yaml",
        "plan examples/plans/canary.yaml --json",
        "simulate examples/plans/canary.yaml --world examples/worlds/checkout-bad.yaml",
        "verify examples/plans/canary.yaml --faults 1",
        "demo",
        "--help",
        "--version",
    ];
    for line in lines {
        let lost = into_full_disk(line);
        assert_eq!(lost.status.code(), Some(74), "{line}: {}", stderr(&lost));
        assert_ne!(tidegate(line).status.code(), Some(74), "{line}");
    }
}
