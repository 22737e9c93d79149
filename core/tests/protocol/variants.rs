//! The table of variants: what each way to share a target comes to. The unsafe ones are shown unsafe.
//!
//! One rollout with two steps forward, two engines, three claims, two crashes; calls that are lost, late, or land
//! twice. A variant is named by a letter that stays.

use tidegate_core::SafetyClass;

use crate::{
    limits::{Limits, Time},
    rules::{Fence, Key, Protocol, Read, Revision},
};

/// One variant.
pub(crate) struct Variant {
    pub(crate) letter: char,
    pub(crate) says: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) limits: Limits,
}

/// All of them, in order.
pub(crate) fn all() -> Vec<Variant> {
    const BARE: Protocol = Protocol::plain(SafetyClass::BareSet);
    const KEYED: Protocol = Protocol { key: Key::Move, ..Protocol::plain(SafetyClass::Token) };
    const CAS: Protocol =
        Protocol { revision: Revision::Captured, ..Protocol::plain(SafetyClass::CompareAndSet) };
    const READ: Protocol = Protocol { read: Read::BeforeEach, ..BARE };
    const QUIET: Protocol = Protocol { settle_claimed: true, ..READ };
    const SETTLED: Protocol = Protocol { settle_own: true, ..QUIET };
    const LEASED: Protocol = Protocol { lease_before_send: true, ..SETTLED };
    let open = Fence { epoch: false, version: false, ..BARE.fence };
    let at_any_time = Limits { moves: 3, ..Limits::small() };
    let in_time = at_any_time.timed(Time::even());
    let narrow = |limits| Limits { claims: 2, crashes: 1, ..limits };
    let row = |letter, says, protocol, limits| Variant { letter, says, protocol, limits };
    vec![
        row('A', "journal first, journal fenced, the target honours a key", KEYED, at_any_time),
        row(
            'B',
            "the same, compare-and-set with the revision of the journalled intent",
            CAS,
            at_any_time,
        ),
        row(
            'C',
            "the same, with a revision read just before sending",
            Protocol { revision: Revision::ReadLate, ..CAS },
            narrow(at_any_time),
        ),
        row('D', "an absolute value, no key", BARE, narrow(at_any_time)),
        row('E', "D, and the target is read before each call", READ, narrow(at_any_time)),
        row(
            'F',
            "the target refuses older epochs, and knows no more",
            Protocol { epochs_at_target: true, ..BARE },
            narrow(at_any_time),
        ),
        row(
            'G',
            "a key, and a journal that is not fenced",
            Protocol { fence: open, ..KEYED },
            narrow(at_any_time),
        ),
        row(
            'H',
            "a key, and the call goes before the intent",
            Protocol { intent_first: false, ..KEYED },
            at_any_time,
        ),
        row(
            'I',
            "E, and a new owner waits until old calls can land no more",
            QUIET,
            narrow(in_time),
        ),
        row(
            'J',
            "I, and an owner waits out each uncertain call of its own",
            SETTLED,
            narrow(in_time),
        ),
        row('K', "J, and a call is sent only inside the lease", LEASED, narrow(in_time)),
        row(
            'L',
            "K, and nothing is read before a call",
            Protocol { read: Read::Never, ..LEASED },
            narrow(in_time),
        ),
    ]
}
