//! Servers for tests, and journals on them.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use tidegate_store::postgres::{ConnectError, Options, PostgresJournal, address};
use tokio_postgres::{Client, NoTls};

/// Names the test on the terminal, which captured output would not.
fn left_out(test: &str, variable: &str) {
    let line = format!("left out, because {variable} is not set: {test}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A server.
pub(crate) struct Server {
    pub(crate) url: String,
    own: Option<Own>,
}

/// A server of one test, which may crash it.
struct Own {
    base: PathBuf,
    name: String,
}

impl Server {
    /// The one that tests share; `None`, and said so, when there is none.
    pub(crate) fn shared(test: &str) -> Option<Self> {
        let Ok(url) = env::var("TIDEGATE_POSTGRES") else {
            left_out(test, "TIDEGATE_POSTGRES");
            return None;
        };
        Some(Self { url, own: None })
    }

    /// One for this test alone.
    pub(crate) fn own(test: &str, settings: &[&str]) -> Option<Self> {
        let Some(base) = env::var_os("TIDEGATE_POSTGRES_SERVERS") else {
            left_out(test, "TIDEGATE_POSTGRES_SERVERS");
            return None;
        };
        // No other run may find it.
        let (base, name) = (PathBuf::from(base), format!("{test}-{}", std::process::id()));
        let url = script("start", &base, &[&[name.as_str()], settings].concat());
        Some(Self { url: url.trim().to_owned(), own: Some(Own { base, name }) })
    }

    fn control(&self, command: &str, more: &[&str]) {
        let own = self.own.as_ref().expect("only a test's own server is crashed");
        script(command, &own.base, &[&[own.name.as_str()], more].concat());
    }

    /// Ends it as a crash does, and starts it again.
    pub(crate) fn crash(&self) {
        self.control("restart", &[]);
    }

    fn copy_name(&self) -> String {
        format!("{}-copy", self.own.as_ref().map_or("shared", |own| &own.name))
    }

    /// Keeps a backup.
    pub(crate) fn back_up(&self) {
        self.control("copy", &[&self.copy_name()]);
    }

    /// Makes room for another.
    pub(crate) fn forget_backup(&self) {
        let own = self.own.as_ref().expect("only a test's own server has backups");
        std::fs::remove_dir_all(own.base.join(self.copy_name())).unwrap();
    }

    /// Puts the backup in the place of what is there now.
    pub(crate) fn put_back(&self) {
        self.control("put-back", &[&self.copy_name()]);
    }

    /// Puts the backup there as a standby that is promoted.
    pub(crate) fn promote_backup(&self) {
        self.control("promote", &[&self.copy_name()]);
    }

    /// A connection beside any journal.
    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn journal(&self, schema: &str) -> PostgresJournal {
        self.try_journal(schema).await.unwrap()
    }

    pub(crate) async fn try_journal(&self, schema: &str) -> Result<PostgresJournal, ConnectError> {
        PostgresJournal::connect(address(&self.url)?, options(schema)).await
    }

    /// Drops the schemas that a test made.
    pub(crate) async fn drop_schemas(&self, prefix: &str) {
        let client = self.client().await;
        let all = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, $1)";
        for row in client.query(all, &[&prefix]).await.unwrap() {
            let drop = format!("DROP SCHEMA {} CASCADE", row.get::<_, &str>(0));
            client.batch_execute(&drop).await.unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            script("remove", &own.base, &[&own.name]);
        }
    }
}

pub(crate) fn options(schema: &str) -> Options {
    Options { schema: schema.to_owned(), ..Options::default() }
}

/// A name that no other run has.
pub(crate) fn fresh_schema(prefix: &str) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

fn script(command: &str, base: &Path, more: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/postgres");
    let output =
        Command::new("bash").arg(script).arg(command).arg(base).args(more).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {more:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
