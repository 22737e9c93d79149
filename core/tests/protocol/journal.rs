//! The row of one rollout in the journal: version, epoch, holder, and what the records come to.

use tidegate_core::{AttemptId, Epoch, RowVersion, Seq, Weight};

use crate::{
    limits::STEPS,
    rules::{Fence, Protocol},
    target::Stamp,
};

/// What a move is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Aim {
    /// The step with this index.
    Forward(u8),
    /// The way back.
    Back,
}

impl Aim {
    /// The weight that it sets.
    pub(crate) fn weight(self) -> Weight {
        match self {
            Self::Forward(step) => STEPS[usize::from(step)],
            Self::Back => Weight::ZERO,
        }
    }
}

/// A move whose outcome is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Intent {
    /// The record that holds it.
    pub(crate) seq: Seq,
    /// What it is for.
    pub(crate) aim: Aim,
    /// What the target said of itself when it was decided.
    pub(crate) captured: Option<Stamp>,
}

/// How far the way back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// Forward.
    Forward,
    /// Back.
    Back,
    /// Back, acknowledged, and not yet confirmed.
    WasBack,
}

/// What the records of a rollout come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    /// The last intent.
    pub(crate) seq: Seq,
    /// Forward steps recorded as done.
    pub(crate) done: u8,
    /// Forward or back.
    pub(crate) way: Way,
    /// The move under way.
    pub(crate) open: Option<Intent>,
    /// Whether a forward move was overtaken and may still land.
    pub(crate) overtaken: bool,
    /// Whether the end was reported.
    pub(crate) over: bool,
}

impl Progress {
    /// Nothing decided.
    const OPENED: Self =
        Self { seq: Seq(0), done: 0, way: Way::Forward, open: None, overtaken: false, over: false };

    /// With a further intent.
    pub(crate) fn intending(self, aim: Aim, captured: Option<Stamp>) -> Self {
        let seq = self.seq.next();
        let way = if aim == Aim::Back { Way::Back } else { self.way };
        Self { seq, way, open: Some(Intent { seq, aim, captured }), ..self }
    }

    /// With the open move done.
    pub(crate) fn done(self, steps: u8) -> Self {
        let Some(open) = self.open else { return self };
        match open.aim {
            Aim::Forward(step) => {
                Self { done: step + 1, open: None, over: step + 1 == steps, ..self }
            }
            Aim::Back => Self { way: Way::WasBack, open: None, ..self },
        }
    }

    /// The aim of the open move, if that goes forward.
    pub(crate) fn open_forward(&self) -> Option<Aim> {
        self.open.map(|open| open.aim).filter(|aim| *aim != Aim::Back)
    }
}

/// One commit, under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Append {
    /// From the claim.
    pub(crate) epoch: Epoch,
    /// The row must still be at it.
    pub(crate) version: RowVersion,
    /// Identifies this try.
    pub(crate) attempt: AttemptId,
    /// What the row is to say.
    pub(crate) next: Progress,
}

/// The row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    /// Raised by every commit.
    pub(crate) version: RowVersion,
    /// Raised by every claim.
    pub(crate) epoch: Epoch,
    /// The engine that claimed last.
    pub(crate) holder: Option<u8>,
    /// The try that wrote last.
    pub(crate) attempt: AttemptId,
    /// What it says.
    pub(crate) progress: Progress,
}

impl Row {
    /// A rollout just opened.
    pub(crate) const OPENED: Self = Self {
        version: RowVersion(0),
        epoch: Epoch(0),
        holder: None,
        attempt: AttemptId(0),
        progress: Progress::OPENED,
    };

    /// A claim that was found permissible.
    pub(crate) fn claim(&mut self, engine: u8, fence: Fence) {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.holder = Some(engine);
        if fence.claim_raises_version {
            self.version = RowVersion(self.version.0 + 1);
        }
    }

    /// Writes, unless the writer is refused. Says whether it wrote.
    #[must_use]
    pub(crate) fn append(&mut self, append: &Append, protocol: &Protocol) -> bool {
        let Fence { epoch, version, outcomes, .. } = protocol.fence;
        let fenced = outcomes || append.next.open.is_some();
        let stale = epoch && append.epoch != self.epoch;
        let behind = version && append.version != self.version;
        if fenced && (stale || behind) {
            return false;
        }
        self.version = RowVersion(self.version.0 + 1);
        self.attempt = append.attempt;
        self.progress = append.next;
        true
    }
}
