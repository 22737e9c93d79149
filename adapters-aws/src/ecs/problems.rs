//! Why a service can not be driven, whatever drives it: all reasons at once, as an error and as what is in a
//! rollout's way.

use std::{error::Error as StdError, fmt};

use tidegate_core::{Obstacle, ObstacleKind, PortError};

use super::{NoService, ServiceName};
use crate::preflight::obstacle;

/// All problems of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems<P> {
    /// The service.
    pub service: ServiceName,
    /// At least one.
    pub problems: Vec<P>,
}

impl<P: fmt::Display> fmt::Display for Problems<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {} can not be driven", self.service)?;
        self.problems.iter().try_for_each(|problem| write!(f, "; {problem}"))
    }
}

impl<P: fmt::Debug + fmt::Display> StdError for Problems<P> {}

/// What is in the way where a service could not be opened or read.
pub(super) fn obstacles<P>(
    name: &ServiceName,
    error: &PortError,
    kind: fn(&P) -> ObstacleKind,
) -> Vec<Obstacle>
where
    P: fmt::Debug + fmt::Display + 'static,
{
    let subject = format!("service {name}");
    let Some(source) = error.source.as_ref() else { return vec![obstacle(subject, error)] };
    if source.is::<NoService>() {
        return vec![Obstacle::new(ObstacleKind::Missing, subject, "does not exist")];
    }
    let Some(Problems { problems, .. }) = source.downcast_ref::<Problems<P>>() else {
        return vec![obstacle(subject, error)];
    };
    let told = |problem: &P| {
        let what = format!("can not be driven: {problem}");
        Obstacle::new(kind(problem), subject.as_str(), what)
    };
    problems.iter().map(told).collect()
}
