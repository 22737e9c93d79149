//! What is measured in these releases: an error rate for each arm, as it would come from a service that
//! counts.

use async_trait::async_trait;
use tidegate::machine::{HealthMetrics, Look, Measurement, PortError, Query, Span};

/// Counts of errors among requests.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Errors of the candidate among a thousand requests; stable has one.
    pub candidate_errors: u16,
}

const REQUESTS: f64 = 1_000.0;

#[async_trait]
impl HealthMetrics for Watch {
    fn lag(&self) -> Span {
        Span::seconds(5)
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let count = |errors: u16| {
            Some(Measurement::Count { events: f64::from(errors), exposures: REQUESTS })
        };
        let stable = query.revisions.stable.as_ref().and_then(|_| count(1));
        Ok(Look::complete(query.window, stable, count(self.candidate_errors)))
    }
}
