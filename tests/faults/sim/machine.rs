//! One machine that engines run on, between them and the store and the targets: it freezes, is cut
//! off, loses answers, holds calls up and doubles them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidegate::machine::{
    Append, Call, FailureKind, Journal, JournalError, PortError, RolloutId, RowVersion, Select,
    Span, Target, Timestamp,
};
use tidegate_mock::{MemoryJournal, Op, Request, SimWorld};
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

/// What is broken on purpose, to see it caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bend {
    /// The journal takes a commit of any epoch.
    AnyEpoch,
    /// The journal takes a commit of any epoch and version.
    NoFence,
    /// The journal says of every unknown commit that it did not happen.
    NoReadBack,
    /// The journal answers a commit before it is durable, and loses some.
    AnsweredTooSoon,
    /// The journal forgets what is to be sent.
    ForgetsIntents,
    /// The journal keeps commands that were read.
    KeepsCommands,
    /// The journal forgets when a rollout is due.
    ForgetsDue,
    /// The journal gives a running rollout to whoever asks.
    ParksAll,
    /// The journal never frees a target.
    NeverOver,
    /// A lease never lapses.
    EndlessLease,
    /// A lease lapses at once.
    NoLease,
    /// A journal that was cut off says that the commit happened.
    LiesOnCommitted,
    /// A port performs what was not asked for yet: under the next number.
    SendsAhead,
    /// Each attempt has a key of its own.
    KeyPerAttempt,
    /// The version sent is read when it is sent.
    VersionReadLate,
    /// A call that may have happened is said not to have.
    UnknownIsRefused,
    /// A call that may have happened is said to have.
    UnknownIsDone,
    /// A refused version is taken for done.
    ConflictIsDone,
    /// The clock does not tell of its steps.
    SilentClock,
    /// Calls go out although the lease is over: it is never renewed in the store.
    RenewsNothing,
    /// What is to be given back is kept.
    ParksNothing,
}

impl Bend {
    pub(crate) const ALL: [Self; 21] = [
        Self::AnyEpoch,
        Self::NoFence,
        Self::NoReadBack,
        Self::AnsweredTooSoon,
        Self::ForgetsIntents,
        Self::KeepsCommands,
        Self::ForgetsDue,
        Self::ParksAll,
        Self::NeverOver,
        Self::EndlessLease,
        Self::NoLease,
        Self::LiesOnCommitted,
        Self::SendsAhead,
        Self::KeyPerAttempt,
        Self::VersionReadLate,
        Self::UnknownIsRefused,
        Self::UnknownIsDone,
        Self::ConflictIsDone,
        Self::SilentClock,
        Self::RenewsNothing,
        Self::ParksNothing,
    ];
}

/// What a machine is told of its run.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) assumption: Assumption,
    /// Whether targets have nothing against a call that arrives twice.
    pub(crate) bare: bool,
    /// What its engines serve.
    pub(crate) serves: BTreeSet<Target>,
    pub(crate) bend: Option<Bend>,
}

/// A machine. What runs on it comes and goes; the machine stays.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<BadClock>,
    dice: Dice,
    trouble: Arc<Trouble>,
    ledger: Ledger,
    rules: Rules,
    frozen_until: Mutex<Instant>,
    cut_off_until: Mutex<Instant>,
    percent: AtomicU64,
}

impl Machine {
    pub(crate) fn new(
        clock: BadClock,
        dice: Dice,
        (trouble, ledger): (Arc<Trouble>, Ledger),
        rules: Rules,
    ) -> Self {
        let now = Instant::now();
        Self {
            clock: Arc::new(clock),
            dice,
            trouble,
            ledger,
            rules,
            frozen_until: Mutex::new(now),
            cut_off_until: Mutex::new(now),
            percent: AtomicU64::new(100),
        }
    }

