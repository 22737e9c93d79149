//! Command scripts: each file in `tests/scripts` is a screen of commands with what they print.
//!
//! A line `$ tidegate …` runs a command; the lines below it are what it prints, first on standard
//! output, then on standard error; `[exit n]` is how it ends. A line `...` stands for any lines, and `...`
//! within a line for any text.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{code, stderr, stdout, tidegate};

/// What fits a screen.
const SCREEN: usize = 60;

struct Step {
    command: String,
    expected: Vec<String>,
}

fn scripts() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(command) = line.strip_prefix("$ tidegate") {
            steps.push(Step { command: command.trim().to_owned(), expected: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.expected.push(line.to_owned());
        }
    }
    for step in &mut steps {
        while step.expected.last().is_some_and(String::is_empty) {
            step.expected.pop();
        }
    }
    steps
}

fn printed(command: &str) -> Vec<String> {
    let output = tidegate(command);
    let mut lines: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    lines.extend(stderr(&output).lines().map(str::to_owned));
    lines.push(format!("[exit {}]", code(&output)));
    lines
}

/// Whether lines are as expected, where `...` stands for any lines.
fn fits(expected: &[String], found: &[String]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any.trim() == "..." => {
            (0..=found.len()).any(|skipped| fits(rest, &found[skipped..]))
        }
        (Some((wanted, expected)), Some((line, found))) => {
            is_like(wanted.trim_end(), line.trim_end()) && fits(expected, found)
        }
        _ => false,
    }
}

/// Whether a line is as wanted, where each `...` stands for any text.
fn is_like(wanted: &str, line: &str) -> bool {
    let Some((start, wanted)) = wanted.split_once("...") else { return wanted == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.any(|at| is_like(wanted, &line[at..]))
}

#[test]
fn every_script_prints_what_it_says() {
    for path in scripts() {
        let text = fs::read_to_string(&path).unwrap();
        for Step { command, expected } in steps(&text) {
            let found = printed(&command);
            assert!(
                fits(&expected, &found),
                "{}: tidegate {command}\nprinted:\n{}\nexpected:\n{}",
                path.display(),
                found.join("\n"),
                expected.join("\n")
            );
        }
    }
}

#[test]
fn every_script_fits_a_screen() {
    for path in scripts() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SCREEN, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_documented_exit_code_of_every_command_is_reached_by_a_script() {
    let mut reached = BTreeSet::new();
    for path in scripts() {
        for Step { command, expected } in steps(&fs::read_to_string(path).unwrap()) {
            let word = command.split_whitespace().next().unwrap_or_default().to_owned();
            let last = expected.last().unwrap();
            let code = last.trim_start_matches("[exit ").trim_end_matches(']');
            reached.insert((word, code.parse::<i32>().unwrap()));
        }
    }
    // The demo's 1 is reached by its own test, with worlds that are swapped.
    let documented = [
        ("plan", vec![0, 64]),
        ("verify", vec![0, 1, 2, 64]),
        ("simulate", vec![0, 1, 2, 64]),
        ("demo", vec![0, 64]),
        ("judge", vec![0, 1, 64]),
    ];
    for (command, codes) in documented {
        for code in codes {
            let found = reached.contains(&(command.to_owned(), code));
            assert!(found, "no script shows that {command} ends with {code}");
        }
    }
}
