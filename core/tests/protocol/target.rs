//! The target and the calls on their way to it.

use tidegate_core::{Epoch, SafetyClass, Seq, Weight};

use crate::{
    journal::{Aim, Intent},
    rules::{Key, Protocol},
};

/// What the target says of its own state: raised by every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) u8);

/// What repeats of a call are known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Token {
    seq: Seq,
    epoch: Epoch,
    attempt: u8,
}

/// A call in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    /// The move.
    pub(crate) seq: Seq,
    /// What it sets.
    pub(crate) aim: Aim,
    /// Who sent it.
    pub(crate) epoch: Epoch,
    /// Sent to a target that honours tokens.
    pub(crate) token: Option<Token>,
    /// Sent to a target that compares.
    pub(crate) expected: Option<Stamp>,
    /// The engine that still waits for the answer.
    pub(crate) awaited_by: Option<u8>,
    /// Ticks since it was sent.
    pub(crate) age: u8,
    /// Whether it has landed once, and will again.
    pub(crate) doubled: bool,
}

impl Call {
    /// The call that carries out an intent.
    pub(crate) fn of(
        intent: Intent,
        protocol: &Protocol,
        by: u8,
        epoch: Epoch,
        attempt: u8,
    ) -> Self {
        let token = match protocol.key {
            Key::None => None,
            Key::Move => Some(Token { seq: intent.seq, epoch: Epoch(0), attempt: 0 }),
            Key::MoveAndEpoch => Some(Token { seq: intent.seq, epoch, attempt: 0 }),
            Key::Attempt => Some(Token { seq: intent.seq, epoch, attempt }),
        };
        Self {
            seq: intent.seq,
            aim: intent.aim,
            epoch,
            token,
            expected: intent.captured,
            awaited_by: Some(by),
            age: 0,
            doubled: false,
        }
    }
}

/// What the target says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Done now.
    Applied,
    /// Done before, under the same token.
    Repeated,
    /// Not done: another stamp than the one sent.
    Conflict,
    /// Not done: a later epoch was seen.
    OldEpoch,
}

/// The target as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// What was set last; nothing has been, at first.
    pub(crate) value: Aim,
    /// What it says of itself.
    pub(crate) stamp: Stamp,
    /// Tokens it has seen.
    tokens: Vec<Token>,
    /// The latest epoch it has seen.
    epoch: Epoch,
    /// What was made, by tag.
    made: Vec<Seq>,
}

impl Target {
    /// Before the rollout: everything goes to stable.
    pub(crate) const fn untouched() -> Self {
        Self {
            value: Aim::Back,
            stamp: Stamp(0),
            tokens: Vec::new(),
            epoch: Epoch(0),
            made: Vec::new(),
        }
    }

    /// The candidate's weight.
    pub(crate) fn weight(&self) -> Weight {
        self.value.weight()
    }

    /// Whether something was made with this tag.
    pub(crate) fn has(&self, tag: Seq) -> bool {
        self.made.contains(&tag)
    }

    /// What a call would be told.
    pub(crate) fn answer(&self, call: &Call, protocol: &Protocol) -> Answer {
        if protocol.epochs_at_target && call.epoch < self.epoch {
            Answer::OldEpoch
        } else if call.token.is_some_and(|token| self.tokens.contains(&token)) {
            Answer::Repeated
        } else if call.expected.is_some_and(|expected| expected != self.stamp) {
            Answer::Conflict
        } else {
            Answer::Applied
        }
    }

    /// Lets a call land that is told [`Answer::Applied`].
    pub(crate) fn apply(&mut self, call: &Call, protocol: &Protocol) {
        self.value = call.aim;
        if protocol.compares() {
            self.stamp = Stamp(self.stamp.0 + 1);
        }
        if protocol.epochs_at_target {
            self.epoch = call.epoch;
        }
        if let Some(token) = call.token {
            self.tokens.push(token);
            self.tokens.sort_unstable();
        }
        if protocol.class == SafetyClass::BareCreate && !self.has(call.seq) {
            self.made.push(call.seq);
            self.made.sort_unstable();
        }
    }
}
