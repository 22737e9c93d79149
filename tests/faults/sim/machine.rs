//! One machine that engines run on, between them and the store and the targets: it freezes, is cut
//! off, loses answers, holds calls up and doubles them.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use tidegate::machine::{Call, FailureKind, JournalError, PortError, RolloutId, Span, Timestamp};
use tidegate_mock::{Op, Request, SimWorld};
use tokio::time::{self, Instant};

use super::{
    clock::BadClock,
    dice::Dice,
    trouble::{Kind, Trouble},
};
use crate::taps::{JournalCall, JournalTap, Ledger, PortTap, Post, deliver};

/// How far late calls may go: within what the target declares, or beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assumption {
    /// No call lands later than the target says, by whatever clock.
    Holds,
    /// Calls land minutes later than that.
    Broken,
}

/// What targets of these worlds declare: by when, after its time limit, a call has landed.
pub(crate) const LATE_BOUND: Span = Span::seconds(60);

/// How long one call may take.
pub(crate) const TIME_LIMIT: Span = Span::seconds(5);

/// A machine. What runs on it comes and goes; the machine stays.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<BadClock>,
    dice: Dice,
    trouble: Arc<Trouble>,
    ledger: Ledger,
    assumption: Assumption,
    frozen_until: Mutex<Instant>,
    cut_off_until: Mutex<Instant>,
    percent: AtomicU64,
}

impl Machine {
    pub(crate) fn new(
        clock: BadClock,
        dice: Dice,
        (trouble, ledger): (Arc<Trouble>, Ledger),
        assumption: Assumption,
    ) -> Self {
        let now = Instant::now();
        Self {
            clock: Arc::new(clock),
            dice,
            trouble,
            ledger,
            assumption,
            frozen_until: Mutex::new(now),
            cut_off_until: Mutex::new(now),
            percent: AtomicU64::new(100),
        }
    }

