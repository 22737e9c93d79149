//! What tests of several services need: calls, arms, and what each fault comes to.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use tidegate_aws::{Account, AwsError, Class, Fixed, Placement, fakes::Fault};
use tidegate_core::{
    Arm, Call, Epoch, FailureKind, Generation, Identity, MoveId, PortError, Revisions, RolloutId,
    Seq, Sought, Split, Timestamp, Weight,
};

pub(crate) fn account() -> Account {
    Account::new(tidegate_aws::fakes::ACCOUNT)
}

pub(crate) fn both() -> Revisions {
    Revisions { stable: Some("1".into()), candidate: "2".into() }
}

/// The `n`-th move of a rollout of `checkout`.
pub(crate) fn call(n: u64, route: u8) -> Call {
    let of = Identity { rollout: RolloutId(1), generation: Generation(1) };
    Call {
        target: "checkout".into(),
        revisions: both(),
        id: MoveId { of, seq: Seq(n) },
        attempt: 1,
        epoch: Epoch(1),
        route,
    }
}

/// The candidate's deployment that a call started.
pub(crate) fn sought(of: &Call) -> Sought {
    Sought {
        target: of.target.clone(),
        revisions: of.revisions.clone(),
        arm: Arm::Candidate,
        tag: of.token(),
        since: Timestamp::default(),
    }
}

pub(crate) fn percent(percent: u16) -> Split {
    Split::candidate(Weight::percent(percent))
}

/// Stable at one place, the candidate at another.
pub(crate) fn fixed(stable: &str, candidate: &str) -> Arc<dyn Placement> {
    Arc::new(Fixed { stable: stable.to_owned(), candidate: candidate.to_owned() })
}

/// What the adapter found out about a failed call.
pub(crate) fn class(error: &PortError) -> Option<Class> {
    let mut sources = std::iter::successors(StdError::source(error), |error| (*error).source());
    sources.find_map(|error| error.downcast_ref::<AwsError>()).map(|error| error.class)
}

/// The error and all its sources, as a person reads them.
pub(crate) fn told(error: &PortError) -> String {
    let mut lines = vec![error.to_string()];
    let mut source = StdError::source(error);
    while let Some(one) = source {
        lines.push(one.to_string());
        source = one.source();
    }
    lines.join(": ")
}

/// What a write has to come to when a fault befalls it, for a fault that gives an answer or none;
/// absent for one that harms nothing.
pub(crate) fn wanted_of_a_write<S>(fault: &Fault<S>) -> Option<FailureKind> {
    match fault {
        Fault::StaleRead
        | Fault::PartialPage(_)
        | Fault::ForeignBefore(_)
        | Fault::ForeignAfter(_)
        | Fault::OtherAnswer(_)
        | Fault::Crash { .. } => None,
        Fault::Denied => Some(FailureKind::Permanent),
        Fault::Throttled => Some(FailureKind::Throttled),
        // "Gone" answers a code that no model names, so that it proves nothing.
        Fault::NotSent
        | Fault::ReplyLost
        | Fault::ServerError { .. }
        | Fault::Hang { .. }
        | Fault::Gone => Some(FailureKind::Ambiguous),
    }
}

/// What a read has to come to that a fault befalls: nothing was done, and it may be repeated.
pub(crate) fn wanted_of_a_read<S>(fault: &Fault<S>) -> FailureKind {
    match fault {
        Fault::Denied => FailureKind::Permanent,
        Fault::Throttled => FailureKind::Throttled,
        _ => FailureKind::Retryable,
    }
}

/// Faults that leave the caller alive.
pub(crate) fn survivable<S>() -> Vec<Fault<S>> {
    let all = Fault::all().into_iter();
    all.filter(|fault| !matches!(fault, Fault::Crash { .. })).collect()
}

/// Time until whatever hung has landed.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// Runs one case of a property test, which is no async function.
pub(crate) fn in_paused_time<T>(case: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(case)
}
