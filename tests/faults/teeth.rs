//! Defects that are seeded on purpose, and what catches each: the table of `docs/teeth.md`.
//!
//! Every catch is a test that runs the defect. Those of the simulation and of crashes run with `TIDEGATE_TEETH`, all others
//! in plain `cargo test`; here is checked that each of them exists, and that the page says what is here.

use std::{collections::BTreeSet, env, fmt::Write, fs, path::PathBuf};

use crate::{crash::bends::Bend as CrashBend, sim::machine::Bend};

/// What catches a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Catch {
    /// The model of the protocol, which has a defect of this name.
    Model(&'static str),
    /// Crashes at every boundary, and pairs of them.
    Crashes(CrashBend),
    /// The fault simulation.
    Simulation(Bend),
    /// The conformance suite of journals, given a journal that is wrong in this way.
    Journal(&'static str),
    /// The conformance suite of routers, of deployers, or of metrics, given a port that is wrong in this way.
    Port(Suite, &'static str),
    /// The exploration of every state, given a machine that is wrong: the test of this name.
    Exploration(&'static str),
}

/// A conformance suite of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suite {
    Routers,
    Deployers,
    Metrics,
}

use Catch::{Crashes, Exploration, Journal, Model, Port, Simulation};
use Suite::{Deployers, Metrics, Routers};

/// Each defect, and at least two layers that catch it.
const DEFECTS: &[(&str, &[Catch])] = &[
    ("no epoch check", &[Model("no epoch check"), Journal("AnyEpoch")]),
    (
        "no version check",
        &[Model("no version check"), Journal("AnyVersion"), Simulation(Bend::NoFence)],
    ),
    (
        "no read-back of a commit without an answer",
        &[Model("a commit without an answer is repeated blindly"), Journal("ForgetsAttempts")],
    ),
    (
        "a commit that was not made is said to have been",
        &[Journal("FindsEveryAttempt"), Simulation(Bend::LiesOnCommitted)],
    ),
    (
        "a commit is answered and not kept",
        &[
            Journal("LosesTail"),
            Crashes(CrashBend::AnsweredTooSoon),
            Simulation(Bend::AnsweredTooSoon),
        ],
    ),
    (
        "the call goes before its intent",
        &[
            Model("the call goes before its intent"),
            Crashes(CrashBend::SendsAhead),
            Simulation(Bend::SendsAhead),
        ],
    ),
    (
        "an intent is not written",
        &[Crashes(CrashBend::ForgetsIntents), Simulation(Bend::ForgetsIntents)],
    ),
    ("a command is kept once read", &[Journal("KeepsConsumed"), Simulation(Bend::KeepsCommands)]),
    ("a target is never freed", &[Journal("NeverOver"), Simulation(Bend::NeverOver)]),
    (
        "a row is claimed though its lease is good",
        &[
            Model("a row is claimed though its lease is good"),
            Journal("IgnoresLeases"),
            Simulation(Bend::NoLease),
        ],
    ),
    ("a lapsed lease is renewed", &[Model("a lapsed lease is renewed"), Journal("KeepsLapsed")]),
    (
        "leases never lapse",
        &[Journal("KeepsLapsed"), Crashes(CrashBend::EndlessLease), Simulation(Bend::EndlessLease)],
    ),
    (
        "a key for each attempt",
        &[
            Model("a key for each attempt"),
            Port(Deployers, "StartsAgain"),
            Crashes(CrashBend::KeyPerAttempt),
            Simulation(Bend::KeyPerAttempt),
        ],
    ),
    (
        "the revision is read just before sending",
        &[Model("the revision is read just before sending"), Simulation(Bend::VersionReadLate)],
    ),
    (
        "made again without a look-up",
        &[Model("made again without a look-up"), Port(Deployers, "StartsAgain")],
    ),
    (
        "a look-up that hides what is there is believed",
        &[
            Model("made again after one look-up"),
            Port(Deployers, "LookupHides"),
            Crashes(CrashBend::LookUpHides),
        ],
    ),
    (
        "the end is reported while calls may still land",
        &[
            Model("no guard after going back over an unknown call"),
            Exploration("a_rollback_reported_before_late_calls_can_land_no_more_is_caught"),
        ],
    ),
    (
        "a call without an answer is taken for done",
        &[
            Model("a call without an answer is taken for done"),
            Simulation(Bend::UnknownIsDone),
            Exploration("a_call_without_an_answer_taken_for_done_is_caught"),
        ],
    ),
    (
        "nobody is told of a step of the clock",
        &[
            Exploration("a_clock_step_that_shortens_a_bake_is_caught"),
            Simulation(Bend::SilentClock),
        ],
    ),
    (
        "traffic is remembered and not read",
        &[
            Port(Routers, "Remembers"),
            Crashes(CrashBend::Remembers),
            Exploration("traffic_seen_that_was_never_seen_is_caught_by_the_worlds_own_truth"),
        ],
    ),
    (
        "units that were asked for are taken for ready",
        &[Port(Deployers, "AskedIsReady"), Exploration("weight_before_ready_capacity_is_caught")],
    ),
    (
        "no data is taken for good data",
        &[Port(Metrics, "InventsZero"), Exploration("empty_metrics_taken_for_a_pass_are_caught")],
    ),
    (
        "ready units are taken away below the floor",
        &[
            Port(Deployers, "RemovesReady"),
            Exploration("a_batch_larger_than_the_floor_allows_is_caught"),
        ],
    ),
];

/// Bends that the simulation does not catch, and why: what does no harm there, and what is missed.
pub(crate) const UNCAUGHT: &[(Bend, &str)] = &[
    (
        Bend::AnyEpoch,
        "no harm: the version check, which stays, stops every writer that an epoch check would stop",
    ),
    (
        Bend::NoReadBack,
        "no harm: the engine makes its commit again, the version check refuses it, and what is there is read",
    ),
    (
        Bend::ForgetsDue,
        "no harm: a due time wakes what is parked, and what is parked here waits for a person or another rollout",
    ),
    (
        Bend::ParksAll,
        "no harm: who claims it raises its epoch and version, and the engine that gave it away is refused",
    ),
    (
        Bend::UnknownIsRefused,
        "no late copy met a newer weight: the model finds one, as a second uncertain call at once",
    ),
    (
        Bend::ConflictIsDone,
        "no harm: what was refused is not seen, and is sent again with the version that was read then",
    ),
];

/// What a page and a source are called.
fn file(path: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

const CONFORMANCE: &str = "adapters-mock/tests/it/conformance.rs";

impl Catch {
    /// The layer, its test, and what has to stand in the test's source.
    fn place(self) -> (&'static str, &'static str, &'static str, String) {
        match self {
            Model(says) => {
                let source = "core/tests/protocol/defects.rs";
                ("the model", source, "each_defect_is_found", format!("{says:?}"))
            }
            Crashes(bend) => {
                let (source, test) = (
                    "tests/faults/crash/bends.rs",
                    "defects_are_caught_by_crashes_as_the_page_says",
                );
                ("crashes", source, test, format!("    {bend:?},"))
            }
            Simulation(bend) => {
                let test = "defects_are_caught_by_the_simulation_as_the_page_says";
                ("the simulation", "tests/faults/sim/machine.rs", test, format!("    {bend:?},"))
            }
            Journal(tear) => {
                let test = "wrong_journals_break_the_law_they_should";
                ("journals' conformance", CONFORMANCE, test, format!("(Tear::{tear}, "))
            }
            Port(suite, bend) => {
                let test = match suite {
                    Routers => "wrong_routers_break_the_law_they_should",
                    Deployers => "wrong_deployers_break_the_law_they_should",
                    Metrics => "wrong_metrics_break_the_law_they_should",
                };
                ("ports' conformance", CONFORMANCE, test, format!("Bend::{bend}"))
            }
            Exploration(test) => {
                let source = "core/src/explore/sabotage.rs";
                ("the exploration", source, test, format!("fn {test}("))
            }
        }
    }

    /// As the page says it.
    fn shown(self) -> String {
        let (layer, _, test, _) = self.place();
        let as_what = match self {
            Model(_) | Exploration(_) => String::new(),
            Crashes(bend) => format!(", as `{bend:?}`"),
            Simulation(bend) => format!(", as `{bend:?}`"),
            Journal(tear) => format!(", as `{tear}`"),
            Port(_, bend) => format!(", as `{bend}`"),
        };
        format!("{layer}: `{test}`{as_what}")
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Teeth: defects seeded on purpose, and what catches them\n\n\
         Each catch is a test that runs the defect and sees it found: those of the simulation and of crashes by\n\n\
         \x20   TIDEGATE_TEETH=1 cargo test --release --package tidegate --test faults -- --nocapture defects_are_caught\n\n\
         which tries up to a hundred seeds with each of the simulation's, all others in plain `cargo test`. The layers are the model of the protocol\n\
         (`core/tests/protocol`, [what it finds](protocol.md)), the exploration of every state with a machine that is wrong\n\
         (`core/src/explore/sabotage.rs`), the conformance suites with adapters and journals that are wrong\n\
         (`adapters-mock/tests/it/conformance.rs`), crashes and pairs of crashes with the journal or an adapter bent\n\
         (`tests/faults/crash/bends.rs`), and the fault simulation with its journal, an adapter or a clock bent\n\
         (`Bend` in `tests/faults/sim/machine.rs`). This page is written by `tests/faults/teeth.rs`.\n\n\
         | defect | caught by |\n| --- | --- |\n",
    );
    for (says, catches) in DEFECTS {
        let caught: Vec<String> = catches.iter().map(|catch| catch.shown()).collect();
        writeln!(page, "| {says} | {} |", caught.join("; ")).unwrap();
    }
    page += "\nBends that a hundred seeds of the simulation do not catch:\n\n\
             | bend | why |\n| --- | --- |\n";
    for (bend, why) in UNCAUGHT {
        writeln!(page, "| `{bend:?}` | {why} |").unwrap();
    }
    page
}

#[test]
fn twenty_defects_are_each_caught_by_two_layers_and_every_catch_is_a_test() {
    assert!(DEFECTS.len() >= 20, "{} defects", DEFECTS.len());
    for (says, catches) in DEFECTS {
        let layers: BTreeSet<&str> = catches.iter().map(|catch| catch.place().0).collect();
        assert!(layers.len() >= 2, "{says} is caught by {layers:?} alone");
        for catch in *catches {
            let (_, source, test, label) = catch.place();
            let (path, text) = file(source);
            assert!(text.contains(&label), "{says}: {} has no {label}", path.display());
            let tests = match catch {
                Simulation(_) => file("tests/faults/sim/tests.rs").1,
                Crashes(_) => file("tests/faults/crash/tests.rs").1,
                _ => text,
            };
            assert!(tests.contains(&format!("fn {test}()")), "{says}: there is no test {test}");
            if let Simulation(bend) = catch {
                let uncaught = UNCAUGHT.iter().any(|(other, _)| other == bend);
                assert!(!uncaught, "{says}: {bend:?} is listed as not caught");
            }
        }
    }
}

#[test]
fn the_page_on_teeth_says_what_is_here() {
    let (path, found) = file("docs/teeth.md");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let drifted = "has drifted; run again with UPDATE=1";
    assert!(env::var_os("UPDATE").is_some() || found == page(), "{} {drifted}", path.display());
}
