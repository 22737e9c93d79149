//! One turn of the machine: the state before, the state after in the making, and what it sends.
//!
//! The small verbs that the rows of the table are made of. A turn is private to `apply`: whatever
//! it changes is a copy.

use crate::{
    Action, Arm, Gate, GateProgress, Hold, Holds, Move, MoveId, Pace, Phase, Plan, PlatformRun,
    Position, Rule, SafetyClass, Seq, Span, Stage, Surface, Timestamp, Weight,
    decision::{Decision, Evidence},
    next_move::{Limits, NEVER, Next, Wanted, next_move},
    rollout::{CallState, Outstanding, PlatformTold, Rollout},
};

/// One turn.
pub(crate) struct Turn<'a> {
    pub(crate) was: &'a Rollout,
    pub(crate) plan: &'a Plan,
    pub(crate) now: Timestamp,
    /// The state after: a copy that its owner keeps in one place until it is finished.
    pub(crate) next: &'a mut Rollout,
    pub(crate) intent: Option<Move>,
    pub(crate) evidence: Evidence,
    /// The change that the world was found to allow, when that is what happened.
    pub(crate) decided: Option<Action>,
}

impl<'a> Turn<'a> {
    /// `next` is a copy of `was`.
    pub(crate) fn new(
        was: &'a Rollout,
        next: &'a mut Rollout,
        plan: &'a Plan,
        now: Timestamp,
    ) -> Self {
        next.seq = Seq(was.seq.0 + 1);
        next.clock = now;
        Self { was, plan, now, next, intent: None, evidence: Evidence::State, decided: None }
    }

    /// Finishes the state, and says why it is so.
    pub(crate) fn finish(&mut self, rule: Rule) -> Decision {
        // A step of the clock moves it along with every other instant: one that has come stays come.
        if rule != Rule::ClockStepped {
            self.next.wake = self.wakes_at();
        }
        if self.next.phase.is_terminal() {
            self.next.holds = Holds::NONE;
            self.next.call = None;
            self.next.confirm_by = NEVER;
            self.next.lack_by = NEVER;
            self.next.calendar = None;
        }
        let place = |phase: &Phase| (phase.name(), phase.position());
        if place(&self.next.phase) != place(&self.was.phase) {
            self.next.throttled = Span::ZERO;
        }
        let position = self.next.phase.position().or_else(|| self.was.phase.position());
        Decision {
            rule,
            at: self.now,
            from: self.was.phase.name(),
            to: self.next.phase.name(),
            position,
            weight_from: self.was.world.traffic.asked,
            weight_to: self.next.world.traffic.asked,
            evidence: std::mem::replace(&mut self.evidence, Evidence::State),
        }
    }

    // --- Where we are in the plan.

