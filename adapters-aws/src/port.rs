//! Failures of ports that no answer of AWS stands behind.

use std::error::Error as StdError;

use tidegate_core::{Call, Extra, FailureKind, PlatformSeen, PortError, Weight};

/// It can not be done, now or later, and nothing was sent.
pub(crate) fn refused(action: &str, why: impl Into<String>) -> PortError {
    PortError::new(FailureKind::Permanent, action).because(why.into())
}

/// What was found does not let it be done, and nothing was sent.
pub(crate) fn unsuitable(action: &str, why: impl StdError + Send + Sync + 'static) -> PortError {
    PortError::new(FailureKind::Permanent, action).because(why)
}

/// What was read lacks a part. It says nothing of that part, and may be read again.
pub(crate) fn incomplete(action: &str, why: impl Into<String>) -> PortError {
    PortError::new(FailureKind::Retryable, action).because(why.into())
}

/// None of these routers copies requests or has test traffic apart from weights. To want none is fine.
pub(crate) fn copies_unsupported(call: &Call, to: Extra) -> Result<(), PortError> {
    if to.mirror == Weight::ZERO && !to.test {
        return Ok(());
    }
    let action = format!("set copies and test traffic of {}", call.target);
    Err(refused(&action, "this router has neither"))
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
