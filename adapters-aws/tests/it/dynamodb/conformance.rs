//! It keeps every law of the contract, with answers that are lost.

use std::sync::Mutex;

use tidegate_aws::{
    dynamodb::DynamoJournal,
    fakes::{Fake, Fault, dynamodb::Dynamo},
};
use tidegate_mock::conformance::{self, Fixture, assert_conforms};

use super::support::{dynamo, journal, next, opening, record};

/// The fake of the law that runs: a law has only the journal in its hands.
static FAKE: Mutex<Option<Fake<Dynamo>>> = Mutex::new(None);

fn lose_next_answer(_: &DynamoJournal) {
    let fake = FAKE.lock().unwrap();
    let fake = fake.as_ref().unwrap();
    fake.fault("TransactWriteItems", next(fake, "TransactWriteItems"), Fault::ReplyLost);
}

#[tokio::test(start_paused = true)]
async fn the_journal_keeps_every_law() {
    let make = async || {
        let fake = dynamo().await;
        *FAKE.lock().unwrap() = Some(fake.clone());
        journal(&fake).await
    };
    let fixture = Fixture {
        opening: opening("checkout"),
        elsewhere: opening("cart"),
        record,
        lose_next_answer: Some(lose_next_answer),
    };
    assert_conforms(conformance::journal(make, &fixture).await);
}
