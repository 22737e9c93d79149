//! Connections that read: each a snapshot of its own, on threads that may block.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tidegate_core::{JournalError, RolloutId};
use tokio::{sync::Semaphore, task};

use super::{
    connection,
    error::{Op, OpenError, Refusal},
    options::Options,
};

#[derive(Clone, Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: Arc<Options>,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: Arc<Options>) -> Self {
        let places = Arc::new(Semaphore::new(options.readers.get()));
        Self { path, options, idle: Arc::default(), places }
    }

    /// Runs `read` over one state of the store; `rollout` is the one that a failure is reported of.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        rollout: Option<RolloutId>,
        read: impl FnOnce(&Connection) -> Op<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Refusal::Closed)?;
        let readers = self.clone();
        let reading = task::spawn_blocking(move || {
            let _place = place;
            readers.read(rollout, read)
        });
        reading.await.map_err(|error| JournalError::Unavailable(error.into()))?
    }

    fn read<T>(
        &self,
        rollout: Option<RolloutId>,
        read: impl FnOnce(&Connection) -> Op<T>,
    ) -> Result<T, JournalError> {
        let mut conn = self.take().map_err(|error| JournalError::Unavailable(error.into()))?;
        let result = snapshot(&mut conn, read).map_err(|stop| stop.about(rollout));
        self.lock().push(conn);
        result
    }

    fn take(&self) -> Result<Connection, OpenError> {
        let idle = self.lock().pop();
        idle.map_or_else(|| connection::reader(&self.path, &self.options), Ok)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is whole at any time.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for those that read, and closes the file.
    pub(super) async fn close(&self) {
        let all = u32::try_from(self.options.readers.get()).unwrap_or(u32::MAX);
        // Closed already means that there is nothing left to wait for.
        let _all = self.places.acquire_many(all).await;
        self.places.close();
        self.lock().clear();
    }
}

/// A transaction, so that all that is read is of one state.
fn snapshot<T>(conn: &mut Connection, read: impl FnOnce(&Connection) -> Op<T>) -> Op<T> {
    let transaction = conn.transaction()?;
    let result = read(&transaction)?;
    transaction.finish()?;
    Ok(result)
}
