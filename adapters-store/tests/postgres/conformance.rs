//! The suite that every journal must pass, with answers that are really lost.

use std::sync::OnceLock;

use tidegate_mock::conformance::{self, Fixture, assert_conforms};
use tidegate_store::postgres::{PostgresJournal, address};
use tokio_postgres::config::Host;

use crate::{
    proxy::Proxy,
    server::{Server, fresh_schema, options},
    support::{opening, record},
};

/// The relay of the suite: a law has only the journal in its hands.
static PROXY: OnceLock<Proxy> = OnceLock::new();

pub(crate) async fn relay_to(url: &str) -> Proxy {
    let config = address(url).unwrap();
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        _ => "127.0.0.1".to_owned(),
    };
    Proxy::to(host, config.get_ports().first().copied().unwrap_or(5432)).await
}

/// A journal behind a relay.
pub(crate) async fn behind(url: &str, proxy: &Proxy, schema: &str) -> PostgresJournal {
    let config = address(url).unwrap();
    let mut relayed = tokio_postgres::Config::new();
    relayed.host("127.0.0.1").port(proxy.port);
    relayed.user(config.get_user().unwrap_or_default());
    relayed.password(config.get_password().unwrap_or_default());
    relayed.dbname(config.get_dbname().unwrap_or_default());
    PostgresJournal::connect(relayed, options(schema)).await.unwrap()
}

#[tokio::test]
async fn the_journal_in_postgresql_keeps_every_law() {
    let Some(server) = Server::shared("the_journal_in_postgresql_keeps_every_law") else { return };
    PROXY.set(relay_to(&server.url).await).unwrap();
    let proxy = PROXY.get().unwrap();
    let lose = |_: &PostgresJournal| PROXY.get().unwrap().lose_next_answer();
    let fixture = Fixture {
        opening: opening("checkout"),
        elsewhere: opening("cart"),
        record,
        lose_next_answer: Some(lose),
    };
    let make = async || behind(&server.url, proxy, &fresh_schema("tidegate_law")).await;
    assert_conforms(conformance::journal(make, &fixture).await);
    assert_eq!(proxy.lost(), 1, "answers were lost");
    server.drop_schemas("tidegate_law").await;
}
