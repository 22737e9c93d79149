//! `tidegate judge`: the same lines however a file is cut, and sentences whose numbers are in the looks.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use tidegate_core::health::{
    kayenta::{Config, Label, classify},
    sequential::{
        AbsoluteTest, ArmCounts, Margin, MinuteProcess, Side, Spending, SpendingTest, SplitProcess,
        SplitTest, StartMass, TrafficProcess,
    },
};

use crate::{code, json, repository, stderr, stdout, tidegate};

const LOOKS: &str = "examples/looks/checkout-bad.jsonl";

/// Every method, with its parameters where it needs some.
const METHODS: [(&str, &str); 7] = [
    ("compare", "{}"),
    ("events", "{}"),
    ("spending", "{}"),
    ("absolute", "{\"tolerate_points\":0.001}"),
    ("threshold", "{\"max\":0.02,\"looks\":3,\"failure_limit\":2}"),
    ("share", "{}"),
    ("kayenta", "{\"looks\":5,\"judged_every\":2}"),
];

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// A file of some of the example's lines.
fn file(name: &str, lines: &[String]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn judged(method: &str, looks: &str, more: &str) -> Vec<String> {
    let (_, params) = METHODS.into_iter().find(|(name, _)| *name == method).unwrap();
    let output =
        tidegate(&format!("judge --method {method} --params {params} --looks {looks} {more}"));
    assert!(stderr(&output).is_empty(), "{method}: {}", stderr(&output));
    lines(&stdout(&output))
}

fn documents(method: &str, looks: &str) -> Vec<Value> {
    let lines = judged(method, looks, "--json");
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_cut_at_any_look_and_resumed_gives_the_same_lines() {
    let looks = lines(&fs::read_to_string(repository().join(LOOKS)).unwrap());
    for (method, _) in METHODS {
        for form in ["", "--json"] {
            let whole = judged(method, LOOKS, form);
            assert_eq!(whole.len(), looks.len(), "{method}");
            for cut in 1..looks.len() {
                let name = format!("{method}-{cut}.jsonl");
                let before = file(&name, &looks[..cut]);
                let mut resumed = judged(method, before.to_str().unwrap(), form);
                resumed.extend(judged(method, LOOKS, &format!("{form} --from {}", cut + 1)));
                assert_eq!(resumed, whole, "{method}, cut after {cut} looks");
            }
        }
    }
}

#[test]
fn the_short_form_of_a_look_is_the_stored_one_written_shortly() {
    let stored = |from: u64, events: u32, exposures: u32| {
        let count = |e: u32, x: u32| serde_json::json!({"count": {"events": e, "exposures": x}});
        let window = serde_json::json!({"from": from, "to": from + 60_000});
        serde_json::json!({
            "window": window, "complete": true, "failed": false, "share": "10%",
            "stable": count(6, 1_190), "candidate": count(events, exposures),
        })
        .to_string()
    };
    let short = |events: u32, exposures: u32| {
        let arms = format!("\"stable\": [6, 1190], \"candidate\": [{events}, {exposures}]");
        format!("{{{arms}, \"share\": \"10%\"}}")
    };
    let stored = file("stored.jsonl", &[stored(0, 2, 131), stored(60_000, 9, 128)]);
    let short = file("short.jsonl", &[short(2, 131), String::new(), short(9, 128)]);
    let (stored, short) = (stored.to_str().unwrap(), short.to_str().unwrap());
    for (method, _) in METHODS {
        assert_eq!(judged(method, stored, "--json"), judged(method, short, "--json"), "{method}");
    }
}

#[test]
fn every_key_is_documented() {
    let docs = fs::read_to_string(repository().join("docs/cli.md")).unwrap();
    for (method, _) in METHODS {
        for document in documents(method, LOOKS) {
            assert_eq!((&document["version"], &document["command"]), (&1.into(), &"judge".into()));
            let mut found = BTreeSet::new();
            json::keys(&document, &mut found);
            for key in found {
                assert!(docs.contains(&format!("`{key}`")), "docs/cli.md lacks `{key}`");
            }
        }
    }
}

#[test]
fn history_makes_evidence_sharper_where_it_shows_no_bursts() {
    let calm: Vec<String> =
        (0..60).map(|n| format!("{{\"stable\": [{}, 1200]}}", 5 + n % 3)).collect();
    let calm = file("calm.jsonl", &calm);
    let with = judged("events", LOOKS, &format!("--json --history {}", calm.display()));
    let without = judged("events", LOOKS, "--json");
    let evidence = |lines: &[String]| {
        let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        last["log_e"]["worse"].as_f64().unwrap()
    };
    assert!(evidence(&with) > 4.0 * evidence(&without));
}

#[test]
fn what_is_wrong_with_a_look_is_told_with_its_line() {
    let good = "{\"stable\": [6, 1190], \"candidate\": [2, 131]}".to_owned();
    let window = "\"window\": {\"from\": 120000, \"to\": 60000}";
    let rest = "\"complete\": true, \"stable\": null, \"candidate\": null, \"failed\": false";
    let cases = [
        (
            "{\"stabel\": [6, 1190]}",
            "2:1: unknown key \"stabel\"; expected one of window, complete",
        ),
        ("{\"stable\": [6]}", "2:14: invalid length 1, expected an array of length 2"),
        (
            "{\"stable\": 6}",
            "expected a look, such as {\"stable\": [5, 1200], \"candidate\": [1, 130]}",
        ),
        ("not a look", "2:2: expected ident; expected a look"),
        ("{}", "2:1: it says nothing; expected a look"),
        ("{\"window\": {\"from\": 60000, \"to\": 120000}}", "missing field `complete`"),
        (&format!("{{{window}, {rest}}}"), "expected an end after its beginning"),
    ];
    for (line, wrong) in cases {
        let path = file("wrong.jsonl", &[good.clone(), line.to_owned()]);
        let output = tidegate(&format!("judge --method compare --looks {}", path.display()));
        assert_eq!(code(&output), 64, "{line}");
        assert!(stdout(&output).is_empty(), "{line}");
        let told = stderr(&output);
        assert!(told.contains("wrong.jsonl:2:") && told.contains(wrong), "{line}: {told}");
    }
}

#[test]
fn windows_that_overlap_are_told_with_their_line_unless_each_is_looked_at_by_itself() {
    let look = |from: u64| {
        let arms = "\"stable\": {\"count\": {\"events\": 1, \"exposures\": 900}}, \
                    \"candidate\": {\"count\": {\"events\": 1, \"exposures\": 100}}";
        let window = format!("\"window\": {{\"from\": {from}, \"to\": {}}}", from + 60_000);
        format!("{{{window}, \"complete\": true, \"failed\": false, {arms}}}")
    };
    let path = file("overlap.jsonl", &[look(0), look(30_000)]);
    for (method, params) in METHODS {
        let asked = format!("judge --method {method} --params {params} --looks {}", path.display());
        let output = tidegate(&asked);
        let refused = stderr(&output).contains("overlap.jsonl:2:1: the window begins at");
        assert_eq!((refused, code(&output) == 64), (method != "threshold", method != "threshold"));
    }
}

/// Events and exposures of the candidate, then of stable; none where the look was not usable.
fn counts() -> Vec<Option<[f64; 4]>> {
    let text = fs::read_to_string(repository().join(LOOKS)).unwrap();
    let looks = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let arm = |arm: &Value| Some((arm[0].as_f64()?, arm[1].as_f64()?));
    let look = |look: Value| {
        let ((e1, x1), (e0, x0)) = (arm(&look["candidate"])?, arm(&look["stable"])?);
        Some([e1, x1, e0, x0])
    };
    looks.map(look).collect()
}

/// Four significant digits, as short as it can be.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    let short =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    short.to_owned()
}

/// The sentence that is expected of a judge that gathers evidence, without its verdict.
fn told(rates: [f64; 2], nth: usize, samples: f64, unusable: usize, evidence: f64) -> String {
    let [ours, theirs] = rates.map(|rate| digits(100.0 * rate));
    let unusable = match unusable {
        0 => String::new(),
        some => format!(", {some} of {nth} looks unusable"),
    };
    let odds = match evidence.max(0.0).exp() {
        times if times >= 1e9 => "less than 1 in a billion".to_owned(),
        times => format!("1 in {}", digits(times)),
    };
    format!(
        "value {ours} % against {theirs} % after {nth}m ({samples} samples){unusable}; \
         evidence {odds} that a good release looks so bad, 1 in 100 decides"
    )
}

#[track_caller]
fn assert_tells(document: &Value, evidence: f64, expected: &str) {
    let verdict = document["verdict"].as_str().unwrap().replace('_', " ");
    assert_eq!(document["sentence"], format!("{verdict}, {expected}"));
    let found = document["reading"]["evidence"].as_f64().unwrap();
    assert!((found - evidence).abs() < 1e-9, "{found} {evidence}");
    assert_eq!(verdict == "fail", evidence >= 100_f64.ln(), "{document:#}");
}

/// With nothing known of the past: ten events count as one.
fn split() -> SplitProcess {
    let test = SplitTest::new(Side::Above, 1.0).unwrap().with_dispersion(10.0).unwrap();
    test.with_start(StartMass::Planned { looks: 60 }).begin()
}

#[test]
fn every_number_of_a_comparison_is_in_the_looks() {
    for method in ["events", "compare"] {
        let (mut split, mut minutes) = (split(), MinuteProcess::new());
        let documents = documents(method, LOOKS);
        assert_evidence(method, &counts(), &documents, |[e1, x1, e0, x0]| {
            let by_events = split.look(e1, e0, x1, x0).unwrap();
            let by_minutes = minutes.look(e1 / x1 - e0 / x0).unwrap();
            match method {
                "events" => by_events,
                _ => ((by_events.exp() + by_minutes.exp()) / 2.0).ln(),
            }
        });
    }
}

/// The lines of a judge of evidence, against what this makes of each usable look: the evidence so far.
fn assert_evidence(
    method: &str,
    looks: &[Option<[f64; 4]>],
    documents: &[Value],
    mut evidence_after: impl FnMut([f64; 4]) -> f64,
) {
    let (mut sums, mut unusable, mut evidence) = ([0.0; 4], 0, 0.0);
    assert_eq!(looks.len(), documents.len(), "{method}");
    for ((nth, look), document) in (1..).zip(looks).zip(documents) {
        match look {
            None => unusable += 1,
            Some(look) => {
                evidence = evidence_after(*look);
                sums.iter_mut().zip(look).for_each(|(sum, n)| *sum += n);
            }
        }
        let [e1, x1, e0, x0] = sums;
        let expected = told([e1 / x1, e0 / x0], nth, x1, unusable, evidence);
        assert_tells(document, evidence, &expected);
    }
}

/// Looks, absent where one failed, and what was said after each.
type Judged = (Vec<Option<[f64; 4]>>, Vec<Value>);

/// The example, and a release so bad that even exact spending and an absolute difference see it, with
/// a look that failed on the way.
fn better_and_worse(method: &str) -> [Judged; 2] {
    let worse = [Some([4.0, 130.0, 6.0, 1_190.0]), None, Some([21.0, 128.0, 5.0, 1_204.0])];
    let last = Some([26.0, 140.0, 7.0, 1_188.0]);
    let worse: Vec<_> = worse.into_iter().chain([last; 8]).collect();
    let line = |look: &Option<[f64; 4]>| match look {
        Some([e1, x1, e0, x0]) => {
            format!("{{\"stable\": [{e0}, {x0}], \"candidate\": [{e1}, {x1}]}}")
        }
        // The second minute, in the stored form: the short one has no word for a failure.
        None => "{\"window\": {\"from\": 60000, \"to\": 120000}, \"complete\": false, \
                 \"stable\": null, \"candidate\": null, \"failed\": true}"
            .to_owned(),
    };
    let path = file(&format!("{method}-worse.jsonl"), &worse.iter().map(line).collect::<Vec<_>>());
    let documents_of_worse = documents(method, path.to_str().unwrap());
    assert_eq!(documents_of_worse.last().unwrap()["verdict"], "fail", "{method}");
    [(counts(), documents(method, LOOKS)), (worse, documents_of_worse)]
}

#[test]
fn every_number_of_exact_spending_is_in_the_looks() {
    for (looks, documents) in better_and_worse("spending") {
        let mut test = SpendingTest::new(0.01, 60, Spending::Power(0.5)).unwrap();
        let mut rejected = false;
        assert_evidence("spending", &looks, &documents, |[e1, x1, e0, x0]| {
            rejected = rejected || test.look(e1 as u32, e0 as u32, x1 / (x1 + x0)).unwrap().rejects;
            // All or nothing: what decides, or no evidence at all.
            if rejected { 100_f64.ln() } else { -1e6 }
        });
    }
}

#[test]
fn every_number_of_an_absolute_difference_is_in_the_looks() {
    for (looks, documents) in better_and_worse("absolute") {
        let test = AbsoluteTest::new(Side::Above, Margin::Difference(0.001)).unwrap();
        // With nothing known of the past: ten events count as one.
        let mut process = test.with_dispersion(10.0).unwrap().begin();
        assert_evidence(
            "absolute",
            &looks,
            &documents,
            |[events1, requests1, events0, requests0]| {
                process.look(&ArmCounts { events1, requests1, events0, requests0 }).unwrap()
            },
        );
    }
}

#[test]
fn every_number_of_kayentas_judge_is_in_the_looks() {
    for (looks, documents) in better_and_worse("kayenta") {
        let example = looks.len() == counts().len();
        let (mut ours, mut theirs, mut samples) = (vec![], vec![], 0.0);
        let (mut usable, mut failed, mut told) = (0, 0, String::new());
        for ((nth, look), document) in (1..).zip(looks).zip(documents) {
            if let Some([e1, x1, e0, x0]) = look {
                ours.push(e1 / x1);
                theirs.push(e0 / x0);
                (usable, samples) = (usable + 1, samples + x1);
                if usable % 2 == 0 {
                    // Judged every two usable looks; a metric that shifted for certain has failed.
                    let classified = classify(&Config::default(), &theirs, &ours);
                    let shifted = matches!(classified.label, Label::High | Label::Low);
                    failed += usize::from(shifted && classified.closed);
                    let mean = |points: &[f64]| points.iter().sum::<f64>() / points.len() as f64;
                    told = format!(
                        ", value {} (stable {})",
                        digits(mean(&ours)),
                        digits(mean(&theirs))
                    );
                }
            } else if example && nth == 4 {
                // It has no candidate, and is a point of stable alone.
                theirs.push(6.0 / 1_201.0);
            }
            let verdict = document["verdict"].as_str().unwrap().replace('_', " ");
            let expected = format!(
                "{verdict}{told}, {nth} looks of which {failed} failed, {samples} samples over {nth}m"
            );
            assert_eq!(document["sentence"], expected);
            assert_eq!(verdict == "fail", failed > 0, "{document:#}");
        }
    }
}

#[test]
fn every_number_of_a_share_is_in_the_looks() {
    let mut process = TrafficProcess::new(0.1, 1.0).unwrap();
    let (mut ours, mut theirs, mut unusable) = (0.0, 0.0, 0);
    // Its fourth line has no candidate, which is a share of nothing; its seventh could not be measured.
    let lines = counts().into_iter().zip(documents("share", LOOKS)).enumerate();
    for (n, (look, document)) in lines {
        let requests = match (n + 1, look) {
            (4, _) => Some((0.0, 1_201.0)),
            (_, look) => look.map(|[_, x1, _, x0]| (x1, x0)),
        };
        unusable += usize::from(look.is_none());
        if let Some((x1, x0)) = requests {
            process.look(x1, x0, 0.1).unwrap();
            (ours, theirs) = (ours + x1, theirs + x0);
        }
        let (evidence, share) = (process.log_evidence(), ours / (ours + theirs));
        assert_tells(&document, evidence, &told([share, 0.1], n + 1, ours, unusable, evidence));
    }
}

#[test]
fn every_number_of_a_threshold_is_in_the_looks() {
    let (mut failed, mut samples) = (0, 0.0);
    let documents = documents("threshold", LOOKS);
    for ((nth, look), document) in (1..).zip(counts()).zip(documents) {
        let mut expected = document["verdict"].as_str().unwrap().replace('_', " ");
        if let Some([e1, x1, ..]) = look {
            failed += usize::from(e1 / x1 > 0.02);
            samples += x1;
            expected += &format!(", value {}", digits(e1 / x1));
        }
        expected += " against a limit of 0.02";
        let stable = match (nth, look) {
            (4, _) => Some(6.0 / 1_201.0),
            (_, look) => look.map(|[_, _, e0, x0]| e0 / x0),
        };
        expected += &stable.map_or(String::new(), |rate| format!(" (stable {})", digits(rate)));
        expected +=
            &format!(", {nth} looks of which {failed} failed, {samples} samples over {nth}m");
        assert_eq!(document["sentence"], expected);
        assert_eq!(document["verdict"] == "fail", failed > 2, "{document:#}");
    }
}
