//! What stored bytes mean: JSON, so that ordinary tools can read a store.
//!
//! The only file that knows the encoding.

use serde::{Serialize, de::DeserializeOwned};
use tidegate_core::{JournalError, RolloutId, record::FORMAT};

/// The bytes of a value.
pub(crate) fn encode<T: Serialize>(rollout: RolloutId, value: &T) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(value)
        .map_err(|error| corrupt(rollout, format!("it can not be written: {error}")))
}

/// The value of stored bytes; `what` and where names them in the error.
pub(crate) fn decode<T: DeserializeOwned>(
    rollout: RolloutId,
    what: &str,
    bytes: &[u8],
) -> Result<T, JournalError> {
    serde_json::from_slice(bytes).map_err(|error| corrupt(rollout, format!("{what}: {error}")))
}

/// Refuses what a later version of this library wrote.
pub(crate) fn check_format(rollout: RolloutId, format: u16) -> Result<(), JournalError> {
    if format <= FORMAT {
        return Ok(());
    }
    Err(corrupt(
        rollout,
        format!("format {format} was written by a later version; this one reads {FORMAT}"),
    ))
}

pub(crate) fn corrupt(rollout: RolloutId, why: String) -> JournalError {
    JournalError::Corrupt { rollout, why }
}
