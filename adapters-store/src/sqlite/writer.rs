//! One thread that writes, and commits what waits together: a group commit.
//!
//! It must not know what requests do. A request that may not be refuses before it writes, so it never
//! undoes the others. One that fails because of what is stored is undone with the others, and then
//! each is run by itself. A failure of the store fails them all.

use std::{cell::RefCell, io, path::PathBuf, sync::Arc, thread};

use rusqlite::Connection;
use tidegate_core::{JournalError, RolloutId, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::{
    clock::{Steady, wall},
    connection,
    error::{Op, OpenError, Refusal, Stop, StoreError, Unknown, about, is_of_a_row, is_undone},
    identity::Identity,
    mark::{Mark, MarkFile},
    options::Options,
};

/// The transaction that a request runs in.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    /// The clock of leases, at the beginning of the transaction.
    pub(super) steady: &'a Steady,
    /// Rollout time, then.
    pub(super) wall: Timestamp,
    /// The place and the attempt of the last record appended.
    appended: RefCell<Option<(i64, i64)>>,
}

impl Tx<'_> {
    pub(super) fn appended(&self, pos: i64, attempt: i64) {
        self.appended.replace(Some((pos, attempt)));
    }
}

/// How the transaction of a request ended.
#[derive(Clone)]
enum End {
    Committed,
    /// Nothing of it is stored.
    Undone(StoreError),
    /// It may be stored.
    Unknown(StoreError),
    /// The writer does nothing any more.
    Refused(Refusal),
}

trait Request: Send {
    /// Runs it, from the beginning each time.
    fn run(&mut self, tx: &Tx<'_>) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, end: End);
}

/// A request, and who waits for its answer.
struct Call<T, F, A> {
    run: F,
    /// The rollout that a failure is reported of.
    rollout: A,
    result: Option<Result<T, JournalError>>,
    answer: oneshot::Sender<Result<T, JournalError>>,
}

impl<T, F, A> Request for Call<T, F, A>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> Op<T> + Send,
    A: Fn(Option<&T>) -> Option<RolloutId> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        let before = tx.conn.total_changes();
        self.result = match (self.run)(tx) {
            Ok(done) => Some(Ok(done)),
            Err(Stop::Refused(error)) => {
                debug_assert_eq!(before, tx.conn.total_changes(), "{error}: refused too late");
                Some(Err(error))
            }
            Err(Stop::Failed(error)) => {
                self.result = None;
                return Err(error);
            }
        };
        Ok(())
    }

    fn answer(self: Box<Self>, end: End) {
        let done = self.result.as_ref().and_then(|result| result.as_ref().ok());
        let rollout = (self.rollout)(done);
        let answer = match (end, self.result) {
            (End::Committed, Some(result)) => result,
            (End::Committed, None) => Err(Refusal::WriterEnded.into()),
            (End::Undone(error), _) => Err(about(rollout, error)),
            (End::Refused(refusal), _) => Err(refusal.into()),
            (End::Unknown(error), Some(Ok(_))) => Err(unknown(rollout, error)),
            // It was refused because of what the others did, which may be undone.
            (End::Unknown(error), _) => Err(JournalError::Unavailable(error.into())),
        };
        // Who asked may have gone.
        let _ = self.answer.send(answer);
    }
}

fn unknown(rollout: Option<RolloutId>, error: StoreError) -> JournalError {
    match rollout {
        Some(rollout) => {
            tracing::warn!(%rollout, %error, "whether a commit happened is unknown");
            JournalError::AnswerLost(rollout)
        }
        None => JournalError::Unavailable(Unknown(error).into()),
    }
}

enum Message {
    Run(Box<dyn Request>),
    Close(oneshot::Sender<()>),
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Starts the thread. It ends when the last way to it is dropped.
    pub(super) fn start(store: Store) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel(store.options.queue.get());
        let thread = thread::Builder::new().name("tidegate-journal".to_owned());
        thread.spawn(move || store.serve(requests))?;
        Ok(Self { queue })
    }

    /// Runs `run` in a transaction, which is durable when this returns. It may be run more than
    /// once, and refuses before it writes.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        rollout: impl Fn(Option<&T>) -> Option<RolloutId> + Clone + Send + 'static,
        run: impl FnMut(&Tx<'_>) -> Op<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        let call = Call { run, rollout: rollout.clone(), result: None, answer };
        let message = Message::Run(Box::new(call));
        if self.queue.send(message).await.is_err() {
            return Err(Refusal::Closed.into());
        }
        match answered.await {
            Ok(result) => result,
            Err(_) => {
                Err(rollout(None)
                    .map_or_else(|| Refusal::WriterEnded.into(), JournalError::AnswerLost))
            }
        }
    }

    /// Ends the thread once what was asked before is done, and the file is closed.
    pub(super) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            // Not answered means that it has ended already.
            let _ = wait.await;
        }
    }
}

