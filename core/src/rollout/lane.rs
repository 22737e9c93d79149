//! The move lane: answers, retries, and calls whose outcome is not known.
//!
//! What is safe to do after an unknown outcome depends on what the target offers; this is the only
//! place that tells the four classes apart.

use crate::{
    Action, Cause, Halt, Outcome, Phase, PlatformRun, SafetyClass, Span, Timestamp,
    decision::Evidence,
    next_move::NEVER,
    rollout::{CallState, Outstanding, PlatformTold, trigger::Trigger, turn::Turn},
};

/// In one phase, so much time that a target takes no calls in counts towards no limit. More, and a
/// person should know.
pub(crate) const THROTTLED_MOST: Span = Span::hours(1);

/// What takes no more calls is left alone for so long at least, and at most.
const THROTTLED_WAIT: (Span, Span) = (Span::seconds(1), Span::seconds(30));

impl Turn<'_> {
    pub(crate) fn read_answer(&mut self, outcome: Outcome) -> Trigger {
        self.note_call(Some(outcome));
        match outcome {
            Outcome::Accepted => Trigger::Acknowledged,
            Outcome::Ambiguous => Trigger::Uncertain,
            Outcome::Permanent => Trigger::MoveFailed,
            Outcome::Throttled if self.may_wait_out() => Trigger::Throttled,
            Outcome::Retryable | Outcome::Throttled if self.may_try_again() => Trigger::TryAgain,
            Outcome::Conflict if self.may_try_again() => Trigger::Conflict,
            Outcome::Retryable | Outcome::Throttled | Outcome::Conflict => Trigger::MoveFailed,
        }
    }

    pub(crate) fn note_call(&mut self, outcome: Option<Outcome>) {
        if let Some(call) = &self.next.call {
            self.evidence = Evidence::Move {
                id: call.sent.id,
                attempt: call.sent.attempt,
                action: call.sent.action.clone(),
                outcome,
            };
        }
    }

    pub(crate) fn attempts_left(&self) -> bool {
        let limit = self.plan.policy.attempts;
        let spent = |call: &Outstanding| call.sent.attempt.saturating_sub(call.throttled);
        self.next.call.as_ref().is_some_and(|call| spent(call) < limit)
    }

    /// Whether a call that is known not to be done may be sent again. On the way back it may until the
    /// time for that is over: there is nothing better to do.
    pub(crate) fn may_try_again(&self) -> bool {
        self.next.phase.is_backward() || self.attempts_left()
    }

    /// The target has the request. From now on its completion is observed.
    pub(crate) fn acknowledge(&mut self) {
        let Some(call) = self.next.call.take() else { return };
        let lands_by = call.lands_by;
        match (&call.sent.action, call.sent.class) {
            // A conditional write that succeeded makes every earlier one fail.
            (Action::Shift { .. }, SafetyClass::CompareAndSet) => {
                self.next.world.late.traffic = Timestamp::default();
            }
            // A repeat of a token does nothing more.
            (_, SafetyClass::Token) => {}
            (action, _) => self.note_late(action.surface(), lands_by),
        }
        match call.sent.action {
            Action::Shift { .. } => {
                self.next.confirm_by = self.now.after(self.plan.policy.confirm);
                if self.next.phase.is_backward() {
                    // Less was read before it was in force, and is not to be gone back to.
                    let traffic = &mut self.next.world.traffic;
                    traffic.seen = traffic.seen.filter(|seen| seen.high >= traffic.asked);
                }
                self.match_traffic();
            }
            Action::Mirror { to }
                if self.minds_extra() && self.next.world.extra.seen != Some(to) =>
            {
                // A shift that waits to be seen keeps its own time.
                let by = self.now.after(self.plan.policy.confirm);
                self.next.confirm_by = self.next.confirm_by.min(by);
            }
            Action::Release { .. } => self.released(),
            _ => {}
        }
        self.advance();
    }

    /// It failed for now: wait, then send it again.
    pub(crate) fn back_off(&mut self) {
        let wait = self.back_off_span();
        let until = self.now.after(wait);
        if let Some(call) = &mut self.next.call {
            call.state = CallState::BackOff { until };
        }
    }

    /// Whether time that a target takes no calls in still counts towards no limit.
    pub(crate) fn may_wait_out(&self) -> bool {
        self.next.throttled < THROTTLED_MOST
    }

    /// The target takes no more calls for now: the move is sent again later, at no cost.
    pub(crate) fn wait_out(&mut self) {
        let (least, most) = THROTTLED_WAIT;
        let wait = self.back_off_span().clamp(least, most);
        let until = self.now.after(wait);
        if let Some(call) = &mut self.next.call {
            call.throttled = call.throttled.saturating_add(1);
            call.state = CallState::BackOff { until };
        }
        self.put_off(wait);
    }

    /// Nothing could be read for so long, because the target takes no more calls for now.
    pub(crate) fn wait_out_reads(&mut self) {
        if let Evidence::Waited { limit: lost } = self.evidence {
            self.put_off(lost);
        }
    }

    /// Moves the deadlines of the present wait.
    fn put_off(&mut self, by: Span) {
        let by = by.min(Span(THROTTLED_MOST.0.saturating_sub(self.next.throttled.0)));
        self.next.throttled = self.next.throttled.plus(by);
        let later = |at: &mut Timestamp| {
            if *at != NEVER {
                *at = at.after(by);
            }
        };
        later(&mut self.next.confirm_by);
        match &mut self.next.phase {
            Phase::Moving { by, .. }
            | Phase::KeepWarm { by, .. }
            | Phase::Retiring { by }
            | Phase::RollingBack { by, .. }
            | Phase::Confirming { by, .. } => later(by),
            Phase::Gating { gate, .. } => later(&mut gate.by),
            // The platform's own clock goes on.
            Phase::HandedOver { run: PlatformRun::AtWait { gate, expires, .. }, by, .. } => {
                later(by);
                if gate.by < *expires {
                    later(&mut gate.by);
                    gate.by = gate.by.min(*expires);
                }
            }
            Phase::HandedOver { by, .. } => later(by),
            _ => {}
        }
    }

    /// Doubled for each attempt already made, and never above five minutes: a person would have
    /// been asked by then. On the way back never above half a minute.
    fn back_off_span(&self) -> Span {
        let attempt = self.next.call.as_ref().map_or(1, |call| call.sent.attempt);
        let doubled =
            self.plan.policy.back_off.0.saturating_mul(1 << u32::from(attempt.clamp(1, 8) - 1));
        let backward = self.next.phase.is_backward();
        let most = if backward { Span::seconds(30) } else { Span::minutes(5) };
        Span(doubled.min(most.0))
    }

    /// It may have happened. What is safe now depends on what the target offers.
    pub(crate) fn be_uncertain(&mut self) {
        let backward = self.next.phase.is_backward();
        let again = self.attempts_left();
        let back_off = self.now.after(self.back_off_span());
        let Some(call) = &mut self.next.call else { return };
        let late_bound = call.sent.action.operation(&self.plan.caps).late_bound;
        let lands_by = self.now.after(late_bound);
        call.lands_by = call.lands_by.max(lands_by);
        call.state = match call.sent.class {
            // The next reading says what the version is, and whether it happened.
            SafetyClass::CompareAndSet => CallState::LookUp,
            // The same token and body again resolve it.
            SafetyClass::Token if again => CallState::BackOff { until: back_off },
            // The way back is not held up: the same absolute value again does no harm, and the
            // outcome is confirmed only after the late bound.
            SafetyClass::BareSet if backward && again => CallState::BackOff { until: back_off },
            SafetyClass::Token | SafetyClass::BareSet | SafetyClass::BareCreate => {
                CallState::Settling { until: call.lands_by }
            }
        };
        if call.sent.class == SafetyClass::CompareAndSet {
            self.reread();
        }
    }

    /// What was read before now is not to be used.
    pub(crate) fn reread(&mut self) {
        self.next.sent = self.now;
        self.next.world.traffic.seen = None;
        self.next.world.counted = false;
    }

    /// It can no longer land. What became of it is read from the world.
    pub(crate) fn settle(&mut self) {
        let Some(call) = &mut self.next.call else { return };
        match (call.sent.class, &call.sent.action) {
            (SafetyClass::BareCreate, Action::Start | Action::Redeploy) => {
                call.state = CallState::LookUp;
            }
            // The same once more says what the reading might not: no units left are seen of an arm
            // that was retired, and of one that never was.
            (_, Action::Mirror { .. } | Action::Retire { .. }) => {
                call.state = CallState::BackOff { until: self.now }
            }
            (_, action) => {
                // Time to read it; a difference is then sent again.
                if let Action::Shift { .. } = action {
                    let every = self.plan.policy.observe_every;
                    self.next.confirm_by = self.now.after(every.plus(every));
                }
                if let Action::Stop = action {
                    self.next.platform.told = PlatformTold::Start;
                }
                self.next.call = None;
            }
        }
        self.reread();
    }

    /// The target's version is not the one sent: read it again.
    pub(crate) fn reread_version(&mut self) {
        self.reread();
        if let Some(call) = &mut self.next.call {
            call.state = CallState::LookUp;
        }
    }

    /// A reading shows the value that the uncertain move was to set, and that somebody has written
    /// since it was decided: it has happened, or it never can.
    pub(crate) fn found_done(&mut self) {
        self.next.call = None;
        self.next.world.late.traffic = Timestamp::default();
        self.match_traffic();
        self.advance();
    }

    pub(crate) fn give_up_forward(&mut self) {
        self.go_back(Cause::Failed);
    }

    pub(crate) fn give_up_back(&mut self) {
        self.halt(Halt::RollbackFailed);
    }

    pub(crate) fn give_up_retiring(&mut self) {
        self.halt(Halt::RetireFailed);
    }

    pub(crate) fn give_up_completed(&mut self) {
        self.halt(Halt::AfterPointOfNoReturn);
    }

    /// Sends the shift that was acknowledged and never seen once more, as a move of its own.
    pub(crate) fn reassert(&mut self) {
        self.next.reasserted = self.next.reasserted.saturating_add(1);
        self.shift_again();
    }

    /// Sends the copies and tests that were acknowledged and never seen once more.
    pub(crate) fn reassert_extra(&mut self) {
        self.next.reasserted = self.next.reasserted.saturating_add(1);
        self.next.confirm_by = NEVER;
        self.evidence = self.world_evidence();
        if let Phase::Gating { .. } = self.next.phase {
            self.stop_bake();
        }
        self.send(Action::Mirror { to: self.next.world.extra.asked });
    }

    pub(crate) fn shift_again(&mut self) {
        self.next.confirm_by = NEVER;
        let backward = self.next.phase.is_backward();
        let traffic = &self.next.world.traffic;
        let to = if backward { traffic.least() } else { traffic.asked };
        let versions = traffic.versions.clone();
        self.evidence = self.world_evidence();
        self.send(Action::Shift { to, versions });
    }

    /// Corrects somebody else's change.
    pub(crate) fn correct(&mut self) {
        self.next.corrections = self.next.corrections.saturating_add(1);
        if let Phase::Gating { .. } = self.next.phase {
            self.stop_bake();
        }
        self.shift_again();
    }
}
