//! What is asked of every new connection before anything else: that its settings keep what is
//! acknowledged, that its tables are there, and that it is the database we knew.

use std::sync::Arc;

use tokio_postgres::Client;

use super::{
    options::{ConnectError, Options},
    restored::Memory,
    schema,
};

/// The first server that can compute columns.
const OLDEST: i32 = 120_000;

const SETTINGS: &str = "SELECT current_setting('synchronous_commit'), current_setting('fsync'),
    current_setting('full_page_writes'), current_setting('server_version_num')::int,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::bool";

/// How connections are checked. Clones share what the process remembers.
#[derive(Clone)]
pub(super) struct Session {
    options: Arc<Options>,
    memory: Arc<Memory>,
}

impl Session {
    pub(super) fn new(options: Options, memory: Arc<Memory>) -> Self {
        Self { options: Arc::new(options), memory }
    }

    pub(super) async fn check(&self, client: &mut Client) -> Result<(), ConnectError> {
        let schema = &self.options.schema;
        let wait = settings(client).await?;
        let limit = self.options.statement_within.as_millis();
        // What the server or the role has as defaults must not change what a statement means here,
        // nor a reload how durable it is.
        client
            .batch_execute(&format!(
                "SET search_path TO \"{schema}\", pg_temp;
                 SET default_transaction_isolation TO 'read committed';
                 SET synchronous_commit TO {wait};
                 SET idle_in_transaction_session_timeout TO {limit};
                 SET statement_timeout TO {limit}"
            ))
            .await?;
        schema::migrate(client, schema).await?;
        self.memory.compare(client, schema).await
    }
}

/// Refuses a server that may lose what it acknowledged. The level of `synchronous_commit`.
async fn settings(client: &Client) -> Result<String, ConnectError> {
    let row = client.query_one(SETTINGS, &[]).await?;
    let version: i32 = row.get(3);
    if version < OLDEST {
        return Err(ConnectError::Server(version / 10_000));
    }
    let wait: String = row.get(0);
    if wait != "on" && wait != "remote_apply" {
        let needed = "on or remote_apply";
        return Err(ConnectError::Setting { name: "synchronous_commit", found: wait, needed });
    }
    for (column, name) in [(1, "fsync"), (2, "full_page_writes")] {
        let found: String = row.get(column);
        if found != "on" {
            return Err(ConnectError::Setting { name, found, needed: "on" });
        }
    }
    if row.get(4) {
        return Err(ConnectError::ReadOnly);
    }
    Ok(wait)
}
