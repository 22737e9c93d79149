//! Every reachable state of a small plan, against an environment that does its worst.
//!
//! The real [`Rollout::apply`] is the model: there is no second description that could drift from
//! it. The environment answers calls in every way its [`Scope`] allows, lets them land late, lets
//! people command and interfere, replicas crash and verdicts go any way. Each transition is checked
//! against [`invariants`](crate::invariants); each terminal state against the world's own truth.
//!
//! What is not modelled: two engines on one journal (the journal refuses the older one), and time
//! between deadlines (the clock moves from one deadline of the state to the next).

mod environment;
mod fingerprint;
#[cfg(test)]
mod sabotage;
mod search;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{PhaseName, Plan, Rollout, Rule, World, invariants::Violation};

pub use environment::Scope;

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Distinct states, up to their clock and sequence number.
    pub states: usize,
    /// Transitions between them, ignored events not counted.
    pub edges: usize,
    /// Events that were ignored, by a named reason.
    pub ignored: usize,
    /// Rules that fired, with the phases they left and entered.
    pub rules: BTreeMap<Rule, BTreeSet<(PhaseName, PhaseName)>>,
    /// Distinct terminal states, by phase.
    pub outcomes: BTreeMap<PhaseName, usize>,
    /// The first violation, with a shortest way to it.
    pub violation: Option<Counterexample>,
    /// Whether the search ended because there was nothing left, rather than at its limit.
    pub complete: bool,
    /// The bounds it was run with.
    pub scope: Scope,
}

/// A violation, and the events that lead to it from the opening.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// What does not hold.
    pub violation: Violation,
    /// What happens, one sentence an event.
    pub trace: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        for (n, line) in self.trace.iter().enumerate() {
            writeln!(f, "{:>4}. {line}", n + 1)?;
        }
        Ok(())
    }
}

/// Explores every state of `plan` that can be reached from `found` within `scope`.
///
/// Also checks that no state is stuck: each one is terminal, or waits on a person, or a world that
/// is fair from there on leads to one of those.
#[must_use]
pub fn explore(plan: &Plan, found: &World, scope: &Scope) -> Report {
    search::Search::new(plan, scope, Rollout::apply).run(found)
}

/// What [`explore`] does, on the calling thread alone. The report is the same.
#[must_use]
pub fn explore_on_one_thread(plan: &Plan, found: &World, scope: &Scope) -> Report {
    search::Search::new(plan, scope, Rollout::apply).on_one_thread().run(found)
}
