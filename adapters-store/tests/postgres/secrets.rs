//! The password of the address is in no error, no `Debug` output and no line of a log.

use std::{
    error::Error,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tidegate_core::{Journal, Serves, Timestamp};
use tidegate_store::postgres::{ConnectError, Options, PostgresJournal, address};
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::util::SubscriberInitExt;

use crate::{
    conformance::{behind, relay_to},
    server::{Server, fresh_schema, options},
    support::{Claim, LEASE, opening},
};

const SECRET: &str = "s3cr3t-planted";

/// Everything that is said, as one text.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn note(&self, line: &str) {
        writeln!(self.clone(), "{line}").unwrap();
    }

    /// An error, whichever way it is shown, with all below it.
    fn error(&self, error: &(dyn Error + 'static)) {
        let mut one = Some(error);
        while let Some(error) = one {
            self.note(&format!("{error} {error:?} {error:#?}"));
            one = error.source();
        }
    }

    fn listen(&self) -> DefaultGuard {
        let said = self.clone();
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE);
        all.with_writer(move || said.clone()).set_default()
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

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
            said.error(&error);
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
    let _listening = said.listen();
    let mut wrong = address(&server.url).unwrap();
    wrong.password(SECRET);
    let refused = PostgresJournal::connect(wrong, Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Connection(_)), "{refused:?}");
    said.error(&refused);
    let dead = format!("postgres://ana:{SECRET}@127.0.0.1:1/db");
    said.note(&format!("{:?}", address(&dead).unwrap()));
    let refused = PostgresJournal::connect(address(&dead).unwrap(), Options::default()).await;
    said.error(&refused.unwrap_err());
    let text = said.text();
    assert!(text.contains("no connection"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_journal_at_work_does_not_show_it() {
    let Some(server) = Server::shared("a_journal_at_work_does_not_show_it") else { return };
    let mut config = address(&server.url).unwrap();
    // A role whose password is known here, whatever the server's own is.
    let (schema, role) = (fresh_schema("tidegate_secret"), fresh_schema("tidegate_role"));
    let client = server.client().await;
    let make = format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{SECRET}';
         CREATE SCHEMA {schema} AUTHORIZATION {role}"
    );
    client.batch_execute(&make).await.unwrap();
    let said = Said::default();
    let _listening = said.listen();
    config.user(&role).password(SECRET);
    let url = format!(
        "host=127.0.0.1 port={} user={role} password={SECRET} dbname={}",
        config.get_ports()[0],
        config.get_dbname().unwrap()
    );
    let proxy = relay_to(&url).await;
    let journal = behind(&url, &proxy, &schema).await;
    said.note(&format!("{journal:?} {journal:#?} {:?}", options(&schema)));
    let claim = Claim::take(&journal, "checkout").await;
    said.error(&journal.open(opening("checkout")).await.unwrap_err());
    proxy.lose_next_answer();
    said.error(&journal.append(claim.commit(claim.claimed.version, 1)).await.unwrap_err());
    let engine = journal.enlist("two", LEASE).await.unwrap().engine;
    client
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ))
        .await
        .unwrap();
    if let Err(error) = journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 1).await {
        said.error(&error);
    }
    journal.close();
    said.error(&journal.claim_due(engine, &Serves::Every, Timestamp::MAX, 1).await.unwrap_err());
    let text = said.text();
    assert!(text.contains("the answer to a commit was lost"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    server.drop_schemas(&schema).await;
    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
}
