//! What one engine process knows and where it stands. A crash forgets all of it.

use tidegate_core::{AttemptId, Epoch, RowVersion};

use crate::{
    journal::{Aim, Append, Intent, Progress, Row, Way},
    rules::{Protocol, Read, Then},
};

/// Where an engine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// Holds nothing.
    Idle,
    /// Nothing is open: what next?
    Deciding,
    /// Has decided, and is about to commit.
    Committing(Progress),
    /// Has committed, and got no answer.
    Unsure(Append),
    /// Reads the target before it sends.
    Looking,
    /// Is about to send.
    Ready,
    /// Has found its lease good, and is about to send.
    Checked,
    /// Has sent, and waits for the answer.
    Waiting,
    /// Waits until no call can land any more: half-ticks left by its own clock.
    Settling(u8),
    /// Reads the target to decide anew.
    Rereading,
    /// Looks for what it made, so many times more.
    LookingUp(u8),
    /// Is back, and reads once more before it says so.
    Confirming,
    /// Can not find out, and asks a person.
    Asking,
}

/// An engine process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Engine {
    /// Where it stands.
    pub(crate) at: At,
    /// From its claim.
    pub(crate) epoch: Epoch,
    /// The version it knows.
    pub(crate) version: RowVersion,
    /// The row as it knows it.
    pub(crate) view: Progress,
    /// Commits tried since its claim.
    pub(crate) tries: u8,
    /// Sendings of the open move.
    pub(crate) sent: u8,
    /// Half-ticks of its own clock since its heartbeat.
    pub(crate) beat: u8,
    /// Half-ticks of its own clock until nothing that was overtaken can land.
    pub(crate) guard: u8,
}

impl Engine {
    /// Just started, or started again.
    pub(crate) const IDLE: Self = Self {
        at: At::Idle,
        epoch: Epoch(0),
        version: RowVersion(0),
        view: Row::OPENED.progress,
        tries: 0,
        sent: 0,
        beat: 0,
        guard: 0,
    };

    /// Takes the row as it is found after a claim or a refusal.
    pub(crate) fn adopt(&mut self, row: &Row, protocol: &Protocol) {
        self.epoch = row.epoch;
        self.reload(row, protocol);
    }

    /// Reads the row again without a claim.
    pub(crate) fn reload(&mut self, row: &Row, protocol: &Protocol) {
        self.version = row.version;
        self.view = row.progress;
        self.sent = 0;
        self.guard = self.guard_of(protocol);
        self.at = match self.view.open {
            _ if self.view.over => At::Idle,
            Some(_) if protocol.claimed_is_unsent => At::Ready,
            Some(open) => self.uncertain(open, protocol.settle_claimed, protocol),
            None => self.free(),
        };
    }

    /// After a durable commit of its own.
    pub(crate) fn committed(&mut self, next: Progress, version: RowVersion, protocol: &Protocol) {
        let overtakes = next.overtaken && !self.view.overtaken;
        self.version = version;
        self.view = next;
        if overtakes {
            self.guard = self.guard_of(protocol);
        }
        self.at = match next.open {
            _ if next.over => At::Idle,
            Some(_) => {
                self.sent = 0;
                if protocol.read == Read::BeforeEach { At::Looking } else { At::Ready }
            }
            None => self.free(),
        };
    }

    /// After a call of its own got no answer.
    pub(crate) fn timed_out(&mut self, protocol: &Protocol) {
        if let Some(open) = self.view.open {
            self.at = self.uncertain(open, protocol.settle_own, protocol);
        }
    }

    /// After a call has settled.
    pub(crate) fn settled(&mut self, protocol: &Protocol) {
        self.at = match protocol.then {
            Then::Resend | Then::LookUp(0) => match protocol.read {
                Read::Never => At::Ready,
                Read::BeforeEach | Read::AfterUnknown => At::Looking,
            },
            Then::DecideAnew => At::Rereading,
            Then::LookUp(times) => At::LookingUp(times),
        };
    }

    /// The commit it is about to try.
    pub(crate) fn append(&mut self, next: Progress) -> Append {
        self.tries += 1;
        let attempt = AttemptId((self.epoch.0 << 8) | u64::from(self.tries));
        Append { epoch: self.epoch, version: self.version, attempt, next }
    }

    fn guard_of(&self, protocol: &Protocol) -> u8 {
        if self.view.overtaken && protocol.guard { protocol.wait } else { 0 }
    }

    const fn free(&self) -> At {
        match self.view.way {
            Way::WasBack => At::Confirming,
            Way::Forward | Way::Back => At::Deciding,
        }
    }

    /// A rollback that only sets a value is asserted again at once; anything else may have to settle.
    fn uncertain(&mut self, open: Intent, settles: bool, protocol: &Protocol) -> At {
        if open.aim == Aim::Back && protocol.overtake && protocol.then == Then::Resend {
            return At::Ready;
        }
        if settles {
            return At::Settling(protocol.wait);
        }
        self.settled(protocol);
        self.at
    }
}
