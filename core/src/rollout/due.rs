//! The clock: what has come due, and when the state alone allows something more.
//!
//! Must not change the phase or send anything, as [`survey`](super::survey).

use crate::{
    Action, Arm, OnDeadline, Phase, PlatformRun, Timestamp, Weight,
    next_move::{For, NEVER, Next, carried},
    rollout::{CallState, Ignored, PlatformTold, Rollout, trigger::Trigger, turn::Turn},
};

impl Turn<'_> {
    /// What has come due, the most urgent first.
    pub(crate) fn due(&mut self) -> Result<Trigger, Ignored> {
        let now = self.now;
        let come = |at: Timestamp| at != NEVER && at <= now;
        if let Some(trigger) = self.due_call() {
            return Ok(trigger);
        }
        let shift_unseen = !self.next.world.traffic.matched;
        if come(self.next.live_confirm_by()) && shift_unseen && !self.carries_asked() {
            // The fleet has grown meanwhile: the candidate first, then its traffic.
            self.next.confirm_by = now.after(self.plan.policy.confirm);
            return Ok(Trigger::Noted);
        }
        if come(self.next.live_confirm_by()) && self.next.world.traffic.matched {
            return Ok(self.due_extra());
        }
        if come(self.next.live_confirm_by()) {
            let often = self.next.reasserted >= self.plan.policy.attempts;
            self.evidence = self.world_evidence();
            return Ok(if often { Trigger::ConfirmTooOften } else { Trigger::ConfirmLate });
        }
        if come(self.next.lack_by) {
            return Ok(self.due_lack());
        }
        if come(self.next.phase_deadline()) {
            return Ok(self.due_phase());
        }
        if self.next.calendar.is_some_and(|calendar| come(calendar.until)) {
            return Ok(Trigger::CalendarExpired);
        }
        if self.next.phase.progress().is_some_and(|gate| come(gate.ask_again)) {
            return Ok(Trigger::AskAgain);
        }
        if come(self.next.wake) {
            return Ok(self.survey());
        }
        Err(Ignored::Early)
    }

    /// Whether the weight asked for may be sent again: on the way back always, forward only while
    /// the candidate carries it.
    fn carries_asked(&self) -> bool {
        let (_, limits) = self.wanted();
        let world = &self.next.world;
        let ready = carried(world, world.candidate.total.ready, &limits);
        self.next.phase.is_backward()
            || self.next.no_return
            || ready >= world.traffic.asked.on_grid(limits.grid)
    }

    fn due_call(&mut self) -> Option<Trigger> {
        let at = self.next.call_deadline();
        if at == NEVER || at > self.now {
            return None;
        }
        self.note_call(None);
        Some(match self.next.call.as_ref()?.state {
            CallState::InFlight { .. } => Trigger::Uncertain,
            CallState::BackOff { .. } if self.would_harm() => Trigger::Unsafe,
            CallState::BackOff { .. } if self.may_try_again() => Trigger::Resend,
            CallState::BackOff { .. } => Trigger::MoveFailed,
            CallState::Settling { .. } => Trigger::Settled,
            CallState::LookUp => return None,
        })
    }

    /// Whether the world has changed so that the move, sent again, would leave an arm that serves without
    /// units, or on the way back give the candidate more than it has.
    pub(super) fn would_harm(&self) -> bool {
        let world = &self.next.world;
        let Some(call) = self.next.call.as_ref().filter(|_| !world.follows_capacity()) else {
            return false;
        };
        match call.sent.action {
            Action::Retire { arm: Arm::Candidate }
            | Action::Scale { arm: Arm::Candidate, units: 0, zone: None } => {
                world.exposure() > Weight::ZERO
            }
            Action::Retire { arm: Arm::Stable } => {
                world.traffic.seen.is_some_and(|seen| seen.low < Weight::FULL)
            }
            Action::Shift { to, .. } => {
                self.next.phase.is_backward() && world.traffic.seen.is_some_and(|s| s.high < to)
            }
            _ => false,
        }
    }

    /// All traffic is seen as asked: it is copies or tests that are not.
    fn due_extra(&mut self) -> Trigger {
        self.evidence = self.world_evidence();
        if !self.minds_extra() {
            self.seen_as_asked();
            return Trigger::Noted;
        }
        let often = self.next.reasserted >= self.plan.policy.attempts;
        if often { Trigger::ExtraTooOften } else { Trigger::ExtraLate }
    }

    fn due_lack(&mut self) -> Trigger {
        let then =
            self.next.lacking.iter().filter_map(|index| {
                self.plan.checks.get(usize::from(index)).map(|check| check.lack)
            });
        let then = then.min_by_key(|lack| lack.within);
        self.evidence = then
            .map_or(crate::Evidence::State, |lack| crate::Evidence::Waited { limit: lack.within });
        match then.map(|lack| lack.then) {
            Some(OnDeadline::RollBack) if !self.next.no_return => Trigger::LackRollBack,
            Some(OnDeadline::Hold) => Trigger::LackHold,
            _ => Trigger::LackAsk,
        }
    }

    fn due_phase(&mut self) -> Trigger {
        let then = match self.next.phase {
            Phase::Pending { .. } => self.plan.policy.start.then,
            Phase::Gating { .. } | Phase::HandedOver { run: PlatformRun::AtWait { .. }, .. } => {
                self.gate_plan().map_or(OnDeadline::Ask, |gate| gate.deadline.then)
            }
            Phase::Moving { at, .. } | Phase::HandedOver { at, .. } => {
                self.stage(at).map_or(OnDeadline::Ask, |stage| stage.deadline.then)
            }
            Phase::KeepWarm { .. } => self
                .stage(self.last_position())
                .map_or(OnDeadline::Ask, |stage| stage.deadline.then),
            _ => OnDeadline::Ask,
        };
        match then {
            OnDeadline::Hold => Trigger::LateHold,
            OnDeadline::Ask => Trigger::LateAsk,
            OnDeadline::RollBack => Trigger::LateRollBack,
        }
    }

    /// When the state alone, without any event, allows something more.
    pub(crate) fn wakes_at(&mut self) -> Timestamp {
        match self.next.phase {
            Phase::Moving { .. } if self.next.call.is_none() && self.may_go_forward() => {
                self.move_wakes_at()
            }
            Phase::RollingBack { .. } if self.platform_paced() => {
                let at_rest = self.next.platform.told == PlatformTold::Nothing;
                if at_rest { self.now } else { NEVER }
            }
            Phase::RollingBack { .. } if self.next.call.is_none() => self.move_wakes_at(),
            Phase::Gating { .. } | Phase::HandedOver { run: PlatformRun::AtWait { .. }, .. } => {
                self.gate_opens_at()
            }
            // What drains allow comes before the old revision goes.
            Phase::KeepWarm { .. } if self.may_repair() => self.now,
            Phase::KeepWarm { .. } => self.warm_until(),
            Phase::Retiring { .. } => {
                let trigger = self.survey_retiring();
                if trigger == Trigger::Noted { NEVER } else { self.now }
            }
            Phase::Confirming { quiet, .. } if quiet != Timestamp::default() => quiet,
            Phase::Confirming { .. } => {
                let at = self.next.world.late.latest().max(self.old_units_by());
                if at > self.now { at } else { NEVER }
            }
            _ => NEVER,
        }
    }

    fn move_wakes_at(&self) -> Timestamp {
        match self.next_move() {
            Next::There | Next::Blocked(_) | Next::Do(_) => self.now,
            Next::Wait(For::Drain(at)) => at,
            Next::Wait(_) => NEVER,
        }
    }
}

