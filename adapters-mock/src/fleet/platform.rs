//! A platform that sets its own pace, in the manner of CodeDeploy: steps, wait points, its own
//! way back. Deployments are found by tag; one is active at a time.

use tidegate_core::{
    FailureKind, PlatformSeen, PortError, Target, Timestamp, Wait, WaitId, WaitPoint, Weight,
};

use super::{Ends, Fate, Fleet, read::unread};
use crate::{faults::Op, spec::PlatformWorldSpec};

/// Where a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waiting for replicas.
    Growing,
    /// At the step of an index until an instant; past the last one all traffic is there.
    Step {
        index: usize,
        until: Timestamp,
    },
    /// Waiting to be released, at most until an instant; `next` is the step after it.
    Wait {
        at: Wait,
        next: usize,
        expires: Timestamp,
    },
    /// Going back until an instant.
    GoingBack {
        until: Timestamp,
    },
    Succeeded,
    RolledBack,
}

/// One deployment.
#[derive(Clone, Debug)]
struct Deployment {
    tag: String,
    ends: Ends,
    /// Whether it puts the previous revision back.
    back: bool,
    stage: Stage,
}

impl Deployment {
    const fn is_active(&self) -> bool {
        !matches!(self.stage, Stage::Succeeded | Stage::RolledBack)
    }

    const fn next_change(&self) -> Timestamp {
        match self.stage {
            Stage::Step { until, .. } | Stage::GoingBack { until } => until,
            Stage::Wait { expires, .. } => expires,
            Stage::Growing | Stage::Succeeded | Stage::RolledBack => Timestamp::MAX,
        }
    }

    const fn seen(&self) -> PlatformSeen {
        match self.stage {
            Stage::GoingBack { .. } if !self.back => PlatformSeen::RollingBack,
            Stage::Growing | Stage::Step { .. } | Stage::GoingBack { .. } => PlatformSeen::Running,
            Stage::Wait { at, expires, .. } => PlatformSeen::AtWait { wait: at, expires },
            Stage::Succeeded => PlatformSeen::Succeeded,
            Stage::RolledBack => PlatformSeen::RolledBack,
        }
    }
}

/// All deployments so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Platform {
    deployments: Vec<Deployment>,
    /// Until when somebody else's deployment holds the target.
    pub(super) foreign_until: Timestamp,
    /// When the old side is terminated by itself, and which it is.
    terminates: Option<(Timestamp, usize)>,
}

impl Platform {
    /// Whether a deployment carries this tag.
    pub(super) fn knows(&self, tag: &str) -> bool {
        self.deployments.iter().any(|deployment| deployment.tag == tag)
    }

    pub(super) fn next_change(&self) -> Timestamp {
        let own = self.deployments.last().map_or(Timestamp::MAX, Deployment::next_change);
        self.terminates.map_or(own, |(at, _)| own.min(at))
    }

    fn is_busy(&self, now: Timestamp) -> bool {
        self.foreign_until > now || self.deployments.last().is_some_and(Deployment::is_active)
    }
}

impl Fleet {
    /// Looks a deployment up by its tag. A port call.
    ///
    /// # Errors
    /// When the look-up is incomplete or refused.
    pub fn platform(&mut self, target: &Target, tag: &str) -> Result<PlatformSeen, PortError> {
        self.readable(Op::ReadPlatform).map_err(|kind| unread(Op::ReadPlatform, kind, target))?;
        if self.spec.platform.is_none() {
            let error = unread(Op::ReadPlatform, FailureKind::Permanent, target);
            return Err(error.because("there is no platform"));
        }
        let ours = self.platform.deployments.iter().rev().find(|one| one.tag == tag);
        Ok(match ours {
            Some(deployment) => deployment.seen(),
            None if self.platform.is_busy(self.now) => PlatformSeen::Foreign,
            None => PlatformSeen::Absent,
        })
    }

    /// How many deployments carry this tag: one at most, or something was done twice.
    #[must_use]
    pub fn deployments_tagged(&self, tag: &str) -> usize {
        self.platform.deployments.iter().filter(|one| one.tag == tag).count()
    }

    pub(super) fn start_deployment(&mut self, tag: String, ends: Ends, back: bool) -> Fate {
        if self.platform.is_busy(self.now) {
            return Fate::Refused;
        }
        let grows = if back { ends.stable } else { ends.candidate };
        self.set_units(grows, self.full_total(), None, Weight::FULL);
        self.platform.terminates = None;
        self.platform.deployments.push(Deployment { tag, ends, back, stage: Stage::Growing });
        self.run_platform();
        Fate::Done(self.now)
    }

