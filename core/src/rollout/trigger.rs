//! What an event comes to in a state: the column of the transition table.
//!
//! Reading an event takes its facts into the next state's world and names what they come to. It
//! must not change the phase, and must not decide what to do.

use crate::{
    Answer, CalendarState, Event, Hold, HookAnswer, HookIndex, Judged, OnFail, Order, Outcome,
    Phase, PlatformRun, Role, Span, Supersede, Timestamp, Verdict,
    decision::Evidence,
    next_move::NEVER,
    rollout::{CallState, Ignored, Rollout, turn::Turn},
};

/// What happened, as far as the table tells cases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    // Commands.
    Start,
    StartLater,
    Pause,
    Resume,
    Approve,
    Deny,
    Promote,
    PromoteFull,
    Abort,
    AbortLate,
    Retry,
    Accept,
    GiveUp,
    Replaced,
    Queued,
    // The rollout before.
    Freed,
    FreedToStart,
    StableGone,
    // The move lane.
    Acknowledged,
    FoundDone,
    TryAgain,
    Throttled,
    Resend,
    Unsafe,
    Uncertain,
    Settled,
    Conflict,
    MoveFailed,
    ConfirmLate,
    ConfirmTooOften,
    ExtraLate,
    ExtraTooOften,
    // The world.
    Decided,
    Reached,
    Blocked,
    Differs,
    Matches,
    Repair,
    Above,
    Below,
    DriftGone,
    Contested,
    Back,
    Quiet,
    Contradicted,
    OutcomeSeen,
    NothingLeft,
    OldGone,
    Noted,
    Unread,
    // The platform.
    PlatformRunning,
    PlatformAtWait,
    PlatformMovedOn,
    PlatformMissing,
    PlatformMissingTwice,
    PlatformDone,
    PlatformDoneLate,
    PlatformDoneRedeploy,
    PlatformGoesBack,
    PlatformEnded,
    PlatformForeign,
    PlatformFree,
    // Verdicts and hooks.
    GuardFailed,
    GuardFailedLate,
    GuardFailedRedeploy,
    GuardLacks,
    GuardAnswers,
    GuardJudged,
    Distrusted,
    Trusted,
    GatePassed,
    GateWithdrawn,
    GateFailed,
    HookApproved,
    HookDenied,
    HookDeferred,
    HookFailed,
    // Time.
    GateReady,
    BatchReady,
    LastGateReady,
    NothingToRetire,
    WarmOver,
    LackHold,
    LackAsk,
    LackRollBack,
    LateHold,
    LateAsk,
    LateRollBack,
    AskAgain,
    Frozen,
    Thawed,
    CalendarNoted,
    CalendarExpired,
    ClockStepped,
    // The journal.
    SetBack,
}

/// Events that can be refused before anything is copied.
pub(crate) fn refused(state: &Rollout, now: Timestamp, event: &Event) -> Option<Ignored> {
    if state.phase.is_terminal() {
        return Some(Ignored::Terminal);
    }
    match event {
        Event::Answered(answer) => (!state.expects(answer)).then_some(Ignored::Stale),
        Event::Observed(seen) => (seen.began < state.sent).then_some(Ignored::Stale),
        Event::DeadlineReached => {
            state.next_deadline().is_none_or(|at| at > now).then_some(Ignored::Early)
        }
        _ => None,
    }
}

impl Rollout {
    /// Whether this answers the move that is outstanding. A late answer to an attempt whose outcome
    /// counted as unknown is still worth having, unless it is unknown itself.
    fn expects(&self, answer: &Answer) -> bool {
        self.call.as_ref().is_some_and(|call| {
            let same = call.sent.id == answer.id && call.sent.attempt == answer.attempt;
            same && match call.state {
                CallState::InFlight { .. } => true,
                CallState::Settling { .. } | CallState::LookUp => {
                    answer.outcome == Outcome::Accepted
                }
                CallState::BackOff { .. } => false,
            }
        })
    }
}

