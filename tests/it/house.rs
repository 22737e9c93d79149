//! The house: what stands at the top level, who may know whom, and what nobody may pull in.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).current_dir(root()).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that are built for the tests and programs of some packages of the workspace, on
/// any platform.
fn tree(packages: &[&str]) -> BTreeSet<String> {
    let all = ["tree", "--locked", "--edges", "normal,build,dev", "--prefix", "none"];
    let listed = cargo(&[&all, packages].concat());
    listed.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

/// The packages of the workspace, as cargo reads them.
fn members() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap()
}

/// The packages of this workspace that a package needs to be used.
fn needs(package: &Value) -> BTreeSet<&str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let used = dependencies.filter(|dependency| dependency["kind"].is_null());
    used.map(|dependency| text(dependency, "name")).filter(|n| n.starts_with("tidegate")).collect()
}

#[track_caller]
fn assert_without_aws(tree: &BTreeSet<String>, must_have: &str) {
    assert!(
        tree.contains(must_have),
        "{must_have} is not in the tree that was looked at: {tree:?}"
    );
    let aws: Vec<_> =
        tree.iter().filter(|name| name.starts_with("aws-") || *name == "tidegate-aws").collect();
    assert!(aws.is_empty(), "{aws:?}");
}

#[test]
fn plain_cargo_test_builds_no_aws_crate() {
    assert_without_aws(&tree(&[]), "tidegate-mock");
}

#[test]
fn the_demo_builds_no_aws_crate() {
    let alias = read(".cargo/config.toml");
    let alias = alias.lines().find(|line| line.starts_with("demo = ")).unwrap();
    assert!(alias.contains("--package tidegate-cli"), "{alias}");
    assert_without_aws(&tree(&["--package", "tidegate-cli"]), "tidegate-cli");
}

#[test]
fn packages_know_only_those_they_may_know() {
    for package in members() {
        let needs = needs(&package);
        let may: &[&str] = match text(&package, "name") {
            "tidegate-core" => &[],
            "tidegate" | "tidegate-mock" | "tidegate-aws" | "tidegate-store" => &["tidegate-core"],
            _ => &["tidegate", "tidegate-core", "tidegate-mock", "tidegate-aws", "tidegate-store"],
        };
        let not: Vec<_> = needs.iter().filter(|needed| !may.contains(needed)).collect();
        assert!(not.is_empty(), "{} knows {not:?}", text(&package, "name"));
    }
}

#[test]
fn every_package_inherits_the_lints_and_states_its_licence() {
    for package in members() {
        let manifest = fs::read_to_string(text(&package, "manifest_path")).unwrap();
        let name = text(&package, "name");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
    }
}

#[test]
fn the_top_level_has_its_names() {
    let names = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "deny.toml",
        ".ci/run",
        "core/Cargo.toml",
        "adapters-aws/Cargo.toml",
        "adapters-mock/Cargo.toml",
        "cli/Cargo.toml",
        "src/lib.rs",
        "docs/invariants.md",
        "docs/rules.md",
        "docs/adr/README.md",
    ];
    let missing: Vec<_> = names.iter().filter(|name| !root().join(name).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The lines of the page's fenced blocks of one language.
fn fenced<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = page.split("```").skip(1).step_by(2);
    let of = blocks.filter_map(|block| block.split_once('\n')).filter(|(tag, _)| *tag == language);
    of.flat_map(|(_, block)| block.lines()).collect()
}

#[test]
fn the_readme_has_exactly_two_commands_and_ci_runs_both() {
    let commands = fenced(&read("README.md"), "sh").join("\n");
    assert_eq!(commands, "cargo demo\ncargo test --workspace");
    let ci = read(".ci/run");
    assert!(commands.lines().all(|command| ci.lines().any(|line| line == command)));
}

#[test]
fn the_property_test_that_the_readme_shows_is_one_that_runs() {
    let shown = fenced(&read("README.md"), "rust,ignore").join("\n");
    let runs = read("tests/it/rule.rs");
    assert!(!shown.is_empty() && runs.contains(&shown), "tests/it/rule.rs has no such lines");
}

#[test]
fn all_that_the_page_about_rules_shows_is_in_the_file_that_runs() {
    let (page, runs) = (read("docs/rules-of-your-own.md"), read("tests/it/own_rule.rs"));
    let blocks: Vec<_> = page.split("```rust,ignore\n").skip(1).collect();
    assert_eq!(blocks.len(), 6);
    for block in blocks {
        let shown = block.split("```").next().unwrap();
        assert!(
            runs.contains(shown.trim_end()),
            "tests/it/own_rule.rs has no such lines:\n{shown}"
        );
    }
    let property = page.split("```rust,ignore\n").find(|block| block.starts_with("proptest!"));
    let lines = property.unwrap().split("```").next().unwrap().lines().count();
    assert_eq!(lines, 10, "it is called ten lines");
}

/// A text without its line breaks and indentation.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_run_that_the_readme_shows_is_how_the_demo_begins() {
    let shown = words(&fenced(&read("README.md"), "text").join("\n"));
    let script = read("cli/tests/scripts/demo.txt");
    let first = script.lines().skip_while(|line| !line.starts_with("canary.yaml"));
    let first: Vec<_> = first.take_while(|line| !line.is_empty()).collect();
    let mut rest = shown.as_str();
    // The script leaves numbers open, each as three dots.
    for piece in words(&first.join("\n")).split("...") {
        let Some(at) = rest.find(piece) else { panic!("README.md does not show {piece:?}") };
        rest = &rest[at + piece.len()..];
    }
}

#[test]
fn links_to_files_of_the_repository_lead_somewhere() {
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/adr/README.md",
        "docs/rules-of-your-own.md",
    ] {
        let text = read(page);
        let folder = root().join(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(folder.with_file_name(file).exists(), "{page}: {link}");
        }
    }
}

#[test]
fn every_decision_is_listed() {
    let list = read("docs/adr/README.md");
    for entry in fs::read_dir(root().join("docs/adr")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&format!("({name})")), "{name}");
    }
}
