//! What a state wants to know, and what it waits for. Derived from the state; never journalled.

use serde::{Deserialize, Serialize};

use crate::{
    Action, Baseline, CheckIndex, GateRef, Hold, IndexSet, MoveId, Outlook, Phase, Plan,
    PlatformRun, RolloutId, Timestamp, Weight,
    decision::Ask,
    next_move::NEVER,
    rollout::{CallState, Outstanding, Rollout},
};

/// What a state wants to know. Reads run beside moves, at most one of each kind at a time, and are
/// freely repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// Observe the world, every [`Policy::observe_every`](crate::Policy::observe_every).
    pub observe: bool,
    /// Look the platform's deployment up by this tag, with the observation.
    pub platform: Option<MoveId>,
    /// Guards to be judged, from all looks since the candidate has had traffic.
    pub guards: IndexSet,
    /// Checks of the gate to be judged, from looks whose window begins at `gate_since` or later.
    pub checks: IndexSet,
    /// When seen began to equal wanted.
    pub gate_since: Timestamp,
    /// Hooks to be asked.
    pub hooks: IndexSet,
    /// Read the calendar: [`Plan::calendar_at`].
    pub calendar: bool,
}

impl Reads {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a rollout waits for. Total: "stuck" would be a state without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// The outcome of a move.
    Move {
        /// The move.
        id: MoveId,
        /// Its last attempt.
        attempt: u8,
    },
    /// A reading.
    Read(ReadKind),
    /// The time.
    Clock {
        /// Until when.
        until: Timestamp,
    },
    /// A person: the plan's owner.
    Person(Ask),
    /// Another rollout of the same target.
    Rollout(RolloutId),
    /// Nothing: it is over.
    Nothing,
}

/// A reading that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadKind {
    /// The world.
    World,
    /// A platform's deployment.
    Platform,
    /// Measurements, and a judge's verdict over them.
    Health,
    /// A hook's answer.
    Hook,
    /// The calendar.
    Calendar,
}

