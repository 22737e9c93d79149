//! What the platforms of AWS that set their own pace have alike. It must not know any of them.

use tidegate_core::{
    Arm, ArmCapacity, Call, Capabilities, PlatformSeen, PortError, Revisions, SeenCapacity,
};

use crate::port::refused;

/// Elastic capacity: stable is there if it has a revision, and what comes in is brought by others.
pub(crate) fn elastic(revisions: &Revisions) -> SeenCapacity {
    let served = u32::from(revisions.stable.is_some());
    let (full_by_zone, candidate) = ([0; Capabilities::MAX_ZONES], ArmCapacity::default());
    SeenCapacity { full: 1, full_by_zone, stable: ArmCapacity::steady(served), candidate }
}

/// A deployment brings and removes capacity by itself.
pub(crate) fn not_ours(verb: &str, call: &Call, arm: Arm) -> PortError {
    let action = format!("{verb} {arm} of {}", call.target);
    refused(&action, "a deployment brings and removes capacity itself; hand the stage over to it")
}

/// What is seen of our deployment where it has replaced somebody else's, which nobody knew of when it
/// was asked for. It does not count as going forward: a person has to look at it.
pub(crate) const fn replacing_somebody_else_s(seen: PlatformSeen) -> PlatformSeen {
    match seen {
        PlatformSeen::Running | PlatformSeen::AtWait { .. } => PlatformSeen::Foreign,
        PlatformSeen::Succeeded => PlatformSeen::Failed,
        back => back,
    }
}
