//! The clock of one machine: it runs too fast or too slow, it jumps, and it is set right by the
//! store's clock, as the engine's own clock is.

use std::sync::{Mutex, PoisonError};

use tidegate::{
    Clock,
    machine::{Span, Timestamp},
};
use tokio::{sync::watch, time::Instant};

/// Differences below this are left alone, in milliseconds.
const DRIFT_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Running {
    anchor: Timestamp,
    since: Instant,
    /// Time that it counts for a hundred of real time.
    percent: u64,
}

impl Running {
    fn now(self) -> Timestamp {
        let real = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.anchor.after(Span(real.saturating_mul(self.percent) / 100))
    }
}

/// A clock that can not be relied on.
#[derive(Debug)]
pub(crate) struct BadClock {
    running: Mutex<Running>,
    told: Mutex<Told>,
}

/// Who is told of steps: each by a channel of its own, because the receivers of one are woken in an
/// order that is drawn at random.
#[derive(Debug, Default)]
struct Told {
    /// A clock that is broken on purpose tells nobody.
    silent: bool,
    sum: i64,
    who: Vec<watch::Sender<i64>>,
}

impl BadClock {
    pub(crate) fn starting_at(anchor: Timestamp) -> Self {
        let running = Running { anchor, since: Instant::now(), percent: 100 };
        Self { running: Mutex::new(running), told: Mutex::default() }
    }

    fn set(&self, change: impl FnOnce(&mut Running)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let anchor = running.now();
        *running = Running { anchor, since: Instant::now(), ..*running };
        change(&mut running);
        let by_ms = i64::try_from(i128::from(running.anchor.0) - i128::from(anchor.0)).unwrap_or(0);
        drop(running);
        if by_ms != 0 {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.sum = told.sum.saturating_add(by_ms);
            let sum = told.sum;
            if told.silent {
                return;
            }
            told.who.retain(|who| who.send(sum).is_ok());
        }
    }

    /// Tells nobody of its steps.
    pub(crate) fn keep_silent(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).silent = true;
    }

    /// Runs so fast from now on.
    pub(crate) fn run_at(&self, percent: u64) {
        self.set(|running| running.percent = percent);
    }

    /// Jumps, and says so.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.set(|running| running.anchor = running.anchor.moved(by_ms));
    }

    /// Is set right, where it is wrong by more than an answer takes.
    pub(crate) fn follow(&self, right: Timestamp) {
        if self.now().0.abs_diff(right.0) > DRIFT_MS {
            self.set(|running| running.anchor = right);
        }
    }
}

impl Clock for BadClock {
    fn now(&self) -> Timestamp {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    fn steps(&self) -> watch::Receiver<i64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (who, hears) = watch::channel(told.sum);
        told.who.push(who);
        hears
    }
}
