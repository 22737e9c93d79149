//! Databases that can not hold a journal, options that make no sense, and tables of other versions.

use std::time::Duration;

use tidegate_core::{Journal, JournalError};
use tidegate_store::postgres::{ConnectError, Options, PostgresJournal, address};

use crate::{
    server::{Server, fresh_schema, options},
    support::opening,
};

#[tokio::test]
async fn a_session_that_does_not_wait_for_the_disk_is_refused_and_the_setting_named() {
    let test = "a_session_that_does_not_wait_for_the_disk_is_refused_and_the_setting_named";
    let Some(server) = Server::shared(test) else { return };
    for (level, accepted) in [
        ("off", false),
        ("local", false),
        ("remote_write", false),
        ("on", true),
        ("remote_apply", true),
    ] {
        let schema = fresh_schema("tidegate_settings");
        let mut config = address(&server.url).unwrap();
        config.options(format!("-c synchronous_commit={level}"));
        let journal = PostgresJournal::connect(config, options(&schema)).await;
        match journal {
            Ok(journal) => {
                assert!(accepted, "{level} is accepted");
                journal.open(opening("checkout")).await.unwrap();
            }
            Err(error) => {
                assert!(!accepted, "{level}: {error}");
                let said = error.to_string();
                assert!(said.contains("synchronous_commit") && said.contains(level), "{said}");
            }
        }
    }
    server.drop_schemas("tidegate_settings").await;
}

#[tokio::test]
async fn a_server_that_may_lose_pages_is_refused_and_the_setting_named() {
    for setting in ["fsync", "full_page_writes"] {
        let test = format!("refused-{setting}");
        let off = format!("{setting}=off");
        let Some(server) = Server::own(&test, &[&off]) else { return };
        let refused = server.try_journal("tidegate").await.map(|_| ());
        let right = matches!(&refused, Err(ConnectError::Setting { name, .. }) if *name == setting);
        assert!(right, "{setting} off gives {refused:?}");
    }
}

#[tokio::test]
async fn a_reload_that_weakens_the_server_changes_nothing_for_connections_that_are_there() {
    let test = "weakened-by-a-reload";
    let Some(server) = Server::own(test, &[]) else { return };
    let one = Options { connections: 1, ..options("tidegate") };
    let journal = PostgresJournal::connect(address(&server.url).unwrap(), one).await.unwrap();
    journal.open(opening("checkout")).await.unwrap();
    let client = server.client().await;
    client.batch_execute("ALTER SYSTEM SET synchronous_commit = off").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    // What is there keeps its level; what comes later is refused.
    journal.open(opening("cart")).await.unwrap();
    let later = server.client().await.query_one("SHOW synchronous_commit", &[]).await.unwrap();
    assert_eq!(later.get::<_, &str>(0), "off");
    let refused = server.try_journal("tidegate").await.map(|_| ());
    assert!(matches!(refused, Err(ConnectError::Setting { .. })), "{refused:?}");
    server.crash();
    // The first call finds the connection that there was; the next makes a new one.
    journal.open(opening("search")).await.unwrap_err();
    let refused = journal.open(opening("search")).await;
    let Err(JournalError::Unavailable(why)) = refused else { panic!("{refused:?}") };
    let mut why: Option<&dyn std::error::Error> = Some(&*why);
    let mut said = String::new();
    while let Some(error) = why {
        said = format!("{said}: {error}");
        why = error.source();
    }
    assert!(said.contains("synchronous_commit"), "{said}");
}

#[tokio::test]
async fn tables_of_a_later_version_are_refused_and_eight_processes_make_them_once() {
    let test = "tables_of_a_later_version_are_refused_and_eight_processes_make_them_once";
    let Some(server) = Server::shared(test) else { return };
    let schema = fresh_schema("tidegate_versions");
    let one = || server.try_journal(&schema);
    let all = tokio::join!(one(), one(), one(), one(), one(), one(), one(), one());
    for made in [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7] {
        made.unwrap();
    }
    let client = server.client().await;
    let rows = client.query_one(&format!("SELECT count(*) FROM {schema}.meta"), &[]).await;
    assert_eq!(rows.unwrap().get::<_, i64>(0), 1);
    client.batch_execute(&format!("UPDATE {schema}.meta SET format = 99")).await.unwrap();
    let refused = server.try_journal(&schema).await.map(|_| ());
    assert!(matches!(refused, Err(ConnectError::Later { found: 99, .. })), "{refused:?}");
    server.drop_schemas(&schema).await;
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_before_anything_is_connected() {
    let nowhere = address("postgres://127.0.0.1:1/none").unwrap();
    for (options, wanted) in [
        (options("Tidegate"), "small letters"),
        (options("a\"; DROP TABLE x"), "small letters"),
        (options(""), "small letters"),
        (options("pg_mine"), "pg_"),
        (Options { connections: 0, ..Options::default() }, "connections"),
        (Options { statement_within: Duration::ZERO, ..Options::default() }, "no limit"),
        (Options { answer_within: Duration::from_secs(5), ..Options::default() }, "answer_within"),
    ] {
        let refused = PostgresJournal::connect(nowhere.clone(), options).await.unwrap_err();
        assert!(refused.to_string().contains(wanted), "{refused}");
    }
    let refused = PostgresJournal::connect(nowhere, Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Connection(_)), "{refused:?}");
}
