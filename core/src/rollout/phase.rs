//! Where a rollout is. Each variant carries exactly its data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    GateRef, IndexSet, Position, RolloutId, Span, Timestamp, Wait,
    record::{deadline, is_default},
};

/// Where a rollout is.
///
/// ```text
/// Pending ─► Moving ─► Gating ─┬► (next stage) Moving
///               │        │     └► KeepWarm ─► Retiring ─► Confirming(Completed) ─► Completed
///           HandedOver ──┤                       │
///               ▼        ▼                       ▼
///             RollingBack ◄─► Confirming(RolledBack)   Halted ─► (retry, accept, give up)
///                                  ▼
///                      RolledBack, NeverStarted
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not begun: waiting for a person, or for the rollout before it.
    Pending {
        /// The rollout that has to end first.
        after: Option<RolloutId>,
        /// Whether the order to start is given already.
        started: bool,
        /// When waiting has lasted too long.
        #[serde(with = "deadline")]
        by: Timestamp,
    },
    /// On the way to a stage's world.
    Moving {
        /// Which stage and batch.
        at: Position,
        /// When getting there has taken too long.
        by: Timestamp,
    },
    /// At a stage's world, before its gate.
    Gating {
        /// Which stage and batch.
        at: Position,
        /// What the gate has so far.
        gate: GateProgress,
    },
    /// A platform sets the pace.
    HandedOver {
        /// Which stage.
        at: Position,
        /// The platform's deployment as last seen.
        run: PlatformRun,
        /// When it has taken too long.
        by: Timestamp,
    },
    /// All traffic on the candidate; the old revision still ready to take it back.
    KeepWarm {
        /// Until when; zero once that is over, and the world is read once more.
        until: Timestamp,
        /// When that reading has taken too long, or the candidate has been without its capacity for too
        /// long; never while it has it.
        #[serde(with = "deadline")]
        by: Timestamp,
    },
    /// The old revision is being removed. The point of no return lies behind.
    Retiring {
        /// When it has taken too long.
        by: Timestamp,
    },
    /// Waiting until nothing can land any more, and the world is seen as the outcome says.
    Confirming {
        /// The outcome to be confirmed.
        outcome: Outlook,
        /// When nothing that was sent can land any more, and drains have run.
        quiet: Timestamp,
        /// When it has taken too long.
        by: Timestamp,
    },
    /// Going back.
    RollingBack {
        /// Why.
        cause: Cause,
        /// When it has taken too long.
        by: Timestamp,
    },
    /// Waiting for a person, and only for a person: retry the rollback, accept the candidate, or
    /// give up.
    Halted {
        /// Why.
        why: Halt,
        /// What the rollback was for, if it halted on the way back.
        cause: Option<Cause>,
    },
    /// Terminal: the candidate is the service.
    Completed,
    /// Terminal: the world is as it was found.
    RolledBack {
        /// Why.
        cause: Cause,
    },
    /// Terminal: no traffic ever reached the candidate's revision, or there was nothing to go back to.
    NeverStarted {
        /// Why.
        cause: Cause,
    },
    /// Terminal: a person left the world as it is.
    GaveUp,
}

/// The outcome that a [`Phase::Confirming`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// The candidate is the service.
    Completed,
    /// The world is as it was found.
    RolledBack(Cause),
}

/// Why a rollout went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A check, a move or a deadline failed.
    Failed,
    /// A person said so.
    Aborted,
    /// A gate was denied, by a person or a hook.
    Denied,
    /// A newer revision arrived.
    Superseded,
    /// The platform went back by its own rule.
    Platform,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Denied => "denied",
            Self::Superseded => "superseded",
            Self::Platform => "rolled back by the platform",
        })
    }
}

/// Why a rollout waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// The way back could not be finished.
    RollbackFailed,
    /// A failure after the point of no return.
    AfterPointOfNoReturn,
    /// The old revision could not be removed.
    RetireFailed,
    /// Somebody else keeps changing what we set.
    Contested,
    /// The platform ended where it neither went forward nor back.
    PlatformFailed,
    /// The journal was set back to an earlier state.
    SetBack,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RollbackFailed => "the rollback could not be finished",
            Self::AfterPointOfNoReturn => "it failed after the point of no return",
            Self::RetireFailed => "the old revision could not be removed",
            Self::Contested => "somebody else keeps changing what was set",
            Self::PlatformFailed => "the platform ended neither forward nor back",
            Self::SetBack => "the journal was set back, and what was sent since is not known",
        })
    }
}

/// What a gate has so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateProgress {
    /// Since when seen has equalled wanted without a break; the bake clock runs from here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub matched: Option<Timestamp>,
    /// Bake time asked for.
    pub bake: Span,
    /// Bake time from before the last break.
    #[serde(default, skip_serializing_if = "is_default")]
    pub baked: Span,
    /// Checks that pass, from windows that began after `matched`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub passed: IndexSet,
    /// Hooks that approved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub approved: IndexSet,
    /// Hooks that were asked and said "wait", or gave no usable answer: not asked again before
    /// `ask_again`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferred: IndexSet,
    /// When deferred hooks are asked again.
    #[serde(default = "deadline::never", skip_serializing_if = "deadline::is_never")]
    pub ask_again: Timestamp,
    /// Whether a person approved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub signed: bool,
    /// Whether a person opened it without waiting.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skipped: bool,
    /// When it has been shut for too long.
    #[serde(default = "deadline::never", skip_serializing_if = "deadline::is_never")]
    pub by: Timestamp,
}

