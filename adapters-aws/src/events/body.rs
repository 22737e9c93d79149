//! A notice as the JSON that others read.

use serde_json::{Value, json};
use tidegate_core::Notice;

/// Of the event's shape.
const FORMAT: u32 = 1;

/// The event.
pub(super) fn body(notice: &Notice) -> Value {
    let Notice { target, rollout, seq, decision, sentence } = notice;
    json!({
        "format": FORMAT,
        "target": target,
        "rollout": rollout.0.to_string(),
        "record": seq.0,
        "rule": decision.rule,
        "from": decision.from,
        "to": decision.to,
        "weight_from": decision.weight_from.bp(),
        "weight_to": decision.weight_to.bp(),
        "at": decision.at.0,
        "sentence": sentence,
        "decision": decision,
    })
}

/// A name that is the same whenever the notice is sent, and no other's.
pub(super) fn identity(notice: &Notice) -> String {
    // Journals number their rollouts alike; no two of them decide at the same millisecond for long.
    format!("{}-{}-{}", notice.rollout.0, notice.seq.0, notice.decision.at.0)
}
