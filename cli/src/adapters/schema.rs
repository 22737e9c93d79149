//! The JSON Schema that editors complete plan files with is the one of the types that read them: of the
//! plan, and of the adapters beside it.

use std::{env, fs, path::Path};

use schemars::{Schema, generate::SchemaSettings};
use tidegate_core::PlanSpec;

use super::{AdaptersSpec, SECTION};

/// The schema of a plan file.
fn of_a_plan_file() -> Schema {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut adapters = generator.subschema_for::<AdaptersSpec>();
    adapters.insert(
        "description".to_owned(),
        "The adapters to carry the plan out with, where `tidegate run` does.".into(),
    );
    let mut plan = generator.into_root_schema_for::<PlanSpec>();
    let properties = plan.get_mut("properties").and_then(|one| one.as_object_mut());
    properties.unwrap().insert(SECTION.to_owned(), adapters.into());
    plan
}

#[test]
fn the_schema_that_is_checked_in_is_the_schema_of_the_types() {
    let schema = serde_json::to_string_pretty(&of_a_plan_file()).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plan.schema.json");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == schema, "{} has drifted; run again with UPDATE=1", path.display());
}

#[test]
fn the_schema_refuses_unknown_keys_as_the_loader_does() {
    let schema = serde_json::to_value(of_a_plan_file()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for inner in [
        "CanaryStepSpec",
        "AdaptersSpec",
        "AlbSpec",
        "CodeDeploySpec",
        "EcsSpec",
        "TaskSetsSpec",
        "CloudWatchSpec",
    ] {
        assert_eq!(schema["$defs"][inner]["additionalProperties"], false, "{inner}");
    }
}
