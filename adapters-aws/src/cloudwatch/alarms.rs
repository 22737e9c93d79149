//! Alarms as a guard's metric: how many of them fire.
//!
//! An alarm has a state and no window. What it says is read when a window is due, and counts for that
//! window only where it is known to: a state that began after the window's end says nothing of it, but
//! an alarm that fires fires. An alarm that fired before the rollout was opened is not its doing.

use std::fmt;

use aws_sdk_cloudwatch::types::{EvaluationState, StateValue};
use tidegate_core::{Look, Measurement, Query, Timestamp};

/// What becomes of a rollout while an alarm fires that already did before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlreadyFiring {
    /// It is not opened. Where the alarm began to fire in between, the check has no data until it stops.
    #[default]
    Refuse,
    /// It is opened, and that alarm is left out until it has stopped. Where none is left there is no
    /// data.
    Disregard,
}

/// Alarms that are measured together: the value is how many of them fire. A threshold of `max: 0` with
/// a fixed baseline is the judge for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarms {
    /// Their names: of metrics, of other alarms, of logs.
    pub names: Vec<String>,
    /// What becomes of those that fire before the rollout.
    pub already_firing: AlreadyFiring,
}

impl Alarms {
    /// Alarms of these names; one that fires already refuses the rollout.
    #[must_use]
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { names, already_firing: AlreadyFiring::default() }
    }

    /// With alarms that fire before the rollout left out until they have stopped.
    #[must_use]
    pub const fn disregarding(mut self) -> Self {
        self.already_firing = AlreadyFiring::Disregard;
        self
    }
}

/// An alarm as it is described.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) value: Option<StateValue>,
    /// Since when it has that state.
    pub(super) since: Option<Timestamp>,
    /// How its evaluation went, where it did not go well: the state is then not to be trusted.
    pub(super) evaluation: Option<EvaluationState>,
}

impl State {
    /// Whether it is sure to fire.
    pub(super) fn fires(&self) -> bool {
        self.evaluation.is_none() && self.value == Some(StateValue::Alarm)
    }

    fn says(&self, query: &Query, already: AlreadyFiring) -> Says {
        let before = |at: Timestamp| self.since.is_some_and(|since| since <= at);
        match &self.value {
            _ if self.evaluation.is_some() => Says::Doubtful,
            Some(StateValue::Alarm) if before(query.opened) => match already {
                AlreadyFiring::Refuse => Says::Nothing,
                AlreadyFiring::Disregard => Says::LeftOut,
            },
            Some(StateValue::Alarm) => Says::Fires,
            Some(StateValue::Ok) if before(query.window.to) => Says::Quiet,
            Some(StateValue::InsufficientData) => Says::Nothing,
            // All right by now, and not known to have been in the window; or a state that this version
            // does not know.
            _ => Says::Doubtful,
        }
    }
}

/// What an alarm says of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Fires,
    Quiet,
    Nothing,
    LeftOut,
    Doubtful,
}

/// What the states of some alarms come to as a look. One that is sure to fire counts whatever the
/// others are; that none does is said only where all are known.
pub(super) fn look(query: &Query, already: AlreadyFiring, states: &[State]) -> Look {
    let says: Vec<Says> = states.iter().map(|state| state.says(query, already)).collect();
    let has = |one| says.contains(&one);
    let value = |value| Some(Measurement::Value { value, samples: 0.0 });
    let fired = says.iter().filter(|one| **one == Says::Fires).map(|_| 1.0).sum::<f64>();
    let (candidate, complete) = if fired > 0.0 {
        (value(fired), true)
    } else if has(Says::Quiet) && !has(Says::Nothing) && !has(Says::Doubtful) {
        (value(0.0), true)
    } else {
        (None, !has(Says::Doubtful))
    };
    Look { complete, ..Look::complete(query.window, None, candidate) }
}

/// Names in a sentence.
pub(super) struct Names<'a>(pub(super) Vec<&'a str>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Revisions, Window};

    use super::*;

    const OPENED: u64 = 100;
    const ENDED: u64 = 200;

    fn query() -> Query {
        Query {
            target: "checkout".into(),
            revisions: Revisions { stable: None, candidate: "2".into() },
            metric: "alarms".to_owned(),
            window: Window { from: Timestamp(ENDED - 60), to: Timestamp(ENDED) },
            opened: Timestamp(OPENED),
        }
    }

    fn since(at: u64, value: StateValue) -> State {
        State { value: Some(value), since: Some(Timestamp(at)), evaluation: None }
    }

    fn doubted(value: StateValue) -> State {
        State { evaluation: Some(EvaluationState::PartialData), ..since(0, value) }
    }

    /// The value and whether it is complete.
    fn seen(states: &[State], already: AlreadyFiring) -> (Option<f64>, bool) {
        let look = look(&query(), already, states);
        (look.candidate.and_then(|candidate| candidate.value()), look.complete)
    }

    #[test]
    fn how_many_fire_is_said_only_where_it_is_known() {
        use StateValue::{Alarm, InsufficientData, Ok};
        let (fires, quiet) = (|| since(ENDED + 1, Alarm), || since(0, Ok));
        for (states, wanted) in [
            (vec![quiet(), quiet()], (Some(0.0), true)),
            (vec![quiet(), fires(), fires()], (Some(2.0), true)),
            (vec![fires(), doubted(Ok), since(0, InsufficientData)], (Some(1.0), true)),
            (vec![quiet(), since(0, InsufficientData)], (None, true)),
            (vec![quiet(), doubted(Ok)], (None, false)),
            (vec![quiet(), doubted(Alarm)], (None, false)),
            (vec![since(ENDED + 1, Ok)], (None, false)),
            (vec![State { since: None, ..quiet() }], (None, false)),
            (vec![since(0, "novel-state".into())], (None, false)),
            (vec![], (None, true)),
        ] {
            assert_eq!(seen(&states, AlreadyFiring::Refuse), wanted, "{states:?}");
        }
    }

    #[test]
    fn an_alarm_that_fired_before_the_rollout_is_not_its_doing() {
        let (old, new) = (since(OPENED, StateValue::Alarm), since(OPENED + 1, StateValue::Alarm));
        let quiet = since(0, StateValue::Ok);
        let (refuse, disregard) = (AlreadyFiring::Refuse, AlreadyFiring::Disregard);
        assert_eq!(seen(&[old.clone(), quiet.clone()], refuse), (None, true));
        assert_eq!(seen(&[old.clone(), quiet], disregard), (Some(0.0), true));
        assert_eq!(seen(std::slice::from_ref(&old), disregard), (None, true));
        assert_eq!(seen(&[old, new], disregard), (Some(1.0), true));
    }
}
