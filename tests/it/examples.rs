//! Every example runs with no argument, ends by itself, and says what it is there to say.
//!
//! `cargo test` builds the examples beside this binary; where only this binary was built, run
//! `cargo build --examples` first.

use std::{
    env::{consts::EXE_SUFFIX, current_exe},
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// An example takes less than five seconds by itself; on a machine that is busy with other tests it
/// may take longer, but not this long.
const LIMIT: Duration = Duration::from_secs(30);

/// `target/debug/examples/NAME`, where this is `target/debug/deps/it-…`.
pub(crate) fn path_of(example: &str) -> PathBuf {
    let this = current_exe().unwrap();
    let built = this.parent().and_then(|deps| deps.parent()).unwrap();
    let path = built.join("examples").join(format!("{example}{EXE_SUFFIX}"));
    assert!(path.exists(), "{} is not built; run cargo build --examples", path.display());
    path
}

/// Kills the example, however the test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An example that has ended by itself is not there to be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What an example prints.
fn output_of(example: &str) -> String {
    let began = Instant::now();
    let run = Command::new(path_of(example)).stdout(Stdio::piped()).spawn();
    let mut run = Running(run.unwrap());
    let mut stdout = run.0.stdout.take().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        let _ = tell.send(read.map(|_| text));
    });
    let output = told.recv_timeout(LIMIT);
    let output = output.unwrap_or_else(|_| panic!("{example} did not end within {LIMIT:?}"));
    let (output, status) = (output.unwrap(), run.0.wait().unwrap());
    assert!(status.success(), "{example}: {status}\n{output}");
    println!("{example} took {:?}", began.elapsed());
    output
}

/// The example prints these, one after the other, with anything in between.
#[track_caller]
fn says(example: &str, sentences: &[&str]) {
    let output = output_of(example);
    let mut rest = output.as_str();
    for sentence in sentences {
        let Some((_, after)) = rest.split_once(sentence) else {
            panic!("{example} does not say {sentence:?} in its place:\n{output}");
        };
        rest = after;
    }
}

#[test]
fn a_canary_is_promoted_when_good_and_goes_back_when_bad() {
    says(
        "canary",
        &[
            "A release that is as good as the one before",
            "check errors: pass, error_rate",
            "The candidate is seen to be the service: seen 100 %, 10 candidate and 0 stable",
            "=> completed",
            "A release that fails one request in five",
            "A guard failed; the rollout goes back: guard errors: fail, error_rate 0.2",
            "[5 % to 0 %]",
            "The world is seen as it was found: seen 0 %, 0 candidate and 10 stable ready of 10",
            "=> rolled back",
        ],
    );
}

#[test]
fn a_blue_green_waits_for_its_approval_and_keeps_the_old_side_warm() {
    says(
        "blue_green_with_approval",
        &[
            "test traffic on",
            "payments-oncall is asked to approve gate 1",
            "A person approved the gate (approve gate 1 by grace)",
            "linus also approves gate 1; ignored",
            "[0 % to 100 %]",
            "the old revision is kept warm",
            "Point of no return",
            "=> completed",
        ],
    );
}

#[test]
fn a_rolling_replacement_goes_batch_by_batch_and_a_crashing_one_goes_back() {
    says(
        "rolling",
        &[
            "The batch is in place; the next batch is wanted",
            "The batch is in place; the next batch is wanted",
            "=> completed",
            "0 of the old revision and 10 of the new one are ready",
            "A release that crashes on every start",
            "The stage's world is not reached in time; the rollout goes back (after 3m)",
            "=> rolled back",
            "10 of the old revision and 0 of the new one are ready",
        ],
    );
}

#[test]
fn a_rollout_whose_engine_died_is_finished_by_another() {
    says(
        "crash_and_resume",
        &[
            "[10 % to 50 %]",
            "the engine dies in the middle of that call",
            "another engine recovers rollout r1",
            "The move may or may not have happened: shift 50 % to the candidate",
            "=> completed",
        ],
    );
}

#[test]
fn an_adapter_of_ones_own_keeps_the_laws_and_carries_a_rollout() {
    says(
        "custom_adapter",
        &[
            "keeps every law of a traffic shifter",
            r#"the pool before: {"v1": 10000}"#,
            "shift 20 % to the candidate",
            "=> completed",
            r#"the pool after: {"v1": 0, "v2": 10000}"#,
        ],
    );
}

#[test]
fn a_service_starts_a_rollout_takes_commands_and_streams_decisions() {
    says(
        "http_service",
        &[
            "listening on http://127.0.0.1:",
            r#""rollout":1"#,
            "decision: Started",
            r#"asked: {"approve""#,
            "decision: A person approved the gate (approve gate 1 by grace: looks good)",
            "decision: The candidate is seen to be the service",
            "ended: completed",
            r#""phase":"completed""#,
            "too late: ",
        ],
    );
}

#[test]
fn a_rule_of_ones_own_holds_and_its_careless_twin_is_found_out() {
    says(
        "own_rule",
        &[
            "A guard failed; the rollout goes back: guard budget: fail",
            "In 256 worlds with gaps in their metrics no bad release was promoted",
            "The rule that takes silence for health promotes this one",
            "nothing is measured from 0s to",
            "check budget: pass, 0 looks",
            "The candidate is seen to be the service",
        ],
    );
}
