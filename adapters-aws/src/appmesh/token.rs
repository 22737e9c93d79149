//! Client tokens: App Mesh takes 36 characters of letters, digits, `_` and `-`.

use aws_sdk_appmesh::types::RouteSpec;
use sha2::{Digest, Sha256};
use tidegate_core::Call;

/// The same for a repeat of the same move with the same specification, and for nothing else: with one
/// token and another specification App Mesh answers a conflict, however often it is tried.
pub(super) fn of(call: &Call, spec: &RouteSpec) -> String {
    let digest = Sha256::digest(format!("{}\n{spec:?}", call.token()));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("tg-{hex}")
}
