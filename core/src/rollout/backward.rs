//! Rows that go back.

use crate::{
    Action, Arm, Cause, Evidence, Halt, Outlook, Phase, PlatformSeen, Weight,
    rollout::{PlatformTold, turn::Turn},
};

impl Turn<'_> {
    /// Traffic is seen to be back: wait until nothing can land any more.
    pub(crate) fn confirm_back(&mut self) {
        let Phase::RollingBack { cause, .. } = self.next.phase else { return };
        self.evidence = self.world_evidence();
        if self.platform_paced() {
            self.next.world.traffic.asked = Weight::ZERO;
            self.next.world.traffic.matched = false;
            if self.next.call.is_some() {
                self.drop_call();
            }
        }
        let drained = if self.next.drained == crate::next_move::NEVER {
            self.now.after(self.plan.policy.drain)
        } else {
            self.next.drained
        };
        let quiet = self.next.world.late.latest().max(drained).max(self.now);
        let by = quiet.after(self.plan.policy.rollback);
        self.next.phase = Phase::Confirming { outcome: Outlook::RolledBack(cause), quiet, by };
    }

    pub(crate) fn roll_back_again(&mut self) {
        let Phase::Confirming { outcome: Outlook::RolledBack(cause), .. } = self.next.phase else {
            return;
        };
        self.evidence = self.world_evidence();
        self.drop_call();
        let by = self.now.after(self.plan.policy.rollback);
        self.next.phase = Phase::RollingBack { cause, by };
        if self.platform_paced() {
            self.next.corrections = self.next.corrections.saturating_add(1);
            if self.next.platform.told == PlatformTold::Stop {
                self.next.platform.told = PlatformTold::Start;
            }
            return self.advance();
        }
        let exposed = self.next.world.traffic.seen.is_some_and(|seen| seen.high > Weight::ZERO);
        if exposed && !self.next.world.follows_capacity() {
            // It was set to nothing before; only a new move sets it to nothing again.
            self.correct();
        } else {
            self.next.corrections = self.next.corrections.saturating_add(1);
            self.advance();
        }
    }

    /// The outcome of a rollback, seen.
    pub(crate) fn end_back(&mut self) {
        self.evidence = self.world_evidence();
        let Phase::Confirming { outcome: Outlook::RolledBack(cause), .. } = self.next.phase else {
            return;
        };
        self.next.phase = if self.next.first {
            Phase::NeverStarted { cause }
        } else {
            Phase::RolledBack { cause }
        };
    }

    pub(crate) fn halt_back(&mut self) {
        self.waited();
        self.halt(Halt::RollbackFailed);
    }

    /// Past the point of no return: the previous revision is deployed again.
    pub(crate) fn redeploy(&mut self) {
        self.redeploy_because(Cause::Failed);
    }

    pub(crate) fn redeploy_aborted(&mut self) {
        self.redeploy_because(Cause::Aborted);
    }

    pub(crate) fn redeploy_because(&mut self, cause: Cause) {
        let cause = match self.next.phase {
            Phase::RollingBack { cause, .. } => cause,
            _ => cause,
        };
        self.next.platform.told = PlatformTold::Redeploy;
        self.next.platform.seen = None;
        self.next.platform.tag = None;
        self.go_back(cause);
    }

    /// What a platform is to be told so that it goes back.
    pub(crate) fn turn_platform_back(&mut self) {
        if !matches!(self.next.phase, Phase::RollingBack { .. }) {
            return;
        }
        let platform = self.next.platform;
        match platform.told {
            PlatformTold::Nothing | PlatformTold::Stop => {}
            PlatformTold::Start if is_going_back(platform.seen) => {}
            PlatformTold::Start => self.send(Action::Stop),
            PlatformTold::Redeploy if platform.tag.is_none() => self.send(Action::Redeploy),
            PlatformTold::Redeploy => {}
        }
    }

    pub(crate) fn platform_too_late(&mut self) {
        self.evidence = Evidence::Platform(PlatformSeen::Succeeded);
        self.next.no_return = true;
        self.halt(Halt::AfterPointOfNoReturn);
    }

    pub(crate) fn platform_too_late_redeploy(&mut self) {
        self.next.no_return = true;
        self.redeploy();
        self.evidence = Evidence::Platform(PlatformSeen::Succeeded);
    }

    pub(crate) fn retire_candidate(&self) -> Action {
        Action::Retire { arm: Arm::Candidate }
    }
}

/// Whether a platform goes back, or has nothing to go back from.
pub(crate) const fn is_going_back(seen: Option<PlatformSeen>) -> bool {
    matches!(
        seen,
        Some(PlatformSeen::RollingBack | PlatformSeen::RolledBack | PlatformSeen::Stopped)
    )
}
