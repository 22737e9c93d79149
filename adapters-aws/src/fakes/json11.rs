//! What services of JSON 1.1 have in common: times, pages, members that are absent. It must not know any
//! service.

use std::time::Duration;

use serde_json::Value;

use super::{FIRST_DAY, Request};

/// Items of a page, where no fault says otherwise.
const PAGE: usize = 100;

/// A time as JSON 1.1 has it: seconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
pub(super) fn seconds(at: Duration) -> f64 {
    FIRST_DAY as f64 + at.as_secs_f64()
}

/// Part of a list, from the token on, and the token of the next part.
pub(super) fn page(
    items: &[Value],
    body: &Value,
    request: &Request,
) -> (Vec<Value>, Option<String>) {
    let from = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
    let size = request.page.unwrap_or(PAGE);
    let part: Vec<_> = items.iter().skip(from).take(size).cloned().collect();
    let next = (from + part.len() < items.len()).then(|| (from + part.len()).to_string());
    (part, next)
}

/// An object without its absent members.
pub(super) fn present(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    Value::Object(members.into_iter().filter(|(_, member)| !member.is_null()).collect())
}
