//! Finding deployments of the service: whole listings or errors, nothing in between.

use std::{sync::PoisonError, time::Duration};

use aws_sdk_ecs::types::{
    CreatedAt, DeploymentRolloutState, Service, ServiceDeployment, ServiceDeploymentBrief,
    ServiceDeploymentStatus,
};
use aws_smithy_types::DateTime;
use tidegate_core::{PortError, Timestamp};

use super::EcsService;
use crate::{
    ecs::{api, described},
    port::incomplete,
};

/// One deployment, as listings tell of it.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) arn: String,
    pub(super) created: DateTime,
    /// The service revision that it deploys.
    pub(super) revision: String,
    finished: Option<DateTime>,
    status: Option<ServiceDeploymentStatus>,
}

impl Listed {
    /// As a listing tells of it; absent where that lacks a part.
    fn of_listing(one: &ServiceDeploymentBrief) -> Option<Self> {
        Some(Self {
            arn: one.service_deployment_arn()?.to_owned(),
            created: *one.created_at()?,
            revision: one.target_service_revision_arn()?.to_owned(),
            finished: one.finished_at().copied(),
            status: one.status().cloned(),
        })
    }

    /// As it is described by itself; absent where that lacks a part.
    fn of_description(one: &ServiceDeployment) -> Option<Self> {
        Some(Self {
            arn: one.service_deployment_arn()?.to_owned(),
            created: *one.created_at()?,
            revision: one.target_service_revision()?.arn()?.to_owned(),
            finished: one.finished_at().copied(),
            status: one.status().cloned(),
        })
    }

    /// Whether it is under way. One in a state that nobody here knows is.
    pub(super) fn is_live(&self) -> bool {
        use ServiceDeploymentStatus::{RollbackFailed, RollbackSuccessful, Stopped, Successful};
        !matches!(self.status, Some(RollbackFailed | RollbackSuccessful | Stopped | Successful))
    }

    /// Whether it was under way when a later one was created, which then has replaced it. One that was
    /// stopped, and of which nobody says when, was.
    pub(super) fn is_cut_short_by(&self, later: &Self) -> bool {
        use ServiceDeploymentStatus::{RollbackSuccessful, Successful};
        let done = matches!(self.status, Some(Successful | RollbackSuccessful));
        !done && self.finished.is_none_or(|finished| finished >= later.created)
    }

    /// Whether it goes forward, as far as is known.
    pub(super) fn goes_forward(&self) -> bool {
        use ServiceDeploymentStatus::{InProgress, Pending};
        matches!(self.status, Some(InProgress | Pending))
    }
}

/// The service and all its deployments, as one complete look-up found them.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) service: Service,
    /// Newest first.
    pub(super) all: Vec<Listed>,
}

impl Found {
    /// The newest that is not over.
    pub(super) fn live(&self) -> Option<&Listed> {
        self.all.iter().find(|one| one.is_live())
    }
}

