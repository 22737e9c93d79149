//! What a service that has ended looks like, as far as can be told: AWS announced the end of App Mesh,
//! and not what its endpoint answers afterwards.

use std::error::Error as StdError;

use tidegate_core::PortError;

use crate::error::{AwsError, Class, Effect};

/// A failed *reading* whose answer is not App Mesh's becomes [`Class::Gone`]. Writings keep the outcome
/// that is unknown: each follows a reading, which would have told.
pub(super) fn told_apart(error: PortError) -> PortError {
    let PortError { kind, action, source } = error;
    match source.map(|source| source.downcast::<AwsError>()) {
        Some(Ok(mut found)) if is_gone(&found) => {
            found.class = Class::Gone;
            PortError::new(Class::Gone.kind(Effect::Reads), action).because(*found)
        }
        Some(Ok(found)) => PortError::new(kind, action).because(*found),
        Some(Err(other)) => PortError { kind, action, source: Some(other) },
        None => PortError::new(kind, action),
    }
}

/// An answer that the model does not know to what can only be App Mesh's own, or a name that no longer
/// leads anywhere.
fn is_gone(error: &AwsError) -> bool {
    if error.class != Class::Unknown {
        return false;
    }
    match error.status {
        Some(status) => matches!(status, 403 | 404 | 410),
        None => error.source.as_deref().is_some_and(no_such_host),
    }
}

/// Resolvers say it in words alone: hyper's connector, and the systems' `getaddrinfo`.
fn no_such_host(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    let mut next = Some(error as &(dyn StdError + 'static));
    while let Some(one) = next {
        let text = one.to_string();
        if ["dns error", "failed to lookup address", "Name or service not known"]
            .iter()
            .any(|words| text.contains(words))
        {
            return true;
        }
        next = one.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io;

    use tidegate_core::FailureKind;

    use super::*;

    fn failed(status: Option<u16>, why: &str) -> PortError {
        let error = AwsError {
            service: "appmesh",
            operation: "DescribeRoute",
            class: Class::Unknown,
            status,
            code: None,
            request_id: None,
            source: Some(io::Error::other(why.to_owned()).into()),
        };
        PortError::new(FailureKind::Retryable, "read a route").because(error)
    }

    #[test]
    fn a_name_that_leads_nowhere_is_gone_and_a_broken_connection_is_not() {
        let lookup = "dns error: failed to lookup address information";
        for (error, wanted) in [
            (failed(None, lookup), FailureKind::Permanent),
            (failed(None, "connection reset by peer"), FailureKind::Retryable),
            (failed(Some(410), "gone"), FailureKind::Permanent),
            (failed(Some(503), "busy"), FailureKind::Retryable),
        ] {
            let told = format!("{error:?}");
            assert_eq!(told_apart(error).kind, wanted, "{told}");
        }
    }
}
