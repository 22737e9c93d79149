//! The example files: each plan names the schema that editors complete it from, and is accepted.

use std::{fs, path::PathBuf};

use crate::{code, repository, stderr, tidegate};

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("examples").join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_plan_names_a_schema_that_is_there() {
    for path in files("plans") {
        let text = fs::read_to_string(&path).unwrap();
        let named = text.split_whitespace().find(|word| word.contains("plan.schema.json"));
        let named = named.unwrap_or_else(|| panic!("{} names no schema", path.display()));
        let named = named.trim_start_matches("$schema=").trim_matches(['"', ',']);
        assert!(path.parent().unwrap().join(named).is_file(), "{}: {named}", path.display());
    }
}

#[test]
fn every_plan_compiles_and_every_world_is_one() {
    for path in files("plans") {
        let output = tidegate(&format!("plan {}", path.display()));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    for path in files("worlds") {
        // Every target can carry a rolling plan, whatever its router.
        let output =
            tidegate(&format!("plan examples/plans/rolling.json --world {}", path.display()));
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
}

#[test]
fn every_bad_plan_ends_with_64_and_says_where() {
    let folder = repository().join("tests/bad_plans");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let output = tidegate(&format!("plan {}", path.display()));
        assert_eq!(code(&output), 64, "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(stderr(&output).contains(&format!("{name}:")), "{}", stderr(&output));
    }
}
