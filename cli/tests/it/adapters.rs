//! A program without adapters says how to get them, at the place that names one.

use crate::{code, stderr, tidegate};

#[test]
fn naming_an_adapter_for_aws_says_how_to_get_it() {
    for command in [
        "run cli/tests/adapters/alias.yaml --journal none.db --actor ada",
        "preflight cli/tests/adapters/alias.yaml",
    ] {
        let output = tidegate(&format!("{command} --stable 1 --candidate 2"));
        assert_eq!(code(&output), 64, "{}", stderr(&output));
        let told = stderr(&output);
        let place = "cli/tests/adapters/alias.yaml:11:3: adapters.traffic: ";
        assert!(told.contains(place), "{told}");
        assert!(told.contains("build it with --features aws"), "{told}");
    }
}
