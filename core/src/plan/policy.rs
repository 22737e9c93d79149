//! The policy of a plan: its defaults, the zeros that would hang, and limits too short to be kept.

use super::{
    Deadline, DeadlineSpec, KeyPath, OnDeadline, PlanSpec, Policy, PolicySpec, StrategySpec,
    compile::ask_within,
    problem::{Lack, ProblemKind, Problems},
};
use crate::{Capabilities, CapacityKind, Operation, RoutingKind, Span};

const CONFIRM: Span = Span::minutes(1);
const PROGRESS: Span = Span::minutes(10);
const ROLLBACK: Span = Span::minutes(15);
const OBSERVE_EVERY: Span = Span::seconds(10);

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
    let confirm = span("confirm", written.confirm, CONFIRM);
    let rollback = span("rollback", written.rollback, ROLLBACK.max(spec.shortest_rollback(caps)));
    let back_off = span("back_off", written.back_off, Span::seconds(2));
    let observe_every = span("observe_every", written.observe_every, spec.observe_every(caps));
    let attempts = written.attempts.unwrap_or(5);
    let (found, most) = (u64::from(attempts), u64::from(MOST_ATTEMPTS));
    let out = ProblemKind::OutOfRange { found, least: 1, most };
    problems.add_if(!(1..=MOST_ATTEMPTS).contains(&attempts), &at.key("attempts"), out);
    too_short(spec, caps, &at, problems);
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

impl PlanSpec {
    /// The longest `policy.observe_every` that compiles for these capabilities. A change that was
    /// acknowledged is sent again once it is unseen for as long as `confirm` and the target's propagation
    /// allow, and a stage is late after `progress`: the world has to be observed once by then.
    #[must_use]
    pub fn longest_observe_every(&self, caps: &Capabilities) -> Span {
        // A zero is refused for itself.
        let or =
            |written: Option<Span>, default| written.filter(|s| !s.is_zero()).unwrap_or(default);
        let progress = or(self.policy.progress.map(|deadline| deadline.within), PROGRESS);
        or(self.policy.confirm, CONFIRM).plus(caps.propagation).min(progress)
    }

    /// The shortest `policy.rollback` that compiles for these capabilities: a call takes its time limit
    /// and may land a late bound after that, and is seen once it has propagated and the world is observed.
    /// Less, and a person is asked for help while the only call that helps is under way.
    #[must_use]
    pub fn shortest_rollback(&self, caps: &Capabilities) -> Span {
        let one = |operation: Operation| operation.time_limit.plus(operation.late_bound);
        let call = self.operations_back(caps).map(one).max().unwrap_or_default();
        call.plus(caps.propagation).plus(self.observe_every(caps))
    }

    /// As written, or the default, and never longer than compiles.
    fn observe_every(&self, caps: &Capabilities) -> Span {
        let written = self.policy.observe_every.unwrap_or(OBSERVE_EVERY);
        written.min(self.longest_observe_every(caps))
    }

    /// What going back may call.
    fn operations_back<'a>(
        &self,
        caps: &'a Capabilities,
    ) -> impl Iterator<Item = Operation> + use<'a> {
        let paced =
            matches!(&self.strategy, StrategySpec::Canary(canary) if canary.platform.is_some());
        let control = caps.platform.filter(|_| paced).map(|platform| platform.control);
        let routed = matches!(caps.routing, RoutingKind::Split { .. }) && !paced;
        let counted = caps.capacity != CapacityKind::Elastic && !paced;
        [control, routed.then_some(caps.shift), counted.then_some(caps.scale)].into_iter().flatten()
    }
}

/// Limits that nothing could keep.
fn too_short(spec: &PlanSpec, caps: &Capabilities, at: &KeyPath, problems: &mut Problems) {
    let most = spec.longest_observe_every(caps);
    if let Some(found) = spec.policy.observe_every {
        problems.add_if(
            found > most,
            &at.key("observe_every"),
            ProblemKind::Seldom { found, most },
        );
    }
    let least = spec.shortest_rollback(caps);
    if let Some(found) = spec.policy.rollback.filter(|found| !found.is_zero()) {
        let short = ProblemKind::RollbackTooShort { found, least };
        problems.add_if(found < least, &at.key("rollback"), short);
    }
}

/// How long a stage, or a batch of one, may take to get where it wants.
pub(super) fn progress(written: &PolicySpec, problems: &mut Problems) -> Deadline {
    let default = Deadline { within: PROGRESS, then: OnDeadline::RollBack };
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
