//! Where the arms of a rollout are served: the names by which a router knows them.
//!
//! A revision is what a deployer understands; a router knows target groups, nodes or versions. What
//! belongs together is for the caller to say.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use tidegate_core::{Arm, FailureKind, PortError, Revision, Revisions, Target};

/// Says where a revision is served.
#[async_trait]
pub trait Placement: fmt::Debug + Send + Sync {
    /// The name or address of what serves an arm's revision: the ARN of a target group, the name of
    /// a virtual node.
    ///
    /// # Errors
    /// When it is not known.
    async fn place(
        &self,
        target: &Target,
        revision: &Revision,
        arm: Arm,
    ) -> Result<String, PortError>;
}

/// The revision *is* the name: the router is told of each revision under a name of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByRevision;

#[async_trait]
impl Placement for ByRevision {
    async fn place(&self, _: &Target, revision: &Revision, _: Arm) -> Result<String, PortError> {
        Ok(revision.as_str().to_owned())
    }
}

/// Two places, one for each arm: what is deployed as the candidate is always served in the same.
/// Whoever uses it moves the candidate over once it has become stable, or exchanges the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Where stable is served.
    pub stable: String,
    /// Where the candidate is served.
    pub candidate: String,
}

#[async_trait]
impl Placement for Fixed {
    async fn place(&self, _: &Target, _: &Revision, arm: Arm) -> Result<String, PortError> {
        Ok(match arm {
            Arm::Stable => self.stable.clone(),
            Arm::Candidate => self.candidate.clone(),
        })
    }
}

/// A table from revisions to places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(
    /// The places by revision.
    pub BTreeMap<Revision, String>,
);

#[async_trait]
impl Placement for Table {
    async fn place(&self, target: &Target, of: &Revision, _: Arm) -> Result<String, PortError> {
        let known = self.0.get(of).cloned();
        known.ok_or_else(|| {
            let action = format!("find where revision {of} of {target} is served");
            PortError::new(FailureKind::Permanent, action).because("the table has no such revision")
        })
    }
}

/// The places of both arms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arms {
    /// Absent on a first deployment.
    pub(crate) stable: Option<String>,
    pub(crate) candidate: String,
}

impl Arms {
    pub(crate) async fn find(
        placement: &dyn Placement,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<Self, PortError> {
        let stable = match &revisions.stable {
            Some(revision) => Some(placement.place(target, revision, Arm::Stable).await?),
            None => None,
        };
        let candidate = placement.place(target, &revisions.candidate, Arm::Candidate).await?;
        if stable.as_ref() == Some(&candidate) {
            let action = format!("tell the arms of {target} apart");
            let why = format!("both are served at {candidate}");
            return Err(PortError::new(FailureKind::Permanent, action).because(why));
        }
        Ok(Self { stable, candidate })
    }

    /// An arm's; absent for a stable arm that does not exist.
    pub(crate) fn of(&self, arm: Arm) -> Option<&str> {
        match arm {
            Arm::Stable => self.stable.as_deref(),
            Arm::Candidate => Some(&self.candidate),
        }
    }

    /// Both, or the one that there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        [Arm::Stable, Arm::Candidate].into_iter().filter_map(|arm| self.of(arm))
    }

    /// Whether a place is one of the arms'.
    pub(crate) fn has(&self, place: &str) -> bool {
        self.candidate == place || self.stable.as_deref() == Some(place)
    }
}
