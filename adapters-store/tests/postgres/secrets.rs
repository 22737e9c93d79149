//! The password of the address is in no error, no `Debug` output and no line of a log, whether a caller
//! uses the journal by hand or an engine does.

use std::sync::Arc;

use tidegate::{Engine, Ports};
use tidegate_core::{Journal, Opening, Serves, Timestamp};
use tidegate_mock::{Said, SimWorld, WorldSpec};
use tidegate_store::postgres::{ConnectError, Options, PostgresJournal, address};
use tokio_postgres::Client;

use crate::{
    conformance::{behind, relay_to},
    server::{Server, fresh_schema, options},
    support::{Claim, LEASE, opening},
};

const SECRET: &str = "s3cr3t-planted";

#[test]
fn an_address_that_can_not_be_read_does_not_come_back_in_the_error() {
    let said = Said::default();
    for text in [
        format!("postgres://ana:{SECRET} x@127.0.0.1:5432/db"),
        format!("postgres://ana:pw@127.0.0.1:{SECRET}/db"),
        format!("postgres://ana@127.0.0.1/db?{SECRET}=1"),
        format!("user=ana password=half {SECRET} host=127.0.0.1"),
        format!("user=ana password=half {SECRET}=x"),
        format!("password='{SECRET}"),
    ] {
        if let Err(error) = address(&text) {
            said.note_error(&error);
        }
    }
    let text = said.text();
    assert!(text.contains("can not be read"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_wrong_password_and_a_dead_server_do_not_show_it() {
    let test = "a_wrong_password_and_a_dead_server_do_not_show_it";
    let Some(server) = Server::shared(test) else { return };
    let said = Said::default();
    let _listening = said.listen("");
    let mut wrong = address(&server.url).unwrap();
    wrong.password(SECRET);
    let refused = PostgresJournal::connect(wrong, Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Connection(_)), "{refused:?}");
    said.note_error(&refused);
    let dead = format!("postgres://ana:{SECRET}@127.0.0.1:1/db");
    said.note(&address(&dead).unwrap());
    let refused = PostgresJournal::connect(address(&dead).unwrap(), Options::default()).await;
    said.note_error(&refused.unwrap_err());
    let text = said.text();
    assert!(text.contains("no connection"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

/// A role whose password is known here, whatever the server's own is, with a schema of its own.
struct Role<'a> {
    server: &'a Server,
    client: Client,
    name: String,
    schema: String,
    url: String,
}

impl<'a> Role<'a> {
    async fn make(server: &'a Server) -> Self {
        let (schema, name) = (fresh_schema("tidegate_secret"), fresh_schema("tidegate_role"));
        let client = server.client().await;
        let make = format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{SECRET}';
             CREATE SCHEMA {schema} AUTHORIZATION {name}"
        );
        client.batch_execute(&make).await.unwrap();
        let config = address(&server.url).unwrap();
        let url = format!(
            "host=127.0.0.1 port={} user={name} password={SECRET} dbname={}",
            config.get_ports()[0],
            config.get_dbname().unwrap()
        );
        Self { server, client, name, schema, url }
    }

    /// What it logs in with from now on. Connections that it has go on.
    async fn change_password(&self, to: &str) {
        let change = format!("ALTER ROLE {} PASSWORD '{to}'", self.name);
        self.client.batch_execute(&change).await.unwrap();
    }

    async fn end_connections(&self) {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'",
            self.name
        );
        self.client.batch_execute(&end).await.unwrap();
    }

    async fn drop(self) {
        self.server.drop_schemas(&self.schema).await;
        self.client.batch_execute(&format!("DROP ROLE {}", self.name)).await.unwrap();
    }
}

#[track_caller]
fn assert_kept(said: &Said, heard: &str) {
    let text = said.text();
    assert!(text.contains(heard), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_journal_at_work_does_not_show_it() {
    let Some(server) = Server::shared("a_journal_at_work_does_not_show_it") else { return };
    let role = Role::make(&server).await;
    let said = Said::default();
    let _listening = said.listen("");
    let proxy = relay_to(&role.url).await;
    let journal = behind(&role.url, &proxy, &role.schema).await;
    said.note(&(&journal, options(&role.schema)));
    let claim = Claim::take(&journal, "checkout").await;
    said.note_error(&journal.open(opening("checkout")).await.unwrap_err());
    proxy.lose_next_answer();
    said.note_error(&journal.append(claim.commit(claim.claimed.version, 1)).await.unwrap_err());
    let engine = journal.enlist("two", LEASE).await.unwrap().engine;
    role.end_connections().await;
    let due = || journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 1);
    if let Err(error) = due().await {
        said.note_error(&error);
    }
    journal.close();
    said.note_error(&due().await.unwrap_err());
    assert_kept(&said, "the answer to a commit was lost");
    role.drop().await;
}

#[tokio::test]
async fn an_engine_whose_database_refuses_its_password_for_a_while_does_not_show_it() {
    let test = "an_engine_whose_database_refuses_its_password_for_a_while_does_not_show_it";
    let Some(server) = Server::shared(test) else { return };
    let role = Role::make(&server).await;
    let said = Said::default();
    // Not to the driver: this test changes the password by a statement, which that one shows.
    let _listening = said.listen("tidegate");
    let proxy = relay_to(&role.url).await;
    let journal = Arc::new(behind(&role.url, &proxy, &role.schema).await);
    let world = Arc::new(SimWorld::new(WorldSpec::good(), 7));
    let ports = Ports::new(world.clone(), world.clone(), world);
    let engine = Engine::builder(journal.clone(), ports).name("one").build();
    let Opening { plan, revisions, .. } = opening("checkout");
    let handle = engine.start(plan, revisions, "ana").await.unwrap();
    said.note(&(&engine, &handle));

    role.change_password("another").await;
    role.end_connections().await;
    said.note_error(&handle.pause("ana", "lunch").await.unwrap_err());
    said.hears("password authentication failed").await;
    said.hears("the journal can not be reached").await;
    role.change_password(SECRET).await;
    handle.pause("ana", "lunch").await.unwrap();
    proxy.lose_next_answer();
    // Whose statement it is that is not answered, this one's or the engine's, is open.
    if let Err(error) = handle.resume("ana").await {
        said.note_error(&error);
    }
    assert_eq!(proxy.lost(), 1);
    said.note(&(handle.status(), engine.health()));
    engine.shutdown().await;
    journal.close();
    assert_kept(&said, "password authentication failed");
    role.drop().await;
}
