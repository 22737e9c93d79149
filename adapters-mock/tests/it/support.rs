//! Calls and revisions for tests.

use tidegate_core::{
    Call, Epoch, FailureKind, Generation, Identity, MoveId, Revisions, RolloutId, Seq, Split,
    Weight,
};
use tidegate_mock::{Reply, Request};

pub(crate) fn both() -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: "v2".into() }
}

/// The `n`-th move of the only rollout, first attempt, route 0.
pub(crate) fn call(n: u64) -> Call {
    let of = Identity { rollout: RolloutId(1), generation: Generation(1) };
    Call {
        target: "checkout".into(),
        revisions: both(),
        id: MoveId { of, seq: Seq(n) },
        attempt: 1,
        epoch: Epoch(1),
        route: 0,
    }
}

pub(crate) fn to(percent: u16) -> Request {
    Request::Shift { to: Split::candidate(Weight::percent(percent)), version: None }
}

pub(crate) fn kind(reply: Reply) -> Option<FailureKind> {
    reply.result.err().map(|error| error.kind)
}
