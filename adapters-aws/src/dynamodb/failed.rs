//! What is known of a call that failed, and what a journal says of it.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use tidegate_core::{JournalError, PortError, RolloutId};

use crate::error::{
    Class::{Conflict, Unknown},
    aws_of,
};

/// A write that meets others of the same item is tried so often.
pub(super) const TRIES: u32 = 10;

/// Why a call did not happen, or may not have.
#[derive(Debug)]
pub(super) enum Failed {
    /// Conditions were not met, those of these writes: their places in the transaction.
    Unmet(Vec<usize>),
    /// Another write of the same item was under way. It was not carried out.
    Met(PortError),
    /// It was not carried out.
    Before(PortError),
    /// It may have been, or may yet.
    Unknown(PortError),
    /// It is larger than the service takes, and was not sent.
    TooLarge {
        /// What it would have taken.
        bytes: usize,
        /// What there is.
        most: usize,
    },
}

impl Failed {
    /// Others were quicker each time.
    pub(super) const fn crowded() -> Self {
        Self::Unmet(Vec::new())
    }

    /// A call as it failed.
    pub(super) fn new(error: PortError) -> Self {
        match aws_of(&error).map(|aws| (aws.class, aws.code.as_deref())) {
            Some((_, Some("TransactionCanceledException"))) => Self::cancelled(error),
            Some((_, Some("TransactionConflictException"))) => Self::Met(error),
            Some((Conflict, _)) => Self::Unmet(vec![0]),
            Some((Unknown, _)) | None => Self::Unknown(error),
            Some(_) => Self::Before(error),
        }
    }

    /// A transaction says of each of its writes what spoke against it. Unless all of that is
    /// conditions and other transactions, it is a refusal like any other.
    fn cancelled(error: PortError) -> Self {
        let codes = codes(&error);
        let at = |code: &str| -> Vec<usize> {
            let all = codes.iter().enumerate();
            all.filter(|(_, found)| found.as_str() == code).map(|(place, _)| place).collect()
        };
        let (unmet, met) = (at("ConditionalCheckFailed"), at("TransactionConflict"));
        let fine = at("None");
        if codes.is_empty() || unmet.len() + met.len() + fine.len() < codes.len() {
            Self::Before(error)
        } else if met.is_empty() {
            Self::Unmet(unmet)
        } else {
            Self::Met(error)
        }
    }

    /// As a failure to write something of a rollout. Conditions are the caller's to explain.
    pub(super) fn of(self, rollout: RolloutId) -> JournalError {
        match self {
            Self::Unknown(_) => JournalError::AnswerLost(rollout),
            Self::TooLarge { bytes, most } => JournalError::TooLarge { rollout, bytes, most },
            other => other.of_all(),
        }
    }

    /// As a failure of something that may be repeated.
    pub(super) fn of_all(self) -> JournalError {
        match self {
            Self::Met(error) | Self::Before(error) | Self::Unknown(error) => {
                JournalError::Unavailable(error.into())
            }
            Self::Unmet(_) => JournalError::Unavailable(Crowded.into()),
            Self::TooLarge { bytes, most } => {
                JournalError::Unavailable(TooLarge { bytes, most }.into())
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("others write the same items all the time: given up after {TRIES} tries")]
struct Crowded;

#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are more than the {most} that DynamoDB takes at once")]
struct TooLarge {
    bytes: usize,
    most: usize,
}

/// What a transaction that was cancelled says of each of its writes.
fn codes(error: &PortError) -> Vec<String> {
    let source = aws_of(error).and_then(|aws| aws.source.as_deref());
    let source = source.and_then(|source| source.downcast_ref::<TransactWriteItemsError>());
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = source else {
        return Vec::new();
    };
    let reasons = cancelled.cancellation_reasons().iter();
    reasons.map(|reason| reason.code().unwrap_or("None").to_owned()).collect()
}
