//! Which rollout a run follows: that of its plan and its revisions where it is under way, or a new one, behind
//! another of its target where one is active.
//!
//! Must not decide what becomes of that other one: its plan does.

use std::fmt;

use tidegate::{Engine, EngineError, Handle, Ports};
use tidegate_core::{
    Active, Journal, Obstacle, Order, Phase, Plan, Revisions, RolloutId, Supersede, Target,
    record::Head,
};

use super::{RunError, say};
use crate::args::RunArguments;

/// The rollout of this plan and these revisions that is not over, if there is one, and tries again what
/// is to be tried again.
pub(super) async fn found(
    asked: &RunArguments,
    engine: &Engine,
    journal: &dyn Journal,
    plan: &Plan,
    revisions: &Revisions,
) -> Result<Option<Handle>, RunError> {
    let same = |head: &Head| head.plan == *plan && head.revisions == *revisions;
    if let Some(over) = asked.retry_of
        && !same(&journal.head(over).await?)
    {
        return Err(RunError::OtherRollout(over));
    }
    let Some(active) = journal.active(plan.target()).await? else { return Ok(None) };
    for rollout in [Some(active.rollout), active.waiting].into_iter().flatten() {
        let head = journal.head(rollout).await?;
        if same(&head) && asked.retry_of.is_none_or(|over| head.retry_of == Some(over)) {
            return Ok(Some(engine.attach(rollout).await?));
        }
    }
    Ok(None)
}

/// Begins the rollout, behind another of its target if one is active.
///
/// Whatever can be known to be in the way is found out first: an engine takes its name from the process that
/// had it, and who can not begin is to leave that one what it runs.
pub(super) async fn begun(
    asked: &RunArguments,
    engine: &Engine,
    ports: &Ports,
    journal: &dyn Journal,
    plan: Plan,
    revisions: Revisions,
) -> Result<Handle, RunError> {
    let before = before(journal, plan.target()).await?;
    let obstacles = ports.preflight(&plan, &revisions).await;
    let behind = before.as_ref().map(|before| before.rollout);
    let passes = |one: &Obstacle| behind.is_some() && one.kind.may_pass();
    let (passing, obstacles): (Vec<_>, Vec<_>) = obstacles.into_iter().partition(passes);
    if !obstacles.is_empty() {
        return Err(RunError::InTheWay { obstacles, beside: behind });
    }
    engine.recover().await?;
    let rollout = match asked.retry_of {
        Some(over) => engine.retry(over, asked.actor.as_str()).await?,
        None => engine.start(plan, revisions, asked.actor.as_str()).await?,
    };
    let (id, target) = (rollout.rollout(), rollout.target());
    match before {
        None => say(&format!("rollout {id} of {target} was opened")),
        Some(before) => {
            say(&format!("rollout {id} of {target} was opened behind {before}"));
            let taken = format!("what is so now is taken for the doing of {}", before.rollout);
            passing.iter().for_each(|one| say(&format!("{taken}: {one}")));
        }
    }
    Ok(rollout)
}

/// A rollout that is active, and what its plan does about a newer one.
struct Before {
    rollout: RolloutId,
    gives_way: bool,
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rollout, gives_way } = self;
        let does =
            if *gives_way { "gives way if it still can" } else { "goes on to its end first" };
        write!(f, "{rollout}, which {does}")
    }
}

/// The rollout that a new one has to follow, if there is one.
///
/// # Errors
/// When its plan refuses newer ones.
async fn before(journal: &dyn Journal, target: &Target) -> Result<Option<Before>, RunError> {
    let Some(Active { rollout, .. }) = journal.active(target).await? else { return Ok(None) };
    match journal.head(rollout).await?.plan.policy().supersede {
        Supersede::Refuse => {
            let target = target.clone();
            Err(EngineError::Refused { target, active: rollout }.into())
        }
        supersede => Ok(Some(Before { rollout, gives_way: supersede == Supersede::Replace })),
    }
}

/// A process that was killed after it had opened the rollout and before it had ordered the start.
pub(super) async fn start(
    rollout: &Handle,
    journal: &dyn Journal,
    asked: &RunArguments,
) -> Result<(), RunError> {
    let waits = matches!(rollout.status().phase, Phase::Pending { started: false, .. });
    let inbox = journal.inbox(rollout.rollout()).await?;
    if waits && !inbox.iter().any(|command| command.order == Order::Start) {
        match rollout.start(asked.actor.as_str()).await {
            // It was started in between.
            Ok(_) | Err(EngineError::Ignored(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
