//! Generated files that are checked in: equal to what the code says, or rewritten on request.

use std::{fs, path::Path};

/// Compares a checked-in file of the repository with what it should hold. `UPDATE=1` rewrites it.
#[track_caller]
pub(crate) fn same(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let line = found.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    assert!(
        found == wanted,
        "{path} differs from the code (line {:?}); run the test with UPDATE=1 and read the change",
        line.map(|n| n + 1)
    );
}
