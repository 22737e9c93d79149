//! The small language that all strategies compile to: a list of goals, each with a gate.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Extra, Span, Wait, Weight, record::is_default};

/// Where in a plan a rollout is: the stage, and the batch within a stage that repeats.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// Index into the plan's stages.
    pub stage: u16,
    /// Zero, or the batch of a stage with [`Batches`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub batch: u16,
}

impl Position {
    /// The batch that takes all that is left of its stage. No stage has more batches than it can count to.
    pub const LAST_BATCH: u16 = u16::MAX;
}

/// The gate a command was given for, so that a late click does not open the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GateRef {
    /// Where the gate stands.
    pub at: Position,
    /// The wait of a platform that it guards, if it guards one.
    pub wait: Option<Wait>,
}

impl fmt::Display for GateRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gate {}", u32::from(self.at.stage) + 1)?;
        if self.at.batch > 0 {
            write!(f, ".{}", u32::from(self.at.batch) + 1)?;
        }
        self.wait.map_or(Ok(()), |wait| write!(f, " ({wait})"))
    }
}

/// Index of a check in the plan.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CheckIndex(pub u8);

/// Index of a hook in the plan.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct HookIndex(pub u8);

/// A set of checks or hooks of a plan, by index. A plan has at most [`Self::MAX`] of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IndexSet(pub u16);

impl IndexSet {
    /// How many a set holds: one bit each in the state.
    pub const MAX: usize = 16;
    /// Nothing.
    pub const EMPTY: Self = Self(0);

    const fn bit(index: u8) -> u16 {
        if index < 16 { 1 << index } else { 0 }
    }

    /// With `index` in it.
    #[must_use]
    pub const fn with(self, index: u8) -> Self {
        Self(self.0 | Self::bit(index))
    }

    /// Without `index`.
    #[must_use]
    pub const fn without(self, index: u8) -> Self {
        Self(self.0 & !Self::bit(index))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `index` is in it.
    #[must_use]
    pub const fn contains(self, index: u8) -> bool {
        self.0 & Self::bit(index) != 0
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The indices, rising.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self;
        std::iter::from_fn(move || {
            let lowest = (0..16).nth(left.0.trailing_zeros() as usize)?;
            left = left.without(lowest);
            Some(lowest)
        })
    }
}

impl FromIterator<u8> for IndexSet {
    fn from_iter<I: IntoIterator<Item = u8>>(indices: I) -> Self {
        indices.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// How much capacity a goal wants of an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Whatever it has.
    Keep,
    /// The ceiling of this share of the full size, at least `minimum` units (but never more than full).
    Share {
        /// The share.
        share: Weight,
        /// At least so many units.
        minimum: u32,
    },
    /// As many as the batches done so far replace (rolling): the candidate gets them, stable the rest.
    Batches,
}

/// How many units a batch replaces, and what must keep serving meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSize {
    /// Kubernetes' words: units above the full size, and units below it, that are allowed.
    Surge {
        /// Rounds up when it is a share.
        surge: Amount,
        /// Rounds down when it is a share.
        unavailable: Amount,
    },
    /// CodeDeploy's: units that must stay healthy; nothing is added. Fails at once when no more
    /// than this are healthy.
    MinimumHealthy {
        /// Rounds up when it is a share.
        healthy: Amount,
    },
}

/// A count, or a share of the full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many units.
    Count(u32),
    /// This share.
    Share(Weight),
}

impl Amount {
    /// Units of `full`, a share rounded up.
    #[must_use]
    pub fn up(self, full: u32) -> u32 {
        match self {
            Self::Count(n) => n,
            Self::Share(share) => share.units_of(full),
        }
    }

    /// Units of `full`, a share rounded down.
    #[must_use]
    pub fn down(self, full: u32) -> u32 {
        match self {
            Self::Count(n) => n,
            Self::Share(share) => {
                let product = u64::from(share.bp()) * u64::from(full);
                u32::try_from(product / 10_000).unwrap_or(u32::MAX)
            }
        }
    }

    /// Whether it is nothing, as written.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        match self {
            Self::Count(n) => n == 0,
            Self::Share(share) => share.bp() == 0,
        }
    }
}

