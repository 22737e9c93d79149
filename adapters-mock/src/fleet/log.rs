//! What reached the target: every call that changes something, and what became of it.

use serde::{Deserialize, Serialize};
use tidegate_core::{Arm, Call, Epoch, Extra, MoveId, Split, Timestamp, Version, Wait};

use crate::faults::Op;

/// A call that changes something, apart from who sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Set the split of the call's route, on a condition where a version is given.
    Shift {
        /// The split.
        to: Split,
        /// The version that the route must still have.
        version: Option<Version>,
    },
    /// Set mirror and test traffic.
    Mirror(Extra),
    /// Make an arm exist.
    Provision {
        /// Which arm.
        arm: Arm,
        /// Units in the zone, or in all.
        units: u32,
        /// The zone.
        zone: Option<u8>,
    },
    /// Scale an arm.
    Scale {
        /// Which arm.
        arm: Arm,
        /// Units in the zone, or in all.
        units: u32,
        /// The zone.
        zone: Option<u8>,
    },
    /// Remove an arm.
    Retire(Arm),
    /// Start the platform's deployment.
    Start,
    /// Let a wait point go.
    Release(Wait),
    /// Tell the platform to go back.
    Stop,
    /// Deploy the previous revision again.
    Redeploy,
}

impl Request {
    /// Which operation it is.
    #[must_use]
    pub const fn op(&self) -> Op {
        match self {
            Self::Shift { .. } => Op::Shift,
            Self::Mirror(_) => Op::Mirror,
            Self::Provision { .. } => Op::Provision,
            Self::Scale { .. } => Op::Scale,
            Self::Retire(_) => Op::Retire,
            Self::Start => Op::Start,
            Self::Release(_) => Op::Release,
            Self::Stop => Op::Stop,
            Self::Redeploy => Op::Redeploy,
        }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Still on its way.
    Underway,
    /// It took effect.
    Done(Timestamp),
    /// It took effect, and once more later.
    DoneTwice(Timestamp),
    /// Its token was known: nothing more was done.
    Repeated,
    /// Its version was not the target's any more: nothing was done.
    Conflicted,
    /// It was refused: nothing was done.
    Refused,
    /// It never took effect, whatever was answered.
    Vanished,
}

/// One call that reached the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When it was sent.
    pub sent: Timestamp,
    /// The move it carries out.
    pub id: MoveId,
    /// Which sending of it.
    pub attempt: u8,
    /// Which route.
    pub route: u8,
    /// Its token, where it creates something that is found again by it; else empty.
    pub tag: String,
    /// Who sent it.
    pub epoch: Epoch,
    /// What was asked.
    pub request: Request,
    /// What became of it.
    pub fate: Fate,
}

impl Logged {
    pub(crate) fn new(call: &Call, request: Request, sent: Timestamp) -> Self {
        let Call { id, attempt, route, epoch, .. } = *call;
        let creates = matches!(request, Request::Start | Request::Redeploy);
        let tag = if creates { call.token() } else { String::new() };
        Self { sent, id, attempt, route, tag, epoch, request, fate: Fate::Underway }
    }

    /// Whether it took effect at least once.
    #[must_use]
    pub const fn took_effect(&self) -> bool {
        matches!(self.fate, Fate::Done(_) | Fate::DoneTwice(_))
    }

    /// What a client token is made of, apart from the target: the move and the route.
    #[must_use]
    pub const fn key(&self) -> (MoveId, u8) {
        (self.id, self.route)
    }
}
