//! In place of adapters, in a program that was built without them.

use tidegate::file::Document;
use tidegate_core::KeyPath;

use super::{AdaptersSpec, Opened, SECTION, Surveyed};
use crate::input::Trouble;

/// Says how to get them.
pub(super) async fn open(document: &Document, spec: &AdaptersSpec) -> Result<Opened, Trouble> {
    Err(not_built(document, spec))
}

/// Says how to get them.
pub(super) async fn survey(document: &Document, spec: &AdaptersSpec) -> Result<Surveyed, Trouble> {
    Err(not_built(document, spec))
}

/// At each that is named.
fn not_built(document: &Document, spec: &AdaptersSpec) -> Trouble {
    let named = [
        ("traffic", spec.traffic.is_some()),
        ("deploy", spec.deploy.is_some()),
        ("health", spec.health.is_some()),
        ("observers", !spec.observers.is_empty()),
    ];
    let named = named.into_iter().filter(|(_, is_named)| *is_named);
    let what = "this program was built without adapters for AWS; build it with --features aws";
    let errors = named.map(|(key, _)| (KeyPath::of(SECTION).key(key), what.to_owned()));
    document.errors(errors).into()
}
