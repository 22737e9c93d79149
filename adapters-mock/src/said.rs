//! What is said: every line that the embedding program's log would get, and what a test adds to them, as one
//! text, so that a test can look for what must not be there.
//!
//! It must not know what is looked for.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{fmt::writer::MakeWriterExt, util::SubscriberInitExt};

/// Everything that was said so far. Cloning it shares it.
///
/// ```
/// use tidegate_mock::Said;
///
/// let said = Said::default();
/// let listening = said.listen("");
/// tracing::trace!(token = "hunter2", "asked");
/// drop(listening);
/// assert!(said.text().contains("hunter2"), "this one leaks");
/// ```
#[derive(Clone, Default)]
pub struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    more: Arc<Notify>,
}

/// Listens until it is dropped.
#[derive(Debug)]
#[must_use = "dropped at once it hears nothing"]
pub struct Listening {
    _subscriber: DefaultGuard,
    /// Where there is a single subscriber, `tracing` asks that of the thread which comes to a line first, and
    /// keeps the answer for all threads: a line that a test without a subscriber came to would be heard no more.
    _another: Dispatch,
}

/// How much, and nothing of what: the text itself may be what nobody shall see.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").field("bytes", &self.bytes().len()).finish()
    }
}

impl Said {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        // Bytes are whole at every instant: a panic elsewhere does not spoil them.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens at `TRACE`, spans and sources of errors included, to all that this thread says in modules
    /// whose path begins so; to every module with an empty text, and then to the `log` crate as well.
    /// What other threads say is not heard: use tokio's current-thread runtime.
    pub fn listen(&self, modules: &'static str) -> Listening {
        let said = self.clone();
        let ours = move || said.clone();
        let ours = ours.with_filter(move |meta| meta.target().starts_with(modules));
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
        let subscriber = all.with_writer(ours).set_default();
        Listening { _subscriber: subscriber, _another: Dispatch::new(NoSubscriber::default()) }
    }

    /// Adds a value as programs print it when something is wrong, in both forms.
    pub fn note(&self, value: &dyn fmt::Debug) {
        self.add(&format!("{value:?}\n{value:#?}\n"));
    }

    /// Adds an error and all its sources, whichever way each may be shown.
    pub fn note_error(&self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.add(&format!("{error}\n{error:?}\n{error:#?}\n"));
            next = error.source();
        }
    }

    fn add(&self, text: &str) {
        self.bytes().extend_from_slice(text.as_bytes());
        self.more.notify_waiters();
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until these words have been said.
    pub async fn hears(&self, words: &str) {
        loop {
            let mut more = std::pin::pin!(self.more.notified());
            // What is said from here on is not missed, whether or not it is waited for yet.
            more.as_mut().enable();
            if self.text().contains(words) {
                return;
            }
            more.await;
        }
    }
}

/// What a subscriber writes to.
impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        self.more.notify_waiters();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[tokio::test]
    async fn fields_spans_and_sources_are_heard_at_trace_and_other_modules_are_not() {
        let said = Said::default();
        let error = Outer(io::Error::other("the source"));
        let listening = said.listen("tidegate");
        let span = tracing::trace_span!("a span", field = "of the span");
        span.in_scope(|| tracing::trace!(error = &error as &dyn Error, "a line"));
        tracing::error!(target: "elsewhere", "not ours");
        said.hears("a line").await;
        drop(listening);
        tracing::error!("after the end");
        let text = said.text();
        for heard in ["a line", "outer", "the source", "of the span"] {
            assert!(text.contains(heard), "{heard}: {text}");
        }
        for not in ["not ours", "after the end"] {
            assert!(!text.contains(not), "{not}: {text}");
        }
    }

    #[test]
    fn what_is_noted_has_every_source_and_the_collection_shows_none_of_it() {
        let said = Said::default();
        said.note_error(&Outer(io::Error::other("the source")));
        said.note(&Some("value"));
        assert!(said.text().contains("the source") && said.text().contains("Some"));
        assert!(!format!("{said:?}").contains("source"));
    }
}
