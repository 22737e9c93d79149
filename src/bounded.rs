//! Calls of other people's code, with a time limit and without their panics.

use std::future::Future;

use tidegate_core::Span;
use tokio::{task::JoinHandle, time};

/// Why a call gave no answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// It took longer than it may.
    #[error("no answer in time")]
    Late,
    /// The adapter panicked.
    #[error("the adapter panicked")]
    Panicked,
}

/// Ends the task with its owner, so that a dropped engine leaves nothing running.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Carries a call out on a task of its own, so that one that blocks its thread is left behind too.
pub(crate) async fn bounded<T: Send + 'static>(
    limit: Span,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<T, Broken> {
    let mut task = Owned(tokio::spawn(call));
    match time::timeout(limit.duration(), &mut task.0).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Broken::Panicked),
        Err(_) => Err(Broken::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_returns_is_late_and_one_that_panics_is_told_apart() {
        let limit = Span::seconds(3);
        let began = time::Instant::now();
        let hung: Result<(), _> = bounded(limit, std::future::pending()).await;
        assert_eq!(hung, Err(Broken::Late));
        assert_eq!(began.elapsed(), limit.duration());
        let broken: Result<(), _> = bounded(limit, async { panic!("on purpose") }).await;
        assert_eq!(broken, Err(Broken::Panicked));
        assert_eq!(bounded(limit, async { 7 }).await, Ok(7));
    }
}
