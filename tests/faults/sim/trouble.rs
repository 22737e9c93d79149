//! Every kind of fault, how often it was injected, and whether faults are injected at all.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::time::Instant;

/// A kind of fault. Each counts once for what it hits: a call, a process, a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A process was killed; another is started later.
    Killed,
    /// A call of a process that stands still for longer than its lease was frozen.
    Frozen,
    /// A call of a process that is cut off from the store failed.
    CutOff,
    /// The store carried a call out, and its answer was lost.
    StoreAnswerLost,
    /// A commit did not happen, and nobody could tell.
    CommitLost,
    /// A commit that nobody could tell of happened later.
    CommitLate,
    /// A call of the store took seconds.
    StoreSlow,
    /// The store had no room.
    DiskFull,
    /// A clock jumped by an hour.
    ClockJumped,
    /// A clock began to run at another rate, 0.5 to 2.
    ClockSkewed,
    /// A lease was shorter or longer for the store than for the engine.
    LeaseSkewed,
    /// A call reached the target and its answer was lost.
    AnswerLost,
    /// A call never reached the target.
    CallLost,
    /// A call reached the target late.
    CallLate,
    /// A call reached the target, late or once more, later than the target says.
    CallBeyondBound,
    /// A call reached the target twice.
    CallTwice,
    /// The target refused a call for now.
    Throttled,
    /// A reading failed or came too late.
    ReadFailed,
}

impl Kind {
    pub(crate) const ALL: [Self; 18] = [
        Self::Killed,
        Self::Frozen,
        Self::CutOff,
        Self::StoreAnswerLost,
        Self::CommitLost,
        Self::CommitLate,
        Self::StoreSlow,
        Self::DiskFull,
        Self::ClockJumped,
        Self::ClockSkewed,
        Self::LeaseSkewed,
        Self::AnswerLost,
        Self::CallLost,
        Self::CallLate,
        Self::CallBeyondBound,
        Self::CallTwice,
        Self::Throttled,
        Self::ReadFailed,
    ];
}

/// How often each kind was injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL {
            writeln!(f, "{:>12} {kind:?}", self.of(kind))?;
        }
        write!(f, "{:>12} in all", self.total())
    }
}

/// Whether faults are injected, and how many were. Shared by everything in one run.
#[derive(Debug)]
pub(crate) struct Trouble {
    counts: Mutex<Counts>,
    stopped: AtomicBool,
    disk_full_until: Mutex<Instant>,
    calls: AtomicU64,
}

/// Calls of the store that no run needs, even one that is stuck until the end of it.
const ENOUGH: u64 = 600_000;

impl Trouble {
    pub(crate) fn new() -> Arc<Self> {
        let (counts, disk_full_until) = (Mutex::default(), Mutex::new(Instant::now()));
        // Everything starts in peace.
        Arc::new(Self {
            counts,
            stopped: AtomicBool::new(true),
            disk_full_until,
            calls: AtomicU64::new(0),
        })
    }

    /// One more call of the store. Whether there were so many that the engines go round in a circle.
    pub(crate) fn is_endless(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) >= ENOUGH
    }

    pub(crate) fn begin(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, kind: Kind) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).0[kind as usize] += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fill_disk(&self, until: Instant) {
        *self.disk_full_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    pub(crate) fn disk_is_full(&self) -> bool {
        let until = *self.disk_full_until.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_on() && Instant::now() < until
    }
}
