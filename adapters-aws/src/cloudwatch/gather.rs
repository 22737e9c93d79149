//! Gathers what many rollouts ask for within a short time into few calls.
//!
//! One asker's mistake must not be another's failure: a call that is refused for what it asks is sent
//! again in halves, until the one at fault is alone. This file must not know what is asked for.

use std::{
    error::Error as StdError,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use tidegate_core::{PortError, Span};
use tokio::sync::oneshot;

use crate::{pause::jittered, port::incomplete};

/// Sends what has gathered.
#[async_trait]
pub(super) trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// What one asker wants.
    type Ask: Clone + fmt::Debug + Send + Sync + 'static;
    /// What it is told.
    type Answer: Send + 'static;

    /// Whether one more can be asked for in the call that asks for these.
    fn fits(&self, group: &[&Self::Ask], next: &Self::Ask) -> bool;

    /// The order in which asks are put together.
    fn order(&self, one: &Self::Ask, other: &Self::Ask) -> std::cmp::Ordering;

    /// Asks for all of these at once: one answer each, in their order.
    async fn carry(&self, asks: &[Self::Ask]) -> Result<Vec<Self::Answer>, Failed>;
}

/// A call that failed for everybody in it.
#[derive(Debug)]
pub(super) enum Failed {
    /// Whatever was asked for.
    All(PortError),
    /// Because of something that was asked for: who asked for something else is to be told apart.
    Some(PortError),
}

impl Failed {
    fn into_error(self) -> PortError {
        match self {
            Self::All(error) | Self::Some(error) => error,
        }
    }
}

/// A failure that several were told of.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<PortError>);

impl Shared {
    /// As the failure of what one asker wanted.
    pub(super) fn of(self, action: &str) -> PortError {
        PortError::new(self.0.kind, action).because(self)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

type Told<C> = Result<<C as Carrier>::Answer, Shared>;

struct Waiting<C: Carrier> {
    ask: C::Ask,
    answer: oneshot::Sender<Told<C>>,
}

/// Gathers asks, and sends them together.
#[derive(Debug)]
pub(super) struct Gathering<C: Carrier>(Arc<Inner<C>>);

impl<C: Carrier> Clone for Gathering<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<C: Carrier> {
    carrier: C,
    span: Span,
    waiting: Mutex<Vec<Waiting<C>>>,
}

impl<C: Carrier> fmt::Debug for Inner<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Gathering");
        debug.field("carrier", &self.carrier).field("span", &self.span).finish_non_exhaustive()
    }
}

impl<C: Carrier> Gathering<C> {
    /// Gathers for about this long after the first ask.
    pub(super) fn new(carrier: C, span: Span) -> Self {
        Self(Arc::new(Inner { carrier, span, waiting: Mutex::default() }))
    }

    /// Asks with whoever else asks at this time. Inside a runtime: the call outlives an asker who no
    /// longer waits, since others do.
    pub(super) async fn ask(&self, ask: C::Ask) -> Told<C> {
        let (answer, told) = oneshot::channel();
        if self.0.join(Waiting { ask, answer }) {
            let inner = Arc::clone(&self.0);
            tokio::spawn(inner.collect());
        }
        let lost = |_| incomplete("wait for the others' queries", "the call was given up");
        told.await.map_err(lost).unwrap_or_else(|error| Err(Shared(Arc::new(error))))
    }
}

impl<C: Carrier> Inner<C> {
    /// Whether this is the first to wait.
    fn join(&self, one: Waiting<C>) -> bool {
        // A list of who waits is whole at every instant: a panic elsewhere does not spoil it.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(one);
        waiting.len() == 1
    }

    async fn collect(self: Arc<Self>) {
        tokio::time::sleep(jittered(self.span)).await;
        let waiting = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for group in self.divided(waiting) {
            tokio::spawn(Arc::clone(&self).send(group));
        }
    }

    /// As few calls as they fit in, in their order.
    fn divided(&self, mut waiting: Vec<Waiting<C>>) -> Vec<Vec<Waiting<C>>> {
        waiting.sort_by(|one, other| self.carrier.order(&one.ask, &other.ask));
        let mut groups: Vec<Vec<Waiting<C>>> = Vec::new();
        for one in waiting {
            let fits = |group: &&mut Vec<Waiting<C>>| {
                let asks: Vec<_> = group.iter().map(|waiting| &waiting.ask).collect();
                self.carrier.fits(&asks, &one.ask)
            };
            match groups.last_mut().filter(fits) {
                Some(group) => group.push(one),
                None => groups.push(vec![one]),
            }
        }
        groups
    }

