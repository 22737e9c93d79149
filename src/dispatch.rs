//! Carries out one move over the ports, and says what became of it.
//!
//! Called only once the record that holds the intent is durable. Must not decide what to do about
//! the answer.

use std::sync::Arc;

use tidegate_core::{
    Action, Answer, Call, FailureKind, Move, Outcome, PortError, Split, TrafficShifter,
};

use crate::{bounded::bounded, ports::Ports};

/// Sends `sent`, one route after another, within its time limit. A call that panics or does not
/// answer in time may have happened.
pub(crate) async fn carry_out(ports: Arc<Ports>, call: Call, sent: Move) -> Answer {
    let answer = |outcome| Answer { id: sent.id, attempt: sent.attempt, outcome };
    let (what, limit) = (sent.action.clone(), sent.time_limit);
    match bounded(limit, send(ports, call, what)).await {
        Ok(outcome) => answer(outcome),
        Err(broken) => {
            tracing::warn!(move_id = %sent.id, action = %sent.action, "{broken}");
            answer(Outcome::Ambiguous)
        }
    }
}

async fn send(ports: Arc<Ports>, call: Call, action: Action) -> Outcome {
    let deploy = &ports.deploy;
    let done = match action {
        Action::Shift { to, versions } => {
            let split = Split::candidate(to);
            return shift_routes(&*ports.traffic, call, split, versions.as_deref()).await;
        }
        Action::Mirror { to } => ports.traffic.mirror(&call, to).await,
        Action::Provision { arm, units, zone } => deploy.provision(&call, arm, units, zone).await,
        Action::Scale { arm, units, zone } => deploy.scale(&call, arm, units, zone).await,
        Action::Retire { arm } => deploy.retire(&call, arm).await,
        Action::Start => deploy.start(&call).await,
        Action::Release { wait } => deploy.release(&call, wait).await,
        Action::Stop => deploy.stop(&call).await,
        Action::Redeploy => deploy.redeploy(&call).await,
    };
    outcome(&done)
}

/// One call a route, in fixed order. Once a route was accepted, a failure of a later one leaves the
/// whole move half done, which is as good as not knowing.
async fn shift_routes(
    traffic: &dyn TrafficShifter,
    call: Call,
    to: Split,
    versions: Option<&[tidegate_core::Version]>,
) -> Outcome {
    for route in 0..traffic.ability().routes.max(1) {
        let call = Call { route, ..call.clone() };
        let version = versions.and_then(|all| all.get(usize::from(route)));
        match outcome(&traffic.shift(&call, to, version).await) {
            Outcome::Accepted => {}
            failed if route == 0 => return failed,
            _ => return Outcome::Ambiguous,
        }
    }
    Outcome::Accepted
}

fn outcome(done: &Result<(), PortError>) -> Outcome {
    let Err(error) = done else { return Outcome::Accepted };
    tracing::warn!(error = error as &dyn std::error::Error, "a call failed");
    match error.kind {
        FailureKind::Retryable => Outcome::Retryable,
        FailureKind::Throttled => Outcome::Throttled,
        FailureKind::Permanent => Outcome::Permanent,
        FailureKind::Ambiguous => Outcome::Ambiguous,
        FailureKind::Conflict => Outcome::Conflict,
    }
}
