//! What the engine needs from a store, as a trait: records, the looks that evidence is made of,
//! commands, and who runs what.
//!
//! A store keeps a row for each rollout. Its **version** rises with every commit and is compared by
//! each, so that of two decisions one is written. Its **epoch** rises with every claim, so that an
//! earlier owner can write nothing more. Who may claim is a matter of leases, one for each engine and
//! not one for each rollout: a row names the engine that holds it, and is free when it names none or
//! one that is not listed any more. A rollout that waits for a person or a time is held by nobody.
//!
//! Leases are measured by the store's clock alone, or where it has none by whoever watches them
//! (`docs/journal-dynamodb.md`). They keep two engines from doing the same work;
//! what keeps a late call from doing harm is the class of the target (`docs/protocol.md`).

use std::{collections::BTreeSet, error::Error as StdError, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Actor, CheckIndex, Command, CommandId, EngineId, Epoch, Generation, Ignored, Look, Plan,
    Revisions, Role, RolloutId, Seq, Span, Target, Timestamp, World,
    record::{Head, Record},
};

/// Counts the commits of one rollout's row: what a compare-and-swap compares.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RowVersion(pub u64);

/// Identifies one try of a commit, so that a lost answer can be read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub u64);

/// A rollout to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The plan; names the target.
    pub plan: Plan,
    /// Its two revisions.
    pub revisions: Revisions,
    /// The world as found: what a rollback restores.
    pub found: World,
    /// Rollout time.
    pub at: Timestamp,
    /// The active rollout that this one is to follow, and who says so. The journal puts the
    /// command to supersede into that rollout's inbox in the same commit.
    pub after: Option<(RolloutId, Actor)>,
    /// The rollout that this one tries again.
    pub retry_of: Option<RolloutId>,
}

/// An engine as it was just listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is known as from now on. Never given out twice.
    pub engine: EngineId,
    /// The store's time: what rollout time is anchored to. That of this host where the store has no clock.
    pub at: Timestamp,
}

/// What a claim may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// What nobody holds, or only an engine that is not listed any more.
    Free,
    /// Whatever it is, from whoever holds it: a person knows that the holder is gone, or wants it
    /// here. The holder can write nothing more; a call it has under way may still land.
    ByForce,
}

/// Which targets an engine has adapters for: what it may be given to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Every target there is.
    Every,
    /// These.
    Only(BTreeSet<Target>),
}

impl Serves {
    /// Whether rollouts of `target` may be given to it.
    #[must_use]
    pub fn includes(&self, target: &Target) -> bool {
        match self {
            Self::Every => true,
            Self::Only(targets) => targets.contains(target),
        }
    }
}

/// What a claim gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// What every append of this claim must carry.
    pub epoch: Epoch,
    /// The row as it stands.
    pub version: RowVersion,
    /// Record 0.
    pub head: Head,
    /// The last record; absent when nothing followed record 0.
    pub last: Option<Record>,
    /// Commands not yet consumed, in the order they were submitted.
    pub inbox: Vec<Command>,
    /// Present when the store was set back to an earlier state (a backup, a standby that lagged)
    /// after the last record here: what was written and sent since then is unknown. A number drawn
    /// when that was noticed; given until the next append.
    pub restored: Option<u32>,
}

/// What there is to do for one engine, among the targets that it serves.
#[derive(Debug, Default)]
pub struct Work {
    /// Claimed for it now, earliest due first. One that can not be read is claimed all the same, so
    /// that it is told of once and keeps no other from its turn.
    pub claimed: Vec<(RolloutId, Result<Claimed, JournalError>)>,
    /// Rollouts that it holds already and that have commands nobody has read, by number.
    pub commanded: Vec<RolloutId>,
    /// When the next rollout that nobody holds becomes due. One whose time has come and that found no
    /// room counts.
    pub next: Option<Timestamp>,
}

/// A command that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The command.
    pub id: CommandId,
    /// Why it changed nothing; absent when it is in one of the records of this commit.
    pub ignored: Option<Ignored>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// Nobody has read it yet.
    Unread,
    /// It caused a step: the last record of the commit that consumed it.
    Step(Seq),
    /// It changed nothing.
    Ignored(Ignored),
}

/// One commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The rollout.
    pub rollout: RolloutId,
    /// From the claim.
    pub epoch: Epoch,
    /// The row must still be at this version.
    pub version: RowVersion,
    /// Identifies this try.
    pub attempt: AttemptId,
    /// Records, their sequence numbers going on from the last one.
    pub records: Vec<Record>,
    /// Commands that were read.
    pub consumed: Vec<Consumed>,
    /// When somebody has to look at this rollout again; `None` if only a command can move it.
    pub due: Option<Timestamp>,
    /// Whether the claim ends with this commit: the rollout waits, and nobody has to hold it.
    pub park: bool,
    /// Whether the rollout is over: the claim ends, and the target is free for another.
    pub over: bool,
}