    pub(crate) fn stage(&self, at: Position) -> Option<&'a Stage> {
        self.plan.stages(self.next.first).get(usize::from(at.stage))
    }

    /// The gate it stands before, as planned.
    pub(crate) fn gate_plan(&self) -> Option<Gate> {
        match self.next.phase {
            Phase::Gating { at, .. } => Some(self.gate_of(at)),
            Phase::HandedOver { at, run: PlatformRun::AtWait { wait, .. }, .. } => {
                match self.stage(at)?.pace {
                    Pace::Platform { waits } => waits.get(wait.point as usize).copied(),
                    Pace::Ours => None,
                }
            }
            _ => None,
        }
    }

    /// The gate of a stage; of a batch, only where one stands.
    pub(crate) fn gate_of(&self, at: Position) -> Gate {
        let Some(stage) = self.stage(at) else { return Gate::OPEN };
        let stands = stage.batches.is_none_or(|batches| batches.gate_each)
            || self.plan.is_last_batch(&self.next.world, self.next.first, at);
        if stands { stage.gate } else { Gate::OPEN }
    }

    pub(crate) fn last_position(&self) -> Position {
        self.plan.last_position(self.next.first)
    }

    /// Whether a platform sets the pace of this plan.
    pub(crate) fn platform_paced(&self) -> bool {
        self.plan.is_platform_paced()
    }

    /// Where the rollout wants to be now: forward, at its position; backward, as found.
    pub(crate) fn wanted(&self) -> (Wanted, Limits) {
        let world = &self.next.world;
        let drained = self.next.drained.max(world.late.traffic);
        if self.next.phase.is_backward() {
            return self.plan.wanted_back(world, self.next.first, drained);
        }
        let first = self.next.first;
        match (self.next.phase.position(), &self.next.phase) {
            (Some(at), _) => self.plan.wanted(world, first, at, drained),
            (None, Phase::Retiring { .. } | Phase::Confirming { .. }) => {
                let (wanted, limits) = self.plan.wanted_done(world, first, drained);
                (wanted.taking_nothing(world), limits)
            }
            (None, _) => self.plan.wanted_done(world, first, drained),
        }
    }

    pub(crate) fn next_move(&self) -> Next {
        let (wanted, limits) = self.wanted();
        next_move(&self.next.world, &wanted, &limits, self.now)
    }

    /// Whether anything may go forward: no hold, and a calendar that is up to date.
    pub(crate) fn may_go_forward(&self) -> bool {
        self.next.holds.is_none() && self.calendar_fresh()
    }

    pub(crate) fn calendar_fresh(&self) -> bool {
        self.plan.calendar.is_empty()
            || self.next.calendar.is_some_and(|calendar| self.now < calendar.until)
    }

    // --- Verbs.

    /// Sends the next change, if the lane is free and the world allows one.
    pub(crate) fn advance(&mut self) {
        if self.next.call.is_some() || self.intent.is_some() {
            return;
        }
        let backward = self.next.phase.is_backward();
        if !backward && !self.may_go_forward() {
            return;
        }
        let moving = matches!(self.next.phase, Phase::Moving { .. } | Phase::RollingBack { .. });
        if backward && self.platform_paced() {
            self.turn_platform_back();
        } else if self.platform_untold() {
            self.send(Action::Start);
        } else if moving && let Next::Do(action) = self.next_move() {
            self.send(action);
        }
    }

    /// Whether a platform is to set the pace and was not told yet: something held the rollout when
    /// its stage began.
    fn platform_untold(&self) -> bool {
        let handed_over = matches!(self.next.phase, Phase::HandedOver { .. });
        handed_over && self.next.platform.told == PlatformTold::Nothing
    }

    /// Puts a new move on the lane.
    pub(crate) fn send(&mut self, action: Action) {
        let operation = action.operation(&self.plan.caps);
        let sent = Move {
            id: MoveId { of: self.next.identity, seq: self.next.seq },
            attempt: 1,
            class: action.effective_class(operation.class),
            time_limit: operation.time_limit,
            action,
        };
        let from = self.next.world.traffic.asked;
        self.dispatch(sent, Timestamp::default(), from, 0);
    }

    /// Sends the outstanding move once more, under the same identity.
    pub(crate) fn resend(&mut self) {
        let Some(call) = self.next.call.take() else { return };
        let mut sent = call.sent;
        sent.attempt = sent.attempt.saturating_add(1);
        if let Action::Shift { versions, .. } = &mut sent.action {
            versions.clone_from(&self.next.world.traffic.versions);
        }
        self.dispatch(sent, call.lands_by, call.from, call.throttled);
    }

    fn dispatch(&mut self, sent: Move, lands_by: Timestamp, from: Weight, throttled: u8) {
        self.ask_world(&sent.action, sent.id);
        self.next.sent = self.now;
        let state = CallState::InFlight { by: self.now.after(sent.time_limit) };
        self.intent = Some(sent.clone());
        self.next.call = Some(Outstanding { sent, state, throttled, lands_by, from });
    }

    /// Writes the request into the world as asked; what was seen before no longer counts.
    fn ask_world(&mut self, action: &Action, id: MoveId) {
        let world = &mut self.next.world;
        match *action {
            Action::Shift { to, .. } => {
                world.traffic.asked = to;
                world.traffic.seen = None;
                world.traffic.matched = false;
                self.next.confirm_by = NEVER;
                self.next.drained = NEVER;
                // The first deployment's shift leaves nothing to go back to.
                self.next.no_return |= self.next.first && to > Weight::ZERO;
            }
            Action::Mirror { to } => {
                world.extra.asked = to;
                world.extra.seen = None;
            }
            Action::Provision { arm, units, zone } | Action::Scale { arm, units, zone } => {
                *world.arm_mut(arm) = world.arm(arm).asked(zone, units);
                world.counted = false;
            }
            Action::Retire { arm } => {
                let capacity = world.arm_mut(arm);
                capacity.total.asked = 0;
                for zone in &mut capacity.zones {
                    zone.asked = 0;
                }
                world.counted = false;
                self.next.no_return |= arm == Arm::Stable;
            }
            Action::Start => self.tell_platform(PlatformTold::Start, Some(id)),
            Action::Redeploy => self.tell_platform(PlatformTold::Redeploy, Some(id)),
            Action::Stop => self.tell_platform(PlatformTold::Stop, None),
            Action::Release { .. } => {}
        }
    }

    fn tell_platform(&mut self, told: PlatformTold, tag: Option<MoveId>) {
        let platform = &mut self.next.platform;
        platform.told = told;
        if tag.is_some() {
            platform.tag = tag;
            platform.seen = None;
        }
    }

    /// Takes the outstanding move off the lane. If it may still land, its late bound is kept.
    pub(crate) fn drop_call(&mut self) {
        let Some(call) = self.next.call.take() else { return };
        let operation = call.sent.action.operation(&self.plan.caps);
        let lands_by = match call.state {
            CallState::InFlight { by } => by.after(operation.late_bound),
            CallState::Settling { until } => until,
            CallState::BackOff { .. } => call.lands_by,
            CallState::LookUp => call.lands_by,
        };
        self.note_late(call.sent.action.surface(), lands_by.max(call.lands_by));
        if let Action::Shift { to, .. } = call.sent.action {
            // Whether it happened is not known, or it did not: the larger of the two may be so.
            self.next.world.traffic.asked = to.max(call.from);
            self.next.world.traffic.seen = None;
            self.next.world.traffic.matched = false;
        }
    }

    pub(crate) fn note_late(&mut self, surface: Surface, lands_by: Timestamp) {
        let late = &mut self.next.world.late;
        let slot = match surface {
            Surface::Traffic => &mut late.traffic,
            Surface::Capacity => &mut late.capacity,
            Surface::Platform => &mut late.platform,
        };
        *slot = (*slot).max(lands_by);
    }

    /// Turns round: whatever was on its way forward is dropped, and the way back begins at once.
    pub(crate) fn go_back(&mut self, cause: crate::Cause) {
        self.drop_call();
        self.clear_holds();
        self.next.confirm_by = NEVER;
        self.next.reasserted = 0;
        self.next.corrections = 0;
        let by = self.now.after(self.plan.policy.rollback);
        self.next.phase = Phase::RollingBack { cause, by };
        // A platform that was told before it halted, and did not go back, is told again.
        if self.next.platform.told == PlatformTold::Stop {
            self.next.platform.told = PlatformTold::Start;
        }
        self.advance();
    }

    pub(crate) fn halt(&mut self, why: crate::Halt) {
        let cause = match self.next.phase {
            Phase::RollingBack { cause, .. }
            | Phase::Confirming { outcome: crate::Outlook::RolledBack(cause), .. } => Some(cause),
            _ => None,
        };
        self.drop_call();
        self.clear_holds();
        self.next.confirm_by = NEVER;
        self.next.phase = Phase::Halted { why, cause };
    }

    /// What may have been sent since the last record is not known: all of it may be so by now, or may
    /// land yet.
    pub(crate) fn halt_set_back(&mut self) {
        if !matches!(self.next.phase, Phase::Halted { .. }) {
            self.halt(crate::Halt::SetBack);
        }
        let caps = &self.plan.caps;
        let platform = caps.platform.as_ref().map_or(caps.scale, |platform| platform.start);
        let surfaces = [
            (Surface::Traffic, caps.shift),
            (Surface::Capacity, caps.scale),
            (Surface::Platform, platform),
        ];
        for (surface, operation) in surfaces {
            let lands_by = self.now.after(operation.time_limit).after(operation.late_bound);
            self.note_late(surface, lands_by);
        }
        self.next.sent = self.now;
        self.next.confirm_by = NEVER;
        let world = &mut self.next.world;
        world.counted = false;
        world.extra.seen = None;
        if !world.follows_capacity() {
            world.traffic.asked = Weight::FULL;
            world.traffic.seen = None;
            world.traffic.matched = false;
            self.next.drained = NEVER;
        }
    }

    /// Whatever kept it from going forward is of no concern on the way back.
    fn clear_holds(&mut self) {
        self.next.holds = Holds::NONE;
        self.next.calendar = None;
        self.next.lacking = crate::IndexSet::EMPTY;
        self.next.distrusted = crate::IndexSet::EMPTY;
        self.next.lack_by = NEVER;
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.next.holds = self.next.holds.with(hold);
    }

    /// Lifts a hold. When it was the last, waits start over: time spent held counts towards none.
    pub(crate) fn lift(&mut self, holds: Holds) {
        let held = !self.next.holds.is_none();
        self.next.holds = self.next.holds.minus(holds);
        if held && self.next.holds.is_none() {
            self.restart_waits();
            self.advance();
        }
    }

    /// Sets the deadline of the present wait anew.
    pub(crate) fn restart_waits(&mut self) {
        let fresh = self.now.after(self.wait_limit());
        let held = !self.next.holds.is_none();
        match &mut self.next.phase {
            Phase::Pending { by, .. }
            | Phase::Moving { by, .. }
            | Phase::HandedOver {
                by,
                run:
                    PlatformRun::Starting { .. } | PlatformRun::Running | PlatformRun::Released { .. },
                ..
            }
            | Phase::Retiring { by } => *by = fresh,
            Phase::KeepWarm { by, .. } if *by != NEVER => *by = fresh,
            Phase::Gating { gate, .. } => gate.by = fresh,
            Phase::HandedOver { run: PlatformRun::AtWait { gate, expires, .. }, .. } => {
                // The platform's own clock is told of once; what follows is a wait like any other.
                gate.by = match *expires > self.now {
                    true => fresh.min(*expires),
                    false if held => NEVER,
                    false => fresh,
                }
            }
            _ => {}
        }
    }

    /// How long the present wait may last, and (for decisions) what was allowed.
    pub(crate) fn wait_limit(&self) -> Span {
        let stage_limit = |at| self.stage(at).map_or(Span::hours(1), |stage| stage.deadline.within);
        match self.next.phase {
            Phase::Pending { .. } => self.plan.policy.start.within,
            Phase::Gating { .. } | Phase::HandedOver { run: PlatformRun::AtWait { .. }, .. } => {
                let gate = self.gate_plan().unwrap_or(Gate::OPEN);
                gate.bake.plus(gate.deadline.within)
            }
            Phase::Moving { at, .. } | Phase::HandedOver { at, .. } => stage_limit(at),
            Phase::KeepWarm { .. } => stage_limit(self.last_position()),
            _ => self.plan.policy.rollback,
        }
    }

    /// A gate that is entered now, with the world as wanted.
    pub(crate) fn fresh_gate(&self, gate: &Gate) -> GateProgress {
        GateProgress {
            matched: Some(self.now),
            bake: gate.bake,
            skipped: self.next.promoted,
            by: self.now.after(gate.bake.plus(gate.deadline.within)),
            ask_again: NEVER,
            ..GateProgress::default()
        }
    }

    pub(crate) fn world_evidence(&self) -> Evidence {
        let world = &self.next.world;
        Evidence::World {
            low: world.traffic.seen.map(|seen| seen.low),
            high: world.traffic.seen.map(|seen| seen.high),
            other: world.traffic.seen.map_or(Weight::ZERO, |seen| seen.other),
            stable_ready: world.stable.total.ready,
            candidate_ready: world.candidate.total.ready,
            full: world.full,
        }
    }

    pub(crate) fn waited(&mut self) {
        self.evidence = Evidence::Waited { limit: self.wait_limit() };
    }
}

impl Action {
    /// The class a call of this action is treated as. A captured version orders shifts only: that
    /// is the one move that carries what its target said of itself.
    #[must_use]
    pub const fn effective_class(&self, declared: SafetyClass) -> SafetyClass {
        match (self, declared) {
            (Self::Shift { .. }, class) => class,
            (_, SafetyClass::CompareAndSet) => SafetyClass::BareSet,
            (_, class) => class,
        }
    }
}

impl Plan {
    /// Whether a platform sets the pace of any stage.
    #[must_use]
    pub fn is_platform_paced(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage.pace, Pace::Platform { .. }))
    }
}
