//! What can go wrong for the caller of an engine.

use tidegate_core::{Ignored, JournalError, PortError, Revision, RolloutId, Target, Weight};

use crate::ports::Missing;

/// What an engine or a handle answers instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The plan names hooks or judges that the engine was not given. Nothing was started.
    #[error("the plan names what the engine was not given: {}", listed(.0))]
    Missing(Vec<Missing>),
    /// The plan was compiled for other capabilities than these adapters have. Nothing was started.
    #[error("the plan for {0} was compiled for other capabilities than its adapters have")]
    OtherCapabilities(Target),
    /// The engine has no adapters of this target. Nothing was started or taken.
    #[error("this engine does not serve {target}; it serves {}", listed(.served))]
    NotServed {
        /// The target.
        target: Target,
        /// Those that it serves.
        served: Vec<Target>,
    },
    /// The world could not be read. Nothing was started.
    #[error("the target could not be read before the start")]
    Unreadable(#[source] PortError),
    /// The plan's metrics are not fit to judge a rollout by, or nobody could say whether they are: an
    /// alarm fires already, or there is none of that name. Nothing was started.
    #[error("the metrics are not fit to judge a rollout of {target} by")]
    Unfit {
        /// The target.
        target: Target,
        /// What is wrong with them.
        #[source]
        source: PortError,
    },
    /// The target is not at rest with the stable revision serving: a rollout that set out from here
    /// would begin by moving traffic the wrong way. Nothing was started.
    #[error("{target} is not ready for a rollout: {unrest}")]
    NotAtRest {
        /// The target.
        target: Target,
        /// What is so instead.
        unrest: Unrest,
    },
    /// One revision is named for both arms. Nothing was started.
    #[error(
        "{revision} is named both as what serves {target} and as what comes in, so there is nothing to release; name another candidate"
    )]
    SameRevision {
        /// The target.
        target: Target,
        /// The revision.
        revision: Revision,
    },
    /// The last rollout of the target was given up, and what it left has not been set right: more than
    /// one revision serves, or another than the one named as stable. Nothing was started.
    #[error(
        "{target} still gives {share} of its traffic to {revision}, with which rollout {rollout} was given up; give all of it to one revision, and name that one as stable"
    )]
    LeftOver {
        /// The target.
        target: Target,
        /// The rollout that was given up.
        rollout: RolloutId,
        /// Its candidate.
        revision: Revision,
        /// The candidate's highest share, of what both arms of that rollout get.
        share: Weight,
    },
    /// The very same release, with this plan and these revisions, is on its way already, or queued.
    /// Nothing was started.
    #[error(
        "this release of {target} is on its way already as rollout {rollout}; follow that one, or abort it to begin anew"
    )]
    Already {
        /// The target.
        target: Target,
        /// The rollout that carries it out.
        rollout: RolloutId,
    },
    /// The running rollout's plan refuses newer revisions.
    #[error("{target} has an active rollout, {active}, whose plan refuses newer revisions")]
    Refused {
        /// The target.
        target: Target,
        /// The rollout that runs.
        active: RolloutId,
    },
    /// A rollout that is to be tried again has not ended.
    #[error("rollout {0} has not ended; abort it, or wait for its end")]
    NotOver(RolloutId),
    /// The command was read and changes nothing, for this reason.
    #[error("the command was ignored: {0}")]
    Ignored(Ignored),
    /// This engine does not run the rollout any more. A command given is kept for whoever does.
    #[error("rollout {0} is not run by this engine any more")]
    NotHere(RolloutId),
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The journal refused or failed.
    #[error("the journal said no")]
    Journal(#[from] JournalError),
}

/// Why a target is not ready for a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrest {
    /// A stable revision was named, and it has no capacity.
    #[error("the stable revision has no capacity; name what serves, or none on a first deployment")]
    StableGone,
    /// The candidate gets production traffic already.
    #[error("the candidate has {0} of the traffic already; give it back first")]
    CandidateServes(Weight),
    /// No stable revision was named, and units of one are there.
    #[error(
        "{0} units serve, and no revision is named for them; name it as stable, which only a first deployment has not"
    )]
    UnnamedUnits(u32),
    /// The same, where capacity is a share of the full size.
    #[error(
        "{0} of the capacity serves, and no revision is named for it; name it as stable, which only a first deployment has not"
    )]
    UnnamedCapacity(Weight),
    /// Neither of the two revisions gets any traffic, and something else does.
    #[error(
        "all traffic goes to something else than the revisions named; name what serves as stable"
    )]
    Elsewhere,
}

fn listed<T: ToString>(several: &[T]) -> String {
    if several.is_empty() {
        return "nothing".to_owned();
    }
    several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
