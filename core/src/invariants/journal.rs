//! A journal, checked after the fact: 14, 15 and 17 over its records, and every transition in it.

use super::{Edge, Violation, check};
use crate::{
    Event, Seq, Step,
    record::{Head, LOGIC, Record},
};

/// Something in a journal that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record.
    pub seq: Seq,
    /// What does not hold there.
    pub violation: Violation,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {}: {}", self.seq.0, self.violation)
    }
}

/// Checks the whole journal of one rollout: sequence numbers rise by one, nothing follows the end,
/// each transition keeps the invariants, and (for records of this logic version) applying each
/// event again gives the recorded step.
#[must_use]
pub fn journal(head: &Head, records: &[Record]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = head.open().next;
    for record in records {
        let mut find = |number, what| {
            let violation = Violation { number, what };
            findings.push(Finding { seq: record.seq, violation });
        };
        if record.seq != before.seq().next() {
            find(15, format!("follows record {}", before.seq().0));
        }
        if before.phase().is_terminal() {
            find(14, format!("follows the end, {}", before.phase().name()));
        }
        let (decision, intent) = (record.decision.clone(), record.intent.clone());
        let step = Step { next: record.after.clone(), decision, intent };
        if let Some(event) = &record.event {
            // A step of the clock is recorded in the time after it, and told in the time before.
            let at = match event {
                Event::ClockStepped { by_ms } => record.at.moved(by_ms.saturating_neg()),
                _ => record.at,
            };
            let edge = Edge { plan: &head.plan, before: &before, event, at, step: &step };
            if let Err(violation) = check(&edge) {
                find(violation.number, violation.what);
            }
            let replayed =
                head.logic != LOGIC || before.apply(&head.plan, at, event).as_ref() == Ok(&step);
            if !replayed {
                find(17, "applying the event again gives another step".to_owned());
            }
        }
        before = step.next;
    }
    findings
}
