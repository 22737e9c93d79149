//! How deployments of the fake go on by themselves. It must not know the wire.

use std::time::Duration;

use serde_json::Value;

use super::{CodeDeploy, Compute};

/// Before a deployment has targets.
const BEGINS: Duration = Duration::from_secs(2);
/// From creation until what is new is there.
const PROVISIONS: Duration = Duration::from_secs(30);
/// From its creation until a rollback is done.
const GOES_BACK: Duration = Duration::from_secs(40);

/// Where a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What is new is being made.
    Provisioning,
    /// It waits for traffic to be allowed.
    Ready {
        /// From when on.
        since: Duration,
    },
    /// Traffic moves.
    Shifting {
        /// From when on.
        since: Duration,
    },
    /// The old side is kept for a while.
    Kept {
        /// From when on.
        since: Duration,
    },
    /// It has ended.
    Over,
}

/// One deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// What its creator called it.
    pub description: Option<String>,
    /// What it brings.
    pub revision: Value,
    /// What was there before.
    pub previous: Option<Value>,
    /// When it was created.
    pub created: Duration,
    /// Where it is.
    pub stage: Stage,
    /// The percentage of traffic on the new side.
    pub share: u32,
    /// How it ended.
    pub status: Option<&'static str>,
    /// When it ended.
    pub ended: Option<Duration>,
    /// Lifecycle events that have succeeded, and when.
    pub events: Vec<(&'static str, Duration)>,
    /// The deployment that it takes back.
    pub triggering: Option<String>,
    /// The deployment that takes it back.
    pub rollback: Option<String>,
}

impl Deployment {
    /// Whether it has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    pub(super) fn has_begun(&self, at: Duration) -> bool {
        at >= self.created + BEGINS
    }

    /// Ends it.
    pub fn end(&mut self, status: &'static str, at: Duration) {
        (self.stage, self.status, self.ended) = (Stage::Over, Some(status), Some(at));
    }
}

impl CodeDeploy {
    pub(super) fn create(
        &mut self,
        description: Option<String>,
        revision: Value,
        triggering: Option<String>,
        at: Duration,
    ) -> String {
        let id = format!("d-FAKE{:05}", self.deployments.len() + 1);
        let succeeded = |one: &&Deployment| one.status == Some("Succeeded");
        let previous = self.deployments.iter().rev().find(succeeded);
        self.deployments.push(Deployment {
            id: id.clone(),
            description,
            revision,
            previous: previous.map(|one| one.revision.clone()),
            created: at,
            stage: Stage::Provisioning,
            share: 0,
            status: None,
            ended: None,
            events: Vec::new(),
            triggering,
            rollback: None,
        });
        id
    }

    /// A deployment of what was there before, with an id of its own. Without one there is nothing to
    /// deploy: where a replacement was made, traffic is with the old side again at once.
    pub(super) fn go_back(&mut self, id: &str, at: Duration) {
        let Some(undone) = self.deployments.iter().position(|one| one.id == id) else { return };
        let before = self.deployments[undone].previous.clone();
        let first = serde_json::json!({
            "revisionType": "S3",
            "s3Location": { "bucket": "first", "key": "first.zip", "bundleType": "zip" },
        });
        let revision = before.unwrap_or(first);
        let back = self.create(None, revision, Some(id.to_owned()), at);
        self.deployments[undone].rollback = Some(back);
    }

    /// Everything that has come due by a time, in its order.
    pub(super) fn advance(&mut self, at: Duration) {
        for index in 0.. {
            if index >= self.deployments.len() {
                break;
            }
            while self.step(index, at) {}
        }
    }

    /// One change of one deployment; whether there was one.
    fn step(&mut self, index: usize, at: Duration) -> bool {
        let group = self.group.clone();
        let one = &mut self.deployments[index];
        let rollback = one.triggering.is_some();
        let minutes = |n: u32| Duration::from_secs(60 * u64::from(n));
        match one.stage {
            Stage::Provisioning if rollback => {
                let done = one.created + GOES_BACK;
                if at < done {
                    return false;
                }
                one.share = 100;
                one.events.push(("AllowTraffic", done));
                one.end("Succeeded", done);
            }
            Stage::Provisioning => {
                let ready = one.created + PROVISIONS;
                if at < ready {
                    return false;
                }
                one.events.push(("AfterInstall", ready));
                one.stage = match group.ready_wait {
                    Some(_) if group.compute.is_replaced() => Stage::Ready { since: ready },
                    _ => Stage::Shifting { since: ready },
                };
            }
            Stage::Ready { since } => {
                let expires = since + minutes(group.ready_wait.unwrap_or_default());
                if at < expires {
                    return false;
                }
                one.end("Stopped", expires);
            }
            Stage::Shifting { since } => return self.shift(index, since, at),
            Stage::Kept { since } => {
                let expires = since + minutes(group.terminates_after.unwrap_or_default());
                if at < expires {
                    return false;
                }
                one.end("Succeeded", expires);
            }
            Stage::Over => return false,
        }
        true
    }

    fn shift(&mut self, index: usize, since: Duration, at: Duration) -> bool {
        let group = self.group.clone();
        let one = &mut self.deployments[index];
        let next = group.steps.iter().find(|(_, share)| *share > one.share);
        let Some((after, share)) = next.filter(|(after, _)| at >= since + *after) else {
            return false;
        };
        one.share = *share;
        let now = since + *after;
        if group.fails_at.is_some_and(|fails| one.share >= fails) {
            one.end("Failed", now);
            let id = one.id.clone();
            if group.goes_back_on.contains(&"DEPLOYMENT_FAILURE") {
                self.go_back(&id, now);
            }
            return true;
        }
        if one.share == 100 {
            one.events.push(("AllowTraffic", now));
            match group.terminates_after {
                Some(_) if group.compute != Compute::Lambda => {
                    one.stage = Stage::Kept { since: now }
                }
                _ => one.end("Succeeded", now),
            }
        }
        true
    }
}
