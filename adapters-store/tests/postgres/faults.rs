//! Connections that are killed and servers that crash while records are written.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tidegate_store::postgres::{Options, PostgresJournal, address};
use tokio::sync::watch;

use crate::{
    server::{Server, fresh_schema, options},
    writer::{Tally, Writer},
};

/// How often it happens: few times, or with `TIDEGATE_DEEP` many.
pub(crate) fn times(few: u64, many: u64) -> u64 {
    if env::var_os("TIDEGATE_DEEP").is_some() { many } else { few }
}

/// Waits until so many more records are acknowledged.
async fn advance(progress: &mut watch::Receiver<u64>, by: u64) {
    let wanted = *progress.borrow() + by;
    progress.wait_for(|last| *last >= wanted).await.unwrap();
}

/// Writes until `trouble` is over, and then ten records more. No call is given up in the middle.
async fn write_through(writer: &mut Writer<'_>, trouble: impl Future<Output = ()>) {
    let over = AtomicBool::new(false);
    let trouble = async {
        trouble.await;
        over.store(true, Ordering::SeqCst);
    };
    let writing = async {
        while !over.load(Ordering::SeqCst) {
            writer.step().await;
        }
        for _ in 0..10 {
            writer.step().await;
        }
    };
    tokio::join!(trouble, writing);
    writer.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_in_the_middle_of_commits_lose_nothing_that_was_acknowledged() {
    let test = "connections_killed_in_the_middle_of_commits_lose_nothing_that_was_acknowledged";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_killed");
    let mut config = address(&server.url).unwrap();
    config.application_name(&schema);
    let journal = PostgresJournal::connect(config, options(&schema)).await.unwrap();
    let client = server.client().await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = $1";
    let mut writer = Writer::new(&journal, "checkout").await;
    let mut progress = writer.progress();
    let kills = async {
        for _ in 0..times(100, 2_000) {
            advance(&mut progress, 1).await;
            client.query_one(kill, &[&schema]).await.unwrap();
        }
    };
    write_through(&mut writer, kills).await;
    println!("connections killed: {:?}", writer.tally);
    let Tally { lost_after, lost_before, unavailable, .. } = writer.tally;
    assert!(lost_after + lost_before + unavailable > 0, "no kill hit a call: {:?}", writer.tally);
    server.drop_schemas(&schema).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_starts_again_lost_nothing_that_was_acknowledged() {
    let Some(server) = Server::own("crashes", &[]) else { return };
    let server = Arc::new(server);
    let few = Options { connections: 2, ..options("tidegate") };
    let journal = PostgresJournal::connect(address(&server.url).unwrap(), few).await.unwrap();
    let mut writer = Writer::new(&journal, "checkout").await;
    let mut progress = writer.progress();
    let crashes = async {
        for _ in 0..times(4, 50) {
            advance(&mut progress, 5).await;
            let server = server.clone();
            tokio::task::spawn_blocking(move || server.crash()).await.unwrap();
        }
    };
    write_through(&mut writer, crashes).await;
    println!("servers crashed: {:?}", writer.tally);
    let Tally { lost_after, lost_before, unavailable, .. } = writer.tally;
    assert!(lost_after + lost_before + unavailable > 0, "no crash hit a call: {:?}", writer.tally);
}