/// A look as kept: evidence, apart from the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredLook {
    /// The rollout.
    pub rollout: RolloutId,
    /// The check it was taken for.
    pub check: CheckIndex,
    /// Which of its jobs.
    pub role: Role,
    /// Raised when a window is measured again; the highest counts.
    pub correction: u32,
    /// The look.
    pub look: Look,
}

/// Who holds a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Active {
    /// The rollout that may move it.
    pub rollout: RolloutId,
    /// How many rollouts the target has had.
    pub generation: Generation,
    /// The rollout that waits behind it.
    pub waiting: Option<RolloutId>,
}

/// One rollout in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The rollout.
    pub rollout: RolloutId,
    /// The thing being released.
    pub target: Target,
    /// Its place among the rollouts of its target.
    pub generation: Generation,
    /// Commits so far.
    pub version: RowVersion,
    /// Claims so far.
    pub epoch: Epoch,
    /// When it was opened, in rollout time.
    pub opened: Timestamp,
    /// When somebody has to look at it, if ever by itself.
    pub due: Option<Timestamp>,
    /// The name of the engine that holds it; absent when that is not listed any more.
    pub holder: Option<String>,
    /// Commands that nobody has read; none once it is over.
    pub unread: u64,
    /// Whether it is over.
    pub over: bool,
}

/// Which rollouts to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Of this target only.
    pub target: Option<Target>,
    /// Only those that are over, or only those that are not.
    pub over: Option<bool>,
    /// Only those before this one: where the page before ended.
    pub before: Option<RolloutId>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Select {
    /// The newest 100.
    fn default() -> Self {
        Self { target: None, over: None, before: None, limit: 100 }
    }
}

/// What may be forgotten, of rollouts that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// Looks of rollouts that ended before this.
    pub looks_before: Option<Timestamp>,
    /// Everything of rollouts that ended before this. The count of a target's rollouts stays.
    pub rollouts_before: Option<Timestamp>,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Looks.
    pub looks: u64,
    /// Whole rollouts.
    pub rollouts: u64,
}

/// Why a journal refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The target has an active rollout, and the opening does not follow it.
    #[error("target {target} has an active rollout, {active}")]
    Busy {
        /// The target.
        target: Target,
        /// Its active rollout.
        active: RolloutId,
    },
    /// There is no such rollout.
    #[error("there is no rollout {0} in the journal")]
    Unknown(RolloutId),
    /// A listed engine holds it.
    #[error("rollout {rollout} is held by engine {by:?}")]
    Held {
        /// The rollout.
        rollout: RolloutId,
        /// The name of the engine.
        by: String,
    },
    /// The engine was struck off: it resigned, or another was listed under its name.
    #[error("engine {0} is not listed any more")]
    Unlisted(EngineId),
    /// The engine's lease has run out. Remembered for a day at least.
    #[error("the lease of engine {0} has run out")]
    Lapsed(EngineId),
    /// A later claim exists: this writer must stop.
    #[error("rollout {rollout} was claimed with {current:?}; {stale:?} may not write any more")]
    StaleEpoch {
        /// The rollout.
        rollout: RolloutId,
        /// What the writer carries.
        stale: Epoch,
        /// What is in force.
        current: Epoch,
    },
    /// Somebody committed in between: reload, and apply again if the epoch is still ours.
    #[error("rollout {rollout} is at {current:?}, not at {expected:?}")]
    StaleVersion {
        /// The rollout.
        rollout: RolloutId,
        /// What the writer expected.
        expected: RowVersion,
        /// What is so.
        current: RowVersion,
    },
    /// The records do not go on from the last one.
    #[error("record {got:?} of rollout {rollout} does not follow; expected {expected:?}")]
    Gap {
        /// The rollout.
        rollout: RolloutId,
        /// The sequence number given.
        got: Seq,
        /// The one that would follow.
        expected: Seq,
    },
    /// What is stored of this rollout is not what was written, or was written by a later version of
    /// this library. Other rollouts are not concerned.
    #[error("rollout {rollout} can not be read from the journal: {why}")]
    Corrupt {
        /// The rollout.
        rollout: RolloutId,
        /// What is wrong, and where.
        why: String,
    },
    /// What is to be written of a rollout is larger than the store takes at once. Nothing was committed,
    /// and no repetition will be.
    #[error("{bytes} bytes of rollout {rollout} are more than the {most} that the journal takes")]
    TooLarge {
        /// The rollout.
        rollout: RolloutId,
        /// What it would take.
        bytes: usize,
        /// What there is.
        most: usize,
    },
    /// It may have been committed: read back and compare attempts, never repeat blindly.
    #[error("the commit of rollout {0} may or may not have happened")]
    AnswerLost(RolloutId),
    /// The store can not be reached, or failed. Nothing was committed.
    #[error("the journal is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