impl Rollout {
    /// When the outstanding call wants attention. A forward move that failed is not sent again
    /// while the rollout is held.
    pub(crate) fn call_deadline(&self) -> Timestamp {
        match self.call.as_ref().map(|call| call.state) {
            Some(CallState::InFlight { by }) => by,
            Some(CallState::Settling { until }) => until,
            Some(CallState::BackOff { until })
                if self.phase.is_backward() || self.holds.is_none() =>
            {
                until
            }
            Some(CallState::BackOff { .. } | CallState::LookUp) | None => NEVER,
        }
    }

    /// When an acknowledged shift has been unseen for too long, if anything is to be done about it.
    pub(crate) fn live_confirm_by(&self) -> Timestamp {
        let live = self.call.is_none() && (self.phase.is_backward() || self.holds.is_none());
        if live { self.confirm_by } else { NEVER }
    }

    /// When the present wait has lasted too long. Waits that are held go on for as long as that.
    pub(crate) fn phase_deadline(&self) -> Timestamp {
        let held = !self.holds.is_none();
        match self.phase {
            Phase::Pending { by, .. }
            | Phase::RollingBack { by, .. }
            | Phase::Confirming { by, .. }
            | Phase::Retiring { by } => by,
            // A hold does not stop the platform's own clock, which has one end.
            Phase::HandedOver { run: PlatformRun::AtWait { expires, gate, .. }, .. } if held => {
                if gate.by > expires {
                    NEVER
                } else {
                    expires
                }
            }
            Phase::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => gate.by,
            Phase::Moving { by, .. }
            | Phase::HandedOver { by, .. }
            | Phase::KeepWarm { by, .. }
                if !held =>
            {
                by
            }
            Phase::Gating { gate, .. } if !held => gate.by,
            _ => NEVER,
        }
    }
}