    async fn send(self: Arc<Self>, group: Vec<Waiting<C>>) {
        let mut groups = vec![group];
        while let Some(mut group) = groups.pop() {
            group.retain(|one| !one.answer.is_closed());
            if group.is_empty() {
                continue;
            }
            let asks: Vec<_> = group.iter().map(|one| one.ask.clone()).collect();
            match self.carrier.carry(&asks).await {
                Ok(answers) => {
                    let pairs = group.into_iter().zip(answers);
                    pairs.for_each(|(one, answer)| tell(one, Ok(answer)));
                }
                Err(Failed::Some(_)) if group.len() > 1 => {
                    let half = group.split_off(group.len() / 2);
                    groups.extend([half, group]);
                }
                Err(failed) => {
                    let shared = Shared(Arc::new(failed.into_error()));
                    group.into_iter().for_each(|one| tell(one, Err(shared.clone())));
                }
            }
        }
    }
}

/// Who has gone meanwhile needs no answer.
fn tell<C: Carrier>(waiting: Waiting<C>, told: Told<C>) {
    let _ = waiting.answer.send(told);
}

#[cfg(test)]
mod tests {
    use tidegate_core::FailureKind;

    use super::*;

    /// Doubles numbers, up to three a call; refuses to carry a seven.
    #[derive(Debug, Default)]
    struct Doubling(Mutex<Vec<Vec<u32>>>);

    #[async_trait]
    impl Carrier for Arc<Doubling> {
        type Ask = u32;
        type Answer = u32;

        fn fits(&self, group: &[&u32], _: &u32) -> bool {
            group.len() < 3
        }

        fn order(&self, one: &u32, other: &u32) -> std::cmp::Ordering {
            one.cmp(other)
        }

        async fn carry(&self, asks: &[u32]) -> Result<Vec<u32>, Failed> {
            self.0.lock().unwrap().push(asks.to_vec());
            let error = |kind| PortError::new(kind, "double");
            if asks.contains(&7) {
                return Err(Failed::Some(error(FailureKind::Permanent)));
            }
            if asks.contains(&100) {
                return Err(Failed::All(error(FailureKind::Retryable)));
            }
            Ok(asks.iter().map(|ask| ask * 2).collect())
        }
    }

    async fn all(asks: &[u32]) -> (Vec<Result<u32, FailureKind>>, Vec<Vec<u32>>) {
        let carrier = Arc::new(Doubling::default());
        let gathering = Gathering::new(Arc::clone(&carrier), Span(200));
        let tasks: Vec<_> = asks
            .iter()
            .map(|ask| {
                let (gathering, ask) = (gathering.clone(), *ask);
                tokio::spawn(async move { gathering.ask(ask).await })
            })
            .collect();
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap().map_err(|error| error.of("ask").kind));
        }
        let mut calls = carrier.0.lock().unwrap().clone();
        calls.sort();
        (told, calls)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_at_one_time_goes_out_in_few_calls_and_each_gets_its_own_answer() {
        let (told, calls) = all(&[5, 1, 4, 2, 3]).await;
        assert_eq!(told, [Ok(10), Ok(2), Ok(8), Ok(4), Ok(6)]);
        assert_eq!(calls, [vec![1, 2, 3], vec![4, 5]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_what_is_refused_is_the_only_one_to_be_refused() {
        let (told, calls) = all(&[6, 7, 8]).await;
        assert_eq!(told, [Ok(12), Err(FailureKind::Permanent), Ok(16)]);
        assert_eq!(calls, [vec![6], vec![6, 7, 8], vec![7], vec![7, 8], vec![8]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_fails_whatever_it_asks_is_not_sent_again() {
        let (told, calls) = all(&[99, 100]).await;
        assert_eq!(told, [Err(FailureKind::Retryable); 2]);
        assert_eq!(calls, [vec![99, 100]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_goes_out_for_the_others_when_the_first_no_longer_waits() {
        let carrier = Arc::new(Doubling::default());
        let gathering = Gathering::new(Arc::clone(&carrier), Span(200));
        let hurried = std::time::Duration::from_millis(1);
        let (first, second) =
            tokio::join!(tokio::time::timeout(hurried, gathering.ask(1)), gathering.ask(2));
        assert!(first.is_err());
        assert_eq!(second.unwrap(), 4);
        assert_eq!(*carrier.0.lock().unwrap(), [[2]]);
    }
}
