//! The JSON Schema that editors complete plan files with is the one of the types that read them.

use std::{env, fs, path::Path};

use tidegate_core::PlanSpec;

#[test]
fn the_schema_that_is_checked_in_is_the_schema_of_the_types() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(PlanSpec)).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan.schema.json");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == schema, "{} has drifted; run again with UPDATE=1", path.display());
}

#[test]
fn the_schema_refuses_unknown_keys_as_the_loader_does() {
    let schema = serde_json::to_value(schemars::schema_for!(PlanSpec)).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["CanaryStepSpec"]["additionalProperties"], false);
}