impl Turn<'_> {
    /// Takes the facts of `event` in, and names what they come to.
    pub(crate) fn read(&mut self, event: &Event) -> Result<Trigger, Ignored> {
        match event {
            Event::Command(command) => self.read_order(command.order),
            Event::Answered(answer) => Ok(self.read_answer(answer.outcome)),
            Event::Observed(seen) => self.read_observation(seen),
            Event::Judged(judged) => self.read_verdict(judged),
            Event::HookAnswered { hook, answer } => self.read_hook(*hook, *answer),
            Event::CalendarRead(calendar) => self.read_calendar(*calendar),
            Event::Freed { world, stable_serves } => self.read_freed(world, *stable_serves),
            Event::DeadlineReached => self.due(),
            Event::ReadsThrottled { lost } => self.read_throttled(*lost),
            Event::ClockStepped { by_ms } => {
                self.evidence = Evidence::Clock { by_ms: *by_ms };
                Ok(Trigger::ClockStepped)
            }
            Event::SetBack { drawn } => {
                self.next.identity.generation.set_back(*drawn);
                Ok(Trigger::SetBack)
            }
        }
    }

    fn read_throttled(&mut self, lost: Span) -> Result<Trigger, Ignored> {
        if matches!(self.next.phase, Phase::Pending { .. } | Phase::Halted { .. }) {
            return Err(Ignored::NotNow);
        }
        if lost == Span::ZERO || !self.may_wait_out() {
            return Err(Ignored::Unchanged);
        }
        self.evidence = Evidence::Waited { limit: lost };
        Ok(Trigger::Unread)
    }

    /// A command is cited once it is known to be carried out: its words are copied for that.
    pub(crate) fn cite(&mut self, event: &Event) {
        if let Event::Command(command) = event {
            self.evidence = Evidence::Command {
                actor: command.actor.clone(),
                reason: command.reason.clone(),
                order: command.order,
            };
        }
    }

    fn read_order(&self, order: Order) -> Result<Trigger, Ignored> {
        let before_gate = |gate, trigger| {
            let there = self.next.phase.gate() == Some(gate);
            if there { Ok(trigger) } else { Err(Ignored::NotThatGate) }
        };
        match order {
            Order::Start => Ok(self.starting()),
            Order::Pause if self.next.holds.has(Hold::Operator) => Err(Ignored::Unchanged),
            Order::Pause => Ok(Trigger::Pause),
            Order::Resume if self.next.holds.minus(crate::Holds::LIFTABLE) == self.next.holds => {
                Err(Ignored::Unchanged)
            }
            Order::Resume => Ok(Trigger::Resume),
            Order::Approve(gate) => before_gate(gate, Trigger::Approve),
            Order::Deny(gate) => before_gate(gate, Trigger::Deny),
            Order::Promote(gate) => before_gate(gate, Trigger::Promote),
            Order::PromoteFull if self.next.promoted => Err(Ignored::Unchanged),
            Order::PromoteFull => Ok(Trigger::PromoteFull),
            Order::Abort if !self.next.no_return => Ok(Trigger::Abort),
            Order::Abort if self.plan.policy.redeploy => Ok(Trigger::AbortLate),
            Order::Abort => Err(Ignored::PastNoReturn),
            Order::Retry => Ok(Trigger::Retry),
            Order::Accept => Ok(Trigger::Accept),
            Order::GiveUp => Ok(Trigger::GiveUp),
            Order::Supersede { by } => self.superseding(by),
        }
    }

    const fn starting(&self) -> Trigger {
        match self.next.phase {
            Phase::Pending { after: Some(_), .. } => Trigger::StartLater,
            _ => Trigger::Start,
        }
    }

    fn superseding(&self, by: crate::RolloutId) -> Result<Trigger, Ignored> {
        if self.next.successor == Some(by) {
            return Err(Ignored::Unchanged);
        }
        let forward = !self.next.no_return
            && !self.next.phase.is_backward()
            && !matches!(self.next.phase, Phase::Halted { .. });
        match self.plan.policy.supersede {
            Supersede::Refuse => Err(Ignored::Refused),
            Supersede::Replace if forward => Ok(Trigger::Replaced),
            Supersede::Replace | Supersede::Queue => Ok(Trigger::Queued),
        }
    }

    fn read_freed(
        &mut self,
        world: &crate::World,
        stable_serves: bool,
    ) -> Result<Trigger, Ignored> {
        let Phase::Pending { after: Some(_), started, .. } = self.next.phase else {
            return Err(Ignored::NotNow);
        };
        self.next.world = world.clone();
        self.next.first = world.is_empty();
        if !stable_serves {
            self.evidence = self.world_evidence();
            return Ok(Trigger::StableGone);
        }
        Ok(if started { Trigger::FreedToStart } else { Trigger::Freed })
    }

    fn read_verdict(&mut self, judged: &Judged) -> Result<Trigger, Ignored> {
        let check = self.plan.check(judged.check).ok_or(Ignored::Unknown)?;
        self.evidence = Evidence::Verdict {
            check: judged.check,
            role: judged.role,
            verdict: judged.verdict,
            reading: judged.reading,
            window: judged.window,
        };
        if self.next.accepted && judged.verdict != Verdict::Pass {
            return Err(Ignored::Unchanged);
        }
        let answers = match judged.verdict {
            Verdict::Pass | Verdict::Fail => true,
            Verdict::Inconclusive => !judged.past_limit,
            Verdict::NoData | Verdict::Error => false,
        };
        if answers && judged.role != Role::History {
            self.next.judged = self.next.judged.with(judged.check.0);
        }
        let holds_only = check.on_fail == OnFail::Hold;
        if judged.verdict == Verdict::Fail && holds_only {
            return self.distrust(judged);
        }
        match judged.role {
            Role::Guard => self.read_guard(judged),
            Role::Gate => self.read_gate_check(judged),
            Role::History => Err(Ignored::NotNow),
        }
    }

    /// A failure that only holds. At a gate it takes the check's earlier pass back: the guard's pass
    /// of the same check lifts the hold, and is none of the gate's.
    fn distrust(&mut self, judged: &Judged) -> Result<Trigger, Ignored> {
        let index = judged.check.0;
        let withdrawn = judged.role == Role::Gate && self.take_pass_back(index);
        let distrusted = self.next.distrusted.with(index);
        if distrusted != self.next.distrusted {
            self.next.distrusted = distrusted;
            Ok(Trigger::Distrusted)
        } else if withdrawn {
            Ok(Trigger::GateWithdrawn)
        } else {
            Err(Ignored::Unchanged)
        }
    }

    /// Takes a check's pass at the gate back, and says whether it had one.
    fn take_pass_back(&mut self, check: u8) -> bool {
        let gate = self.next.phase.progress_mut().filter(|gate| gate.passed.contains(check));
        gate.map(|gate| gate.passed = gate.passed.without(check)).is_some()
    }

    fn read_guard(&mut self, judged: &Judged) -> Result<Trigger, Ignored> {
        let index = judged.check.0;
        let lacks = match judged.verdict {
            Verdict::Fail if !self.next.no_return => return Ok(Trigger::GuardFailed),
            Verdict::Fail if self.plan.policy.redeploy => return Ok(Trigger::GuardFailedRedeploy),
            Verdict::Fail => return Ok(Trigger::GuardFailedLate),
            Verdict::Pass => false,
            Verdict::NoData | Verdict::Error | Verdict::Inconclusive => judged.past_limit,
        };
        let was_lacking = self.next.lacking;
        if lacks {
            self.next.judged = self.next.judged.without(index);
            self.next.lacking = was_lacking.with(index);
            return if was_lacking == self.next.lacking {
                Err(Ignored::Unchanged)
            } else {
                Ok(Trigger::GuardLacks)
            };
        }
        let was_distrusted = self.next.distrusted;
        match judged.verdict {
            Verdict::Pass => {
                self.next.lacking = was_lacking.without(index);
                self.next.distrusted = was_distrusted.without(index);
            }
            Verdict::Inconclusive => self.next.lacking = was_lacking.without(index),
            // One more look without an answer is none, however few of them came in a row.
            Verdict::NoData | Verdict::Error | Verdict::Fail => {}
        }
        if was_distrusted != self.next.distrusted {
            Ok(Trigger::Trusted)
        } else if was_lacking != self.next.lacking {
            Ok(Trigger::GuardAnswers)
        } else if self.next.judged != self.was.judged {
            Ok(Trigger::GuardJudged)
        } else {
            Err(Ignored::Unchanged)
        }
    }

    fn read_gate_check(&mut self, judged: &Judged) -> Result<Trigger, Ignored> {
        let index = judged.check.0;
        let asked = self.gate_plan().is_some_and(|gate| gate.checks.contains(index));
        let gate = self.next.phase.progress_mut().ok_or(Ignored::NotNow)?;
        if !asked {
            return Err(Ignored::NotThatGate);
        }
        // Evidence from before seen equalled wanted says nothing about this gate.
        if gate.matched.is_none_or(|since| judged.window.from < since) {
            return Err(Ignored::Stale);
        }
        let had = gate.passed.contains(index);
        match judged.verdict {
            Verdict::Fail => Ok(Trigger::GateFailed),
            Verdict::Pass if had => Err(Ignored::Unchanged),
            Verdict::Pass => {
                gate.passed = gate.passed.with(index);
                self.next.distrusted = self.next.distrusted.without(index);
                Ok(Trigger::GatePassed)
            }
            Verdict::Inconclusive | Verdict::NoData | Verdict::Error if had => {
                gate.passed = gate.passed.without(index);
                Ok(Trigger::GateWithdrawn)
            }
            Verdict::Inconclusive | Verdict::NoData | Verdict::Error => Err(Ignored::Unchanged),
        }
    }

    fn read_hook(&mut self, hook: HookIndex, answer: HookAnswer) -> Result<Trigger, Ignored> {
        let every = self.plan.hooks.get(usize::from(hook.0)).ok_or(Ignored::Unknown)?.every;
        let asked = self.gate_plan().is_some_and(|gate| gate.hooks.contains(hook.0));
        let again = self.now.after(every);
        let gate = self.next.phase.progress_mut().ok_or(Ignored::NotNow)?;
        if !asked || gate.approved.contains(hook.0) {
            return Err(Ignored::NotThatGate);
        }
        self.evidence = Evidence::Hook { hook, answer };
        match answer {
            HookAnswer::Approved => {
                gate.approved = gate.approved.with(hook.0);
                gate.deferred = gate.deferred.without(hook.0);
                Ok(Trigger::HookApproved)
            }
            HookAnswer::Denied => Ok(Trigger::HookDenied),
            HookAnswer::Wait | HookAnswer::Failed => {
                if gate.deferred.is_empty() {
                    gate.ask_again = again;
                }
                gate.deferred = gate.deferred.with(hook.0);
                let waits = answer == HookAnswer::Wait;
                Ok(if waits { Trigger::HookDeferred } else { Trigger::HookFailed })
            }
        }
    }

    fn read_calendar(&mut self, calendar: CalendarState) -> Result<Trigger, Ignored> {
        if calendar.until <= self.now && calendar.until != NEVER {
            return Err(Ignored::Stale);
        }
        let was = self.next.calendar.replace(calendar);
        self.evidence = Evidence::Calendar { until: calendar.until };
        let held = self.next.holds.has(Hold::Freeze);
        match (held, calendar.frozen) {
            (false, true) => Ok(Trigger::Frozen),
            (true, false) => Ok(Trigger::Thawed),
            _ if was == Some(calendar) => Err(Ignored::Unchanged),
            _ => Ok(Trigger::CalendarNoted),
        }
    }
}

impl Phase {
    /// What the gate it stands before has so far.
    pub(crate) const fn progress(&self) -> Option<&crate::GateProgress> {
        match self {
            Self::Gating { gate, .. }
            | Self::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => Some(gate),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) const fn progress_mut(&mut self) -> Option<&mut crate::GateProgress> {
        match self {
            Self::Gating { gate, .. }
            | Self::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => Some(gate),
            _ => None,
        }
    }
}
