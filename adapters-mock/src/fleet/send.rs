//! How a call reaches the fleet: in time, late, twice, in part, or never.
//!
//! What a call *does* is in `act`; this file decides whether and when it is done, and what the
//! caller hears.

use tidegate_core::{Call, FailureKind, PortError, SafetyClass, Span, Timestamp, Weight};

use super::{Ends, Fate, Fleet, Logged, Request};
use crate::faults::{Fault, Op, Wrong};

/// The answer to a call, and how long it takes.
#[derive(Debug)]
#[must_use = "an answer says whether the call may have happened"]
pub struct Reply {
    /// How long after the sending the answer comes. A caller whose time limit is shorter gives up.
    pub after: Span,
    /// What is answered.
    pub result: Result<(), PortError>,
}

/// A call on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) at: Timestamp,
    entry: usize,
    ends: Ends,
}

impl Fleet {
    /// Sends a call that changes something. It is logged whatever becomes of it.
    pub fn send(&mut self, call: &Call, request: Request) -> Reply {
        let op = request.op();
        let wrong = self.fault(op, self.elapsed());
        let ends = self.ends(&call.revisions);
        let pending = Pending { at: self.now, entry: self.log.len(), ends };
        let refusal = self.refusal(call, &request, ends);
        self.log.push(Logged::new(call, request, self.now));
        let outcome = match refusal {
            Some(why) => {
                self.log[pending.entry].fate = Fate::Refused;
                Err((FailureKind::Permanent, why))
            }
            None => self.carry(call, pending, wrong),
        };
        self.changed();
        let slow = matches!(wrong, Some(Wrong::Slow { .. })) && refusal.is_none();
        let after = if slow { self.beyond_limit(op) } else { self.spec.answers_in };
        Reply { after, result: outcome.map_err(|(kind, why)| failure(call, op, kind, why)) }
    }

    /// What goes wrong with the next call of an operation; counts it.
    pub(super) fn fault(&mut self, op: Op, elapsed: Span) -> Option<Wrong> {
        self.port_calls += 1;
        let count = &mut self.calls[op as usize];
        *count += 1;
        let count = *count;
        let now = self.elapsed();
        let hits = |fault: &&Fault| {
            fault.hits(op, count, if fault.wrong == Wrong::Throttled { now } else { elapsed })
        };
        self.spec.faults.iter().find(hits).map(|fault| fault.wrong)
    }

    /// Longer than any caller waits for this operation.
    pub(super) fn beyond_limit(&self, op: Op) -> Span {
        let platform = self.spec.platform.as_ref();
        let limit = match op {
            Op::Start | Op::Redeploy => {
                platform.map_or(self.spec.scale.time_limit, |p| p.start.time_limit)
            }
            Op::Release | Op::Stop | Op::ReadPlatform => {
                platform.map_or(self.spec.scale.time_limit, |p| p.control.time_limit)
            }
            Op::Provision | Op::Scale | Op::Retire | Op::ReadCapacity => self.spec.scale.time_limit,
            Op::Shift | Op::Mirror | Op::ReadTraffic | Op::Look => self.spec.shift.time_limit,
        };
        limit.plus(Span::seconds(1))
    }

    fn carry(
        &mut self,
        call: &Call,
        pending: Pending,
        wrong: Option<Wrong>,
    ) -> Result<(), (FailureKind, &'static str)> {
        match wrong {
            Some(Wrong::Slow { lands } | Wrong::Late { lands }) => {
                self.postpone(pending, lands);
                Err((FailureKind::Ambiguous, "no answer"))
            }
            Some(Wrong::LostAnswer) => {
                // Whatever would have been answered, nobody hears it.
                let _ = self.arrive(call, pending);
                Err((FailureKind::Ambiguous, "the answer was lost"))
            }
            Some(Wrong::Refused { permanent }) => {
                self.log[pending.entry].fate = Fate::Refused;
                let kind = if permanent { FailureKind::Permanent } else { FailureKind::Retryable };
                Err((kind, "refused"))
            }
            Some(Wrong::Throttled) => {
                self.log[pending.entry].fate = Fate::Refused;
                Err((FailureKind::Throttled, "too many calls"))
            }
            Some(Wrong::Partial { share }) => {
                self.land(pending, share);
                Ok(())
            }
            Some(Wrong::Lie) => {
                self.log[pending.entry].fate = Fate::Vanished;
                Ok(())
            }
            Some(Wrong::Twice { after }) => {
                let result = self.arrive(call, pending);
                self.pending.push(Pending { at: self.now.after(after), ..pending });
                result
            }
            _ => self.arrive(call, pending),
        }
    }

