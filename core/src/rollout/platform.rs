//! What a platform that sets its own pace is seen to be doing, and what that comes to.
//!
//! Must not change the phase or send anything, as [`survey`](super::survey).

use crate::{
    Action, Hold, PlatformRun, PlatformSeen,
    rollout::{CallState, PlatformTold, trigger::Trigger, turn::Turn},
};

impl Turn<'_> {
    pub(super) fn survey_platform(&self, run: PlatformRun) -> Trigger {
        let held = self.next.holds.has(Hold::Platform);
        match (run, self.next.platform.seen) {
            (_, None) => Trigger::Noted,
            (_, Some(PlatformSeen::Foreign)) if held => Trigger::Noted,
            (_, Some(PlatformSeen::Foreign)) => Trigger::PlatformForeign,
            (_, Some(PlatformSeen::Succeeded)) => Trigger::PlatformDone,
            (_, Some(PlatformSeen::RollingBack | PlatformSeen::RolledBack)) => {
                Trigger::PlatformGoesBack
            }
            (_, Some(PlatformSeen::Failed | PlatformSeen::Stopped)) => Trigger::PlatformEnded,
            (PlatformRun::Starting { missed }, Some(PlatformSeen::Absent)) => self.missing(missed),
            (_, Some(PlatformSeen::Absent)) if held => Trigger::PlatformFree,
            (_, Some(PlatformSeen::Absent)) => Trigger::Noted,
            (PlatformRun::Starting { .. }, Some(PlatformSeen::Running)) => Trigger::PlatformRunning,
            (PlatformRun::Running, Some(PlatformSeen::Running)) if held => Trigger::PlatformFree,
            (PlatformRun::Running, Some(PlatformSeen::Running)) => Trigger::Noted,
            (
                PlatformRun::AtWait { .. } | PlatformRun::Released { .. },
                Some(PlatformSeen::Running),
            ) => Trigger::PlatformMovedOn,
            (
                PlatformRun::AtWait { wait, .. } | PlatformRun::Released { wait },
                Some(PlatformSeen::AtWait { wait: at, .. }),
            ) if wait == at => {
                if matches!(run, PlatformRun::AtWait { .. }) {
                    self.gate_trigger().unwrap_or(Trigger::Noted)
                } else {
                    Trigger::Noted
                }
            }
            (_, Some(PlatformSeen::AtWait { .. })) => Trigger::PlatformAtWait,
        }
    }

    /// A complete look-up without our deployment. Only after the call can no longer land does it
    /// count, and only the second one allows another call.
    fn missing(&self, missed: u8) -> Trigger {
        if self.next.holds.has(Hold::Platform) {
            return Trigger::PlatformFree;
        }
        match &self.next.call {
            Some(call) if call.state == CallState::LookUp && self.may_go_forward() => {
                if missed == 0 {
                    Trigger::PlatformMissing
                } else if self.attempts_left() {
                    Trigger::PlatformMissingTwice
                } else {
                    Trigger::MoveFailed
                }
            }
            None if self.next.platform.tag.is_none() => Trigger::PlatformFree,
            _ => Trigger::Noted,
        }
    }

    pub(super) fn survey_platform_back(&mut self) -> Trigger {
        let platform = self.next.platform;
        if platform.told == PlatformTold::Nothing {
            return Trigger::Back;
        }
        if platform.told == PlatformTold::Redeploy {
            return match platform.seen {
                Some(PlatformSeen::Succeeded) => Trigger::Back,
                Some(PlatformSeen::Failed | PlatformSeen::Stopped | PlatformSeen::RolledBack) => {
                    Trigger::PlatformEnded
                }
                _ => Trigger::Noted,
            };
        }
        match platform.seen {
            Some(PlatformSeen::RolledBack | PlatformSeen::Stopped | PlatformSeen::Absent) => {
                Trigger::Back
            }
            Some(PlatformSeen::Succeeded) if self.plan.policy.redeploy => {
                Trigger::PlatformDoneRedeploy
            }
            Some(PlatformSeen::Succeeded) => Trigger::PlatformDoneLate,
            Some(PlatformSeen::Failed) => Trigger::PlatformEnded,
            Some(PlatformSeen::Running | PlatformSeen::AtWait { .. })
                if platform.told == PlatformTold::Start =>
            {
                self.decide(Action::Stop, Trigger::Decided)
            }
            _ => Trigger::Noted,
        }
    }

    pub(super) fn survey_platform_confirming(&self) -> Trigger {
        let late = self.next.world.late.latest() > self.now;
        let platform = self.next.platform;
        let seen = if self.next.first { Trigger::NothingLeft } else { Trigger::OutcomeSeen };
        match (platform.told, platform.seen) {
            (PlatformTold::Nothing, _) if !late => seen,
            (PlatformTold::Redeploy, Some(PlatformSeen::Succeeded)) if !late => seen,
            (
                PlatformTold::Start | PlatformTold::Stop,
                Some(PlatformSeen::RolledBack | PlatformSeen::Stopped | PlatformSeen::Absent),
            ) if !late => seen,
            (
                PlatformTold::Start | PlatformTold::Stop,
                Some(PlatformSeen::Running | PlatformSeen::AtWait { .. } | PlatformSeen::Succeeded),
            ) => self.contradicted(),
            _ => Trigger::Noted,
        }
    }
}
