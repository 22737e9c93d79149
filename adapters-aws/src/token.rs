//! Client tokens of at most 36 letters, digits and dashes: what App Mesh and ECS take.

use sha2::{Digest, Sha256};
use tidegate_core::Call;

/// The same for a repeat of the same move with the same body, and for nothing else: one token with
/// another body is refused, however often it is tried.
pub(crate) fn of(call: &Call, body: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{body}", call.token()));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("tg-{hex}")
}