/// What the thread owns.
pub(super) struct Store {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) options: Arc<Options>,
    pub(super) boot: String,
    pub(super) identity: Identity,
    pub(super) mark: Mark,
    pub(super) mark_file: MarkFile,
    /// The outcome of a commit is unknown: the log may end in one that was never acknowledged. The
    /// next commit takes its place, and has to come before anybody is told anything.
    pub(super) in_doubt: bool,
}

impl Store {
    fn serve(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(message) = queue.blocking_recv() {
            let closing = match message {
                Message::Run(first) => self.commit(first, &mut queue),
                Message::Close(closed) => Some(closed),
            };
            if let Some(closed) = closing {
                queue.close();
                drop(self);
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Commits a request with those that wait. Returns who asked to close, if anybody did.
    fn commit(
        &mut self,
        first: Box<dyn Request>,
        queue: &mut mpsc::Receiver<Message>,
    ) -> Option<oneshot::Sender<()>> {
        let mut batch = Vec::with_capacity(8);
        let mut closing = None;
        let most = self.options.batch.get();
        let mut next = Some(first);
        let ran = self.transact(|tx| {
            while let Some(request) = next.take() {
                batch.push(request);
                let last = batch.len() - 1;
                batch[last].run(tx)?;
                if batch.len() < most {
                    next = match queue.try_recv() {
                        Ok(Message::Run(request)) => Some(request),
                        Ok(Message::Close(closed)) => {
                            closing = Some(closed);
                            None
                        }
                        Err(_) => None,
                    };
                }
            }
            Ok(())
        });
        batch.extend(next);
        if ran.is_err() && batch.len() == 1 {
            // They would each wait as long for what this one did not get.
            while batch.len() < most
                && closing.is_none()
                && let Ok(message) = queue.try_recv()
            {
                match message {
                    Message::Run(request) => batch.push(request),
                    Message::Close(closed) => closing = Some(closed),
                }
            }
        }
        match ran {
            Err(Failure::Undone(error)) if batch.len() > 1 && is_of_a_row(&error) => {
                batch.into_iter().for_each(|request| self.alone(request));
            }
            ran => answer_all(batch, ran),
        }
        closing
    }

    fn alone(&mut self, mut request: Box<dyn Request>) {
        let ran = self.transact(|tx| request.run(tx));
        answer_all(vec![request], ran);
    }

    /// One transaction, from BEGIN to COMMIT or ROLLBACK.
    fn transact(
        &mut self,
        run: impl FnOnce(&Tx<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        self.leave()?;
        let ran = self.attempt(run);
        if ran.is_err() {
            // At once, for it keeps other processes from writing.
            self.leave()?;
        }
        ran
    }

    fn attempt(
        &mut self,
        run: impl FnOnce(&Tx<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(Failure::Undone)?;
        let steady = Steady::now(&self.boot);
        let tx =
            Tx { conn: &self.conn, steady: &steady, wall: wall(), appended: RefCell::default() };
        if self.in_doubt {
            let doubt = "UPDATE meta SET doubts = doubts + 1";
            tx.conn.execute(doubt, []).map_err(Failure::Undone)?;
        }
        run(&tx).map_err(Failure::Undone)?;
        let appended = tx.appended.take();
        if !self.identity.is_at(&self.path) {
            return Err(Failure::Refused(Refusal::Replaced));
        }
        if let Err(error) = self.conn.execute_batch("COMMIT") {
            self.in_doubt = true;
            let undone = is_undone(&error);
            return Err(if undone { Failure::Undone(error) } else { Failure::Unknown(error) });
        }
        self.in_doubt = false;
        self.keep_mark(appended);
        Ok(())
    }

    fn keep_mark(&mut self, appended: Option<(i64, i64)>) {
        let Some((pos, attempt)) = appended else { return };
        (self.mark.pos, self.mark.attempt) = (pos, attempt);
        // The commit stands. A mark that lags only makes a journal that is set back harder to notice.
        if let Err(error) = self.mark_file.write(&self.mark) {
            tracing::warn!(%error, "the mark of the journal can not be written");
        }
    }

    /// Leaves a transaction that failed; takes a new connection if it can not be left.
    fn leave(&mut self) -> Result<(), Failure> {
        if self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok() {
            return Ok(());
        }
        match connection::writer(&self.path, &self.options) {
            Ok(conn) => {
                self.conn = conn;
                Ok(())
            }
            Err(OpenError::Sqlite { source, .. }) => Err(Failure::Undone(source)),
            Err(error) => {
                tracing::error!(%error, "the journal can not be opened again");
                Err(Failure::Refused(Refusal::WriterEnded))
            }
        }
    }
}

/// Why a transaction is not known to be committed.
enum Failure {
    Undone(rusqlite::Error),
    Unknown(rusqlite::Error),
    Refused(Refusal),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Undone(error) => Self::Undone(error.into()),
            Failure::Unknown(error) => Self::Unknown(error.into()),
            Failure::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

fn answer_all(batch: Vec<Box<dyn Request>>, ran: Result<(), Failure>) {
    let end = ran.map_or_else(End::from, |()| End::Committed);
    for request in batch {
        request.answer(end.clone());
    }
}
