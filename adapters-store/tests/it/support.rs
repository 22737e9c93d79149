//! Openings and records for tests.

use tidegate_core::{
    Append, AttemptId, Claimed, Epoch, Journal, Opening, Plan, PlanSpec, Revisions, RolloutId,
    RowVersion, Seq, Span, Take,
    record::{FORMAT, Head, Record},
};
use tidegate_mock::{Fleet, WorldSpec};

/// Longer than any test runs.
pub(crate) const LEASE: Span = Span::minutes(10);

pub(crate) fn opening(target: &str) -> Opening {
    let world = WorldSpec::good();
    let spec: PlanSpec = serde_json::from_value(serde_json::json!({
        "target": target,
        "owner": "ana",
        "strategy": { "canary": { "steps": [
            { "weight": "10%" },
            { "weight": "50%" },
        ] } },
    }))
    .unwrap();
    Opening {
        plan: Plan::compile(spec, &world.capabilities()).unwrap(),
        revisions: Revisions { stable: Some("v1".into()), candidate: "v2".into() },
        found: world.found(Fleet::BEGIN),
        at: Fleet::BEGIN,
        after: None,
        retry_of: None,
    }
}

/// A record that makes sense by its own fields only.
pub(crate) fn record(head: &Head, seq: Seq, epoch: Epoch, attempt: AttemptId) -> Record {
    let step = head.open();
    Record {
        format: FORMAT,
        seq,
        epoch,
        attempt,
        at: head.at,
        event: None,
        decision: step.decision,
        intent: None,
        after: step.next,
    }
}

/// A rollout that one engine has claimed.
pub(crate) struct Claim {
    pub(crate) head: Head,
    pub(crate) claimed: Claimed,
}

impl Claim {
    pub(crate) async fn take(journal: &impl Journal, target: &str) -> Self {
        let head = journal.open(opening(target)).await.unwrap();
        let engine = journal.enlist(&format!("for {target}"), LEASE).await.unwrap().engine;
        let claimed = journal.claim(head.identity.rollout, engine, Take::Free).await.unwrap();
        Self { head, claimed }
    }

    pub(crate) fn id(&self) -> RolloutId {
        self.head.identity.rollout
    }

    /// A commit of record `seq` on top of `version`, whose attempt has the number of the record.
    pub(crate) fn commit(&self, version: RowVersion, seq: u64) -> Append {
        let (epoch, attempt) = (self.claimed.epoch, AttemptId(seq));
        Append {
            rollout: self.id(),
            epoch,
            version,
            attempt,
            records: vec![record(&self.head, Seq(seq), epoch, attempt)],
            consumed: Vec::new(),
            due: Some(self.head.at),
            park: false,
            over: false,
        }
    }

    /// Appends records 1 to `last`, each in a commit of its own.
    pub(crate) async fn append_up_to(&self, journal: &impl Journal, last: u64) -> RowVersion {
        let mut version = self.claimed.version;
        for seq in 1..=last {
            version = journal.append(self.commit(version, seq)).await.unwrap();
        }
        version
    }
}