/// Keeps records. Durable when it returns; refuses a stale writer.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync {
    /// Lists an engine for the time `lease`. Whoever was listed under the same name before is struck
    /// off, and what that one held is free: a process that starts again goes on at once.
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError>;

    /// Renews an engine's lease, from the store's time now, which is returned.
    ///
    /// # Errors
    /// [`JournalError::Lapsed`] when it has run out: it is never renewed then, for what the engine
    /// held may be another's, and has to be claimed anew. [`JournalError::Unlisted`] when the engine
    /// was struck off.
    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError>;

    /// Strikes an engine off: what it holds is free. One that is not listed is no error.
    async fn resign(&self, engine: EngineId) -> Result<(), JournalError>;

    /// Opens a rollout: gives it an id, the target's next generation, and record 0. Atomic per
    /// target: one active rollout, and at most one that waits behind it. A newer one that waits
    /// replaces the one that waited, which is closed without ever having started. Due at once,
    /// unless it waits.
    ///
    /// # Errors
    /// [`JournalError::Busy`] when the target has an active rollout that `after` does not name.
    /// [`JournalError::AnswerLost`] with the number that it has if it was opened: look whether its
    /// record 0 is the one given.
    async fn open(&self, opening: Opening) -> Result<Head, JournalError>;

    /// Claims a rollout for an engine: raises its epoch, so that no earlier claim can write.
    ///
    /// # Errors
    /// [`JournalError::Held`] when another listed engine holds it, unless taken by force.
    /// [`JournalError::Unlisted`] or [`JournalError::Lapsed`] when `by` is not listed.
    async fn claim(
        &self,
        rollout: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError>;

    /// Claims rollouts that are free and due at `now`, earliest due first, at most `limit`; and says
    /// what else concerns this engine. Due at once, whatever their time: those with unread commands,
    /// those that were set back with the store, and those whose holder is not listed any more, which
    /// may have left a call unresolved.
    ///
    /// Of targets that are not in `serves` it takes nothing and tells nothing, whoever holds their
    /// rollouts: they wait for an engine that serves them.
    ///
    /// # Errors
    /// [`JournalError::Unlisted`] or [`JournalError::Lapsed`] when `by` is not listed.
    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError>;

    /// Commits records, consumed commands and the next due time, all or nothing. Once a rollout is over,
    /// the one that waits behind it is active and due, and its version rises in the same commit:
    /// whoever is about to park it looks again instead.
    ///
    /// # Errors
    /// [`JournalError::StaleEpoch`], [`JournalError::StaleVersion`], [`JournalError::Gap`] when it
    /// may not be; [`JournalError::AnswerLost`] when it may have been.
    async fn append(&self, commit: Append) -> Result<RowVersion, JournalError>;

    /// Whether the commit that carried this attempt is in the journal: the version it made.
    async fn committed(
        &self,
        rollout: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError>;

    /// Gives a claim up.
    ///
    /// # Errors
    /// [`JournalError::StaleEpoch`] when a later claim exists; nothing changes then.
    async fn release(&self, rollout: RolloutId, epoch: Epoch) -> Result<(), JournalError>;

    /// Record 0.
    async fn head(&self, rollout: RolloutId) -> Result<Head, JournalError>;

    /// The last record; `None` when nothing followed record 0.
    async fn last(&self, rollout: RolloutId) -> Result<Option<Record>, JournalError>;

    /// Records from `from` on, in order.
    async fn read(&self, rollout: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError>;

    /// The active rollout of a target, and the one that waits behind it.
    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError>;

    /// Rollouts, the newest first.
    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError>;

    /// Puts a command into a rollout's inbox. One whose id is there already, or was consumed, is
    /// not added again. One for a rollout that is over is kept, and answered at once: see
    /// [`Self::became`].
    async fn submit(&self, rollout: RolloutId, command: Command) -> Result<(), JournalError>;

    /// Commands not yet consumed, in the order they were submitted; none once the rollout is over.
    async fn inbox(&self, rollout: RolloutId) -> Result<Vec<Command>, JournalError>;

    /// What became of a command; `None` for one that was never submitted. None stays unread for ever:
    /// what nobody had read when the rollout ended, and what came after its end, is
    /// [`Ignored::Terminal`].
    async fn became(
        &self,
        rollout: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError>;

    /// Appends looks to the evidence log. A look that is there already is not added again.
    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError>;

    /// The looks of one check in one role, by window, the highest correction of each.
    async fn looks(
        &self,
        rollout: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError>;

    /// Forgets what is old, of rollouts that are over. All or nothing for each rollout.
    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError>;
}
