//! What engines, journal and target agree on, as switches. A variant, a class and a defect are values of this.

use tidegate_core::SafetyClass;

/// A protocol: how a move is decided, written, sent and settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// What the target offers.
    pub(crate) class: SafetyClass,
    /// Whether the intent is durable before its call is sent.
    pub(crate) intent_first: bool,
    /// What the journal compares.
    pub(crate) fence: Fence,
    /// When a row may be claimed that another engine holds.
    pub(crate) claim: Claim,
    /// Whether a lease that has lapsed can be renewed.
    pub(crate) renews_lapsed: bool,
    /// What an engine does when the answer to a commit is lost.
    pub(crate) lost_commit: LostCommit,
    /// What the target knows a repeated call by.
    pub(crate) key: Key,
    /// The revision that goes with a call.
    pub(crate) revision: Revision,
    /// Whether a refused revision is read as "done already".
    pub(crate) conflict_is_done: bool,
    /// Whether a call that was not answered is taken for done.
    pub(crate) unknown_is_done: bool,
    /// Whether the target refuses calls of an older epoch than it has seen.
    pub(crate) epochs_at_target: bool,
    /// When the target is read before a call is sent.
    pub(crate) read: Read,
    /// Whether an engine sends only inside its own lease.
    pub(crate) lease_before_send: bool,
    /// How much earlier than its lease an engine stops sending, in ticks of its own clock.
    pub(crate) margin: u8,
    /// Whether an engine waits until its own uncertain call can land no more.
    pub(crate) settle_own: bool,
    /// Whether a new owner waits until no call of the old one can land.
    pub(crate) settle_claimed: bool,
    /// Whether a new owner takes an open intent for one that was not sent.
    pub(crate) claimed_is_unsent: bool,
    /// What follows an uncertain call, once it has settled.
    pub(crate) then: Then,
    /// How long settling and guarding take, in half-ticks of the engine's own clock.
    pub(crate) wait: u8,
    /// Whether a rollback is sent over a forward call whose fate is unknown.
    pub(crate) overtake: bool,
    /// Whether an overtaken call is waited for before the end is reported.
    pub(crate) guard: bool,
}

/// What the journal compares before it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    /// The epoch; an engine also compares it when it reloads.
    pub(crate) epoch: bool,
    /// The version of the row.
    pub(crate) version: bool,
    /// Whether outcomes are compared as intents are.
    pub(crate) outcomes: bool,
    /// Whether a claim raises the version beside the epoch.
    pub(crate) claim_raises_version: bool,
}

/// When a held row may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// When the holder's lease has lapsed by the store's clock.
    LapsedByStore,
    /// When it has lapsed by the claimer's own clock.
    LapsedByOwnClock,
    /// At any time.
    Unchecked,
}

/// After a commit without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostCommit {
    /// Read the row back and compare the attempt.
    ReadBack,
    /// Write the same again as the next record.
    Repeat,
}

/// What the target knows a repeated call by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Nothing.
    None,
    /// The move: the same for every attempt of every owner.
    Move,
    /// The move and the owner's epoch.
    MoveAndEpoch,
    /// Each sending by itself.
    Attempt,
}

/// The revision that goes with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// None.
    None,
    /// That of the journalled intent.
    Captured,
    /// Whatever the target has when the call is sent.
    ReadLate,
}

/// When the target is read before a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Never.
    Never,
    /// Before each sending.
    BeforeEach,
    /// Before a sending that repeats an uncertain one.
    AfterUnknown,
}

/// What follows an uncertain call, once it has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The same call again.
    Resend,
    /// The target is read, and the move decided anew unless it is there.
    DecideAnew,
    /// It is looked for by its tag so many times, and made again if it is never found.
    LookUp(u8),
}

impl Protocol {
    /// Journal first, both fences, a bare target, no care taken: what all others are told apart from.
    pub(crate) const fn plain(class: SafetyClass) -> Self {
        Self {
            class,
            intent_first: true,
            fence: Fence { epoch: true, version: true, outcomes: true, claim_raises_version: true },
            claim: Claim::LapsedByStore,
            renews_lapsed: false,
            lost_commit: LostCommit::ReadBack,
            key: Key::None,
            revision: Revision::None,
            conflict_is_done: false,
            unknown_is_done: false,
            epochs_at_target: false,
            read: Read::Never,
            lease_before_send: false,
            margin: 0,
            settle_own: false,
            settle_claimed: false,
            claimed_is_unsent: false,
            then: Then::Resend,
            wait: 4,
            overtake: false,
            guard: true,
        }
    }

    /// The protocol as it is built for a class.
    pub(crate) const fn built(class: SafetyClass) -> Self {
        let plain = Self::plain(class);
        match class {
            SafetyClass::CompareAndSet => Self {
                revision: Revision::Captured,
                then: Then::DecideAnew,
                overtake: true,
                ..plain
            },
            SafetyClass::Token => Self { key: Key::Move, overtake: true, ..plain.leased() },
            SafetyClass::BareSet => Self {
                read: Read::AfterUnknown,
                settle_own: true,
                settle_claimed: true,
                overtake: true,
                ..plain.leased()
            },
            SafetyClass::BareCreate => Self {
                settle_own: true,
                settle_claimed: true,
                then: Then::LookUp(2),
                ..plain.leased()
            },
        }
    }

    /// Sends inside the lease less half of it, and waits twice the bound: enough for clocks that run at half to
    /// twice the store's rate (`clocks.rs` derives both).
    const fn leased(self) -> Self {
        Self { lease_before_send: true, margin: 1, wait: 8, ..self }
    }

    /// Whether the revision sent is compared by the target.
    pub(crate) const fn compares(&self) -> bool {
        !matches!(self.revision, Revision::None)
    }
}