    /// Stands still until then.
    pub(crate) fn freeze(&self, until: Instant) {
        *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Does not reach the store until then.
    pub(crate) fn cut_off(&self, until: Instant) {
        *self.cut_off_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Its clocks run so fast from now on.
    pub(crate) fn run_at(&self, percent: u64) {
        self.percent.store(percent, Ordering::Relaxed);
        self.clock.run_at(percent);
        self.trouble.count(Kind::ClockSkewed);
    }

    pub(crate) fn jump(&self, by_ms: i64) {
        self.clock.jump(by_ms);
        self.trouble.count(Kind::ClockJumped);
    }

    /// Its clock is set right, where it reaches the store.
    pub(crate) fn follow(&self, right: Timestamp) {
        let until = |mutex: &Mutex<Instant>| *mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let off = until(&self.frozen_until).max(until(&self.cut_off_until));
        if off <= Instant::now() {
            self.clock.follow(right);
        }
    }

    /// Its clocks run as they should again.
    pub(crate) fn run_right(&self) {
        self.percent.store(100, Ordering::Relaxed);
        self.clock.run_at(100);
    }

    fn chance(&self, per_mille: u64) -> bool {
        self.trouble.is_on() && self.dice.chance(per_mille)
    }

    /// A call goes no further while the machine stands still.
    async fn thaw(&self) {
        let until = *self.frozen_until.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() < until {
            self.trouble.count(Kind::Frozen);
            time::sleep_until(until).await;
        }
    }

    /// Whether the store can be reached.
    async fn reach_store(&self) -> Result<(), JournalError> {
        let until = *self.cut_off_until.lock().unwrap_or_else(PoisonError::into_inner);
        if self.trouble.is_on() && Instant::now() < until {
            self.trouble.count(Kind::CutOff);
            time::sleep(self.dice.time(10..2_000)).await;
            return Err(unavailable("cut off"));
        }
        if self.chance(120) {
            self.trouble.count(Kind::StoreSlow);
            time::sleep(self.dice.time(100..4_000)).await;
        }
        Ok(())
    }

    /// The longest that a call may be on its way.
    fn longest(&self) -> u64 {
        match self.assumption {
            // The engine's clock runs twice as fast at most.
            Assumption::Holds => LATE_BOUND.0 / 2,
            Assumption::Broken => LATE_BOUND.0 * 5,
        }
    }

    /// Hands a call to the target later, whatever becomes of who sent it.
    fn deliver_later(&self, world: &SimWorld, call: &Call, what: &Request) {
        let (world, call, what) = (world.clone(), call.clone(), what.clone());
        let after = self.dice.time(1..self.longest());
        tokio::spawn(async move {
            time::sleep(after).await;
            // Nobody hears its answer.
            let _ = deliver(&world, &call, what).await;
        });
    }
}

fn unavailable(why: &'static str) -> JournalError {
    JournalError::Unavailable(why.into())
}

fn failed(kind: FailureKind, call: &Call) -> PortError {
    PortError::new(kind, format!("reach {}", call.target))
}

/// Whether a call writes, so that it needs room on the disk.
const fn writes(call: JournalCall) -> bool {
    matches!(
        call,
        JournalCall::Open
            | JournalCall::Claim
            | JournalCall::ClaimDue
            | JournalCall::Append(_)
            | JournalCall::Submit
            | JournalCall::KeepLooks
    )
}

#[async_trait]
impl JournalTap for Machine {
    async fn before(&self, call: JournalCall) -> Result<(), JournalError> {
        self.thaw().await;
        self.reach_store().await?;
        if self.trouble.disk_is_full() && writes(call) {
            self.trouble.count(Kind::DiskFull);
            return Err(unavailable("database or disk is full"));
        }
        Ok(())
    }

    fn post(&self) -> Post {
        if self.chance(40) {
            self.trouble.count(Kind::CommitLost);
            return Post::Never;
        }
        if self.chance(40) {
            self.trouble.count(Kind::CommitLate);
            return Post::Later(self.dice.time(1..10_000));
        }
        Post::Now
    }

    async fn after(&self, call: JournalCall, rollout: RolloutId) -> Result<(), JournalError> {
        self.thaw().await;
        if !self.chance(80) {
            return Ok(());
        }
        self.trouble.count(Kind::StoreAnswerLost);
        time::sleep(self.dice.time(10..3_000)).await;
        Err(match call {
            JournalCall::Append(_) | JournalCall::Claim => JournalError::AnswerLost(rollout),
            _ => unavailable("the connection broke"),
        })
    }

    fn lease(&self, asked: Span) -> Span {
        let percent = self.percent.load(Ordering::Relaxed);
        if percent == 100 {
            return asked;
        }
        self.trouble.count(Kind::LeaseSkewed);
        // A slow clock takes the lease for good for longer than the store does.
        Span(asked.0 * percent / 100)
    }
}

#[async_trait]
impl PortTap for Machine {
    async fn send(&self, world: &SimWorld, call: &Call, what: Request) -> Result<(), PortError> {
        self.ledger.sending(call);
        let sent = Instant::now();
        self.thaw().await;
        if self.assumption == Assumption::Holds
            && sent.elapsed().as_millis() as u64 > self.longest()
        {
            // It would land later than the target says.
            self.trouble.count(Kind::CallLost);
            return Err(failed(FailureKind::Ambiguous, call));
        }
        if self.chance(90) {
            self.trouble.count(Kind::Throttled);
            return Err(failed(FailureKind::Retryable, call));
        }
        if self.chance(90) {
            self.trouble.count(Kind::CallLost);
            time::sleep(self.dice.time(10..10_000)).await;
            return Err(failed(FailureKind::Ambiguous, call));
        }
        if self.chance(120) {
            self.trouble.count(Kind::CallLate);
            self.deliver_later(world, call, &what);
            time::sleep(self.dice.time(10..10_000)).await;
            return Err(failed(FailureKind::Ambiguous, call));
        }
        if self.chance(120) {
            self.trouble.count(Kind::CallTwice);
            self.deliver_later(world, call, &what);
        }
        deliver(world, call, what).await?;
        if self.chance(80) {
            self.trouble.count(Kind::AnswerLost);
            time::sleep(self.dice.time(10..10_000)).await;
            return Err(failed(FailureKind::Ambiguous, call));
        }
        self.thaw().await;
        Ok(())
    }

    async fn before(&self, _what: Option<Op>) -> Result<(), PortError> {
        self.thaw().await;
        if !self.chance(120) {
            return Ok(());
        }
        self.trouble.count(Kind::ReadFailed);
        time::sleep(self.dice.time(10..10_000)).await;
        Err(PortError::new(FailureKind::Retryable, "read"))
    }
}
