//! The suite that every journal must pass, on ministack, whose transactions honour tokens.

use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_aws::dynamodb::{DynamoJournal, create_table};
use tidegate_mock::conformance::{self, Fixture, assert_conforms};

use tidegate_aws::client_at;

use super::{account, ministack};
use crate::dynamodb::support::{opening, record};

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn a_journal_on_an_emulator_keeps_every_law() {
    let made = AtomicU32::new(0);
    let make = async || {
        let table =
            format!("releases-{}-{}", std::process::id(), made.fetch_add(1, Ordering::SeqCst));
        // Each table with an account of its own: requests about tables have a quota.
        let (client, account) = (client_at!(dynamodb, ministack()), account());
        create_table(&client, &account, &table).await.unwrap();
        DynamoJournal::connect(&client, &account, &table).await.unwrap()
    };
    let (opening, elsewhere) = (opening("checkout"), opening("cart"));
    let fixture = Fixture { opening, elsewhere, record, lose_next_answer: None };
    assert_conforms(conformance::journal(make, &fixture).await);
}
