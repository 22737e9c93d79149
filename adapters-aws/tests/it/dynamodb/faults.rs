//! Every fault at every request of a rollout's life: what was acknowledged is stored, what was refused is
//! not, and nothing happens twice.

use std::{env, time::Duration};

use tidegate_aws::fakes::{Fault, When, dynamodb::Dynamo};

use super::life::Life;

/// How many requests a life takes when nothing goes wrong, the making of its table left out.
async fn requests() -> (u32, u32) {
    let mut life = Life::new().await;
    let before = life.fake.log().len();
    life.lead().await;
    life.check("nothing goes wrong").await;
    let all = u32::try_from(life.fake.log().len()).unwrap();
    (u32::try_from(before).unwrap() + 1, all)
}

/// All but stale reads, which consistent reads exclude: how an index lags is in `leases`.
fn faults() -> Vec<Fault<Dynamo>> {
    let all = Fault::all().into_iter();
    all.filter(|fault| !matches!(fault, Fault::StaleRead)).collect()
}

#[tokio::test(start_paused = true)]
async fn no_fault_at_any_request_loses_or_repeats_anything() {
    let (first, last) = requests().await;
    let mut befell = 0;
    // Each exchange is recorded and judged by botocore in continuous integration, so not all of them.
    let every = if env::var_os("TIDEGATE_DEEP").is_some() { 1 } else { 3 };
    for nth in (first..=last).step_by(every) {
        for fault in faults() {
            let what = format!("{} at request {nth}", fault.name());
            let mut life = Life::new().await;
            life.fake.fault(None, When::Nth(nth), fault);
            let fake = life.fake.clone();
            let ended = tokio::select! {
                () = fake.crashed() => false,
                () = life.lead() => true,
            };
            if !ended {
                life.lead().await;
            }
            befell += life.fake.log().iter().filter(|asked| asked.fault.is_some()).count();
            tokio::time::sleep(Duration::from_secs(60)).await;
            life.check(&what).await;
        }
    }
    assert!(befell > 150, "{befell} faults befell a request");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_throttles_for_a_minute_is_waited_for() {
    let mut life = Life::new().await;
    let (from, to) = (Duration::from_secs(1), Duration::from_secs(60));
    life.fake.fault(None, When::During { from, to }, Fault::Throttled);
    tokio::time::sleep(from).await;
    life.lead().await;
    assert!(life.fake.log().iter().any(|asked| asked.fault == Some("throttled")));
    life.check("throttled for a minute").await;
}

#[tokio::test(start_paused = true)]
async fn writes_that_meet_others_are_tried_again() {
    let mut life = Life::new().await;
    life.fake.with(|state| state.meet(6));
    life.lead().await;
    life.check("six meetings").await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_said_to_be_in_progress_may_have_happened() {
    let mut life = Life::new().await;
    life.fake.with(|state| state.say_in_progress(3));
    life.lead().await;
    life.check("three transactions in progress").await;
}
