//! Rows that go forward: beginning, walking the stages, keeping warm, retiring.

use crate::{
    Action, Arm, Cause, Gate, GateProgress, Halt, Hold, Holds, Order, Outlook, Pace, Phase,
    PlatformRun, PlatformSeen, Position, Timestamp,
    decision::Evidence,
    next_move::NEVER,
    rollout::{PlatformTold, turn::Turn},
};

impl Turn<'_> {
    // --- Before the beginning.

    /// The world was found some time ago: it is read again before the first move.
    pub(crate) fn begin(&mut self) {
        self.reread();
        self.enter(Position::default());
    }

    pub(crate) fn note_start(&mut self) {
        if let Phase::Pending { started, .. } = &mut self.next.phase {
            *started = true;
        }
    }

    pub(crate) fn await_start(&mut self) {
        let by = self.now.after(self.plan.policy.start.within);
        self.next.phase = Phase::Pending { after: None, started: false, by };
    }

    pub(crate) fn withdraw(&mut self) {
        let cause = match self.evidence {
            Evidence::Command { order: Order::Supersede { .. }, .. } => Cause::Superseded,
            Evidence::Command { .. } => Cause::Aborted,
            _ => Cause::Failed,
        };
        self.note_successor();
        self.next.phase = Phase::NeverStarted { cause };
    }

    pub(crate) fn wait_on(&mut self) {
        self.waited();
        self.restart_waits();
    }

    pub(crate) fn ask(&mut self) {
        self.waited();
        if let Phase::Pending { by, .. } = &mut self.next.phase {
            // A rollout that waits to be started waits for a person already.
            *by = NEVER;
        } else {
            self.hold(Hold::Ask);
            if let Phase::HandedOver { run: PlatformRun::AtWait { .. }, .. } = self.next.phase {
                self.restart_waits();
            }
        }
    }

    pub(crate) fn overdue_back(&mut self) {
        self.waited();
        self.go_back(Cause::Failed);
    }

    // --- From stage to stage.

    pub(crate) fn enter(&mut self, at: Position) {
        let Some(stage) = self.stage(at) else { return };
        let by = self.now.after(stage.deadline.within);
        // A person who accepts the candidate takes what is left in one batch.
        let whole = self.next.accepted && stage.batches.is_some();
        let at = if whole { Position { batch: Position::LAST_BATCH, ..at } } else { at };
        self.next.reasserted = 0;
        match stage.pace {
            Pace::Ours => {
                self.next.phase = Phase::Moving { at, by };
                self.advance();
            }
            Pace::Platform { .. } => {
                let run = PlatformRun::Starting { missed: 0 };
                self.next.phase = Phase::HandedOver { at, run, by };
                self.advance();
            }
        }
    }

    /// The next change that the world was found to allow.
    pub(crate) fn take_step(&mut self) {
        self.evidence = self.world_evidence();
        if let Some(action) = self.decided.take() {
            self.send(action);
        }
    }

    pub(crate) fn reach(&mut self) {
        let Phase::Moving { at, .. } = self.next.phase else { return };
        self.evidence = self.world_evidence();
        let gate = self.fresh_gate(&self.gate_of(at));
        self.next.phase = Phase::Gating { at, gate };
    }

    pub(crate) fn next_batch(&mut self) {
        self.evidence = self.gate_evidence();
        if let Phase::Gating { at, .. } = self.next.phase {
            self.enter(Position { batch: at.batch.saturating_add(1), ..at });
        }
    }

    pub(crate) fn next_stage(&mut self) {
        self.evidence = self.gate_evidence();
        if let Phase::Gating { at, .. } = self.next.phase {
            self.enter(Position { stage: at.stage.saturating_add(1), batch: 0 });
        }
    }

    pub(crate) fn keep_warm(&mut self) {
        self.evidence = self.gate_evidence();
        let until = self.now.after(self.plan.policy.keep_warm);
        self.next.phase = Phase::KeepWarm { until, by: NEVER };
    }

    fn gate_evidence(&self) -> Evidence {
        let baked = self.next.phase.progress().map(|gate| gate.baked_at(self.now));
        baked.map_or(Evidence::State, |limit| Evidence::Waited { limit })
    }

    // --- The end.

    /// The point of no return.
    pub(crate) fn retire_stable(&mut self) {
        self.evidence = self.world_evidence();
        let by = self.now.after(self.plan.policy.rollback);
        self.next.phase = Phase::Retiring { by };
        self.send(Action::Retire { arm: Arm::Stable });
    }

    pub(crate) fn confirm_completed(&mut self) {
        self.note();
        self.next.corrections = 0;
        self.next.no_return = true;
        let quiet = self.next.world.late.latest().max(self.now);
        let by = quiet.after(self.plan.policy.rollback);
        self.next.phase = Phase::Confirming { outcome: Outlook::Completed, quiet, by };
    }

    pub(crate) fn complete(&mut self) {
        self.evidence = self.world_evidence();
        self.next.phase = Phase::Completed;
    }

    /// The world no longer is as the completed rollout left it.
    pub(crate) fn complete_again(&mut self) {
        if let Phase::Confirming { quiet, by, .. } = &mut self.next.phase {
            *quiet = self.now;
            *by = self.now.after(self.plan.policy.rollback);
        }
        if self.next.world.traffic.seen_as_asked() {
            // All traffic is where it belongs: it is copies or tests that are not.
            self.next.corrections = self.next.corrections.saturating_add(1);
            return self.reassert_extra();
        }
        self.correct();
    }

    pub(crate) fn read_once_more(&mut self) {
        self.reread();
        let limit = self.now.after(self.wait_limit());
        match &mut self.next.phase {
            Phase::Confirming { quiet, .. } => *quiet = Timestamp::default(),
            Phase::KeepWarm { until, by } => (*until, *by) = (Timestamp::default(), limit),
            _ => {}
        }
    }

    pub(crate) fn halt_late(&mut self) {
        self.halt(Halt::AfterPointOfNoReturn);
    }

    pub(crate) fn halt_overdue(&mut self) {
        self.waited();
        self.halt(Halt::AfterPointOfNoReturn);
    }

    pub(crate) fn halt_retiring(&mut self) {
        self.waited();
        self.halt(Halt::RetireFailed);
    }

    /// The old revision serves, and can not be relieved.
    pub(crate) fn halt_serving(&mut self) {
        self.evidence = self.world_evidence();
        self.halt(Halt::RetireFailed);
    }

    pub(crate) fn halt_contested(&mut self) {
        self.evidence = self.world_evidence();
        self.halt(Halt::Contested);
    }

    // --- Holds.

    pub(crate) fn pause(&mut self) {
        self.hold(Hold::Operator);
    }

    pub(crate) fn resume(&mut self) {
        if self.next.holds.has(Hold::Drift) {
            // What somebody lowered is sent again: the person said to go on.
            self.next.world.traffic.matched = false;
            self.next.confirm_by = self.now;
        }
        self.next.lacking = crate::IndexSet::EMPTY;
        self.next.distrusted = crate::IndexSet::EMPTY;
        self.next.lack_by = NEVER;
        self.lift(Holds::LIFTABLE);
    }

    pub(crate) fn freeze(&mut self) {
        self.hold(Hold::Freeze);
    }

    pub(crate) fn thaw(&mut self) {
        self.lift(Holds::NONE.with(Hold::Freeze));
    }

    pub(crate) fn forget_calendar(&mut self) {
        self.next.calendar = None;
    }

    pub(crate) fn go_on(&mut self) {
        self.advance();
    }

    pub(crate) fn lack(&mut self) {
        self.hold(Hold::Evidence);
        if self.next.lack_by == NEVER {
            let limits = self.next.lacking.iter();
            let within =
                limits.filter_map(|i| self.plan.checks.get(usize::from(i)).map(|c| c.lack.within));
            self.next.lack_by = within.min().map_or(NEVER, |within| self.now.after(within));
        }
    }

    pub(crate) fn answered_again(&mut self) {
        if self.next.lacking.is_empty() {
            self.next.lack_by = NEVER;
            self.lift(Holds::NONE.with(Hold::Evidence));
        }
    }

    pub(crate) fn lack_on(&mut self) {
        self.next.lack_by = NEVER;
    }

    pub(crate) fn lack_ask(&mut self) {
        self.next.lack_by = NEVER;
        self.hold(Hold::Ask);
    }

    pub(crate) fn lack_back(&mut self) {
        self.go_back(Cause::Failed);
    }

    pub(crate) fn distrust_evidence(&mut self) {
        self.hold(Hold::Ratio);
    }

    pub(crate) fn trust_evidence(&mut self) {
        if self.next.distrusted.is_empty() {
            self.lift(Holds::NONE.with(Hold::Ratio));
        }
        if self.next.lacking.is_empty() && self.next.holds.has(Hold::Evidence) {
            self.next.lack_by = NEVER;
            self.lift(Holds::NONE.with(Hold::Evidence));
        }
    }

    pub(crate) fn hold_drift(&mut self) {
        self.evidence = self.world_evidence();
        self.stop_bake();
        self.hold(Hold::Drift);
    }

    pub(crate) fn drift_gone(&mut self) {
        self.evidence = self.world_evidence();
        self.lift(Holds::NONE.with(Hold::Drift));
    }

    // --- Commands at any time.

    pub(crate) fn promote_full(&mut self) {
        self.next.promoted = true;
        self.skip_gate();
    }

    pub(crate) fn abort(&mut self) {
        self.go_back(Cause::Aborted);
    }

    pub(crate) fn fail(&mut self) {
        self.go_back(Cause::Failed);
    }

    pub(crate) fn give_way(&mut self) {
        self.note_successor();
        self.go_back(Cause::Superseded);
    }

    pub(crate) fn note_successor(&mut self) {
        if let Evidence::Command { order: Order::Supersede { by }, .. } = self.evidence {
            self.next.successor = Some(by);
        }
    }

    pub(crate) fn note(&mut self) {
        if self.evidence == Evidence::State {
            self.evidence = self.world_evidence();
        }
    }

    /// Moves every stored instant with the clock.
    pub(crate) fn step_clock(&mut self) {
        if let Evidence::Clock { by_ms } = self.evidence {
            self.next.shift_instants(by_ms);
            self.now = self.now.moved(by_ms);
            self.next.clock = self.now;
        }
    }

    // --- A person after a halt.

    pub(crate) fn accept(&mut self) {
        self.next.accepted = true;
        self.next.promoted = true;
        self.next.corrections = 0;
        if self.platform_paced() || self.next.no_return {
            self.next.world.traffic.asked = crate::Weight::FULL;
            self.reread();
            return self.confirm_completed();
        }
        self.reread();
        // Zones are whole fleets of their own: each is finished. Anything else is finished at once.
        let last = self.last_position();
        let zoned =
            self.stage(last).and_then(|stage| stage.batches).is_some_and(|b| b.zone.is_some());
        self.enter(if zoned { Position::default() } else { last });
    }

    /// Read first: what serves again is not retired.
    pub(crate) fn retire_again(&mut self) {
        self.next.corrections = 0;
        self.reread();
        let by = self.now.after(self.plan.policy.rollback);
        self.next.phase = Phase::Retiring { by };
    }

    /// Past the point of no return: whatever is left of the old revision goes, and the outcome is
    /// confirmed.
    pub(crate) fn finish_again(&mut self) {
        if self.platform_paced() {
            return self.confirm_completed();
        }
        self.retire_again();
    }

    pub(crate) fn roll_back_retry(&mut self) {
        let Phase::Halted { cause, .. } = self.next.phase else { return };
        self.reread();
        if self.next.platform.told == PlatformTold::Redeploy {
            return self.redeploy_because(cause.unwrap_or(Cause::Aborted));
        }
        self.go_back(cause.unwrap_or(Cause::Aborted));
    }

    pub(crate) fn leave(&mut self) {
        self.next.phase = Phase::GaveUp;
    }

    // --- The platform.

    pub(crate) fn platform_running(&mut self) {
        self.found_platform();
        self.set_run(PlatformRun::Running);
    }

    /// The platform is seen to have the deployment: whatever was uncertain about starting it is not.
    fn found_platform(&mut self) {
        if let Some(seen) = self.next.platform.seen {
            self.evidence = Evidence::Platform(seen);
        }
        let starts = |call: &crate::rollout::Outstanding| matches!(call.sent.action, Action::Start);
        if self.next.call.as_ref().is_some_and(starts) {
            self.next.call = None;
        }
        self.lift(Holds::NONE.with(Hold::Platform));
    }

    fn set_run(&mut self, to: PlatformRun) {
        let by = self.now.after(
            self.next
                .phase
                .position()
                .and_then(|at| self.stage(at))
                .map_or(crate::Span::hours(1), |stage| stage.deadline.within),
        );
        if let Phase::HandedOver { run, by: deadline, .. } = &mut self.next.phase {
            *run = to;
            *deadline = by;
        }
    }

    pub(crate) fn platform_waits(&mut self) {
        self.found_platform();
        let Some(PlatformSeen::AtWait { wait, expires }) = self.next.platform.seen else { return };
        self.set_run(PlatformRun::AtWait { wait, expires, gate: GateProgress::default() });
        let plan = self.gate_plan().unwrap_or(Gate::OPEN);
        let mut gate = self.fresh_gate(&plan);
        gate.by = gate.by.min(expires);
        self.set_run(PlatformRun::AtWait { wait, expires, gate });
    }

    pub(crate) fn release_platform(&mut self) {
        self.evidence = self.gate_evidence();
        if let Phase::HandedOver { run: PlatformRun::AtWait { wait, .. }, .. } = self.next.phase {
            self.send(Action::Release { wait });
        }
    }

    pub(crate) fn released(&mut self) {
        if let Phase::HandedOver { run: PlatformRun::AtWait { wait, .. }, .. } = self.next.phase {
            self.set_run(PlatformRun::Released { wait });
        }
    }

    pub(crate) fn platform_missing(&mut self) {
        self.evidence = Evidence::Platform(PlatformSeen::Absent);
        if let Phase::HandedOver { run: PlatformRun::Starting { missed }, .. } =
            &mut self.next.phase
        {
            *missed = missed.saturating_add(1);
        }
        self.next.sent = self.now;
    }

    pub(crate) fn platform_start_again(&mut self) {
        self.evidence = Evidence::Platform(PlatformSeen::Absent);
        self.set_run(PlatformRun::Starting { missed: 0 });
        self.resend();
    }

    pub(crate) fn platform_done(&mut self) {
        self.found_platform();
        self.next.world.traffic.asked = crate::Weight::FULL;
        self.next.world.traffic.matched = false;
        self.confirm_completed();
    }

    pub(crate) fn platform_goes_back(&mut self) {
        self.found_platform();
        self.go_back(Cause::Platform);
    }

    pub(crate) fn platform_ended(&mut self) {
        self.found_platform();
        self.halt(Halt::PlatformFailed);
    }

    pub(crate) fn platform_foreign(&mut self) {
        self.evidence = Evidence::Platform(PlatformSeen::Foreign);
        self.hold(Hold::Platform);
    }

    pub(crate) fn platform_free(&mut self) {
        self.evidence = self.next.platform.seen.map_or(Evidence::State, Evidence::Platform);
        self.lift(Holds::NONE.with(Hold::Platform));
        self.advance();
    }
}
