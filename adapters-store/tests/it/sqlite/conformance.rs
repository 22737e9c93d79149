//! It keeps every law of the contract.

use std::{cell::Cell, path::Path};

use tempfile::TempDir;
use tidegate_mock::conformance::{self, Fixture, assert_conforms};
use tidegate_store::{Options, SqliteJournal};

use crate::support::{opening, record};

async fn open(folder: &Path, n: u32) -> SqliteJournal {
    let path = folder.join(format!("{n}.db"));
    SqliteJournal::open(path, Options::default()).await.unwrap()
}

#[tokio::test]
async fn a_journal_in_a_file_keeps_every_law() {
    let folder = TempDir::new().unwrap();
    let made = Cell::new(0);
    let make = async || {
        made.set(made.get() + 1);
        open(folder.path(), made.get()).await
    };
    let (opening, elsewhere) = (opening("checkout"), opening("cart"));
    let fixture = Fixture { opening, elsewhere, record, lose_next_answer: None };
    assert_conforms(conformance::journal(make, &fixture).await);
}
