//! Scripts: what the machine answers to each event, and all it remembers of it.
//!
//! A script is a text under a screen in `core/tests/scripts`: claims in `#` lines, the name of a plan
//! from [`plans`], then events in the words of [`language`], and below each event what came of it in
//! the words of [`account`]. A `given:` line goes a way that other scripts tell. Explorations say that no invariant is broken on any way; scripts say what
//! happens on one. `UPDATE=1` rewrites what stands below the events; read the change.

mod account;
mod language;
mod plans;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use account::Account;
use language::Stage;
use tidegate_core::{Event, Ignored, Phase, Plan, Rollout, Rule, Timestamp, invariants};

/// Lines that fit a tall screen.
const SCREEN: usize = 80;

/// What some scripts reached.
#[derive(Default)]
struct Reached {
    rules: BTreeSet<Rule>,
    ignored: BTreeSet<Ignored>,
    events: usize,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

fn scripts() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let named = files.filter(|path| path.extension().is_some_and(|ext| ext == "txt")).map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.collect()
}

/// Plays a script, and writes it anew with what came of it.
fn play(name: &str, script: &str, reached: &mut Reached) -> String {
    let mut stage: Option<Stage> = None;
    let mut account = Account::default();
    let mut text = String::new();
    for (number, line) in (1..).zip(script.lines()) {
        let line = line.trim_end();
        let place = format!("{name}.txt:{number}");
        if let Some(plan) = line.strip_prefix("plan: ") {
            let opened = Stage::open(plan).unwrap_or_else(|| panic!("{place}: no plan {plan:?}"));
            text += &format!("{line}\n{}", account.opened(&opened));
            stage = Some(opened);
        } else if let Some(words) = line.strip_prefix("> ") {
            let stage = stage.as_mut().unwrap_or_else(|| panic!("{place}: no plan is named yet"));
            let event = stage.event(words).unwrap_or_else(|why| panic!("{place}: {why}"));
            text += &format!("{line}\n{}", happen(stage, &event, &mut account, reached));
        } else if let Some(way) = line.strip_prefix("given: ") {
            let stage = stage.as_mut().unwrap_or_else(|| panic!("{place}: no plan is named yet"));
            stage.given(way).unwrap_or_else(|why| panic!("{place}: {why}"));
            text += &format!("{line}\n{}", account.opened(stage));
        } else if line.is_empty() || line.starts_with('#') {
            text += &format!("{line}\n");
        } else {
            assert!(line.starts_with("  "), "{place}: {line:?} is neither event nor outcome");
        }
    }
    text
}

/// Lets an event happen, and says what came of it.
fn happen(
    stage: &mut Stage,
    event: &Event,
    account: &mut Account,
    reached: &mut Reached,
) -> String {
    reached.events += 1;
    match stage.state.apply(&stage.plan, stage.now, event) {
        Ok(step) => {
            let (plan, before, at) = (&stage.plan, &stage.state, stage.now);
            let edge = invariants::Edge { plan, before, event, at, step: &step };
            invariants::check(&edge).unwrap_or_else(|broken| panic!("{event:?}: {broken}"));
            reached.rules.insert(step.decision.rule);
            stage.adopt(&step);
            account.step(stage, &step)
        }
        Err(ignored) => {
            reached.ignored.insert(ignored);
            format!("  ignored: {ignored}\n")
        }
    }
}

/// Every state that a script passes through.
fn states(script: &str, visit: &mut dyn FnMut(&Plan, &Rollout)) {
    let mut stage: Option<Stage> = None;
    for line in script.lines() {
        if let Some(plan) = line.strip_prefix("plan: ") {
            stage = Stage::open(plan);
        } else if let (Some(way), Some(stage)) = (line.strip_prefix("given: "), stage.as_mut()) {
            stage.given(way).unwrap();
        } else if let (Some(words), Some(stage)) = (line.strip_prefix("> "), stage.as_mut()) {
            let event = stage.event(words).unwrap();
            if let Ok(step) = stage.state.apply(&stage.plan, stage.now, &event) {
                stage.adopt(&step);
                visit(&stage.plan, &stage.state);
            }
        }
    }
}

