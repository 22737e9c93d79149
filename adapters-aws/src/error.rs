//! What an answer of AWS, or the lack of one, means for the call that was made.
//!
//! Only two things prove that a call was not carried out: it could not even be built, or AWS refused
//! it with an error that its own model names. All else may have happened. This file must not know
//! what any call is for.

use std::{error::Error as StdError, fmt};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tidegate_core::{FailureKind, PortError};

/// What is known of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It never left this process: the request could not be built.
    NotBuilt,
    /// It never left this process: too many calls wait before it for the service's quota.
    Queued,
    /// Refused for good: no permission, no such thing, not valid.
    Refused,
    /// Refused for now: the resource is busy, or the credentials have run out.
    Later,
    /// Refused because too many requests were made. It was not carried out, and says nothing of the
    /// health of anything.
    Throttled,
    /// Somebody else has written since the version that was sent; nothing was changed.
    Conflict,
    /// The service itself no longer answers as the service it was.
    Gone,
    /// It may have happened, or may yet.
    Unknown,
}

impl Class {
    /// What a port says of it. A call that only reads has no outcome to be unknown: it may be
    /// repeated.
    #[must_use]
    pub const fn kind(self, effect: Effect) -> FailureKind {
        match (self, effect) {
            (Self::NotBuilt | Self::Refused | Self::Gone, _) => FailureKind::Permanent,
            (Self::Queued | Self::Throttled, _) => FailureKind::Throttled,
            (Self::Later, _) | (Self::Unknown, Effect::Reads) => FailureKind::Retryable,
            (Self::Conflict, _) => FailureKind::Conflict,
            (Self::Unknown, Effect::Writes) => FailureKind::Ambiguous,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuilt => "could not be built",
            Self::Queued => "was not sent: too many calls wait for the quota",
            Self::Refused => "was refused",
            Self::Later => "was refused for now",
            Self::Throttled => "was throttled",
            Self::Conflict => "was refused: somebody else has written",
            Self::Gone => "found the service gone",
            Self::Unknown => "has an unknown outcome",
        })
    }
}

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It can be repeated at will.
    Reads,
    /// It changes the world, or may.
    Writes,
}

/// A call of AWS that failed: the source of the [`PortError`] that says so.
#[derive(Debug, thiserror::Error)]
#[error("{service} {operation} {class}{}", Details(.status, .code, .request_id))]
pub struct AwsError {
    /// The service, as in ARNs and endpoints.
    pub service: &'static str,
    /// The operation, as the service calls it.
    pub operation: &'static str,
    /// What is known of the call.
    pub class: Class,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The error's code, where the answer had one.
    pub code: Option<String>,
    /// What AWS support asks for.
    pub request_id: Option<String>,
    /// What was said.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The AWS error behind a port's.
pub(crate) fn aws_of(error: &PortError) -> Option<&AwsError> {
    let source = error.source.as_deref()? as &(dyn StdError + 'static);
    source.downcast_ref()
}

/// The code of the AWS error behind a port's, where it has one.
pub(crate) fn code_of(error: &PortError) -> Option<&str> {
    aws_of(error)?.code.as_deref()
}

struct Details<'a>(&'a Option<u16>, &'a Option<String>, &'a Option<String>);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status, code, request_id) = self;
        if let Some(code) = code {
            write!(f, ": {code}")?;
        }
        if let Some(status) = status {
            write!(f, " (HTTP {status})")?;
        }
        match request_id {
            Some(id) => write!(f, ", request {id}"),
            None => Ok(()),
        }
    }
}

/// One operation of a service, and what its own errors mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// The service, as in ARNs and endpoints.
    pub(crate) service: &'static str,
    /// As the service calls it.
    pub(crate) name: &'static str,
    /// Whether it changes anything.
    pub(crate) effect: Effect,
    /// The 4xx errors that the service's model names, as far as our operations meet them. A code
    /// that is missing here is an unknown outcome for a write.
    pub(crate) refusals: &'static [(&'static str, Class)],
}

impl Operation {
    /// What is known of a call that failed like this.
    pub(crate) fn class<E>(self, error: &SdkError<E, HttpResponse>) -> Class
    where
        E: ProvideErrorMetadata,
    {
        match error {
            SdkError::ConstructionFailure(_) => Class::NotBuilt,
            SdkError::ServiceError(_) => self.answered(status(error), error.code()),
            // Even a refused connection: it can not be told from one that broke after the request.
            _ => Class::Unknown,
        }
    }