    pub(super) fn release_wait(&mut self, wait: Wait) {
        let active = self.platform.deployments.last();
        if let Some(&Deployment { stage: Stage::Wait { at, next, .. }, ends, .. }) = active
            && at == wait
        {
            self.go_on(ends, at, next);
        }
    }

    pub(super) fn stop_deployment(&mut self) {
        let active = self.platform.deployments.last().filter(|one| one.is_active());
        if let Some(ends) = active.map(|one| one.ends) {
            self.go_back(ends);
        }
    }

    /// Takes every step of the active deployment that is due.
    pub(super) fn run_platform(&mut self) {
        if let Some((at, side)) = self.platform.terminates
            && at <= self.now
        {
            self.sides[side].retire();
            self.platform.terminates = None;
        }
        while self.platform_step() {}
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(deployment) = self.platform.deployments.last_mut() {
            deployment.stage = stage;
        }
    }

    /// One step, if it is due.
    fn platform_step(&mut self) -> bool {
        let Some(one) = self.platform.deployments.last() else { return false };
        let (ends, back, stage) = (one.ends, one.back, one.stage);
        match stage {
            Stage::Growing => self.grown(ends, back),
            Stage::Step { index, until } if until <= self.now => {
                self.after_step(ends, index);
                true
            }
            Stage::Wait { at, next, expires } if expires <= self.now => {
                if self.spec.platform.as_ref().is_some_and(|p| p.continues_on_expiry) {
                    self.go_on(ends, at, next);
                } else {
                    self.go_back(ends);
                }
                true
            }
            Stage::GoingBack { until } if until <= self.now => {
                self.sides[ends.candidate].retire();
                self.set_stage(if back { Stage::Succeeded } else { Stage::RolledBack });
                true
            }
            _ => false,
        }
    }

    fn grown(&mut self, ends: Ends, back: bool) -> bool {
        let side = if back { ends.stable } else { ends.candidate };
        if self.sides[side].ready_total() < self.full_total() {
            return false;
        }
        if back {
            self.go_back(ends);
        } else if self.waits(|platform| platform.waits_ready) {
            self.wait_at(Wait::only(WaitPoint::Ready), 0);
        } else {
            self.enter_step(ends, 0);
        }
        true
    }

    fn waits(&self, pick: fn(&PlatformWorldSpec) -> bool) -> bool {
        self.spec.platform.as_ref().is_some_and(pick)
    }

    fn wait_at(&mut self, at: Wait, next: usize) {
        let span = self.spec.platform.as_ref().map_or_else(Default::default, |p| p.wait_for);
        let expires = if span.is_zero() { Timestamp::MAX } else { self.now.after(span) };
        self.set_stage(Stage::Wait { at, next, expires });
    }

    fn go_on(&mut self, ends: Ends, at: Wait, next: usize) {
        if at.point == WaitPoint::Termination {
            self.sides[ends.stable].retire();
            self.set_stage(Stage::Succeeded);
        } else {
            self.enter_step(ends, next);
        }
    }

    fn enter_step(&mut self, ends: Ends, index: usize) {
        let Some(platform) = self.spec.platform.as_ref() else { return };
        let weight = platform.steps.get(index).copied().unwrap_or(Weight::FULL);
        let until = self.now.after(platform.step_every);
        self.write_routes(ends, weight);
        self.set_stage(Stage::Step { index, until });
    }

    fn after_step(&mut self, ends: Ends, index: usize) {
        let Some(platform) = self.spec.platform.as_ref() else { return };
        let (last, line) = (platform.steps.len(), platform.rolls_back_above);
        if line.is_some_and(|line| self.failing_now(ends.candidate) > line) {
            self.go_back(ends);
        } else if index < last && self.waits(|platform| platform.waits_step) {
            let id = WaitId(u64::try_from(index).unwrap_or(u64::MAX));
            self.wait_at(Wait { point: WaitPoint::Step, id }, index + 1);
        } else if index < last {
            self.enter_step(ends, index + 1);
        } else if self.waits(|platform| platform.waits_termination) {
            self.wait_at(Wait::only(WaitPoint::Termination), index);
        } else {
            self.succeed(ends);
        }
    }

    fn succeed(&mut self, ends: Ends) {
        let after = self.spec.platform.as_ref().and_then(|platform| platform.terminates_after);
        self.platform.terminates = after.map(|span| (self.now.after(span), ends.stable));
        self.set_stage(Stage::Succeeded);
    }

    fn go_back(&mut self, ends: Ends) {
        let takes = self.spec.platform.as_ref().map_or_else(Default::default, |p| p.rolls_back_in);
        self.write_routes(ends, Weight::ZERO);
        self.set_stage(Stage::GoingBack { until: self.now.after(takes) });
    }
}
