//! The time of a rollout and the clock of this engine: which steps it has to be told of, and that it was.
//!
//! Must not read the system's clock, and must not say what is due: the machine does.

use tidegate_core::{Event, Span, Step, Timestamp};

use crate::runner::{Runner, Stop};

/// Records may be so much ahead of this engine's clock before that counts as a step of it: engines' clocks
/// differ by less while they follow the store's.
const AHEAD: Span = Span::seconds(2);

/// A rollout that is to be looked at is taken over within a lease and a poll, which come to seconds. Who finds
/// it so much later has not seen the time pass.
const LONG_AGO: Span = Span::minutes(1);

impl Runner {
    /// The last record was written by a clock that was ahead of this one, and was not set right before
    /// its engine was gone; or nobody has seen the time since then pass.
    pub(crate) async fn set_clock(&mut self) -> Result<(), Stop> {
        let (now, told) = self.time();
        if self.clock_step(now, told).is_some() {
            tracing::warn!("the time of the last record is moved to this engine's");
            self.commit(Vec::new()).await?;
        }
        self.taken_over = false;
        Ok(())
    }

    pub(crate) async fn step_clock(&mut self) -> Result<(), Stop> {
        if *self.steps.borrow_and_update() == self.stepped {
            // There and back: what was begun in between is due at a time that was never right.
            self.begin_anew(0);
            return Ok(());
        }
        // The step says what time the answer came.
        let waits = self.answer.take().map(|(answer, _)| Event::Answered(answer));
        self.commit(waits.into_iter().collect()).await.map(drop)
    }

    /// The rollout was told of the clock's steps up to this sum, durably.
    pub(crate) fn tell(&mut self, sum: i64) {
        let by_ms = sum.saturating_sub(self.stepped);
        self.stepped = sum;
        if by_ms != 0 {
            self.begin_anew(by_ms);
        }
    }

    fn begin_anew(&mut self, by_ms: i64) {
        self.reader.step(by_ms);
        self.quiet_until = Timestamp::default();
    }

    /// The time now, and the sum of the clock's steps that led to it.
    pub(crate) fn time(&self) -> (Timestamp, i64) {
        loop {
            let told = *self.steps.borrow();
            let now = self.tools.clock.now();
            if *self.steps.borrow() == told {
                return (now, told);
            }
        }
    }

    /// A step of the clock that this rollout was not told of, told in the time before it. Records of
    /// a clock that was ahead of this one, and not set right before its engine was gone, are a step as
    /// well: the rollout would stand still until this clock has caught up. So is time that nobody saw pass.
    pub(crate) fn clock_step(&self, now: Timestamp, told: i64) -> Option<(Event, Step)> {
        let stepped = told.saturating_sub(self.stepped);
        let last = self.state.clock().moved(stepped);
        let ahead = Some(last.since(now)).filter(|ahead| *ahead > AHEAD).unwrap_or_default();
        let unseen = if self.was_unseen(now.moved(stepped.saturating_neg())) {
            now.since(last)
        } else {
            Span::ZERO
        };
        let signed = |span: Span| i64::try_from(span.0).unwrap_or(i64::MAX);
        let by_ms = stepped.saturating_sub(signed(ahead)).saturating_add(signed(unseen));
        let event = Event::ClockStepped { by_ms };
        let before = now.moved(by_ms.saturating_neg());
        let step = (by_ms != 0).then(|| self.state.apply(&self.head.plan, before, &event).ok());
        step.flatten().map(|step| (event, step))
    }

    /// Whether a rollout that was taken over on its way back, or while a call may still land, was to be looked
    /// at long ago. No engine was there then, or this one's clock is ahead of the one that its instants are
    /// of. Whichever it was: a way back is not given up, and no call is taken for dead, for time in which
    /// nobody could do anything.
    fn was_unseen(&self, now: Timestamp) -> bool {
        let state = &self.state;
        let late = state.world().late.latest() > state.clock();
        let waits = state.phase().is_backward() || state.outstanding().is_some() || late;
        let due = self.due_of(state).unwrap_or(now);
        self.taken_over && waits && now.since(due) > LONG_AGO
    }
}
