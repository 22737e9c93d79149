//! What must be so in every state, and the ledger of what landed that it is judged by.
//!
//! The ledger sees the world and the journal as a bystander would. It never asks the protocol what is right.

use tidegate_core::{SafetyClass, Seq};

use crate::{
    journal::{Aim, Progress, Row, Way},
    limits::STEPS,
    rules::Protocol,
    target::{Call, Target},
};

/// A way to be wrong, or less than right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// An effect was applied again and changed something; or was created twice.
    Twice,
    /// An effect was applied again over its own value, or over what it had overtaken.
    SameValue,
    /// An older value overwrote a newer one.
    Back,
    /// A forward call that a rollback knowingly overtook landed after it, before the end was reported.
    Overtaken,
    /// An effect without a durable intent, or an outcome that did not happen.
    Journal,
    /// One sequence number, or one step, was decided twice.
    Decision,
    /// The end was reported, and the world is not so, or did not stay so.
    End,
}

impl Breach {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Twice,
        Self::SameValue,
        Self::Back,
        Self::Overtaken,
        Self::Journal,
        Self::Decision,
        Self::End,
    ];

    /// Its name in traces, tables and the checker.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Twice => "twice",
            Self::SameValue => "same value twice",
            Self::Back => "back",
            Self::Overtaken => "overtaken",
            Self::Journal => "journal true",
            Self::Decision => "decision unique",
            Self::End => "end true",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which breaches have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Breaches(u8);

impl Breaches {
    /// Whether this one has.
    pub(crate) const fn has(self, breach: Breach) -> bool {
        self.0 & breach.bit() != 0
    }

    const fn add(&mut self, breach: Breach) {
        self.0 |= breach.bit();
    }
}

/// What has landed and what was written, in the order in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// Whether each forward step has landed.
    landed: [bool; STEPS.len()],
    /// The last rollback that landed.
    landed_back: Option<Seq>,
    /// The latest move that landed.
    newest: Seq,
    /// The latest intent ever written.
    written: Seq,
    /// What has gone wrong so far.
    pub(crate) breaches: Breaches,
}

impl Ledger {
    /// Nothing has landed.
    pub(crate) const EMPTY: Self = Self {
        landed: [false; STEPS.len()],
        landed_back: None,
        newest: Seq(0),
        written: Seq(0),
        breaches: Breaches(0),
    };

    /// A call is about to be applied.
    pub(crate) fn landing(&mut self, call: &Call, target: &Target, row: &Row, class: SafetyClass) {
        let again = match call.aim {
            Aim::Forward(step) => self.landed.get(usize::from(step)).is_some_and(|landed| *landed),
            // A rollback may be asserted again, as a new move. The same move is not.
            Aim::Back if class == SafetyClass::BareCreate => self.landed_back.is_some(),
            Aim::Back => self.landed_back.is_some_and(|last| call.seq <= last),
        };
        let changes = target.value != call.aim;
        let Progress { overtaken, over, .. } = row.progress;
        let guarded = overtaken && !over;
        let made = class == SafetyClass::BareCreate;
        // Two bare values that cross, one of them overtaken, may each land again; the last word is the guard's.
        let crossing = guarded && class == SafetyClass::BareSet;
        match again {
            true if made || (changes && !crossing) => self.breaches.add(Breach::Twice),
            true => self.breaches.add(Breach::SameValue),
            false => {}
        }
        if call.seq < self.newest && changes {
            let known = guarded && call.aim != Aim::Back;
            self.breaches.add(if known { Breach::Overtaken } else { Breach::Back });
        }
        self.newest = self.newest.max(call.seq);
        match call.aim {
            Aim::Back => self.landed_back = self.landed_back.max(Some(call.seq)),
            Aim::Forward(step) => {
                if let Some(landed) = self.landed.get_mut(usize::from(step)) {
                    *landed = true;
                }
            }
        }
    }

    /// A commit is durable that turned `before` into `after`.
    pub(crate) fn written(
        &mut self,
        before: &Progress,
        after: &Progress,
        target: &Target,
        protocol: &Protocol,
    ) {
        if let Some(open) = after.open {
            let twice = after.open_forward().is_some() && before.open_forward().is_some();
            let anew = protocol.compares();
            if open.seq <= self.written || (twice && !anew) {
                self.breaches.add(Breach::Decision);
            }
            self.written = self.written.max(open.seq);
            return;
        }
        let happened = match before.open.or(after.open).map(|open| open.aim) {
            Some(Aim::Forward(step)) => self.landed.get(usize::from(step)) == Some(&true),
            Some(Aim::Back) => self.landed_back.is_some() || target.value == Aim::Back,
            None => true,
        };
        if !happened {
            self.breaches.add(Breach::Journal);
        }
    }

    /// Looks at a state that was just reached.
    pub(crate) fn inspect(&mut self, row: &Row, target: &Target, steps: u8) {
        if self.newest > row.progress.seq {
            self.breaches.add(Breach::Journal);
        }
        let wanted = match row.progress.way {
            Way::Forward => Aim::Forward(steps - 1),
            Way::Back | Way::WasBack => Aim::Back,
        };
        if row.progress.over && target.weight() != wanted.weight() {
            self.breaches.add(Breach::End);
        }
    }
}