impl EcsService {
    /// Looks through the service's deployments. A listing may be late, and the service names its
    /// current deployment by itself: that one is read as well.
    pub(super) async fn look_through(&self, action: &str) -> Result<Found, PortError> {
        let service = described(&self.client, &self.channel, &self.name, action).await?;
        let mut all = self.listed(action).await?;
        let current = service.current_service_deployment();
        if let Some(current) = current.filter(|arn| all.iter().all(|one| one.arn != **arn)) {
            match self.find(current, action).await? {
                Some(info) => {
                    all.push(Listed::of_description(&info).ok_or_else(|| lacks(action))?);
                }
                // ECS keeps a service for longer than what it tells of its deployments.
                None if is_at_rest(&service) => {}
                None => return Err(missing(current, action)),
            }
        }
        all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.arn.cmp(&a.arn)));
        Ok(Found { service, all })
    }

    async fn listed(&self, action: &str) -> Result<Vec<Listed>, PortError> {
        let mut all = Vec::new();
        let mut token = None;
        for _ in 0..self.options.pages {
            let request = self.client.list_service_deployments().service(&self.name.service);
            let request = request.cluster(&self.name.cluster).created_at(self.range());
            let request = request.max_results(api::PAGE).set_next_token(token).send();
            let sent = self.channel.send(api::LIST_DEPLOYMENTS, api::READS, action, request);
            let reply = sent.await?;
            for one in reply.service_deployments() {
                all.push(Listed::of_listing(one).ok_or_else(|| lacks(action))?);
            }
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
        let pages = self.options.pages;
        Err(incomplete(action, format!("the listing has more than {pages} pages")))
    }

    fn range(&self) -> CreatedAt {
        let now = DateTime::from(self.time.now());
        CreatedAt::builder().after(earlier(now, self.options.looks_back.duration())).build()
    }

    /// One deployment, whole.
    pub(super) async fn deployment(
        &self,
        arn: &str,
        action: &str,
    ) -> Result<ServiceDeployment, PortError> {
        self.find(arn, action).await?.ok_or_else(|| missing(arn, action))
    }

    async fn find(&self, arn: &str, action: &str) -> Result<Option<ServiceDeployment>, PortError> {
        let request = self.client.describe_service_deployments().service_deployment_arns(arn);
        let sent = self.channel.send(api::DESCRIBE_DEPLOYMENTS, api::READS, action, request.send());
        let found = sent.await?.service_deployments.unwrap_or_default();
        Ok(found.into_iter().find(|one| one.service_deployment_arn() == Some(arn)))
    }

    /// The task definitions of service revisions, in their order.
    pub(super) async fn definitions(
        &self,
        revisions: &[&str],
        action: &str,
    ) -> Result<Vec<String>, PortError> {
        let unknown: Vec<_> = revisions.iter().filter(|arn| self.known(arn).is_none()).collect();
        for batch in unknown.chunks(api::BATCH) {
            let arns = batch.iter().map(|arn| (**arn).to_owned()).collect();
            let request = self.client.describe_service_revisions();
            let request = request.set_service_revision_arns(Some(arns)).send();
            let sent = self.channel.send(api::DESCRIBE_REVISIONS, api::READS, action, request);
            // A map of facts is whole at every instant: a panic elsewhere does not spoil it.
            let reply = sent.await?;
            let mut known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
            for one in reply.service_revisions() {
                if let Some((arn, definition)) =
                    one.service_revision_arn().zip(one.task_definition())
                {
                    known.insert(arn.to_owned(), definition.to_owned());
                }
            }
        }
        let missing = |arn| incomplete(action, format!("service revision {arn} was not read"));
        revisions.iter().map(|arn| self.known(arn).ok_or_else(|| missing(*arn))).collect()
    }

    /// The task definition that a deployment deploys.
    pub(super) async fn definition(&self, of: &Listed, action: &str) -> Result<String, PortError> {
        let found = self.definitions(&[&of.revision], action).await?;
        found.into_iter().next().ok_or_else(|| incomplete(action, "no task definition was read"))
    }

    fn known(&self, revision: &str) -> Option<String> {
        let known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(revision).cloned()
    }
}

/// Whether nothing is under way, as the service itself says.
fn is_at_rest(service: &Service) -> bool {
    match service.deployments() {
        [one] => one.rollout_state() == Some(&DeploymentRolloutState::Completed),
        _ => false,
    }
}

fn missing(arn: &str, action: &str) -> PortError {
    incomplete(action, format!("deployment {arn} is not in the answer"))
}

fn lacks(action: &str) -> PortError {
    incomplete(action, "a deployment in the answer lacks its ARN, its revision or its time")
}

/// An instant of AWS as rollout time: both count from the Unix epoch.
pub(super) fn timestamp(at: &DateTime) -> Option<Timestamp> {
    at.to_millis().ok().and_then(|ms| u64::try_from(ms).ok()).map(Timestamp)
}

/// An instant before another, in whole seconds.
fn earlier(at: DateTime, by: Duration) -> DateTime {
    let by = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_secs(at.secs().saturating_sub(by).max(0))
}
