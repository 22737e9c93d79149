//! Rollouts whose task panicked here: when each is tried again, and what is said of it until then.
//!
//! A panic is a bug, in the engine or in a journal, and may come again at once. So one that panics is
//! tried again after a while, which doubles; the others never wait for it. Must not claim anything.

use std::{collections::BTreeMap, time::Duration};

use tidegate_core::RolloutId;
use tokio::time::Instant;

/// The first wait: a bug that depends on what was read may be gone with the next reading.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait: a candidate that is bad has its traffic for as long.
const LONGEST: Duration = Duration::from_secs(60);

/// All of one engine.
#[derive(Debug, Default)]
pub(crate) struct Fallen(BTreeMap<RolloutId, Fall>);

#[derive(Clone, Copy, Debug)]
struct Fall {
    /// How long the wait was, or is.
    wait: Duration,
    last: Instant,
    /// Absent once it was tried again.
    due: Option<Instant>,
}

impl Fallen {
    /// Its task panicked; how long until it is tried again. One that ran for long since the last time
    /// begins anew.
    pub(crate) fn note(&mut self, rollout: RolloutId, now: Instant) -> Duration {
        let recent = |fall: &Fall| now < fall.last + fall.wait + LONGEST;
        self.0.retain(|_, fall| fall.due.is_some() || recent(fall));
        let wait = match self.0.get(&rollout) {
            Some(fall) => (fall.wait * 2).min(LONGEST),
            None => FIRST,
        };
        self.0.insert(rollout, Fall { wait, last: now, due: Some(now + wait) });
        wait
    }

    /// Those to be tried again now.
    pub(crate) fn due(&self, now: Instant) -> Vec<RolloutId> {
        let come = |fall: &Fall| fall.due.is_some_and(|due| due <= now);
        self.0.iter().filter(|(_, fall)| come(fall)).map(|(id, _)| *id).collect()
    }

    /// It was tried again, or is somebody else's by now.
    pub(crate) fn up(&mut self, rollout: RolloutId) {
        if let Some(fall) = self.0.get_mut(&rollout) {
            fall.due = None;
        }
    }

    /// All of them are to be tried again now: a person asks for it.
    pub(crate) fn hurry(&mut self, now: Instant) {
        for fall in self.0.values_mut() {
            fall.due = fall.due.map(|_| now);
        }
    }

    /// When the next is to be tried again.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|fall| fall.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: RolloutId = RolloutId(1);

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_begins_anew_after_a_long_run() {
        let (mut fallen, mut now) = (Fallen::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = fallen.note(ONE, now);
            assert!(fallen.due(now).is_empty());
            now += wait;
            assert_eq!(fallen.due(now), [ONE]);
            fallen.up(ONE);
            assert_eq!((fallen.due(now), fallen.next()), (vec![], None));
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(fallen.note(ONE, now + 2 * LONGEST), FIRST);
    }

    #[test]
    fn who_asks_for_it_waits_for_nothing() {
        let (mut fallen, now) = (Fallen::default(), Instant::now());
        fallen.note(ONE, now);
        fallen.hurry(now);
        assert_eq!(fallen.due(now), [ONE]);
    }
}
