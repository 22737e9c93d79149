//! Failures of ports that no answer of AWS stands behind.

use std::error::Error as StdError;

use tidegate_core::{FailureKind, PortError};

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

/// It was answered, and the answer does not show what was sent: whether it is so has to be read.
pub(crate) fn doubtful(action: &str, why: impl Into<String>) -> PortError {
    PortError::new(FailureKind::Ambiguous, action).because(why.into())
}