    /// What its engines serve.
    pub(crate) const fn serves(&self) -> &BTreeSet<Target> {
        &self.rules.serves
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

    fn is_bent(&self, bend: Bend) -> bool {
        self.rules.bend == Some(bend)
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
        match self.rules.assumption {
            // The engine's clock runs twice as fast at most.
            Assumption::Holds => LATE_BOUND.0 / 2,
            Assumption::Broken => LATE_BOUND.0 * 5,
        }
    }

    /// Hands a call to the target later, whatever becomes of who sent it.
    fn deliver_later(&self, world: &SimWorld, call: &Call, what: &Request) {
        let (world, call, what) = (world.clone(), call.clone(), what.clone());
        let after = self.dice.time(1..self.longest());
        if after > LATE_BOUND.duration() {
            self.trouble.count(Kind::CallBeyondBound);
        }
        let late = VersionReader { on: self.is_bent(Bend::VersionReadLate) };
        tokio::spawn(async move {
            time::sleep(after).await;
            let what = late.read(&world, &call, what);
            // Nobody hears its answer.
            let _ = deliver(&world, &call, what).await;
        });
    }
}

/// A broken adapter that asks which version there is when it sends.
#[derive(Clone, Copy, Debug)]
struct VersionReader {
    on: bool,
}

impl VersionReader {
    fn read(self, world: &SimWorld, call: &Call, mut what: Request) -> Request {
        if let Request::Shift { version: Some(version), .. } = &mut what
            && self.on
        {
            let now = world.with_fleet(|fleet| fleet.versions());
            *version = now[usize::from(call.route)].clone();
        }
        what
    }
}

impl Machine {
    /// The call as a broken adapter makes it.
    fn bent_call(&self, world: &SimWorld, call: &Call, what: Request) -> (Call, Request) {
        let mut call = call.clone();
        match self.rules.bend {
            Some(Bend::KeyPerAttempt) => call.id.seq.0 += 10_000 * u64::from(call.attempt),
            Some(Bend::SendsAhead) => call.id.seq.0 += 1,
            _ => {}
        }
        let reader = VersionReader { on: self.is_bent(Bend::VersionReadLate) };
        let what = reader.read(world, &call, what);
        (call, what)
    }

    /// A call on its way to the target and back.
    async fn carry(&self, world: &SimWorld, call: &Call, what: Request) -> Result<(), PortError> {
        let sent = Instant::now();
        self.thaw().await;
        if self.rules.assumption == Assumption::Holds
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
            if self.rules.bare && self.rules.assumption == Assumption::Holds {
                // The copy of a call that was answered would land when nobody reckons with it.
                deliver(world, call, what).await?;
                return Err(failed(FailureKind::Ambiguous, call));
            }
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
        if self.trouble.is_endless() {
            // In a circle no time passes, and the run would never end.
            time::sleep(Duration::from_secs(60)).await;
        }
        if call == JournalCall::Renew && self.is_bent(Bend::RenewsNothing) {
            return Err(unavailable("renewals are not implemented"));
        }
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
            return if self.is_bent(Bend::AnsweredTooSoon) { Post::Pretend } else { Post::Never };
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

    async fn commit(&self, store: &MemoryJournal, commit: &mut Append) {
        let Some(bend) = self.rules.bend else { return };
        let row = async {
            let select = Select { limit: usize::MAX, ..Select::default() };
            let rows = store.list(&select).await.unwrap_or_default();
            rows.into_iter().find(|row| row.rollout == commit.rollout)
        };
        match bend {
            Bend::AnyEpoch | Bend::NoFence => {
                let Some(row) = row.await else { return };
                commit.epoch = row.epoch;
                if bend == Bend::NoFence {
                    commit.version = row.version;
                }
            }
            Bend::ForgetsIntents => {
                commit.records.iter_mut().for_each(|record| record.intent = None)
            }
            Bend::KeepsCommands => commit.consumed.clear(),
            Bend::ForgetsDue => commit.due = None,
            Bend::ParksAll => commit.park = true,
            Bend::ParksNothing => commit.park = false,
            Bend::NeverOver => commit.over = false,
            _ => {}
        }
    }

    fn committed(&self, found: Option<RowVersion>) -> Option<RowVersion> {
        match self.rules.bend {
            Some(Bend::NoReadBack) => None,
            Some(Bend::LiesOnCommitted) => found.or(Some(RowVersion(1))),
            _ => found,
        }
    }

    fn lease(&self, asked: Span) -> Span {
        match self.rules.bend {
            Some(Bend::EndlessLease) => return Span::hours(10_000),
            Some(Bend::NoLease) => return Span(1),
            _ => {}
        }
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
        if !self.serves().contains(&call.target) {
            self.ledger.unserved(call);
        }
        let (call, what) = self.bent_call(world, call, what);
        if self.is_bent(Bend::SendsAhead) {
            self.ledger.sending(&call);
        }
        let answer = self.carry(world, &call, what).await;
        match (self.rules.bend, &answer) {
            (Some(Bend::UnknownIsRefused), Err(error)) if error.kind == FailureKind::Ambiguous => {
                Err(failed(FailureKind::Retryable, &call))
            }
            (Some(Bend::UnknownIsDone), Err(error)) if error.kind == FailureKind::Ambiguous => {
                Ok(())
            }
            (Some(Bend::ConflictIsDone), Err(error)) if error.kind == FailureKind::Conflict => {
                Ok(())
            }
            _ => answer,
        }
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
