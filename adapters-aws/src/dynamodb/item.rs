//! Items and their attributes: numbers, texts, and the bodies that are JSON.
//!
//! It must not know what an item stands for, nor how items are asked for.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use tidegate_core::{JournalError, RolloutId, record::FORMAT};

/// The partition key of the table.
pub(super) const PARTITION: &str = "pk";
/// The sort key of the table.
pub(super) const SORT: &str = "sk";
/// Where a body stands that is JSON.
pub(super) const BODY: &str = "body";

/// One item, as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// What is present where a fact holds, and absent where it does not.
pub(super) const fn flag() -> AttributeValue {
    AttributeValue::Bool(true)
}

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) partition: String,
    pub(super) sort: String,
}

impl Key {
    pub(super) fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// The key of an item that was read.
    pub(super) fn of(item: &Item) -> Result<Self, Misread> {
        let fields = Fields(item);
        Ok(Self::new(fields.text(PARTITION)?, fields.text(SORT)?))
    }

    /// The item of this key that has no other attribute yet.
    pub(super) fn item(self) -> Item {
        let Self { partition, sort } = self;
        HashMap::from([(PARTITION.to_owned(), text(partition)), (SORT.to_owned(), text(sort))])
    }
}

/// An attribute that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[error("attribute {attribute} of item {item}: {why}")]
pub(super) struct Misread {
    item: String,
    attribute: String,
    why: String,
}

impl Misread {
    /// Nothing else of the journal is concerned.
    pub(super) fn of(self, rollout: RolloutId) -> JournalError {
        corrupt(rollout, self.to_string())
    }

    /// No rollout by itself is concerned.
    pub(super) fn of_all(self) -> JournalError {
        JournalError::Unavailable(self.into())
    }
}

pub(super) const fn corrupt(rollout: RolloutId, why: String) -> JournalError {
    JournalError::Corrupt { rollout, why }
}

/// The attributes of an item.
pub(super) struct Fields<'a>(pub(super) &'a Item);

impl<'a> Fields<'a> {
    pub(super) fn number(&self, name: &str) -> Result<u64, Misread> {
        self.maybe_number(name)?.ok_or_else(|| self.misread(name, "it is missing"))
    }

    pub(super) fn maybe_number(&self, name: &str) -> Result<Option<u64>, Misread> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let digits = value.as_n().ok().and_then(|digits| digits.parse().ok());
        digits.map(Some).ok_or_else(|| self.misread(name, "it is no number of this journal"))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Misread> {
        let value = self.0.get(name).ok_or_else(|| self.misread(name, "it is missing"))?;
        value.as_s().map(String::as_str).map_err(|_| self.misread(name, "it is no text"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The body, read as what `T` is.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Misread> {
        let text = self.text(BODY)?;
        serde_json::from_str(text).map_err(|error| self.misread(BODY, &error.to_string()))
    }

    pub(super) fn misread(&self, attribute: &str, why: &str) -> Misread {
        let part =
            |name| self.0.get(name).and_then(|key| key.as_s().ok()).map_or("?", String::as_str);
        let item = format!("{}/{}", part(PARTITION), part(SORT));
        Misread { item, attribute: attribute.to_owned(), why: why.to_owned() }
    }
}

/// A body, written.
pub(super) fn body<T: Serialize>(
    rollout: RolloutId,
    value: &T,
) -> Result<AttributeValue, JournalError> {
    let written = serde_json::to_string(value).map(AttributeValue::S);
    written.map_err(|error| corrupt(rollout, format!("it can not be written: {error}")))
}

/// Refuses what a later version of this library wrote.
pub(super) fn check_format(rollout: RolloutId, format: u16) -> Result<(), JournalError> {
    if format <= FORMAT {
        return Ok(());
    }
    let why = format!("format {format} was written by a later version; this one reads {FORMAT}");
    Err(corrupt(rollout, why))
}

/// What an item counts towards DynamoDB's limits: the UTF-8 bytes of names and values, to within the
/// few bytes that numbers and structure take.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        _ => 1,
    }
}
