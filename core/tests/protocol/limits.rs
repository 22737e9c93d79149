//! How much of each trouble is explored. Every number bounds the search; none is part of the protocol.

use tidegate_core::Weight;

/// The weight of each forward step, in order; a rollback goes to nothing.
pub(crate) const STEPS: [Weight; 3] = [Weight::percent(5), Weight::percent(50), Weight::FULL];

/// Most engines that any search has.
pub(crate) const ENGINES: usize = 3;

/// What may happen, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Engines on the journal.
    pub(crate) engines: usize,
    /// Forward steps of the rollout.
    pub(crate) steps: u8,
    /// Whether somebody may call it back, at any time.
    pub(crate) back: bool,
    /// Claims in all.
    pub(crate) claims: u64,
    /// Crashes in all, each with memory lost.
    pub(crate) crashes: u8,
    /// Calls that land twice.
    pub(crate) copies: u8,
    /// Whether the second landing may come after the first was answered.
    pub(crate) copy_outlives_answer: bool,
    /// Commits whose answer is lost; they are durable, or lost, or land later.
    pub(crate) lost_commits: u8,
    /// Sendings of one move by one owner.
    pub(crate) sendings: u8,
    /// The highest sequence number.
    pub(crate) moves: u64,
    /// Look-ups that miss what is there.
    pub(crate) blind_looks: u8,
    /// Whether an engine may be paused between looking at its lease and sending.
    pub(crate) pause_after_check: bool,
    /// Without it a lease lapses at any moment and a call lands at any time, or never.
    pub(crate) time: Option<Time>,
}

/// Leases and bounds, in ticks of the store's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// How long a heartbeat is good for.
    pub(crate) lease: u8,
    /// How many ticks after it was sent a call may land: its time limit and its late bound.
    pub(crate) late: u8,
    /// How fast each engine's clock runs.
    pub(crate) rates: [Rate; ENGINES],
}

/// The rate of a clock, against the store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// Half as fast.
    Half,
    /// As fast.
    Same,
    /// Twice as fast.
    Double,
}

impl Rate {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Half, Self::Same, Self::Double];

    /// Half-ticks that it counts while the store counts one tick.
    pub(crate) const fn half_ticks(self) -> u8 {
        match self {
            Self::Half => 1,
            Self::Same => 2,
            Self::Double => 4,
        }
    }
}

impl Time {
    /// Leases of two ticks, calls that land in the next tick at the latest.
    pub(crate) const fn short(rates: [Rate; ENGINES]) -> Self {
        Self { lease: 2, late: 1, rates }
    }

    /// Clocks that all agree.
    pub(crate) const fn even() -> Self {
        Self::short([Rate::Same; ENGINES])
    }
}

impl Limits {
    /// Two engines, two steps, three claims, two crashes: what a variant needs to show itself.
    pub(crate) const fn small() -> Self {
        Self {
            engines: 2,
            steps: 2,
            back: false,
            claims: 3,
            crashes: 2,
            copies: 1,
            copy_outlives_answer: false,
            lost_commits: 0,
            sendings: 2,
            moves: 2,
            blind_looks: 0,
            pause_after_check: false,
            time: None,
        }
    }

    /// With a way back, and commits whose answer is lost.
    pub(crate) const fn with_back(self) -> Self {
        Self { back: true, lost_commits: 1, moves: 4, ..self }
    }

    /// With leases and late bounds.
    pub(crate) const fn timed(self, time: Time) -> Self {
        Self { time: Some(time), ..self }
    }
}
