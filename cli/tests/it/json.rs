//! The JSON documents: one each, versioned, every key of them in `docs/cli.md`.

use std::{collections::BTreeSet, fs, process::Output};

use serde_json::Value;

use crate::{repository, stderr, stdout, tidegate};

const PLAN: &str = "plan examples/plans/everything.yaml --json";
const VERIFY: &str = "verify examples/plans/canary.yaml --faults 1 --json";
const BROKEN: &str = "verify examples/plans/canary.yaml --faults 1 --lates 1 --commands 1 \
                      --beyond-late-bound --json";
const SIMULATE: &str =
    "simulate examples/plans/canary.yaml --world examples/worlds/checkout-bad.yaml --json";
const DEMO: &str = "demo --json";

/// The one JSON document that a command printed.
pub(crate) fn read(output: &Output) -> Value {
    let text = stdout(output);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", stderr(output)))
}

pub(crate) fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                into.insert(key.clone());
                keys(value, into);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn every_document_names_its_version_and_command() {
    for line in [PLAN, VERIFY, BROKEN, SIMULATE, DEMO] {
        let document = read(&tidegate(line));
        assert_eq!(document["version"], 1, "{line}");
        assert_eq!(document["command"], line.split(' ').next().unwrap(), "{line}");
    }
}

#[test]
fn every_key_of_every_document_is_documented() {
    let docs = fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    for line in [PLAN, VERIFY, BROKEN, SIMULATE, DEMO] {
        let mut found = BTreeSet::new();
        keys(&read(&tidegate(line)), &mut found);
        for key in found {
            assert!(docs.contains(&format!("`{key}`")), "docs/cli.md lacks `{key}` of {line}");
        }
    }
}

#[test]
fn the_top_level_of_each_document_keeps_its_shape() {
    let shapes = [
        (PLAN, "assumed command plan version"),
        (
            VERIFY,
            "assumed beyond_late_bound command counterexample edges explorations made_small \
             outcomes rules states strategy target verdict version",
        ),
        (SIMULATE, "command decisions outcome seed strategy target version world"),
        (DEMO, "command rollouts version"),
    ];
    for (line, wanted) in shapes {
        let document = read(&tidegate(line));
        let found: BTreeSet<&str> =
            document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, wanted.split_whitespace().collect(), "{line}");
    }
}

#[test]
fn a_counterexample_is_told_with_its_invariant_and_its_way() {
    let document = read(&tidegate(BROKEN));
    assert_eq!(document["verdict"], "violated");
    assert_eq!(document["counterexample"]["invariant"], 10);
    assert!(!document["counterexample"]["trace"].as_array().unwrap().is_empty());
}

#[test]
fn a_decision_that_rests_on_a_verdict_carries_its_numbers() {
    let document = read(&tidegate(SIMULATE));
    assert_eq!(document["outcome"]["phase"], "rolled_back");
    assert_eq!(document["outcome"]["cause"], "failed");
    let decisions = document["decisions"].as_array().unwrap();
    let failed = decisions.iter().find(|one| one["measured"]["verdict"] == "fail").unwrap();
    let (value, limit) = (&failed["measured"]["candidate"], &failed["measured"]["limit"]);
    assert!(value.as_f64() > limit.as_f64(), "{failed:#}");
    assert!(failed["sentence"].as_str().unwrap().contains("goes back"));
}

#[test]
fn bad_input_prints_no_document() {
    let output = tidegate("plan tests/bad_plans/weight_over_100.yaml --json");
    assert!(stdout(&output).is_empty());
    assert!(stderr(&output).contains("weight_over_100.yaml:8:17"), "{}", stderr(&output));
}
