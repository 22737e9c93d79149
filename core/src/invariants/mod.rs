//! What must be so of every transition, stated once and checked everywhere: over all reachable
//! states of small plans, by property test over random worlds, and over any journal after the fact.
//!
//! They bind *our moves given the last observation*. The numbers are those of `docs/invariants.md`.
//! Nothing here may call the machine: an invariant that asked the machine what is right would say
//! what the machine does.

mod gates;
mod journal;
mod record;
mod safety;
mod traffic;

use std::fmt;

pub use journal::{Finding, journal};

use crate::{Event, Plan, Rollout, Step, Timestamp};

/// A transition to be checked. Borrowed from wherever it is: an exploration, a run, a journal.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The state before.
    pub before: &'a Rollout,
    /// What happened.
    pub event: &'a Event,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub step: &'a Step,
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number.
    pub number: u8,
    /// What is wrong, with the numbers.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.number, self.what)
    }
}

/// A check of one transition: nothing, or what is wrong.
type Check = fn(&Edge<'_>) -> Option<String>;

/// An invariant of single transitions.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// Its number in `docs/invariants.md`.
    pub number: u8,
    /// What it says.
    pub statement: &'static str,
    check: Check,
}

/// The invariants that can be seen in one transition. The others are about whole runs (16 and 18,
/// and 10 once more with the world's own truth), about the function itself (17: applied twice, one
/// step), or about judges (24, 25).
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        number: 1,
        statement: "weights sum to exactly 10 000 in every command",
        check: traffic::sums,
    },
    Invariant {
        number: 2,
        statement: "wanted weights are those of the plan, one after another",
        check: traffic::prefix,
    },
    Invariant {
        number: 3,
        statement: "wanted weight never falls forward and never rises backward",
        check: traffic::monotone,
    },
    Invariant {
        number: 4,
        statement: "the bake clock runs only while seen equals wanted",
        check: gates::bake_runs_only_when_seen,
    },
    Invariant {
        number: 5,
        statement: "a stage is left only after its gate's demands",
        check: gates::left_only_when_satisfied,
    },
    Invariant {
        number: 6,
        statement: "only a pass over fresh windows counts as a pass, until the check says otherwise",
        check: gates::only_a_pass_passes,
    },
    Invariant {
        number: 7,
        statement: "after the deciding failure the next move is a rollback",
        check: safety::failure_turns_back,
    },
    Invariant {
        number: 8,
        statement: "abort wins before the point of no return; held, nothing goes forward",
        check: safety::abort_wins_and_holds_hold,
    },
    Invariant {
        number: 9,
        statement: "stable is retired only after all traffic left, gates passed, warm time and drain",
        check: safety::retired_only_when_safe,
    },
    Invariant {
        number: 10,
        statement: "an outcome is reported only when seen, after every late bound",
        check: safety::reported_only_when_seen,
    },
    Invariant {
        number: 11,
        statement: "rolling: no move removes a ready unit at the floor or exceeds the ceiling",
        check: traffic::rolling_bounds,
    },
    Invariant {
        number: 12,
        statement: "no arm is given more than its ready capacity carries",
        check: traffic::carried,
    },
    Invariant {
        number: 13,
        statement: "a plan marked incompatible never wants a mix",
        check: traffic::no_mix,
    },
    Invariant {
        number: 14,
        statement: "a terminal outcome is absorbing",
        check: record::absorbing,
    },
    Invariant {
        number: 15,
        statement: "sequence numbers rise by one; a new move only on a free lane",
        check: record::sequence,
    },
    Invariant {
        number: 19,
        statement: "no jump of weight above what the plan declares",
        check: traffic::exposure,
    },
    Invariant {
        number: 20,
        statement: "every change has one decision that says it",
        check: record::decided,
    },
    Invariant {
        number: 21,
        statement: "clock steps neither shorten a bake nor revive a deadline",
        check: record::clock_steps,
    },
    Invariant {
        number: 22,
        statement: "holds and freezes never block the way back",
        check: safety::nothing_blocks_back,
    },
    Invariant {
        number: 23,
        statement: "past the point of no return a failure halts or redeploys",
        check: safety::no_return,
    },
    Invariant {
        number: 26,
        statement: "a target that takes no more calls for now ends nothing and turns nothing back",
        check: record::throttling,
    },
];

/// Checks an event that made no transition: some may never be ignored.
///
/// # Errors
/// The invariant that asks for a transition.
pub fn check_ignored(
    plan: &Plan,
    before: &Rollout,
    event: &Event,
    at: Timestamp,
) -> Result<(), Violation> {
    let what = safety::ignored(plan, before, event, at);
    what.map_or(Ok(()), |(number, what)| Err(Violation { number, what }))
}

/// Checks one transition against all of them.
///
/// # Errors
/// The first that does not hold.
pub fn check(edge: &Edge<'_>) -> Result<(), Violation> {
    for invariant in INVARIANTS {
        if let Some(what) = (invariant.check)(edge) {
            return Err(Violation { number: invariant.number, what });
        }
    }
    Ok(())
}
