//! Operations over a journal, from any process: look, command, check, tidy, copy.
//!
//! Each is a function over a [`Journal`](tidegate_core::Journal), so that every store has them. None
//! runs a rollout: what is ordered here is carried out by whoever does.

mod audit;
mod history;
mod keep;
mod list;
mod order;
mod status;

use serde::Serialize;
use tokio::runtime;

pub(crate) use self::{
    audit::audit,
    history::history,
    keep::{backup, prune, restore},
    list::list,
    order::{give, give_of_gate},
    status::get,
};
use crate::{
    Answer, Answered, Ending,
    input::Trouble,
    run::RunError,
    store::{Store, StoreError, StoreName},
    text,
};

/// Runs an operation over a journal that is there.
fn over<T>(
    name: &StoreName,
    operation: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> Result<T, Trouble> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(RunError::NoRuntime)?.block_on(async {
        let store = Store::open(name).await?;
        let done = operation(&store).await;
        store.close().await;
        Ok(done?)
    })
}

/// The answer, as a document or in words.
fn answer<T: Serialize + ToString>(
    command: &str,
    json: bool,
    ending: Ending,
    body: &T,
) -> Answered {
    let text = if json { text::document(command, body) } else { body.to_string() };
    Ok(Answer { ending, text })
}
