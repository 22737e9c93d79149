//! Why a transition was taken: the rule, the numbers, and the sentence a person reads.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::{
    Action, Actor, Before, Cause, CheckIndex, GateRef, HookAnswer, HookIndex, Judgement, MoveId,
    Order, Outcome, PhaseName, Plan, PlatformSeen, Position, Reading, Role, Rule, Span, Timestamp,
    Verdict, Weight, Window,
    record::{deadline, is_default},
};

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The row of the table that fired.
    pub rule: Rule,
    /// When, in rollout time.
    pub at: Timestamp,
    /// The phase left.
    pub from: PhaseName,
    /// The phase entered; the same if it did not change.
    pub to: PhaseName,
    /// The stage and batch, where there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub position: Option<Position>,
    /// The candidate's weight that was wanted before.
    pub weight_from: Weight,
    /// The candidate's weight that is wanted now.
    pub weight_to: Weight,
    /// What it rests on.
    pub evidence: Evidence,
}

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Evidence {
    /// Nothing but the state itself.
    State,
    /// A command.
    Command {
        /// Who.
        actor: Actor,
        /// Why, in the actor's words.
        reason: String,
        /// What.
        order: Order,
    },
    /// What became of a move.
    Move {
        /// The move.
        id: MoveId,
        /// Which attempt.
        attempt: u8,
        /// What it was to do.
        action: Action,
        /// What became of it; absent when nothing was answered: its time ran out, or it is sent again,
        /// or it was looked up.
        outcome: Option<Outcome>,
    },
    /// A verdict.
    Verdict {
        /// The check.
        check: CheckIndex,
        /// Which of its jobs.
        role: Role,
        /// The verdict.
        verdict: Verdict,
        /// The numbers compared.
        reading: Reading,
        /// The windows judged.
        window: Window,
    },
    /// The world as seen.
    World {
        /// Lowest weight of the candidate over all routes, if it was read.
        low: Option<Weight>,
        /// Highest weight of the candidate over all routes, if it was read.
        high: Option<Weight>,
        /// The largest share of any route that goes to neither arm: what is seen of the candidate is a
        /// share of the rest.
        #[serde(default, skip_serializing_if = "is_default")]
        other: Weight,
        /// Ready units of stable.
        stable_ready: u32,
        /// Ready units of the candidate.
        candidate_ready: u32,
        /// Units that carry all traffic.
        full: u32,
    },
    /// A wait that ended.
    Waited {
        /// How long the wait was allowed to last.
        limit: Span,
    },
    /// A hook's answer.
    Hook {
        /// Which hook.
        hook: HookIndex,
        /// What it said.
        answer: HookAnswer,
    },
    /// A platform's state.
    Platform(PlatformSeen),
    /// No more units were healthy than must stay so.
    Healthy {
        /// Ready units.
        ready: u32,
        /// Units that must stay ready.
        floor: u32,
    },
    /// Rollout time moved.
    Clock {
        /// By how many milliseconds.
        by_ms: i64,
    },
    /// The calendar, and until when it says so.
    Calendar {
        /// The instant.
        #[serde(with = "deadline")]
        until: Timestamp,
    },
}

impl Decision {
    /// The decision as a sentence, with its numbers.
    #[must_use]
    pub fn sentence(&self, plan: &Plan) -> String {
        let mut text = String::from(self.rule.sentence().trim_end_matches('.'));
        let written = self.write_evidence(plan, &mut text);
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        if self.weight_from != self.weight_to {
            let _ = write!(text, " [{} to {}]", self.weight_from, self.weight_to);
        }
        text
    }

    fn write_evidence(&self, plan: &Plan, text: &mut String) -> std::fmt::Result {
        match &self.evidence {
            Evidence::State => Ok(()),
            Evidence::Command { actor, reason, order } => {
                write!(text, " ({order} by {actor}")?;
                if !reason.is_empty() {
                    write!(text, ": {reason}")?;
                }
                text.write_str(")")
            }
            Evidence::Move { id, attempt, action, outcome } => {
                write!(text, ": {action} ({id}, attempt {attempt}")?;
                let word = match outcome {
                    None if self.rule == Rule::MoveUncertain => ", no answer in time",
                    None => "",
                    Some(Outcome::Accepted) => "",
                    Some(Outcome::Retryable) => ", failed for now",
                    Some(Outcome::Throttled) => ", throttled",
                    Some(Outcome::Permanent) => ", refused for good",
                    Some(Outcome::Ambiguous) => ", outcome unknown",
                    Some(Outcome::Conflict) => ", version conflict",
                };
                write!(text, "{word})")
            }
            Evidence::Verdict { check, role, verdict, reading, window } => {
                write_verdict(text, plan, *check, *role, *verdict)?;
                let metric = plan.check(*check).map_or("?", |check| check.metric.as_str());
                write_reading(text, metric, reading, *window)
            }
            Evidence::World { low, high, other, stable_ready, candidate_ready, full } => {
                text.write_str(": seen ")?;
                match (low, high) {
                    (Some(low), Some(high)) if low == high => write!(text, "{low}")?,
                    (Some(low), Some(high)) => write!(text, "{low} to {high}")?,
                    _ => {}
                }
                if *other > Weight::ZERO {
                    write!(text, " of what both arms get ({other} of all goes to neither)")?;
                }
                if low.is_some() && high.is_some() {
                    text.write_str(", ")?;
                }
                write!(
                    text,
                    "{candidate_ready} candidate and {stable_ready} stable ready of {full}"
                )
            }
            Evidence::Waited { limit } => write!(text, " (after {limit})"),
            Evidence::Hook { hook, .. } => {
                let name = plan.hooks().get(usize::from(hook.0)).map_or("?", |h| h.name.as_str());
                write!(text, " ({name})")
            }
            Evidence::Platform(seen) => write!(text, " (platform: {})", platform_words(*seen)),
            Evidence::Healthy { ready, floor } => {
                write!(text, ": {ready} ready, {floor} must stay so")
            }
            Evidence::Clock { by_ms } => write!(text, " (by {by_ms} ms)"),
            Evidence::Calendar { until } if *until == Timestamp::MAX => Ok(()),
            Evidence::Calendar { until } => write!(text, " (until {until})"),
        }
    }
}

