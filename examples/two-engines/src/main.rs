//! Two engines on one PostgreSQL database. One carries out a rollout and is killed in the middle of a
//! call, as by `kill -9`; the other takes over when its lease has lapsed, and finishes.
//!
//! ```text
//! TIDEGATE_POSTGRES=postgres://user:password@127.0.0.1/database cargo run --package tidegate-two-engines
//! ```
//!
//! Each run makes a schema of its own, `two_engines_` and a number, and leaves it there to be looked
//! at. This process starts the engines as processes of their own, reads the journal as any other could,
//! and fails unless everything was as it says. `engine.rs` is the part to copy.

mod engine;
mod witness;

use std::{
    env,
    error::Error,
    path::Path,
    process::{ExitCode, Stdio},
};

use tidegate::machine::Weight;
use tidegate_store::postgres::{Options, PostgresJournal, address};
use tokio::process::{Child, Command};

use crate::witness::Witness;

type Failure = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => two_engines().await,
        ["engine", name, schema, world, starts] => {
            engine::run(name, schema, Path::new(world), starts == "starts").await
        }
        _ => Err("no arguments are expected".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The journal of this run.
async fn journal(schema: &str) -> Result<PostgresJournal, Failure> {
    let url = env::var("TIDEGATE_POSTGRES")
        .map_err(|_| "TIDEGATE_POSTGRES is not set; expected the URL of a PostgreSQL database")?;
    let options = Options { schema: schema.to_owned(), connections: 2, ..Options::default() };
    Ok(PostgresJournal::connect(address(&url)?, options).await?)
}

async fn two_engines() -> Result<(), Failure> {
    let schema = format!("two_engines_{}", std::process::id());
    let folder = tempfile::tempdir()?;
    let world = folder.path().join("world");
    let mut witness = Witness::of(journal(&schema).await?);
    let mut first = start("first", &schema, &world, "starts")?;
    // It has nothing to do but to look what is due.
    let mut second = start("second", &schema, &world, "waits")?;

    witness.until(|record| record.decision.weight_to == Weight::percent(50)).await?;
    first.kill().await?;
    println!("--- the first engine is killed; its request to shift 50 % may have been sent or not");
    witness.until(|record| record.after.phase().is_terminal()).await?;
    witness.check(&world).await?;

    // An engine ends when nobody holds the other end of its input.
    drop(second.stdin.take());
    match second.wait().await?.success() {
        true => Ok(()),
        false => Err("the second engine did not end well".into()),
    }
}

/// Starts this program again, as an engine.
fn start(name: &str, schema: &str, world: &Path, starts: &str) -> Result<Child, Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["engine", name, schema]).arg(world).arg(starts);
    Ok(command.stdin(Stdio::piped()).kill_on_drop(true).spawn()?)
}