    fn postpone(&mut self, pending: Pending, lands: Option<Span>) {
        match lands {
            None => self.log[pending.entry].fate = Fate::Vanished,
            Some(span) => self.pending.push(Pending { at: self.now.after(span), ..pending }),
        }
    }

    /// A call that arrives while its caller listens. A class-4 adapter looks its tag up first.
    fn arrive(&mut self, call: &Call, pending: Pending) -> Result<(), (FailureKind, &'static str)> {
        let entry = &self.log[pending.entry];
        let creates = matches!(entry.request, Request::Start | Request::Redeploy);
        if creates && self.platform.knows(&call.token()) {
            self.log[pending.entry].fate = Fate::Repeated;
            return Ok(());
        }
        self.land(pending, Weight::FULL);
        match self.log[pending.entry].fate {
            Fate::Conflicted => Err((FailureKind::Conflict, "the version is another by now")),
            Fate::Refused => Err((FailureKind::Retryable, "another deployment is active")),
            _ => Ok(()),
        }
    }

    pub(super) fn land_due(&mut self) {
        while let Some(index) = self.earliest_due() {
            let pending = self.pending.remove(index);
            self.land(pending, Weight::FULL);
        }
    }

    fn earliest_due(&self) -> Option<usize> {
        let due = self.pending.iter().enumerate().filter(|(_, pending)| pending.at <= self.now);
        due.min_by_key(|(_, pending)| pending.at).map(|(index, _)| index)
    }

    /// The call takes effect, unless the target's own means prevent it.
    fn land(&mut self, pending: Pending, share: Weight) {
        let entry = &self.log[pending.entry];
        let (request, key, before) = (entry.request.clone(), entry.key(), entry.fate);
        let fate = if self.is_known(pending.entry, key) {
            Fate::Repeated
        } else {
            self.act(pending.entry, &request, pending.ends, share)
        };
        self.log[pending.entry].fate = match (before, fate) {
            (Fate::Done(_), Fate::Done(at)) => Fate::DoneTwice(at),
            (Fate::Done(_), _) => before,
            _ => fate,
        };
    }

    /// Class 2: whether a call with the same token took effect before, and is not forgotten.
    fn is_known(&self, entry: usize, key: (tidegate_core::MoveId, u8)) -> bool {
        let op = self.log[entry].request.op();
        let same = |old: &&Logged| old.key() == key && old.request.op() == op;
        let known = |old: &Logged| match (old.fate, self.spec.token_window) {
            (Fate::Done(at) | Fate::DoneTwice(at), Some(window)) => self.now <= at.after(window),
            (fate, _) => matches!(fate, Fate::Done(_) | Fate::DoneTwice(_)),
        };
        self.class(op) == SafetyClass::Token && self.log.iter().filter(same).any(known)
    }
}

/// A failed call, in words.
pub(super) fn failure(call: &Call, op: Op, kind: FailureKind, why: &str) -> PortError {
    PortError::new(kind, format!("{} {}", verb(op), call.target)).because(why)
}

pub(super) const fn verb(op: Op) -> &'static str {
    match op {
        Op::Shift => "shift traffic of",
        Op::Mirror => "set mirror and test traffic of",
        Op::Provision => "provision an arm of",
        Op::Scale => "scale an arm of",
        Op::Retire => "retire an arm of",
        Op::Start => "start a platform's deployment of",
        Op::Release => "release a wait point of",
        Op::Stop => "stop a platform's deployment of",
        Op::Redeploy => "redeploy the previous revision of",
        Op::ReadTraffic => "read the routes of",
        Op::ReadCapacity => "count the replicas of",
        Op::ReadPlatform => "look up a platform's deployment of",
        Op::Look => "measure",
    }
}
