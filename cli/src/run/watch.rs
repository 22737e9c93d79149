//! What is told of the engine itself while it runs a rollout: that nothing moves, because its journal
//! can not be reached or the rollout stands still, and that it goes on.
//!
//! A person who watches a quiet run takes it for a run without trouble. Must not know why a journal
//! fails, and must not change anything.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use tidegate::{Engine, EngineHealth};
use tidegate_core::{RolloutId, Timestamp};
use tokio::time;

use super::say;

/// How often the engine is asked how it is, in real time.
const LOOK: Duration = Duration::from_secs(1);

/// What lasts is told again after so many looks: half a minute.
const AGAIN: u32 = 30;

/// Tells of trouble at once, of trouble that lasts now and then, and of its end.
pub(super) async fn watch(engine: &Engine, speed: u32) -> Infallible {
    let mut watched = Watched::default();
    loop {
        watched.look(&engine.health()).iter().for_each(|line| say(line));
        time::sleep(LOOK * speed).await;
    }
}

/// What was told so far.
#[derive(Debug, Default)]
struct Watched {
    down_since: Option<Timestamp>,
    still: BTreeSet<RolloutId>,
    /// Looks since the trouble was told of.
    looks: u32,
}

impl Watched {
    /// What there is to tell.
    fn look(&mut self, health: &EngineHealth) -> Vec<String> {
        let down = health.journal_down_since;
        let still: BTreeSet<_> = health.broken.iter().map(|(rollout, _)| *rollout).collect();
        let mut lines = Vec::new();
        if self.down_since.is_some() && down.is_none() {
            lines.push("the journal is back".to_owned());
        }
        lines.extend(self.still.difference(&still).map(|rollout| format!("{rollout} goes on")));
        let news = down.is_some() != self.down_since.is_some() || !still.is_subset(&self.still);
        self.looks = if news { 0 } else { self.looks + 1 };
        if self.looks.is_multiple_of(AGAIN) {
            lines.extend(down.map(|since| {
                format!("the journal can not be reached or written since {since}: nothing moves, whatever the candidate does; it is tried again")
            }));
            lines.extend(
                health.broken.iter().map(|(one, why)| format!("{one} stands still: {why}")),
            );
        }
        (self.down_since, self.still) = (down, still);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(down: Option<u64>, broken: &[u64]) -> EngineHealth {
        let broken = broken.iter().map(|id| (RolloutId(*id), "a bug".to_owned())).collect();
        let journal_down_since = down.map(Timestamp);
        EngineHealth { active: 1, journal_down_since, broken, stopped: false }
    }

    #[test]
    fn trouble_is_told_at_once_and_every_half_minute_and_so_is_its_end() {
        let mut watched = Watched::default();
        assert_eq!(watched.look(&health(None, &[])), [""; 0]);
        let told = (0..61).map(|_| watched.look(&health(Some(7), &[])).len());
        let told: Vec<_> =
            told.enumerate().filter(|(_, lines)| *lines > 0).map(|(n, _)| n).collect();
        assert_eq!(told, [0, 30, 60]);
        assert_eq!(watched.look(&health(None, &[])), ["the journal is back"]);
        assert_eq!(watched.look(&health(None, &[3])), ["r3 stands still: a bug"]);
        assert_eq!(watched.look(&health(None, &[])), ["r3 goes on"]);
        assert_eq!(watched.look(&health(None, &[])), [""; 0]);
    }
}
