//! Files that earlier versions wrote.

use std::fs;

use tidegate_core::{Active, Generation, Journal, RolloutId, Seq, Take, Target};
use tidegate_store::{Options, SqliteJournal};

use super::Place;
use crate::support::Claim;

const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sqlite/files/v1.db");

#[tokio::test]
async fn a_file_of_version_1_is_read_and_gone_on_with() {
    let place = Place::new();
    fs::copy(V1, place.path()).unwrap();
    let journal = place.open().await;
    let rollout = RolloutId(1);
    let records = journal.read(rollout, Seq(1)).await.unwrap();
    assert_eq!(records.len(), 2);
    let active = journal.active(&Target::from("checkout")).await.unwrap();
    assert_eq!(active, Some(Active { rollout, generation: Generation(1), waiting: None }));
    let engine = journal.enlist("again", crate::support::LEASE).await.unwrap().engine;
    let claimed = journal.claim(rollout, engine, Take::ByForce).await.unwrap();
    assert_eq!(claimed.restored, None);
    let claim = Claim { head: claimed.head.clone(), claimed };
    journal.append(claim.commit(claim.claimed.version, 3)).await.unwrap();
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused_by_its_number() {
    let place = Place::new();
    place.open().await.close().await;
    place.raw().pragma_update(None, "user_version", 99).unwrap();
    let refused = SqliteJournal::open(place.path(), Options::default()).await.unwrap_err();
    assert!(refused.to_string().contains("schema 99"), "{refused}");
}

/// Writes the file of the version of today, to be kept when that is released:
/// `cargo test -p tidegate-store --test it write_a_file -- --ignored`.
#[tokio::test]
#[ignore = "writes a file to be kept"]
async fn write_a_file() {
    let place = Place::new();
    let journal = place.open().await;
    Claim::take(&journal, "checkout").await.append_up_to(&journal, 2).await;
    journal.close().await;
    fs::create_dir_all(std::path::Path::new(V1).parent().unwrap()).unwrap();
    fs::copy(place.path(), V1).unwrap();
}
