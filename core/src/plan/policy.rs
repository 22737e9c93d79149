//! The policy of a plan: its defaults, and the zeros that would hang.

use super::{
    Deadline, DeadlineSpec, KeyPath, OnDeadline, PlanSpec, Policy, PolicySpec, StrategySpec,
    compile::ask_within,
    problem::{Lack, ProblemKind, Problems},
};
use crate::{Capabilities, Span};

/// More attempts than this, with their doubling waits, outlast any deadline.
const MOST_ATTEMPTS: u8 = 10;

/// The policy as written, over the documented defaults.
pub(super) fn compile(spec: &PlanSpec, caps: &Capabilities, problems: &mut Problems) -> Policy {
    let written = &spec.policy;
    let at = KeyPath::of("policy");
    let rolling = matches!(spec.strategy, StrategySpec::Rolling(_));
    let keep_warm = if rolling { Span::ZERO } else { Span::minutes(10) };
    let mut span = |key: &str, written: Option<Span>, default: Span| {
        positive(written.unwrap_or(default), &at.key(key), problems)
    };
    let confirm = span("confirm", written.confirm, Span::minutes(1));
    let rollback = span("rollback", written.rollback, Span::minutes(15));
    let back_off = span("back_off", written.back_off, Span::seconds(2));
    let observe_every = span("observe_every", written.observe_every, Span::seconds(10));
    let attempts = written.attempts.unwrap_or(5);
    let (found, most) = (u64::from(attempts), u64::from(MOST_ATTEMPTS));
    let out = ProblemKind::OutOfRange { found, least: 1, most };
    problems.add_if(!(1..=MOST_ATTEMPTS).contains(&attempts), &at.key("attempts"), out);
    let alone = written.redeploy && caps.platform.is_none();
    problems.add_if(alone, &at.key("redeploy"), Lack::Redeploy.into());
    Policy {
        keep_warm: written.keep_warm.unwrap_or(keep_warm),
        drain: written.drain.unwrap_or_default().max(caps.drain),
        start: deadline(written.start, ask_within(Span::hours(24)), &at.key("start"), problems),
        confirm: confirm.plus(caps.propagation),
        rollback,
        attempts,
        back_off,
        drift_corrections: written.drift_corrections.unwrap_or(3),
        observe_every,
        supersede: written.supersede.unwrap_or_default(),
        incompatible: written.incompatible,
        redeploy: written.redeploy,
    }
}

/// How long a stage, or a batch of one, may take to get where it wants.
pub(super) fn progress(written: &PolicySpec, problems: &mut Problems) -> Deadline {
    let default = Deadline { within: Span::minutes(10), then: OnDeadline::RollBack };
    deadline(written.progress, default, &KeyPath::of("policy").key("progress"), problems)
}

/// A deadline as written, or the default. One of zero would have passed before it began.
pub(super) fn deadline(
    written: Option<DeadlineSpec>,
    default: Deadline,
    at: &KeyPath,
    problems: &mut Problems,
) -> Deadline {
    let Some(written) = written else { return default };
    let within = positive(written.within, &at.key("within"), problems);
    Deadline { within, then: written.then }
}

/// A length of time above zero.
pub(super) fn positive(span: Span, at: &KeyPath, problems: &mut Problems) -> Span {
    problems.add_if(span.is_zero(), at, ProblemKind::ZeroSpan);
    span
}
