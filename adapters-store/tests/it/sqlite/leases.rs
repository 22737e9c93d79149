//! Leases are measured by the time since the host was started.

use tidegate_core::{Journal, JournalError, Serves, Take};

use super::Place;
use crate::support::{Claim, LEASE};

#[tokio::test]
async fn leases_of_another_start_of_the_host_have_lapsed() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let two = journal.enlist("two", LEASE).await.unwrap().engine;
    let refused = journal.claim(claim.id(), two, Take::Free).await;
    assert!(matches!(refused, Err(JournalError::Held { .. })), "{refused:?}");
    let before = "UPDATE engine SET boot = 'before' WHERE id <> ?";
    assert_eq!(place.raw().execute(before, [two.0.cast_signed()]).unwrap(), 1);
    let work = journal.claim_due(two, &Serves::Every, claim.head.at.moved(-1), 10).await.unwrap();
    assert_eq!(work.claimed.len(), 1, "what an engine held before the host was started is due");
}

#[tokio::test]
async fn a_lease_that_ends_later_than_it_could_is_of_a_clock_set_back_and_has_lapsed() {
    let place = Place::new();
    let journal = place.open().await;
    let claim = Claim::take(&journal, "checkout").await;
    let two = journal.enlist("two", LEASE).await.unwrap().engine;
    let hour = "UPDATE engine SET until_ms = until_ms + 3600000 WHERE id <> ?";
    assert_eq!(place.raw().execute(hour, [two.0.cast_signed()]).unwrap(), 1);
    journal.claim(claim.id(), two, Take::Free).await.unwrap();
}