impl Rollout {
    /// When [`Event::DeadlineReached`](crate::Event::DeadlineReached) is next due, if ever: the
    /// minimum of the deadlines in the state. Nothing has to be rescheduled after a crash.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.phase.is_terminal() {
            return None;
        }
        let ask_again = self.phase.progress().map_or(NEVER, |gate| gate.ask_again);
        let calendar = self.calendar.map_or(NEVER, |calendar| calendar.until);
        let next = [
            self.call_deadline(),
            self.live_confirm_by(),
            self.lack_by,
            self.phase_deadline(),
            ask_again,
            calendar,
            self.wake,
        ]
        .into_iter()
        .fold(NEVER, Timestamp::min);
        (next != NEVER).then_some(next)
    }

    /// What to observe, measure and ask now.
    #[must_use]
    pub fn wanted_reads(&self, plan: &Plan) -> Reads {
        let under_way = !matches!(self.phase, Phase::Pending { .. } | Phase::Halted { .. });
        if self.phase.is_terminal() || !under_way {
            return Reads::default();
        }
        let forward = !self.phase.is_backward();
        let mut reads = Reads {
            observe: true,
            platform: self.platform.tag,
            guards: self.guards(plan),
            calendar: forward && !plan.calendar().is_empty() && self.calendar.is_none(),
            ..Reads::default()
        };
        let gate = self.phase.progress();
        if let (Some(gate), Some(planned)) = (gate, self.planned_gate(plan))
            && let Some(since) = gate.matched
            && !gate.skipped
        {
            reads.checks = planned.checks;
            reads.gate_since = since;
            reads.hooks = planned.hooks.minus(gate.approved).minus(gate.deferred);
        }
        reads
    }

    /// Guards that can be judged now: while the candidate has traffic, and each against a baseline
    /// that exists. At 100 % a concurrent one gives way to its twin.
    fn guards(&self, plan: &Plan) -> IndexSet {
        let mirrored = self.world.extra.asked.mirror > Weight::ZERO;
        if self.exposure() == Weight::ZERO && !mirrored {
            return IndexSet::EMPTY;
        }
        let alone = match self.world.traffic.seen {
            _ if self.world.follows_capacity() => self.world.stable.total.ready == 0,
            Some(seen) => seen.low == Weight::FULL,
            None => self.world.traffic.asked == Weight::FULL,
        };
        let judged = |index: u8| {
            let check = plan.check(CheckIndex(index))?;
            if alone && check.baseline == Baseline::Concurrent {
                check.twin.map(|twin| twin.0)
            } else {
                Some(index)
            }
        };
        plan.guards().iter().filter_map(judged).collect()
    }

    /// Guards that could be judged now, and have not been since they last had no answer. A person
    /// who accepts the candidate has judged.
    #[must_use]
    pub fn unjudged(&self, plan: &Plan) -> IndexSet {
        let forward = !self.phase.is_backward() && !self.accepted;
        if forward { self.guards(plan).minus(self.judged) } else { IndexSet::EMPTY }
    }

    /// The largest share that the candidate may have. A shift that is seen not to have happened, can not
    /// happen any more and is to be sent again gave it none: to wait for measurements of it would be
    /// to wait for oneself.
    fn exposure(&self) -> Weight {
        match (&self.call, self.world.traffic.seen) {
            (Some(Outstanding { sent, state, lands_by, from, .. }), Some(seen))
                if matches!(sent.action, Action::Shift { .. })
                    && matches!(state, CallState::BackOff { .. })
                    && *lands_by <= self.clock =>
            {
                seen.high.max(*from)
            }
            _ => self.world.exposure(),
        }
    }

    fn planned_gate(&self, plan: &Plan) -> Option<crate::Gate> {
        let position = self.phase.position()?;
        let stage = plan.stages(self.first).get(usize::from(position.stage))?;
        match (self.phase, stage.pace) {
            (
                Phase::HandedOver { run: PlatformRun::AtWait { wait, .. }, .. },
                crate::Pace::Platform { waits },
            ) => waits.get(wait.point as usize).copied(),
            (Phase::Gating { at, .. }, _) => {
                let stands = stage.batches.is_none_or(|batches| batches.gate_each)
                    || plan.is_last_batch(&self.world, self.first, at);
                Some(if stands { stage.gate } else { crate::Gate::OPEN })
            }
            _ => None,
        }
    }

    /// What it waits for: a move, a read, the clock, a person, or nothing when it is over.
    #[must_use]
    pub fn waiting_on(&self, plan: &Plan) -> WaitingOn {
        match self.phase {
            Phase::Completed
            | Phase::RolledBack { .. }
            | Phase::NeverStarted { .. }
            | Phase::GaveUp => WaitingOn::Nothing,
            Phase::Halted { cause, .. } => WaitingOn::Person(Ask::Decide(cause)),
            Phase::Pending { after: Some(before), .. } => WaitingOn::Rollout(before),
            Phase::Pending { .. } => WaitingOn::Person(Ask::Start),
            _ => self.waiting_under_way(plan),
        }
    }

    fn waiting_under_way(&self, plan: &Plan) -> WaitingOn {
        if let Some(call) = &self.call {
            let idle = matches!(call.state, CallState::BackOff { .. } | CallState::LookUp);
            let held = idle && !self.phase.is_backward();
            if held && let Some(waiting) = self.waiting_held(plan) {
                return waiting;
            }
            return match call.state {
                CallState::InFlight { .. } | CallState::BackOff { .. } => {
                    WaitingOn::Move { id: call.sent.id, attempt: call.sent.attempt }
                }
                CallState::Settling { until } => WaitingOn::Clock { until },
                CallState::LookUp if call.sent.action.surface() == crate::Surface::Platform => {
                    WaitingOn::Read(ReadKind::Platform)
                }
                CallState::LookUp => WaitingOn::Read(ReadKind::World),
            };
        }
        if self.phase.is_backward() {
            return self.waiting_for_the_world();
        }
        if let Some(waiting) = self.waiting_held(plan) {
            return waiting;
        }
        match (self.phase.gate(), self.phase.progress(), self.planned_gate(plan)) {
            (Some(at), Some(gate), Some(planned)) => {
                let unjudged = !gate.skipped && !self.unjudged(plan).is_empty();
                self.waiting_at_gate(at, gate, &planned, unjudged)
            }
            _ => self.waiting_for_the_world(),
        }
    }

    fn waiting_held(&self, plan: &Plan) -> Option<WaitingOn> {
        let holds = self.holds;
        if [Hold::Operator, Hold::Ask, Hold::Drift, Hold::Platform].iter().any(|h| holds.has(*h)) {
            return Some(WaitingOn::Person(Ask::Resume));
        }
        if holds.has(Hold::Evidence) || holds.has(Hold::Ratio) {
            // What is not measured any more (its traffic is gone) is left to a person.
            let reads = self.wanted_reads(plan);
            let missing = self.lacking.union(self.distrusted);
            let measured = reads.guards.union(reads.checks).covers(missing);
            return Some(if measured {
                WaitingOn::Read(ReadKind::Health)
            } else {
                WaitingOn::Person(Ask::Resume)
            });
        }
        match self.calendar {
            Some(calendar) if holds.has(Hold::Freeze) => {
                Some(WaitingOn::Clock { until: calendar.until })
            }
            None if holds.has(Hold::Freeze) || !plan.calendar().is_empty() => {
                Some(WaitingOn::Read(ReadKind::Calendar))
            }
            _ => None,
        }
    }

    fn waiting_at_gate(
        &self,
        at: GateRef,
        gate: &crate::GateProgress,
        planned: &crate::Gate,
        unjudged: bool,
    ) -> WaitingOn {
        if gate.matched.is_none() {
            return WaitingOn::Read(ReadKind::World);
        }
        if self.wake != NEVER {
            return WaitingOn::Clock { until: self.wake };
        }
        if planned.approval && !gate.signed {
            return WaitingOn::Person(Ask::Approve(at));
        }
        if unjudged || !gate.passed.covers(planned.checks) {
            return WaitingOn::Read(ReadKind::Health);
        }
        if !gate.approved.covers(planned.hooks) {
            return WaitingOn::Read(ReadKind::Hook);
        }
        match self.calendar {
            Some(calendar) if planned.hours => WaitingOn::Clock { until: calendar.until },
            _ => WaitingOn::Read(ReadKind::World),
        }
    }

    fn waiting_for_the_world(&self) -> WaitingOn {
        if self.wake != NEVER && self.wake > self.clock {
            return WaitingOn::Clock { until: self.wake };
        }
        match self.phase {
            Phase::KeepWarm { until, .. } if until > self.clock => WaitingOn::Clock { until },
            Phase::HandedOver { .. } => WaitingOn::Read(ReadKind::Platform),
            Phase::Confirming { outcome: Outlook::RolledBack(_), .. }
            | Phase::RollingBack { .. }
                if self.platform.tag.is_some() =>
            {
                WaitingOn::Read(ReadKind::Platform)
            }
            _ => WaitingOn::Read(ReadKind::World),
        }
    }
}
