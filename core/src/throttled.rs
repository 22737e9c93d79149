//! For how long readings were throttled, as far as the machine has not been told.
//!
//! Whoever reads keeps one of these for each rollout. It must not know what is read, nor how.

use crate::{Event, Span, Timestamp};

/// Since when readings of the world, and looks, were throttled. That time counts towards no limit, once the
/// machine was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottledReads {
    world: Option<Timestamp>,
    looks: Option<Timestamp>,
}

impl ThrottledReads {
    /// How long to wait after a look was throttled, before any is taken again.
    pub const LOOKS_AGAIN: Span = Span::seconds(10);

    /// Notes how a reading of the world ended.
    pub fn note_world(&mut self, throttled: bool, now: Timestamp) {
        self.world = throttled.then(|| self.world.unwrap_or(now));
    }

    /// Notes how a look ended.
    pub fn note_look(&mut self, throttled: bool, now: Timestamp) {
        self.looks = throttled.then(|| self.looks.unwrap_or(now));
    }

    /// What to tell the machine of the time in which nothing could be read by now: [`Event::ReadsThrottled`].
    /// Told once.
    pub fn tell(&mut self, now: Timestamp) -> Option<Event> {
        let since = [self.world, self.looks].into_iter().flatten().min()?;
        for told in [&mut self.world, &mut self.looks].into_iter().flatten() {
            *told = now;
        }
        (since < now).then(|| Event::ReadsThrottled { lost: now.since(since) })
    }

    /// The clock moved.
    pub fn step(&mut self, by_ms: i64) {
        for since in [&mut self.world, &mut self.looks].into_iter().flatten() {
            *since = since.moved(by_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Timestamp = |seconds| Timestamp(seconds * 1_000);

    fn lost(seconds: u64) -> Option<Event> {
        Some(Event::ReadsThrottled { lost: Span::seconds(seconds) })
    }

    #[test]
    fn time_is_counted_from_the_first_that_was_throttled_and_told_once() {
        let mut reads = ThrottledReads::default();
        assert_eq!(reads.tell(AT(9)), None);
        reads.note_look(true, AT(10));
        reads.note_world(true, AT(20));
        reads.note_look(true, AT(30));
        assert_eq!(reads.tell(AT(40)), lost(30));
        assert_eq!(reads.tell(AT(40)), None);
        assert_eq!(reads.tell(AT(45)), lost(5));
    }

    #[test]
    fn what_was_read_is_not_throttled_and_a_step_of_the_clock_adds_nothing() {
        let mut reads = ThrottledReads::default();
        reads.note_world(true, AT(10));
        reads.note_look(true, AT(20));
        reads.note_world(false, AT(25));
        reads.step(3_600_000);
        assert_eq!(reads.tell(AT(3_630)), lost(10));
        reads.note_look(false, AT(3_640));
        assert_eq!(reads.tell(AT(3_650)), None);
    }
}