#[test]
fn scripts_say_what_the_machine_does() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut reached = Reached::default();
    let mut drifted = Vec::new();
    let all = scripts();
    for (name, script) in &all {
        let played = play(name, script, &mut reached);
        if played == *script {
            continue;
        }
        if update {
            fs::write(folder().join(name).with_extension("txt"), &played).unwrap();
        }
        let at = script.lines().zip(played.lines()).position(|(was, is)| was != is).unwrap_or(0);
        let now = played.lines().nth(at).unwrap_or_default();
        drifted.push(format!("{name}.txt:{} now reads {now:?}", at + 1));
    }
    eprintln!("{} scripts, {} events, {} rules", all.len(), reached.events, reached.rules.len());
    assert!(
        drifted.is_empty() || update,
        "run with UPDATE=1 and read the change:\n{}",
        drifted.join("\n")
    );
}

#[test]
fn every_rule_and_every_reason_to_ignore_an_event_is_in_some_script() {
    let mut reached = Reached::default();
    // The row that opens a rollout is no transition.
    reached.rules.insert(Rule::Opened);
    for (name, script) in scripts() {
        play(&name, &script, &mut reached);
    }
    let missed: Vec<_> = Rule::ALL.iter().filter(|rule| !reached.rules.contains(rule)).collect();
    assert!(missed.is_empty(), "no script reaches {missed:?}");
    // There are nine reasons.
    assert_eq!(reached.ignored.len(), 9, "{:?}", reached.ignored);
}

#[test]
fn every_script_fits_a_screen_and_opens_with_its_claim() {
    for (name, script) in scripts() {
        let lines = script.lines().count();
        assert!(lines <= SCREEN, "{name} has {lines} lines");
        assert!(script.starts_with("# "), "{name} does not say what it claims");
    }
}

#[test]
fn every_state_reads_back_from_what_it_is_stored_as() {
    for script in scripts().values() {
        states(script, &mut |_, state| {
            let stored = serde_json::to_string(state).unwrap();
            assert_eq!(&serde_json::from_str::<Rollout>(&stored).unwrap(), state);
        });
    }
}

#[test]
fn a_state_moved_with_the_clock_is_the_same_state_at_another_time() {
    for script in scripts().values() {
        states(script, &mut |plan, state| {
            assert_eq!(state.canonical().canonical(), state.canonical());
            if state.phase().is_terminal() {
                return;
            }
            let hour = Event::ClockStepped { by_ms: 3_600_000 };
            let moved = state.apply(plan, state.clock(), &hour).unwrap().next;
            assert_eq!(moved.canonical(), state.canonical(), "{state:#?}");
            let waited = |state: &Rollout| state.next_deadline().map(|at| at.since(state.clock()));
            assert_eq!(waited(&moved), waited(state));
        });
    }
}

#[test]
fn a_canonical_state_waits_as_long_and_forgets_only_what_is_over() {
    let clock = tidegate_core::CANONICAL_CLOCK;
    for script in scripts().values() {
        states(script, &mut |plan, state| {
            let canonical = state.canonical();
            let left = |state: &Rollout| state.next_deadline().map(|at| at.since(state.clock()));
            assert_eq!(left(&canonical), left(state));
            assert_eq!(canonical.wanted_reads(plan).guards, state.wanted_reads(plan).guards);
            let lands = |state: &Rollout| state.outstanding().map(|call| call.lands_by);
            let late = |state: &Rollout| Some(state.world().late.latest());
            for instant in [lands as fn(&Rollout) -> Option<Timestamp>, late] {
                let (was, is) = (instant(state), instant(&canonical));
                let still = was.filter(|at| *at > state.clock());
                let expected = still.map(|at| clock.after(at.since(state.clock())));
                assert_eq!(is, was.and(expected.or(Some(Timestamp::default()))));
            }
        });
    }
}

/// Sequence numbers are the journal's; a phase alone says whether a rollout is over.
#[test]
fn what_is_over_waits_for_nothing_and_holds_nothing() {
    for script in scripts().values() {
        states(script, &mut |plan, state| {
            if !state.phase().is_terminal() {
                return;
            }
            assert!(!matches!(state.phase(), Phase::Halted { .. }));
            assert_eq!(state.next_deadline(), None);
            assert!(state.wanted_reads(plan).is_empty() && state.holds().is_none());
            assert!(state.outstanding().is_none());
        });
    }
}
