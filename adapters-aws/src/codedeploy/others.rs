//! Somebody else's deployments in a rollout's own time: what came between a look and the creation that
//! followed it, or was begun while the rollout waited. It must not know phases.

use aws_smithy_types::DateTime;
use tidegate_core::{PlatformSeen, PortError, Sought};

use super::{
    CodeDeploy,
    lookup::{Found, earlier},
    traffic::Both,
};

impl CodeDeploy {
    /// Whether somebody else's deployment is what ours has replaced, or would replace: the newest that
    /// has not gone back, unless it deploys a revision of the rollout.
    pub(super) async fn has_others(
        &self,
        found: &Found,
        sought: &Sought,
        ours: Option<&str>,
        action: &str,
    ) -> Result<bool, PortError> {
        let opened = DateTime::from_millis(i64::try_from(sought.since.0).unwrap_or(i64::MAX));
        let since = earlier(opened, self.options.clock_skew.duration());
        for id in found.by_others(since, ours, &sought.tag) {
            let info = self.now_of(found, id, action).await?;
            if self.state(&info, action).await? != PlatformSeen::RolledBack {
                let arms = Both::find(self, &sought.target, &sought.revisions).await?;
                return Ok(arms.arm(info.revision()).is_none());
            }
        }
        Ok(false)
    }
}
