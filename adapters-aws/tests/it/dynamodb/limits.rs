//! What DynamoDB takes at once, and what was not written by the journal.

use tidegate_aws::fakes::dynamodb::Dynamo;
use tidegate_core::{
    Actor, Append, AttemptId, Became, CheckIndex, Command, CommandId, Consumed, Journal,
    JournalError, Look, Order, Role, Seq, Serves, Span, StoredLook, Take, Timestamp, Window,
};

use super::support::{LEASE, TABLE, dynamo, journal, opening, record, step};

fn command(id: u64, reason: String) -> Command {
    Command { id: CommandId(id), actor: Actor::from("ana"), reason, order: Order::Pause }
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_an_item_is_refused_and_not_stored() {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    let rollout = journal.open(opening("checkout")).await.unwrap().identity.rollout;
    let sent = fake.carried_out("TransactWriteItems");
    let refused = journal.submit(rollout, command(1, "x".repeat(500_000))).await;
    assert!(matches!(refused, Err(JournalError::TooLarge { .. })), "{refused:?}");
    assert_eq!(fake.carried_out("TransactWriteItems"), sent);
    assert_eq!(journal.inbox(rollout).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn one_commit_takes_many_records_and_consumes_many_commands() {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    let head = journal.open(opening("checkout")).await.unwrap();
    let rollout = head.identity.rollout;
    for id in 1..=120 {
        journal.submit(rollout, command(id, String::new())).await.unwrap();
    }
    let engine = journal.enlist("one", LEASE).await.unwrap().engine;
    let claimed = journal.claim(rollout, engine, Take::Free).await.unwrap();
    let (epoch, attempt) = (claimed.epoch, AttemptId(1));
    let records: Vec<_> = (1..=60).map(|seq| record(&head, Seq(seq), epoch, attempt)).collect();
    let consumed = (1..=110).map(|id| Consumed { id: CommandId(id), ignored: None });
    let commit = Append {
        rollout,
        epoch,
        version: claimed.version,
        attempt,
        records: records.clone(),
        consumed: consumed.collect(),
        due: None,
        park: true,
        over: false,
    };
    journal.append(commit).await.unwrap();
    assert_eq!(journal.read(rollout, Seq(1)).await.unwrap(), records);
    assert_eq!(journal.read(rollout, Seq(31)).await.unwrap(), records[30..]);
    assert_eq!(journal.inbox(rollout).await.unwrap().len(), 10);
    let became = journal.became(rollout, CommandId(110)).await.unwrap();
    assert_eq!(became, Some(Became::Step(Seq(60))));
}

#[tokio::test(start_paused = true)]
async fn more_looks_than_a_transaction_takes_are_kept() {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    let head = journal.open(opening("checkout")).await.unwrap();
    let rollout = head.identity.rollout;
    let look = |minute: u64| {
        let from = head.at.after(Span::minutes(minute));
        let look = Look::complete(Window { from, to: from.after(Span::minutes(1)) }, None, None);
        let (check, role) = (CheckIndex(0), Role::Guard);
        StoredLook { rollout, check, role, correction: 0, look }
    };
    let looks: Vec<_> = (0..250).map(look).collect();
    journal.keep_looks(looks.clone()).await.unwrap();
    assert_eq!(journal.looks(rollout, CheckIndex(0), Role::Guard).await.unwrap(), looks);
}

type Damage = Box<dyn FnOnce(&mut Dynamo)>;

/// What is told of a rollout whose items were damaged, and of another.
async fn damaged(damage: impl FnOnce(&mut Dynamo)) -> (JournalError, bool) {
    let fake = dynamo().await;
    let journal = journal(&fake).await;
    let head = journal.open(opening("checkout")).await.unwrap();
    let engine = journal.enlist("one", LEASE).await.unwrap().engine;
    let claimed = journal.claim(head.identity.rollout, engine, Take::Free).await.unwrap();
    let commit = Append { park: true, ..step(&claimed, Seq(1)) };
    journal.append(commit).await.unwrap();
    fake.with(damage);
    let other = journal.open(opening("cart")).await.unwrap().identity.rollout;
    let work = journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 10).await.unwrap();
    let (mut broken, mut whole) = (None, false);
    for (rollout, claimed) in work.claimed {
        match claimed {
            Ok(_) => whole |= rollout == other,
            Err(error) => broken = Some(error),
        }
    }
    (broken.expect("damage is told of"), whole)
}

#[tokio::test(start_paused = true)]
async fn a_record_or_a_head_that_is_gone_or_spoilt_concerns_its_rollout_alone() {
    let own = "rollout 00000000000000000001";
    let damages: [(&str, Damage); 3] = [
        (
            "record 1 is missing",
            Box::new(move |state: &mut Dynamo| {
                assert!(state.remove_item(TABLE, own, "commit 00000000000000000001"));
            }),
        ),
        (
            "record 0 is missing",
            Box::new(move |state: &mut Dynamo| {
                assert!(state.remove_item(TABLE, own, "head"));
            }),
        ),
        ("attribute body", Box::new(|state: &mut Dynamo| state.spoil(TABLE, "body", "{"))),
    ];
    for (wanted, damage) in damages {
        let (error, others_go_on) = damaged(damage).await;
        assert!(matches!(error, JournalError::Corrupt { .. }), "{wanted}: {error:?}");
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
        assert!(others_go_on, "{wanted}: another rollout is not given");
    }
}
