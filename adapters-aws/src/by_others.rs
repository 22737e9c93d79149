//! Arms that somebody else deploys: an autoscaling group behind each target group, two nodes of a mesh.
//! It must not know any service, and it calls none.

use async_trait::async_trait;
use tidegate_core::{
    Arm, Call, CapacityKind, DeployAbility, DeploymentActions, Operation, PortError, Revisions,
    SafetyClass, SeenCapacity, Span, Target,
};

use crate::platform::elastic;

/// Both revisions run before the rollout begins, and go on running after it.
///
/// Capacity is elastic: whether an arm can carry what it is given is for the router to see, by health
/// checks, and for the plan's own checks. Provisioning and retiring are done by being asked for:
/// nobody is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeployedByOthers;

#[async_trait]
impl DeploymentActions for DeployedByOthers {
    fn ability(&self) -> DeployAbility {
        // Nothing is sent, so nothing lands late.
        let scale = Operation {
            class: SafetyClass::BareSet,
            late_bound: Span::ZERO,
            time_limit: Span::seconds(1),
        };
        DeployAbility { capacity: CapacityKind::Elastic, zones: Vec::new(), scale, platform: None }
    }

    async fn observe(&self, _: &Target, revisions: &Revisions) -> Result<SeenCapacity, PortError> {
        Ok(elastic(revisions))
    }

    async fn provision(&self, _: &Call, _: Arm, _: u32, _: Option<u8>) -> Result<(), PortError> {
        Ok(())
    }

    async fn scale(&self, _: &Call, _: Arm, _: u32, _: Option<u8>) -> Result<(), PortError> {
        Ok(())
    }

    async fn retire(&self, _: &Call, _: Arm) -> Result<(), PortError> {
        Ok(())
    }
}
