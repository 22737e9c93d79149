//! Rows of a gate: bake time, checks, approval, hooks, hours.

use crate::{Cause, Gate, GateProgress, Span, Timestamp, next_move::NEVER, rollout::turn::Turn};

impl GateProgress {
    /// Bake time so far.
    #[must_use]
    pub fn baked_at(&self, now: Timestamp) -> Span {
        self.baked.plus(self.matched.map_or(Span::ZERO, |since| now.since(since)))
    }

    /// Whether everything but bake time is there.
    fn satisfies(&self, gate: &Gate, open_hours: bool) -> bool {
        self.passed.covers(gate.checks)
            && self.approved.covers(gate.hooks)
            && (self.signed || !gate.approval)
            && (open_hours || !gate.hours)
    }

    /// When the gate opens by itself, as things stand; never while something is missing.
    #[must_use]
    pub fn opens_at(&self, gate: &Gate, open_hours: bool) -> Timestamp {
        match self.matched {
            None => NEVER,
            Some(since) if self.skipped => since,
            Some(since) if self.satisfies(gate, open_hours) => {
                since.after(Span(self.bake.0.saturating_sub(self.baked.0)))
            }
            Some(_) => NEVER,
        }
    }
}

impl Turn<'_> {
    pub(crate) fn sign(&mut self) {
        if let Some(gate) = self.next.phase.progress_mut() {
            gate.signed = true;
        }
    }

    pub(crate) fn skip_gate(&mut self) {
        if let Some(gate) = self.next.phase.progress_mut() {
            gate.skipped = true;
        }
    }

    pub(crate) fn deny(&mut self) {
        self.go_back(Cause::Denied);
    }

    /// The world differs: the bake clock stops, and evidence so far no longer opens the gate.
    pub(crate) fn stop_bake(&mut self) {
        let now = self.now;
        if let Some(gate) = self.next.phase.progress_mut() {
            gate.baked = gate.baked_at(now);
            gate.matched = None;
            gate.passed = crate::IndexSet::EMPTY;
        }
    }

    pub(crate) fn differ(&mut self) {
        self.evidence = self.world_evidence();
        self.stop_bake();
    }

    pub(crate) fn resume_bake(&mut self) {
        self.evidence = self.world_evidence();
        let now = self.now;
        if let Some(gate) = self.next.phase.progress_mut() {
            gate.matched = Some(now);
        }
    }

    pub(crate) fn repair(&mut self) {
        self.stop_bake();
        self.take_step();
    }

    pub(crate) fn ask_hooks_again(&mut self) {
        if let Some(gate) = self.next.phase.progress_mut() {
            gate.deferred = crate::IndexSet::EMPTY;
            gate.ask_again = NEVER;
        }
    }
}