/// A platform's deployment as last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformRun {
    /// Told to start; not yet seen. Complete look-ups that did not find it, up to two.
    Starting {
        /// Complete look-ups without it since the last call could no longer land.
        missed: u8,
    },
    /// Under way.
    Running,
    /// Waiting to be released, before the gate given.
    AtWait {
        /// Where.
        wait: Wait,
        /// When the platform stops waiting.
        expires: Timestamp,
        /// What the gate has so far.
        gate: GateProgress,
    },
    /// Released; the platform has not yet moved on.
    Released {
        /// From where.
        wait: Wait,
    },
}

/// Why a rollout goes no further although its phase would. Any of them keeps it from going forward,
/// none from going back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Holds(pub u8);

/// One of the reasons in [`Holds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// A person paused it.
    Operator,
    /// The calendar says so.
    Freeze,
    /// A guard has no answer, or a wait lasted too long and goes on.
    Evidence,
    /// A check says that the evidence can not be trusted.
    Ratio,
    /// The world was changed below what is wanted.
    Drift,
    /// The platform is held by somebody else, or can not go on.
    Platform,
    /// A deadline passed and its action is to ask.
    Ask,
}

impl Hold {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Operator,
        Self::Freeze,
        Self::Evidence,
        Self::Ratio,
        Self::Drift,
        Self::Platform,
        Self::Ask,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "paused",
            Self::Freeze => "freeze",
            Self::Evidence => "evidence",
            Self::Ratio => "ratio",
            Self::Drift => "drift",
            Self::Platform => "platform",
            Self::Ask => "asking",
        })
    }
}

impl Holds {
    /// No hold.
    pub const NONE: Self = Self(0);
    /// What a person's `resume` lifts.
    pub const LIFTABLE: Self = Self(
        Hold::Operator.bit()
            | Hold::Evidence.bit()
            | Hold::Ratio.bit()
            | Hold::Drift.bit()
            | Hold::Platform.bit()
            | Hold::Ask.bit(),
    );

    /// With one more.
    #[must_use]
    pub const fn with(self, hold: Hold) -> Self {
        Self(self.0 | hold.bit())
    }

    /// Without one.
    #[must_use]
    pub const fn without(self, hold: Hold) -> Self {
        Self(self.0 & !hold.bit())
    }

    /// Without all of `others`.
    #[must_use]
    pub const fn minus(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether this one is set.
    #[must_use]
    pub const fn has(self, hold: Hold) -> bool {
        self.0 & hold.bit() != 0
    }

    /// Whether none is set.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Those that are set.
    pub fn iter(self) -> impl Iterator<Item = Hold> {
        Hold::ALL.into_iter().filter(move |hold| self.has(*hold))
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, hold) in self.iter().enumerate() {
            write!(f, "{}{hold}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The name of a phase, without its data: what a decision and the rules page say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the phase of the same name")]
pub enum PhaseName {
    Pending,
    Moving,
    Gating,
    HandedOver,
    KeepWarm,
    Retiring,
    ConfirmingCompleted,
    RollingBack,
    ConfirmingRolledBack,
    Halted,
    Completed,
    RolledBack,
    NeverStarted,
    GaveUp,
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Moving => "moving",
            Self::Gating => "gating",
            Self::HandedOver => "handed over",
            Self::KeepWarm => "keep warm",
            Self::Retiring => "retiring",
            Self::ConfirmingCompleted => "confirming (completed)",
            Self::RollingBack => "rolling back",
            Self::ConfirmingRolledBack => "confirming (rolled back)",
            Self::Halted => "halted",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::NeverStarted => "never started",
            Self::GaveUp => "gave up",
        })
    }
}

impl Phase {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> PhaseName {
        match self {
            Self::Pending { .. } => PhaseName::Pending,
            Self::Moving { .. } => PhaseName::Moving,
            Self::Gating { .. } => PhaseName::Gating,
            Self::HandedOver { .. } => PhaseName::HandedOver,
            Self::KeepWarm { .. } => PhaseName::KeepWarm,
            Self::Retiring { .. } => PhaseName::Retiring,
            Self::Confirming { outcome: Outlook::Completed, .. } => PhaseName::ConfirmingCompleted,
            Self::Confirming { outcome: Outlook::RolledBack(_), .. } => {
                PhaseName::ConfirmingRolledBack
            }
            Self::RollingBack { .. } => PhaseName::RollingBack,
            Self::Halted { .. } => PhaseName::Halted,
            Self::Completed => PhaseName::Completed,
            Self::RolledBack { .. } => PhaseName::RolledBack,
            Self::NeverStarted { .. } => PhaseName::NeverStarted,
            Self::GaveUp => PhaseName::GaveUp,
        }
    }

    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Completed | Self::RolledBack { .. } | Self::NeverStarted { .. } | Self::GaveUp
        )
    }

    /// Whether the rollout is on its way back.
    #[must_use]
    pub const fn is_backward(&self) -> bool {
        matches!(
            self,
            Self::RollingBack { .. } | Self::Confirming { outcome: Outlook::RolledBack(_), .. }
        )
    }

    /// The stage and batch, where there is one.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        match *self {
            Self::Moving { at, .. } | Self::Gating { at, .. } | Self::HandedOver { at, .. } => {
                Some(at)
            }
            _ => None,
        }
    }

    /// The gate it stands before.
    #[must_use]
    pub const fn gate(&self) -> Option<GateRef> {
        match *self {
            Self::Gating { at, .. } => Some(GateRef { at, wait: None }),
            Self::HandedOver { at, run: PlatformRun::AtWait { wait, .. }, .. } => {
                Some(GateRef { at, wait: Some(wait) })
            }
            _ => None,
        }
    }
}