impl Judgement {
    /// The judgement as a sentence, with its numbers, as it stands in the decision that rests on it.
    /// `window` is that of all looks judged: from the start of the first to the end of the last.
    #[must_use]
    pub fn sentence(&self, metric: &str, window: Window) -> String {
        let mut text = self.verdict.to_string();
        let written = write_reading(&mut text, metric, &self.reading, window);
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        text
    }
}

const fn platform_words(seen: PlatformSeen) -> &'static str {
    match seen {
        PlatformSeen::Absent => "no such deployment",
        PlatformSeen::Running => "running",
        PlatformSeen::AtWait { .. } => "waiting",
        PlatformSeen::Succeeded => "succeeded",
        PlatformSeen::RollingBack => "rolling back",
        PlatformSeen::RolledBack => "rolled back",
        PlatformSeen::Failed => "failed",
        PlatformSeen::Stopped => "stopped",
        PlatformSeen::Foreign => "somebody else's",
    }
}

fn write_verdict(
    text: &mut String,
    plan: &Plan,
    check: CheckIndex,
    role: Role,
    verdict: Verdict,
) -> std::fmt::Result {
    let name = plan.check(check).map_or("?", |check| check.name.as_str());
    let job = match role {
        Role::Guard => "guard",
        Role::Gate => "check",
        Role::History => "history",
    };
    write!(text, ": {job} {name}: {verdict}")
}

fn write_reading(
    text: &mut String,
    metric: &str,
    reading: &Reading,
    window: Window,
) -> std::fmt::Result {
    if let Some(evidence) = reading.evidence {
        return write_evidence(text, metric, reading, window, evidence);
    }
    if let Some(value) = reading.candidate {
        write!(text, ", {metric} {}", number(value))?;
    }
    if let Some(limit) = reading.limit {
        write!(text, " against a limit of {}", number(limit))?;
    }
    if let Some(baseline) = reading.baseline {
        write!(text, " (stable {})", number(baseline))?;
    }
    write!(text, ", {} looks of which {} failed", reading.looks, reading.failed)?;
    write!(text, ", {} samples over {}", reading.samples, window.length())
}

/// What a judge that gathers evidence read: both values, how much there was of it, and how rare it
/// would be for a release that is as good.
fn write_evidence(
    text: &mut String,
    metric: &str,
    reading: &Reading,
    window: Window,
    evidence: f64,
) -> std::fmt::Result {
    let value = |value: f64| match reading.rate {
        true => format!("{} %", number(value * 100.0)),
        false => number(value),
    };
    if let Some(candidate) = reading.candidate {
        write!(text, ", {metric} {}", value(candidate))?;
    }
    if let Some(baseline) = reading.baseline.or(reading.limit) {
        write!(text, " against {}", value(baseline))?;
    }
    write!(text, " after {} ({} samples)", window.length(), reading.samples)?;
    if reading.failed > 0 {
        write!(text, ", {} of {} looks unusable", reading.failed, reading.looks)?;
    }
    if let Some(Before { usable, asked }) = reading.before {
        write!(text, ", {usable} of {asked} looks before the rollout usable")?;
    }
    let rare = match reading.no_worse {
        true => "that one worse by its margin looks so good",
        false => "that a good release looks so bad",
    };
    write!(text, "; evidence {} {rare}", odds(evidence))?;
    reading.needed.map_or(Ok(()), |needed| write!(text, ", {} decides", odds(needed)))
}

/// Log evidence as odds: 1 in so many.
fn odds(evidence: f64) -> String {
    let times = libm::exp(evidence.clamp(0.0, 700.0));
    match times {
        times if times >= 1e9 => "less than 1 in a billion".to_owned(),
        times => format!("1 in {}", number(times)),
    }
}

/// A number with four significant digits, as short as it can be.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = value.abs().log10().floor();
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a handful of digits")]
    let decimals = (3.0 - digits).clamp(0.0, 9.0) as i32;
    let decimals = usize::try_from(decimals).unwrap_or_default();
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A person that is waited for, by what they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// To start the rollout.
    Start,
    /// To approve a gate.
    Approve(GateRef),
    /// To resume it, or abort it.
    Resume,
    /// To retry the rollback, accept the candidate, or give up.
    Decide(Option<Cause>),
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.0312, "0.0312"),
            (0.000_123_456, "0.0001235"),
            (1.5, "1.5"),
            (212.0, "212"),
            (123_456.7, "123457"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
