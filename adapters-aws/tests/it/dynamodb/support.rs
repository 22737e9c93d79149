//! Tables, journals, openings and records for tests.

use tidegate_aws::{
    Account, CallLimits,
    dynamodb::{DynamoJournal, create_table},
    fakes::{Fake, When, dynamodb::Dynamo},
};
use tidegate_core::{
    Append, AttemptId, Claimed, Epoch, Opening, Plan, PlanSpec, Revisions, RowVersion, Seq, Span,
    record::{FORMAT, Head, Record},
};
use tidegate_mock::{Fleet, WorldSpec};

/// The table of every test.
pub(crate) const TABLE: &str = "releases";

/// Longer than any test runs.
pub(crate) const LEASE: Span = Span::minutes(10);

/// A DynamoDB with the table and nothing in it.
pub(crate) async fn dynamo() -> Fake<Dynamo> {
    let fake = Fake::new(Dynamo::default());
    create_table(&fake.client(), &account(), TABLE).await.unwrap();
    fake
}

/// One process's way to its journal, with a queue of its own.
pub(crate) async fn journal(fake: &Fake<Dynamo>) -> DynamoJournal {
    DynamoJournal::connect(&fake.client(), &account(), TABLE).await.unwrap()
}

fn account() -> Account {
    crate::support::account().with_limits(CallLimits::default())
}

pub(crate) fn opening(target: &str) -> Opening {
    let world = WorldSpec::good();
    let spec: PlanSpec = serde_json::from_value(serde_json::json!({
        "target": target,
        "owner": "ana",
        "strategy": { "canary": { "steps": [{ "weight": "10%" }, { "weight": "50%" }] } },
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

/// A commit of one record, after which the claim goes on.
pub(crate) fn commit(head: &Head, epoch: Epoch, version: RowVersion, seq: Seq) -> Append {
    let attempt = AttemptId(seq.0);
    Append {
        rollout: head.identity.rollout,
        epoch,
        version,
        attempt,
        records: vec![record(head, seq, epoch, attempt)],
        consumed: Vec::new(),
        due: None,
        park: false,
        over: false,
    }
}

/// The same by who has just claimed, due at once.
pub(crate) fn step(claimed: &Claimed, seq: Seq) -> Append {
    let Claimed { epoch, version, head, .. } = claimed;
    Append { due: Some(head.at), ..commit(head, *epoch, *version, seq) }
}

/// The next request of an operation.
pub(crate) fn next(fake: &Fake<Dynamo>, operation: &str) -> When {
    let sent = fake.log().iter().filter(|asked| asked.operation == operation).count();
    When::Nth(u32::try_from(sent).unwrap() + 1)
}
