//! States that differ only in when they are, and by which number, as one.

use crate::{
    GateProgress, Phase, PlatformRun, PlatformSeen, Seq, Timestamp,
    next_move::NEVER,
    rollout::{CallState, Rollout},
};

/// The instant that the clock of every canonical state shows.
pub const CANONICAL_CLOCK: Timestamp = Timestamp(1 << 50);

impl Rollout {
    /// This state with its clock set to [`CANONICAL_CLOCK`], its sequence number to zero, and
    /// everything that lies in the past as one past. What can happen from here is the same.
    #[must_use]
    pub fn canonical(&self) -> Self {
        self.clone().into_canonical()
    }

    /// The same, of a state that is not needed any more.
    pub(crate) fn into_canonical(self) -> Self {
        let mut state = self;
        state.seq = Seq(0);
        if let Some(gate) = state.phase.progress_mut() {
            // Bake time so far as a length, not as an instant; more than enough is enough.
            gate.baked = gate.baked_at(state.clock).min(gate.bake);
            gate.matched = gate.matched.map(|_| state.clock);
        }
        let from = state.clock;
        state.each_instant(&mut |at| {
            if *at == Timestamp::default() || *at == NEVER {
            } else if *at <= from {
                *at = CANONICAL_CLOCK;
            } else {
                *at = CANONICAL_CLOCK.after(at.since(from));
            }
        });
        state.clock = CANONICAL_CLOCK;
        for at in [
            &mut state.sent,
            &mut state.drained,
            &mut state.world.late.traffic,
            &mut state.world.late.capacity,
            &mut state.world.late.platform,
        ] {
            if *at <= CANONICAL_CLOCK {
                *at = Timestamp::default();
            }
        }
        if let Some(call) = &mut state.call {
            call.sent.id.seq = Seq(0);
            if call.lands_by <= CANONICAL_CLOCK {
                call.lands_by = Timestamp::default();
            }
        }
        if let Some(tag) = &mut state.platform.tag {
            tag.seq = Seq(0);
        }
        state
    }

    /// Moves every stored instant, as rollout time is moved.
    pub(crate) fn shift_instants(&mut self, by_ms: i64) {
        self.each_instant(&mut |at| {
            if *at != Timestamp::default() && *at != NEVER {
                *at = at.moved(by_ms);
            }
        });
    }

    /// Every instant in the state but its clock.
    fn each_instant(&mut self, visit: &mut dyn FnMut(&mut Timestamp)) {
        let late = &mut self.world.late;
        for at in [
            &mut self.sent,
            &mut self.confirm_by,
            &mut self.drained,
            &mut self.wake,
            &mut self.lack_by,
            &mut late.traffic,
            &mut late.capacity,
            &mut late.platform,
        ] {
            visit(at);
        }
        if let Some(seen) = &mut self.world.traffic.seen {
            visit(&mut seen.at);
        }
        if let Some(calendar) = &mut self.calendar {
            visit(&mut calendar.until);
        }
        if let Some(PlatformSeen::AtWait { expires, .. }) = &mut self.platform.seen {
            visit(expires);
        }
        if let Some(call) = &mut self.call {
            visit(&mut call.lands_by);
            match &mut call.state {
                CallState::InFlight { by } => visit(by),
                CallState::BackOff { until } | CallState::Settling { until } => visit(until),
                CallState::LookUp => {}
            }
        }
        self.phase.each_instant(visit);
    }
}

impl Phase {
    fn each_instant(&mut self, visit: &mut dyn FnMut(&mut Timestamp)) {
        match self {
            Self::Pending { by, .. }
            | Self::Moving { by, .. }
            | Self::Retiring { by }
            | Self::RollingBack { by, .. } => visit(by),
            Self::Gating { gate, .. } => gate.each_instant(visit),
            Self::HandedOver { run, by, .. } => {
                visit(by);
                run.each_instant(visit);
            }
            Self::KeepWarm { until: first, by } | Self::Confirming { quiet: first, by, .. } => {
                visit(first);
                visit(by);
            }
            Self::Halted { .. }
            | Self::Completed
            | Self::RolledBack { .. }
            | Self::NeverStarted { .. }
            | Self::GaveUp => {}
        }
    }
}

impl GateProgress {
    fn each_instant(&mut self, visit: &mut dyn FnMut(&mut Timestamp)) {
        if let Some(since) = &mut self.matched {
            visit(since);
        }
        visit(&mut self.ask_again);
        visit(&mut self.by);
    }
}

impl PlatformRun {
    fn each_instant(&mut self, visit: &mut dyn FnMut(&mut Timestamp)) {
        match self {
            Self::Starting { .. } | Self::Running | Self::Released { .. } => {}
            Self::AtWait { expires, gate, .. } => {
                visit(expires);
                gate.each_instant(visit);
            }
        }
    }
}
