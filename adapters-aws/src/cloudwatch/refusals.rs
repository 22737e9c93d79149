//! What CloudWatch refuses, and whether it is one asker's doing.

use tidegate_core::PortError;

use super::gather::Failed;
use crate::error::{
    Class::{self, Later, Refused},
    code_of,
};

/// The 4xx errors that the model, or AWS's list of common errors, names for reading.
pub(super) const REFUSALS: &[(&str, Class)] = &[
    ("InvalidNextToken", Later),
    ("InvalidParameterCombination", Refused),
    ("InvalidParameterValue", Refused),
    ("MissingParameter", Refused),
];

/// Refusals of what was asked for; any other befalls whatever is asked.
const OF_WHAT_WAS_ASKED: &[&str] = &[
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingParameter",
    "ValidationError",
    "ValidationException",
];

/// A call that failed, by who has to be told apart.
pub(super) fn failed(error: PortError) -> Failed {
    match code_of(&error) {
        Some(code) if OF_WHAT_WAS_ASKED.contains(&code) => Failed::Some(error),
        _ => Failed::All(error),
    }
}
