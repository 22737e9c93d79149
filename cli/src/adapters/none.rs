//! Health where a plan asks for none.

use async_trait::async_trait;
use tidegate_core::{FailureKind, HealthMetrics, Look, PortError, Query, Span};

/// Measures nothing, and says so. A plan with checks is refused before it comes to this.
#[derive(Debug)]
pub(super) struct NoMetrics;

#[async_trait]
impl HealthMetrics for NoMetrics {
    fn lag(&self) -> Span {
        Span::ZERO
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let action = format!("measure {} of {}", query.metric, query.target);
        Err(PortError::new(FailureKind::Permanent, action)
            .because("the plan file names nothing that measures"))
    }
}