/// [`BatchSize`] for a given full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Units that may exist above the full size.
    pub surge: u32,
    /// Ready units there must be at least.
    pub floor: u32,
}

impl Bounds {
    /// Units replaced by one batch of `full`.
    #[must_use]
    pub const fn batch(self, full: u32) -> u32 {
        let batch = self.surge.saturating_add(full.saturating_sub(self.floor));
        if batch == 0 { 1 } else { batch }
    }
}

impl BatchSize {
    /// The bounds for a full size. Both surge and unavailable resolving to zero means one unavailable.
    #[must_use]
    pub fn bounds(self, full: u32) -> Bounds {
        match self {
            Self::Surge { surge, unavailable } => {
                let surge = surge.up(full);
                let unavailable = unavailable.down(full).min(full);
                let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
                Bounds { surge, floor: full.saturating_sub(unavailable) }
            }
            Self::MinimumHealthy { healthy } => Bounds { surge: 0, floor: healthy.up(full) },
        }
    }
}

/// A stage that is walked in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Batches {
    /// How large a batch is.
    pub size: BatchSize,
    /// The stage ends when the candidate has this share of the full size.
    pub until: Weight,
    /// The zone the batches are taken from; all of the target when it has no zones.
    pub zone: Option<u8>,
    /// Whether the stage's gate stands after each batch, or only after the last one.
    pub gate_each: bool,
}

/// The world that a stage wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Goal {
    /// The candidate's share of production traffic. `None` where traffic follows capacity, or with
    /// [`Demand::Batches`], where it is the share that the batches done have replaced.
    pub weight: Option<Weight>,
    /// Copies and tests.
    pub extra: Extra,
    /// Capacity of the candidate.
    pub candidate: Demand,
    /// Capacity of the stable arm; never less than its traffic needs.
    pub stable: Demand,
}

/// Who sets the pace of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// We do, move by move.
    Ours,
    /// A platform does, between its wait points; each one that is declared has a gate here, and one
    /// without a gate is released at once.
    Platform {
        /// The gates of the wait points, by [`WaitPoint`](crate::WaitPoint).
        waits: [Gate; 3],
    },
}

/// What is done when a wait has lasted too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDeadline {
    /// Go no further; go on by itself when what was missing arrives.
    Hold,
    /// Go no further until a person says so.
    Ask,
    /// Go back.
    RollBack,
}

impl fmt::Display for OnDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hold => "hold",
            Self::Ask => "ask",
            Self::RollBack => "roll back",
        })
    }
}

/// How long a wait may last, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deadline {
    /// How long.
    pub within: Span,
    /// What then.
    pub then: OnDeadline,
}

/// What must be true to leave a stage. An empty gate opens at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gate {
    /// Time during which seen equalled wanted.
    pub bake: Span,
    /// Checks that must pass, from windows that began after seen equalled wanted. Minimum evidence
    /// (looks, samples) is part of each check.
    pub checks: IndexSet,
    /// Whether a person must approve.
    pub approval: bool,
    /// Hooks that must approve.
    pub hooks: IndexSet,
    /// Whether it opens only in the plan's allowed hours.
    pub hours: bool,
    /// How long it may stay shut after its bake time, and what then.
    pub deadline: Deadline,
}

impl Gate {
    /// A gate that opens at once. Its deadline never comes into it.
    pub const OPEN: Self = Self {
        bake: Span::ZERO,
        checks: IndexSet::EMPTY,
        approval: false,
        hooks: IndexSet::EMPTY,
        hours: false,
        deadline: Deadline { within: Span::hours(1), then: OnDeadline::Ask },
    };

    /// Whether it asks for nothing at all.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.bake.is_zero()
            && self.checks.is_empty()
            && !self.approval
            && self.hooks.is_empty()
            && !self.hours
    }
}

/// A goal, and a gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stage {
    /// For people: "25 %", "preview", "zone b".
    pub name: String,
    /// The world it wants.
    pub goal: Goal,
    /// Who gets there.
    pub pace: Pace,
    /// Whether it is walked in batches.
    pub batches: Option<Batches>,
    /// What must be true to leave it.
    pub gate: Gate,
    /// How long getting there may take (each batch), and what then.
    pub deadline: Deadline,
}