    /// A failed call as a failure of `action`.
    pub(crate) fn failed<E>(
        self,
        action: &str,
        class: Class,
        error: SdkError<E, HttpResponse>,
    ) -> PortError
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = status(&error);
        let code = error.code().map(ToOwned::to_owned);
        let request_id = error.raw_response().and_then(request_id);
        let source = error.into_source().unwrap_or_else(Into::into);
        self.error(class, action, Said { status, code, request_id, source: Some(source) })
    }

    /// A failure that was found without an answer of the SDK.
    pub(crate) fn unsent(self, class: Class, action: &str) -> PortError {
        self.error(class, action, Said::default())
    }

    fn error(self, class: Class, action: &str, said: Said) -> PortError {
        let Said { status, code, request_id, source } = said;
        let (service, operation) = (self.service, self.name);
        let error = AwsError { service, operation, class, status, code, request_id, source };
        PortError::new(class.kind(self.effect), action).because(error)
    }

    /// What an error with a code means. A server's error may follow the effect, and a code that
    /// nobody documented proves nothing.
    fn answered(self, status: Option<u16>, code: Option<&str>) -> Class {
        let refused = matches!(status, Some(400..=499));
        let Some(code) = code else { return Class::Unknown };
        if THROTTLING.contains(&code) {
            return Class::Throttled;
        }
        let named = self.refusals.iter().chain(COMMON).find(|(name, _)| *name == code);
        named.filter(|_| refused).map_or(Class::Unknown, |(_, class)| *class)
    }
}

#[derive(Default)]
struct Said {
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

fn request_id(raw: &HttpResponse) -> Option<String> {
    let headers = raw.headers();
    let id = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| headers.get(name));
    id.map(ToOwned::to_owned)
}

/// Codes of throttling, whatever the service: most services answer with one that their models do
/// not name. `LimitExceededException`, which the SDK retries as throttling, is not here: in App Mesh,
/// Lambda and others it is a quota of resources, and waiting does not help.
const THROTTLING: &[&str] = &[
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Errors that AWS documents for every service, under "common errors", beside their models.
const COMMON: &[(&str, Class)] = &[
    ("AccessDenied", Class::Refused),
    ("AccessDeniedException", Class::Refused),
    ("ExpiredToken", Class::Later),
    ("ExpiredTokenException", Class::Later),
    ("IncompleteSignature", Class::Refused),
    ("IncompleteSignatureException", Class::Refused),
    ("InvalidClientTokenId", Class::Refused),
    ("InvalidSignatureException", Class::Refused),
    ("MissingAuthenticationToken", Class::Refused),
    ("MissingAuthenticationTokenException", Class::Refused),
    ("NotAuthorized", Class::Refused),
    ("OptInRequired", Class::Refused),
    ("RequestExpired", Class::Later),
    ("SignatureDoesNotMatch", Class::Refused),
    ("UnrecognizedClientException", Class::Refused),
    ("ValidationError", Class::Refused),
    ("ValidationException", Class::Refused),
];

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Operation = Operation {
        service: "test",
        name: "Change",
        effect: Effect::Writes,
        refusals: &[("NamedException", Class::Refused), ("BusyException", Class::Later)],
    };

    #[test]
    fn only_a_refusal_that_the_model_names_proves_that_nothing_was_done() {
        for (status, code, wanted) in [
            (400, Some("NamedException"), FailureKind::Permanent),
            (409, Some("BusyException"), FailureKind::Retryable),
            (403, Some("AccessDenied"), FailureKind::Permanent),
            (400, Some("NovelException"), FailureKind::Ambiguous),
            (404, Some("UnknownOperationException"), FailureKind::Ambiguous),
            (400, None, FailureKind::Ambiguous),
            (500, Some("NamedException"), FailureKind::Ambiguous),
            (500, Some("InternalFailure"), FailureKind::Ambiguous),
            (503, Some("ServiceUnavailable"), FailureKind::Ambiguous),
            (429, Some("TooManyRequestsException"), FailureKind::Throttled),
            (503, Some("SlowDown"), FailureKind::Throttled),
        ] {
            let kind = WRITE.answered(Some(status), code).kind(Effect::Writes);
            assert_eq!(kind, wanted, "{status} {code:?}");
        }
    }
}
