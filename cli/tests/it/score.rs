//! `tidegate score`: Kayenta's arithmetic over the looks of several metrics, and what bad input gets.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{code, stderr, stdout, tidegate};

/// A file of this name with this in it.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Twelve minutes of counts, the candidate's rate so many times stable's.
fn looks(name: &str, times: u32) -> PathBuf {
    let line = |n: u32| {
        let errors = 20 + n * 7 % 5;
        format!("{{\"stable\": [{errors}, 2000], \"candidate\": [{}, 2000]}}", times * errors)
    };
    file(name, &(0..12).map(line).collect::<Vec<_>>().join("\n"))
}

const METRICS: &str = "\
metrics:
  a: { groups: [errors], judge: { direction: increase } }
  b: { groups: [errors], judge: { direction: increase } }
  c: { groups: [latency], judge: { direction: increase } }
";

/// The document and the exit code of a score with `bad` being twice stable's rate.
fn scored(name: &str, head: &str, metrics: &str, bad: &str) -> (Value, i32) {
    let config = file(&format!("{name}.yaml"), &format!("{head}{metrics}"));
    let mut command = format!("score {} --json", config.display());
    for metric in ["a", "b", "c"] {
        let looks = looks(&format!("{name}-{metric}.jsonl"), if metric == bad { 2 } else { 1 });
        command += &format!(" --looks {metric}={}", looks.display());
    }
    let output = tidegate(&command);
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    (serde_json::from_str(&stdout(&output)).unwrap(), code(&output))
}

#[test]
fn a_score_is_the_weighted_sum_of_the_groups_and_decides_the_exit_code() {
    let head = "pass: 90\nmarginal: 60\ngroups: { errors: 60, latency: 40 }\n";
    for (bad, score, verdict, exit) in
        [("", 100.0, "pass", 0), ("a", 70.0, "inconclusive", 2), ("c", 60.0, "inconclusive", 2)]
    {
        let (found, ended) = scored(&format!("sum{bad}"), head, METRICS, bad);
        assert_eq!((found["score"].as_f64(), ended), (Some(score), exit), "{bad}");
        assert_eq!(found["verdict"], verdict, "{bad}");
    }
    let (found, ended) = scored("high", "pass: 90\nmarginal: 80\n", METRICS, "c");
    // Without weights the two groups count the same.
    assert_eq!((found["score"].as_f64(), ended), (Some(50.0), 1));
    let label = |nth: usize| found["metrics"][nth]["label"].as_str().unwrap().to_owned();
    assert_eq!([label(0), label(1), label(2)], ["pass", "pass", "high"]);
}

#[test]
fn a_critical_metric_fails_a_canary_alone_and_a_muted_one_not_at_all() {
    let with = |key: &str| METRICS.replace("c: {", &format!("c: {{ {key}: true,"));
    let (found, ended) = scored("critical", "marginal: 0\n", &with("critical"), "c");
    assert_eq!((found["score"].as_f64(), ended), (Some(0.0), 1));
    assert!(found["sentence"].as_str().unwrap().ends_with("critical metric c did not pass"));
    let (found, ended) = scored("muted", "", &with("muted"), "c");
    assert_eq!((found["score"].as_f64(), ended), (Some(100.0), 0));
}

#[test]
fn a_metric_without_data_that_must_have_some_is_no_data_and_does_not_pass() {
    let looks = looks("there.jsonl", 1);
    let none = file("none.jsonl", "{\"stable\": [3, 2000]}\n");
    let config = file(
        "must.yaml",
        "metrics:\n  a: { groups: [g] }\n  b: { groups: [g], must_have_data: true }\n",
    );
    let command = format!(
        "score {} --looks a={} --looks b={}",
        config.display(),
        looks.display(),
        none.display()
    );
    let output = tidegate(&command);
    assert_eq!(code(&output), 2, "{}", stdout(&output));
    assert!(stdout(&output).contains("NodataFailMetric b"), "{}", stdout(&output));
}

#[test]
fn what_can_not_be_scored_is_refused_with_its_place() {
    let a = looks("refused.jsonl", 1);
    let a = a.display();
    for (nth, (config, given, expected)) in [
        (METRICS.to_owned(), format!("--looks a={a}"), "--looks names b 0 times"),
        (METRICS.to_owned(), format!("--looks a={a} --looks d={a}"), "has no metric \"d\""),
        (METRICS.to_owned(), "--looks a".to_owned(), "such as errors=errors.jsonl"),
        ("metrics: { a: {} }".to_owned(), format!("--looks a={a}"), "groups"),
        (
            "metrics: { a: { groups: [g], judge: { tolerance: -1 } } }".to_owned(),
            format!("--looks a={a}"),
            "metrics.a.judge",
        ),
        (
            "groups: { g: 101 }\nmetrics: { a: { groups: [g] } }".to_owned(),
            format!("--looks a={a}"),
            "the weights add up to 101; expected at most 100",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&format!("refused-{nth}.yaml"), &config);
        let output = tidegate(&format!("score {} {given}", path.display()));
        assert_eq!(code(&output), 64, "{}", stdout(&output));
        assert!(stderr(&output).contains(expected), "{expected}: {}", stderr(&output));
    }
}
