//! What clocks that run slow or fast ask for: the margin before the lease ends, and how long the bound is waited for.

use tidegate_core::SafetyClass;

use crate::{
    classes::{forbidden, promised},
    limits::{ENGINES, Limits, Rate, Time},
    model::Scene,
    rules::Protocol,
    search,
};

/// Long enough that a margin of a quarter can be told from one of a half.
pub(crate) const LEASE: u8 = 4;
/// A call may land in the third tick after it was sent, and no later.
pub(crate) const LATE: u8 = 3;

const SET: Protocol = Protocol::built(SafetyClass::BareSet);

/// Whether class 3 keeps its promise with so many engines, the first with a clock of this rate.
fn safe(rate: Rate, engines: usize, margin: u8, wait: u8) -> bool {
    let mut rates = [Rate::Same; ENGINES];
    rates[0] = rate;
    let limits =
        Limits { engines, claims: engines as u64, crashes: 0, copies: 0, ..Limits::small() }
            .timed(Time { lease: LEASE, late: LATE, rates });
    let scene = Scene { protocol: Protocol { margin, wait, ..SET }, limits };
    let harm = forbidden(promised(SafetyClass::BareSet));
    let found = search::until_one_of(&scene, &harm);
    !harm.iter().any(|breach| found.has(*breach))
}

/// The smallest margin that is safe, in ticks, when the next owner waits for the late bound and no longer.
pub(crate) fn margin(rate: Rate) -> Option<u8> {
    let wait = (LATE + 1) * rate.half_ticks().max(Rate::Same.half_ticks());
    (0..LEASE).find(|margin| safe(rate, 2, *margin, wait))
}

/// The shortest wait that is safe for an owner's own uncertain call, in half-ticks of its clock.
pub(crate) fn wait(rate: Rate) -> Option<u8> {
    let step = rate.half_ticks();
    (0..=LATE + 1).map(|ticks| ticks * step).find(|wait| safe(rate, 1, LEASE / 2, *wait))
}

#[test]
fn an_owner_with_a_slow_clock_needs_a_margin_of_half_its_lease() {
    assert_eq!(margin(Rate::Half), Some(LEASE / 2));
    assert_eq!(margin(Rate::Same), Some(0));
    assert_eq!(margin(Rate::Double), Some(0));
}

#[test]
fn a_bound_is_waited_for_by_the_fastest_clock_that_is_believed_possible() {
    for rate in Rate::ALL {
        assert_eq!(wait(rate), Some((LATE + 1) * rate.half_ticks()), "{rate:?}");
    }
}
