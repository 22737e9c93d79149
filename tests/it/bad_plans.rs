//! Broken plan files: each is refused with its file, line, column and what was expected.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tidegate::file::{
    FileErrorKind, FileErrors, Format, MAX_BYTES, Position, load_plan, parse, parse_plan,
};
use tidegate_core::Capabilities;

/// One error of one broken file in `tests/bad_plans`.
struct Row {
    claim: &'static str,
    file: &'static str,
    at: Position,
    says: &'static str,
}

const fn row(
    claim: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
    says: &'static str,
) -> Row {
    Row { claim, file, at: Position { line, column }, says }
}

/// Every error of every file, in the order of the files' names.
#[rustfmt::skip]
const BROKEN: &[Row] = &[
    row("aliases of aliases", "alias_bomb.yaml", 6, 24, "expected well-formed YAML"),
    row("more attempts than a byte holds", "attempts_over.yaml", 9, 13, "policy.attempts: found integer `300`; expected a whole number of 0 to 255"),
    row("yes instead of true", "boolean_in_words.yaml", 6, 20, r#"strategy.canary.shrink_stable: found the text "yes"; expected true or false"#),
    row("capacity that does not carry its traffic", "capacity_below_weight.yaml", 8, 19, "expected at least 20 %"),
    row("a guard listed twice", "check_listed_twice.yaml", 9, 18, r#"guards[1]: check "errors" is listed twice; expected once"#),
    row("a file that says nothing", "comment_only.yaml", 2, 1, "expected a map with target, owner, strategy, checks, hooks, guards, evidence, policy, calendar"),
    row("a comparison with an arm without traffic", "comparison_at_100.yaml", 15, 20, "expected a check with another baseline"),
    row("a day that no week has", "day_unknown.yaml", 10, 16, "expected one of mon, tue, wed, thu, fri, sat, sun"),
    row("lists within lists", "deep_nesting.json", 1, 45, "nested too deeply; expected at most 32 levels"),
    row("lists within lists", "deep_nesting.yaml", 2, 41, "nested too deeply; expected at most 32 levels"),
    row("two checks of one name", "duplicate_check_name.yaml", 13, 3, r#"duplicate key "errors"; expected it once"#),
    row("a key written twice", "duplicate_key.json", 4, 3, r#"duplicate key "target"; expected it once"#),
    row("a key written twice", "duplicate_key.toml", 4, 1, "duplicate key; expected it once"),
    row("a key written twice", "duplicate_key.yaml", 4, 1, r#"duplicate key "owner"; expected it once"#),
    row("a duration below zero", "duration_negative.yaml", 9, 17, r#"strategy.canary.steps[0].gate.bake: duration "-3m" is negative; expected zero or more"#),
    row("a duration without its unit", "duration_without_unit.yaml", 9, 17, r#"strategy.canary.steps[0].gate.bake: duration "600" has no unit; write it as 600s, 600m or 600h"#),
    row("a duration in words", "duration_words.yaml", 9, 17, "expected for example 30s, 10m or 1h 30m"),
    row("a file with nothing in it", "empty.json", 1, 1, "the file is empty; expected a plan"),
    row("a freeze that ends before it begins", "freeze_backwards.yaml", 11, 11, "expected a later end"),
    row("an hour that no clock shows", "hours_malformed.yaml", 10, 28, r#"calendar.allowed[0].from: "9am" is no time of day; expected 00:00 to 23:59"#),
    row("a limit that nothing reaches", "limit_infinite.yaml", 12, 25, "checks.errors.judge.threshold.max: limit inf is not a finite number of zero or more"),
    row("a limit in words", "limit_is_text.yaml", 12, 25, r#"checks.errors.judge.threshold.max: found the text "low"; expected a number"#),
    row("a limit that is no number", "limit_nan.toml", 8, 23, "checks.errors.judge.threshold.max: limit NaN is not a finite number of zero or more"),
    row("a limit that is no number", "limit_nan.yaml", 12, 25, "checks.errors.judge.threshold.max: limit NaN is not a finite number of zero or more"),
    row("a limit below zero", "limit_negative.yaml", 12, 25, "checks.errors.judge.threshold.max: limit -0.5 is not a finite number of zero or more"),
    row("a list", "list_instead_of_plan.yaml", 2, 1, "expected a map with target, owner, strategy, checks, hooks, guards, evidence, policy, calendar"),
    row("half a character", "lone_surrogate.json", 2, 13, "unexpected end of hex escape; expected well-formed JSON"),
    row("a canary without a step", "no_steps.yaml", 6, 5, "strategy.canary.steps: has no steps; expected at least one, such as - weight: 5%"),
    row("no strategy", "no_strategy.yaml", 2, 1, "the key strategy is missing; expected it here"),
    row("no strategy, explicitly", "null_strategy.json", 1, 43, "strategy: found nothing; expected one of canary, blue_green, rolling"),
    row("a number no machine holds", "number_too_large.json", 3, 12, "number out of range; expected well-formed JSON"),
    row("an owner that is a number", "owner_is_number.yaml", 3, 8, "owner: found the number 42; expected a text (put it in quotes)"),
    row("no owner", "owner_missing.yaml", 2, 1, "the key owner is missing; expected it here"),
    row("a ratio of nothing", "ratio_without_baseline.yaml", 11, 15, "expected baseline: concurrent or history"),
    row("three problems at once", "several_problems.yaml", 3, 8, "owner: is empty; expected a person, a rota or a channel"),
    row("three problems at once", "several_problems.yaml", 8, 17, "strategy.canary.steps[1].weight: 20 % does not rise; expected more than the 50 % before it"),
    row("three problems at once", "several_problems.yaml", 10, 13, "policy.attempts: 0 is out of range; expected 1 to 10"),
    row("steps that are no list", "steps_not_a_list.yaml", 6, 12, r#"strategy.canary.steps: found the text "5%"; expected a list"#),
    row("a strategy without its steps", "strategy_is_text.yaml", 4, 11, r#"strategy: found "canary" alone; expected it as a key, with its own keys"#),
    row("two ways of sizing a batch", "surge_and_minimum_healthy.yaml", 7, 22, "expected one or the other"),
    row("batches of nothing", "surge_and_unavailable_zero.yaml", 7, 22, "expected one above zero"),
    row("a tab where spaces belong", "tab_indent.yaml", 5, 2, "tabs disallowed within this context (block indentation); expected well-formed YAML"),
    row("a third arm", "three_arms.yaml", 6, 5, "expected one of steps, minimum_replicas, shrink_stable, platform"),
    row("a comma with nothing after it", "trailing_comma.json", 4, 1, "key must be a string; expected well-formed JSON"),
    row("two lines in one threshold", "two_bounds.yaml", 12, 7, "expected exactly one of max, min, max_ratio, min_ratio"),
    row("two documents in one file", "two_documents.json", 2, 1, "trailing characters; expected well-formed JSON"),
    row("two documents in one file", "two_documents.yaml", 9, 1, "only single YAML document expected but multiple found"),
    row("two strategies at once", "two_strategies.toml", 7, 11, "strategy: found 2 keys; expected exactly one of canary, blue_green, rolling"),
    row("two strategies at once", "two_strategies.yaml", 8, 3, "strategy: found 2 keys; expected exactly one of canary, blue_green, rolling"),
    row("a list that never ends", "unclosed_bracket.yaml", 6, 12, "unclosed bracket '['; expected well-formed YAML"),
    row("a text that never ends", "unclosed_string.toml", 2, 15, r#"invalid basic string, expected `"`"#),
    row("columns count characters, not bytes", "unicode_before.json", 1, 77, "strategy.canary.steps: found the number 5; expected a list"),
    row("fewer than no units", "units_negative.yaml", 6, 16, "strategy.rolling.max_surge: -1 units are below zero"),
    row("an alias of nothing", "unknown_alias.yaml", 6, 12, "reference to unknown value; expected well-formed YAML"),
    row("a check nobody declared", "unknown_check.yaml", 14, 28, r#"strategy.canary.steps[0].gate.checks[1]: unknown check "latency"; expected one of errors"#),
    row("a hook nobody declared", "unknown_hook.yaml", 9, 19, r#"strategy.canary.steps[0].gate.hooks[0]: unknown hook "smoke"; none are declared"#),
    row("a judge nobody knows", "unknown_judge.yaml", 12, 7, r#"checks.errors.judge.treshold: unknown "treshold"; expected one of compare, share, threshold, kayenta, custom"#),
    row("a misspelt key in a step", "unknown_key.json", 4, 57, "expected one of weight, capacity, mirror, gate"),
    row("a misspelt key", "unknown_key.toml", 9, 1, r#"policy.atempts: unknown key "atempts"; expected one of keep_warm, drain, start, progress,"#),
    row("a misspelt key at the top", "unknown_key.yaml", 8, 1, "expected one of target, owner, strategy, checks, hooks, guards, evidence, policy, calendar"),
    row("a misspelt key in a step", "unknown_key_in_step.yaml", 7, 9, "expected one of weight, capacity, mirror, gate"),
    row("a strategy nobody knows", "unknown_strategy.yaml", 5, 3, r#"strategy.bluegreen: unknown "bluegreen"; expected one of canary, blue_green, rolling"#),
    row("a time zone on Mars", "unknown_zone.yaml", 9, 9, "expected an IANA name such as Europe/Berlin or UTC"),
    row("a weight below zero", "weight_negative.yaml", 7, 17, "strategy.canary.steps[0].weight: weight -5% is outside 0 % to 100 %"),
    row("a weight the router can not be set to", "weight_off_grid.yaml", 7, 17, "strategy.canary.steps[0].weight: 2.5 % is off the target's grid; expected a multiple of 1 %"),
    row("a weight of 250 %", "weight_over_100.json", 6, 17, "strategy.canary.steps[1].weight: weight 250% is outside 0 % to 100 %"),
    row("a weight of 250 %", "weight_over_100.yaml", 8, 17, "strategy.canary.steps[1].weight: weight 250% is outside 0 % to 100 %"),
    row("a weight finer than a basis point", "weight_too_fine.yaml", 7, 17, "strategy.canary.steps[0].weight: weight 0.001% is finer than 0.01 %"),
    row("a weight that is a bare number", "weight_without_sign.yaml", 7, 17, "strategy.canary.steps[0].weight: weight 5 has no percent sign; write 5% if you mean percent"),
    row("a step that moves nothing", "weight_zero.yaml", 7, 17, "strategy.canary.steps[0].weight: is 0 %; expected more than 0 %"),
    row("weights that fall", "weights_fall.toml", 9, 10, "strategy.canary.steps[1].weight: 20 % does not rise; expected more than the 50 % before it"),
    row("weights that fall", "weights_fall.yaml", 8, 17, "strategy.canary.steps[1].weight: 20 % does not rise; expected more than the 50 % before it"),
    row("a weight written twice", "weights_repeat.yaml", 8, 17, "strategy.canary.steps[1].weight: 20 % does not rise; expected more than the 20 % before it"),
    row("windows that overlap, of a judge that adds looks up", "windows_overlap.yaml", 12, 12, "checks.errors.every: looks at 10m taken every 10s overlap"),
    row("a gate that has no time to open", "zero_deadline.yaml", 10, 31, "strategy.canary.steps[0].gate.deadline.within: is a zero that would hang; expected more than 0s"),
    row("a zero that would spin", "zero_observe_every.yaml", 9, 18, "policy.observe_every: is a zero that would hang; expected more than 0s"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_plans")
}

fn errors_of(path: &Path) -> FileErrors {
    match load_plan(path, &Capabilities::routed()) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(errors) => errors,
    }
}

#[test]
fn each_broken_file_is_refused_at_its_place_and_says_what_was_expected() {
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for row in BROKEN {
        rows.entry(row.file).or_default().push(row);
    }
    assert!(rows.len() >= 40, "only {} broken files", rows.len());
    for (file, rows) in rows {
        let path = folder().join(file);
        let FileErrors(errors) = errors_of(&path);
        assert_eq!(errors.len(), rows.len(), "{file}: {}", FileErrors(errors));
        for (error, Row { claim, at, says, .. }) in errors.iter().zip(rows) {
            let text = error.to_string();
            assert_eq!(error.at, *at, "{claim}: {text}");
            let start = format!("{}:{}:{}: ", path.display(), at.line, at.column);
            assert!(text.starts_with(&start), "{claim}: {text} does not name its place");
            assert!(text.contains(says), "{claim}: {text} does not say {says}");
        }
    }
}

#[test]
fn every_broken_file_has_a_row() {
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(BROKEN.iter().any(|row| row.file == name), "{name} has no row");
    }
}

#[test]
fn a_caret_stands_under_the_place() {
    let text = errors_of(&folder().join("weight_over_100.yaml")).to_string();
    let expected = "  |\n8 |       - weight: 250%\n  |                 ^";
    assert!(text.ends_with(expected), "{text}");
}

/// Writes a file that is not worth keeping, and says what is wrong with it.
fn errors_of_bytes(name: &str, bytes: &[u8]) -> FileErrors {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    let errors = errors_of(&path);
    fs::remove_file(&path).unwrap();
    errors
}

#[test]
fn a_file_of_ten_megabytes_is_refused_before_it_is_parsed() {
    let bytes = vec![b'#'; 10 * 1024 * 1024];
    let text = errors_of_bytes("ten_megabytes.yaml", &bytes).to_string();
    assert!(text.contains("the file is too large; expected at most 1024 KiB"), "{text}");
}

#[test]
fn a_file_as_large_as_allowed_is_parsed_in_every_format() {
    let size = usize::try_from(MAX_BYTES).unwrap();
    let mut yaml = String::from("target: shop\nguards:\n");
    while yaml.len() < size - 4 {
        yaml.push_str("- a\n");
    }
    let json = format!("[{}0]", "0,".repeat(size / 2 - 2));
    let toml = format!("a = [{}0]", "0,".repeat(size / 2 - 5));
    for (format, text) in [(Format::Yaml, yaml), (Format::Json, json), (Format::Toml, toml)] {
        let error = parse(text.as_bytes(), format, "large").unwrap_err().to_string();
        assert!(!error.contains("too large; expected at most 1024 KiB"), "{format:?}: {error}");
    }
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_where_it_stops_being_text() {
    let FileErrors(errors) = errors_of_bytes("latin1.yaml", b"target: shop\nowner: caf\xe9\n");
    assert!(matches!(errors[0].kind, FileErrorKind::NotUtf8));
    assert_eq!(errors[0].at, Position { line: 2, column: 11 });
    assert!(errors[0].to_string().contains("expected text in UTF-8"));
}

#[test]
fn an_empty_file_an_absent_one_and_one_of_another_kind_are_refused() {
    let text = errors_of_bytes("empty.yaml", b"").to_string();
    assert!(text.contains("the file is empty; expected a plan"), "{text}");
    let absent = errors_of(&folder().join("no_such_file.yaml"));
    assert!(matches!(absent.0[0].kind, FileErrorKind::Unreadable(_)));
    let ini = errors_of(Path::new("plan.ini")).to_string();
    assert!(ini.contains("expected a name that ends with .yaml, .yml, .toml or .json"), "{ini}");
}

const YAML: &str = "\
target: shop
owner: team-shop
strategy:
  canary:
    steps:
      - weight: 5%
        gate: { bake: 10m, checks: [errors] }
checks:
  errors:
    metric: error_ratio
    judge: { threshold: { max: 0.01, looks: 3 } }
calendar:
  freezes:
    - { from: 2026-12-20, to: 2027-01-02 }
";

const TOML: &str = r#"
target = "shop"
owner = "team-shop"
calendar.freezes = [{ from = 2026-12-20, to = 2027-01-02 }]

[[strategy.canary.steps]]
weight = "5%"
gate = { bake = "10m", checks = ["errors"] }

[checks.errors]
metric = "error_ratio"
judge.threshold = { max = 0.01, looks = 3 }
"#;

const JSON: &str = r#"{
  "target": "shop", "owner": "team-shop",
  "strategy": {"canary": {"steps": [
    {"weight": "5%", "gate": {"bake": "10m", "checks": ["errors"]}}
  ]}},
  "checks": {"errors": {
    "metric": "error_ratio", "judge": {"threshold": {"max": 0.01, "looks": 3}}
  }},
  "calendar": {"freezes": [{"from": "2026-12-20", "to": "2027-01-02"}]}
}"#;

#[test]
fn the_same_plan_in_three_formats_is_the_same_plan() {
    let caps = Capabilities::routed();
    let [yaml, toml, json] = [(YAML, Format::Yaml), (TOML, Format::Toml), (JSON, Format::Json)]
        .map(|(text, format)| {
            parse_plan(text.as_bytes(), format, "plan", &caps)
                .unwrap_or_else(|errors| panic!("{errors}"))
        });
    assert_eq!(yaml, toml);
    assert_eq!(yaml, json);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_other_systems_do_not_matter() {
    let text = format!("\u{feff}{}", YAML.replace('\n', "\r\n"));
    let spec = parse(text.as_bytes(), Format::Yaml, "plan").unwrap();
    assert_eq!(spec, parse(YAML.as_bytes(), Format::Yaml, "plan").unwrap());
}

#[test]
fn a_place_inside_an_alias_is_where_it_is_used() {
    let text =
        YAML.replace("bake: 10m", "bake: &t 10m") + "policy:\n  keep_warm: *t\n  attempts: *t\n";
    let FileErrors(errors) = parse(text.as_bytes(), Format::Yaml, "plan").unwrap_err();
    assert_eq!(errors[0].at.line, 17, "{}", errors[0]);
}

#[test]
fn a_json_plan_may_name_its_schema() {
    let text = JSON.replacen('{', r#"{ "$schema": "../docs/plan.schema.json","#, 1);
    let spec = parse(text.as_bytes(), Format::Json, "plan").unwrap();
    assert_eq!(spec, parse(JSON.as_bytes(), Format::Json, "plan").unwrap());
}
