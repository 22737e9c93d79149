//! Attribute values as the wire has them, `{"S": "…"}`, and how DynamoDB compares and measures them.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// An item: attributes by name.
pub(super) type Item = Map<String, Value>;

/// The type of a value and what it holds.
fn parts(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let (kind, held) = members.iter().next()?;
    (members.len() == 1).then_some((kind.as_str(), held))
}

/// The type of a value, such as `S`.
pub(super) fn kind(value: &Value) -> Option<&str> {
    parts(value).map(|(kind, _)| kind)
}

/// A whole number. Fractions are not in this fake.
pub(super) fn whole(value: &Value) -> Option<i128> {
    let (kind, held) = parts(value)?;
    (kind == "N").then_some(held)?.as_str()?.parse().ok()
}

pub(super) fn text(value: &Value) -> Option<&str> {
    let (kind, held) = parts(value)?;
    (kind == "S").then_some(held)?.as_str()
}

/// Compares values of one type, as DynamoDB orders them; values of two types have no order.
pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    if let (Some(one), Some(other)) = (text(one), text(other)) {
        return Some(one.as_bytes().cmp(other.as_bytes()));
    }
    (one == other).then_some(Ordering::Equal)
}

/// Whether it is a value at all that this fake knows.
pub(super) fn is_known(value: &Value) -> bool {
    match parts(value) {
        Some(("S", held)) => held.is_string(),
        Some(("N", _)) => whole(value).is_some(),
        Some(("BOOL", held)) => held.is_boolean(),
        _ => false,
    }
}

/// The size of an item in bytes, as the developer guide counts it ("Item sizes and formats"): names,
/// texts, and numbers at two digits a byte and one more.
pub(super) fn size(item: &Item) -> usize {
    let of = |value: &Value| match parts(value) {
        Some(("S", held)) => held.as_str().map_or(0, str::len),
        Some(("N", held)) => held.as_str().map_or(0, |digits| digits.len().div_ceil(2) + 1),
        _ => 1,
    };
    item.iter().map(|(name, value)| name.len() + of(value)).sum()
}
