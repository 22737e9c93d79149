//! How deployments of the fake go on by themselves. It must not know the wire.

use std::time::Duration;

use super::{Ecs, Leg, Monitor, arn, course::course};

/// Before a deployment begins, and before a rollback does.
const BEGINS: Duration = Duration::from_secs(2);
/// From its beginning until a rollback is done.
const GOES_BACK: Duration = Duration::from_secs(30);
/// Until a circuit breaker has seen enough tasks fail.
const BREAKS: Duration = Duration::from_secs(60);

/// Where a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the status of the same name")]
pub enum Status {
    Pending,
    InProgress,
    RollbackRequested,
    RollbackInProgress,
    Successful,
    Stopped,
    RollbackSuccessful,
    RollbackFailed,
    /// One that nobody knows.
    Novel,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Novel => "novel-status",
        }
    }
}

/// One deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its number.
    pub id: usize,
    /// The revision that it deploys.
    pub target: usize,
    /// The revisions that it replaces.
    pub sources: Vec<usize>,
    /// When it was created.
    pub created: Duration,
    /// When it ended.
    pub finished: Option<Duration>,
    /// Where it is.
    pub status: Status,
    /// Why it is there.
    pub reason: Option<String>,
    /// Its stages.
    pub legs: Vec<Leg>,
    /// The stage it is in.
    pub leg: usize,
    /// Since when it is as it is.
    pub since: Duration,
    /// Whether the hook of its stage was answered.
    pub answered: bool,
}

impl Deployment {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        arn("service-deployment", &format!("d{:019}", self.id))
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(
            self.status,
            Status::Successful
                | Status::Stopped
                | Status::RollbackSuccessful
                | Status::RollbackFailed
        )
    }

    /// The percentage of traffic that it wants on the new side.
    #[must_use]
    pub fn share(&self) -> u32 {
        match self.status {
            Status::Pending | Status::RollbackInProgress | Status::RollbackSuccessful => 0,
            _ => self.legs[self.leg].share,
        }
    }

    /// The hook that waits to be answered.
    #[must_use]
    pub fn hook(&self) -> Option<String> {
        self.paused().map(|_| format!("hook-{}-{}", self.id, self.leg))
    }

    pub(super) fn paused(&self) -> Option<super::Pause> {
        let waits = self.status == Status::InProgress && !self.answered;
        self.legs[self.leg].pause.filter(|_| waits)
    }

    /// When the hook that waits expires.
    pub(super) fn expires(&self) -> Option<Duration> {
        let pause = self.paused()?;
        Some(self.since + Duration::from_secs(60 * u64::from(pause.minutes)))
    }

    pub(super) fn answer_hook(&mut self, at: Duration) {
        (self.answered, self.since) = (true, at);
    }

    pub(super) fn go_back(&mut self, why: &str, at: Duration) {
        (self.status, self.since) = (Status::RollbackRequested, at);
        self.reason = Some(why.to_owned());
    }

    /// Ends it.
    pub fn end(&mut self, status: Status, why: Option<&str>, at: Duration) {
        (self.status, self.since, self.finished) = (status, at, Some(at));
        self.reason = why.map(ToOwned::to_owned).or_else(|| self.reason.take());
    }
}

impl Ecs {
    /// A new deployment. One that is under way ends where it is.
    pub fn deploy(&mut self, definition: String, at: Duration) {
        let sources = self.current();
        if let Some(live) = self.deployments.last_mut().filter(|one| !one.is_over()) {
            live.end(Status::Stopped, Some("replaced by another deployment"), at);
        }
        let (id, target) = (self.deployments.len(), self.revisions.len());
        self.revisions.push(definition);
        self.deployments.push(Deployment {
            id,
            target,
            sources,
            created: at,
            finished: None,
            status: Status::Pending,
            reason: None,
            legs: course(&self.setup),
            leg: 0,
            since: at,
            answered: false,
        });
    }

    /// The revisions of which tasks run.
    pub(super) fn current(&self) -> Vec<usize> {
        match self.deployments.last() {
            Some(one) if one.status == Status::Successful => vec![one.target],
            Some(one) if one.status == Status::RollbackSuccessful => vec![self.settled],
            Some(one) => one.sources.iter().copied().chain([one.target]).collect(),
            None => Vec::new(),
        }
    }

    /// Everything that has come due by a time, in its order.
    pub fn advance(&mut self, at: Duration) {
        while self.step(at) {}
    }

    /// One change of the newest deployment; whether there was one.
    fn step(&mut self, at: Duration) -> bool {
        let Some(index) = self.deployments.len().checked_sub(1) else { return false };
        let one = &self.deployments[index];
        let (since, status) = (one.since, one.status);
        let due = |after: Duration| at >= since + after;
        match status {
            Status::Pending if due(BEGINS) => self.begin(index, since + BEGINS),
            Status::InProgress => return self.go_on(index, at),
            Status::RollbackRequested if due(BEGINS) => {
                let one = &mut self.deployments[index];
                (one.status, one.since) = (Status::RollbackInProgress, since + BEGINS);
            }
            Status::RollbackInProgress if due(GOES_BACK) => {
                let failed = self.rollback_fails;
                let end = if failed { Status::RollbackFailed } else { Status::RollbackSuccessful };
                self.deployments[index].end(end, None, since + GOES_BACK);
            }
            _ => return false,
        }
        true
    }

    fn begin(&mut self, index: usize, at: Duration) {
        let one = &mut self.deployments[index];
        (one.status, one.since) = (Status::InProgress, at);
    }

    fn go_on(&mut self, index: usize, at: Duration) -> bool {
        let one = &self.deployments[index];
        let (leg, since) = (one.legs[one.leg].clone(), one.since);
        let broken = self.broken.as_ref() == Some(&self.revisions[one.target]);
        if broken && leg.stage == "SCALE_UP" {
            return self.break_off(index, since + BREAKS, at);
        }
        if let Some((_, monitor)) = &self.setup.alarms
            && self.alarm_at.is_some_and(|share| leg.share >= share)
        {
            let monitor = *monitor;
            self.end_by(index, monitor, "an alarm sounds", since);
            return true;
        }
        if let Some((pause, expires)) = one.paused().zip(one.expires()) {
            if at < expires {
                return false;
            }
            let one = &mut self.deployments[index];
            match pause.then {
                "CONTINUE" => one.answer_hook(expires),
                _ => one.go_back("a hook has timed out", expires),
            }
            return true;
        }
        let ends = since + leg.lasts;
        if at < ends {
            return false;
        }
        let one = &mut self.deployments[index];
        if one.leg + 1 < one.legs.len() {
            (one.leg, one.since, one.answered) = (one.leg + 1, ends, false);
        } else {
            one.end(Status::Successful, None, ends);
            self.settled = one.target;
        }
        true
    }

    fn break_off(&mut self, index: usize, breaks: Duration, at: Duration) -> bool {
        let Some(monitor) = self.setup.breaker.filter(|_| at >= breaks) else { return false };
        self.end_by(index, monitor, "the circuit breaker has seen tasks fail", breaks);
        true
    }

    fn end_by(&mut self, index: usize, monitor: Monitor, why: &str, at: Duration) {
        let one = &mut self.deployments[index];
        if monitor.goes_back {
            one.go_back(why, at);
        } else {
            one.end(Status::Stopped, Some(why), at);
        }
    }
}
