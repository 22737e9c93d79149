//! A deployment's state as an engine understands it: by the rollback that belongs to it and by its
//! targets, and by its status last.

use aws_sdk_codedeploy::types::{DeploymentInfo, DeploymentStatus};
use aws_smithy_types::DateTime;
use tidegate_core::{PlatformSeen, PortError, Span, Timestamp, Wait, WaitPoint};

use super::{
    CodeDeploy,
    lookup::is_over,
    targets::{Side, last_event, parts},
};
use crate::port::incomplete;

impl CodeDeploy {
    /// The state of a deployment, its rollback included.
    pub(super) async fn state(
        &self,
        info: &DeploymentInfo,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        let rollback = info.rollback_info().and_then(|info| info.rollback_deployment_id());
        if let Some(rollback) = rollback {
            return Ok(going_back(&self.one(rollback, action).await?));
        }
        let id = info.deployment_id().unwrap_or_default();
        match info.status() {
            Some(DeploymentStatus::Ready) => {
                self.waits(id, WaitPoint::Ready, self.setup.ready_wait, action).await
            }
            Some(DeploymentStatus::InProgress) if info.instance_termination_wait_time_started() => {
                let span = self.setup.terminates_after;
                self.waits(id, WaitPoint::Termination, span, action).await
            }
            Some(
                DeploymentStatus::Created
                | DeploymentStatus::Queued
                | DeploymentStatus::InProgress
                | DeploymentStatus::Baking,
            ) => Ok(PlatformSeen::Running),
            Some(DeploymentStatus::Succeeded) => Ok(PlatformSeen::Succeeded),
            Some(DeploymentStatus::Failed | DeploymentStatus::Stopped) => {
                self.ended(info, id, action).await
            }
            status => {
                let status = status.map_or("no state", DeploymentStatus::as_str);
                let why = format!("deployment {id} is in {status}, which is not known here");
                Err(incomplete(action, why))
            }
        }
    }

    /// At a wait point. It began no earlier than the last lifecycle event ended, so it does not expire
    /// before what is said here.
    async fn waits(
        &self,
        id: &str,
        point: WaitPoint,
        span: Option<Span>,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        let wait = Wait::only(point);
        let Some(span) = span else {
            return Ok(PlatformSeen::AtWait { wait, expires: Timestamp::MAX });
        };
        let since = last_event(&self.targets(id, action).await?).and_then(timestamp);
        let unknown =
            || incomplete(action, format!("when deployment {id} began to wait is not told"));
        let since = since.ok_or_else(unknown)?;
        Ok(PlatformSeen::AtWait { wait, expires: since.after(span) })
    }

    /// Over without success, and no rollback is named. Where it has changed nothing, nothing has to go
    /// back; else a rollback may yet be named for a while.
    async fn ended(
        &self,
        info: &DeploymentInfo,
        id: &str,
        action: &str,
    ) -> Result<PlatformSeen, PortError> {
        let touched = |side| matches!(side, Side::New | Side::Between);
        let parts = parts(&self.targets(id, action).await?);
        if !parts.iter().any(|part| touched(part.side) && part.weight > 0) {
            return Ok(PlatformSeen::RolledBack);
        }
        let unknown = || incomplete(action, format!("when deployment {id} ended is not told"));
        let ended = info.complete_time().copied().and_then(timestamp).ok_or_else(unknown)?;
        let now = timestamp(self.now()).ok_or_else(unknown)?;
        let named_by = ended.after(self.options.rollback_shows);
        Ok(if now < named_by { PlatformSeen::RollingBack } else { PlatformSeen::Failed })
    }
}

/// What the deployment that goes back says of the one it takes back. Only its success is a way back
/// that was gone.
fn going_back(rollback: &DeploymentInfo) -> PlatformSeen {
    match rollback.status() {
        Some(DeploymentStatus::Succeeded) => PlatformSeen::RolledBack,
        over if is_over(over) => PlatformSeen::Failed,
        _ => PlatformSeen::RollingBack,
    }
}

/// An instant of AWS as rollout time: both count from the Unix epoch.
fn timestamp(at: DateTime) -> Option<Timestamp> {
    at.to_millis().ok().and_then(|ms| u64::try_from(ms).ok()).map(Timestamp)
}
