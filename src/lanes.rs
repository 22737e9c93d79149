//! The evidence of one check in one role: which window is measured next, and what all looks so far
//! come to.
//!
//! A cache: everything in it is rebuilt from the looks that the journal keeps. Must not reach any
//! port.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_core::{
    Check, CheckIndex, Judged, Judgement, Judging, Look, Role, Span, Timestamp, Verdict, Window,
};

/// A lane that is further behind than so many looks leaves the oldest windows out: what a judge
/// says must not wait for hours of measuring after a long pause.
const MOST_BEHIND: u64 = 120;

/// The evidence of one check in one role.
#[derive(Debug)]
pub(crate) struct Lane {
    check: CheckIndex,
    role: Role,
    /// Windows begin here or later.
    pub(crate) since: Timestamp,
    /// Windows begin on whole multiples of this, as far as `every` is one.
    grid: Span,
    next_from: Timestamp,
    window: Span,
    every: Span,
    judging: Option<Box<dyn Judging>>,
    judged: Option<Window>,
    said: Option<(Verdict, bool)>,
    /// The last window as it was asked for, if not all of it had arrived: it is measured once more.
    pub(crate) late: Option<Window>,
    /// Whether a look is being taken.
    pub(crate) busy: bool,
    /// Whether the state asks for it now.
    pub(crate) wanted: bool,
}

impl Lane {
    pub(crate) fn new(
        check: CheckIndex,
        role: Role,
        planned: &Check,
        judging: Option<Box<dyn Judging>>,
        since: Timestamp,
        grid: Span,
    ) -> Self {
        let (window, every) = (planned.window, planned.every);
        Self {
            check,
            role,
            since,
            grid,
            next_from: since.ceil(grid),
            window,
            every,
            judging,
            judged: None,
            said: None,
            late: None,
            busy: false,
            wanted: true,
        }
    }

    /// The next window, once its measurements are complete.
    pub(crate) fn next_window(&self) -> Window {
        Window { from: self.next_from, to: self.next_from.after(self.window) }
    }

    /// When the next look can be taken.
    pub(crate) fn due(&self, lag: Span) -> Timestamp {
        self.next_window().to.after(lag)
    }

    /// Goes on after a time in which nobody asked: what happened then is no evidence.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        if !self.wanted {
            self.wanted = true;
            self.next_from = self.next_from.max(now).ceil(self.grid);
        }
    }

    /// Leaves out what would take too long to catch up with.
    pub(crate) fn catch_up(&mut self, now: Timestamp) {
        let oldest = Span(self.every.0.saturating_mul(MOST_BEHIND));
        let oldest = Timestamp(now.0.saturating_sub(oldest.0));
        self.next_from = self.next_from.max(oldest).ceil(self.grid);
    }

    /// Moves with the clock.
    pub(crate) fn step(&mut self, by_ms: i64) {
        self.since = self.since.moved(by_ms);
        self.next_from = self.next_from.moved(by_ms).ceil(self.grid);
        self.late = None;
        if let Some(window) = &mut self.judged {
            *window = Window { from: window.from.moved(by_ms), to: window.to.moved(by_ms) };
        }
    }

    /// Takes a look in that the journal has kept. Its source may have aligned the window it was
    /// asked for; that is the one nearest to its end.
    pub(crate) fn retake(&mut self, look: &Look, now: Timestamp) -> Option<Judgement> {
        let every = self.every.0.max(1);
        let from = Timestamp(look.window.to.0.saturating_sub(self.window.0));
        let first = self.since.ceil(self.grid);
        let steps = (from.since(first).0 + every / 2) / every;
        self.next_from = self.next_from.max(first.after(Span(steps * every)));
        self.take(look, now)
    }

    /// Takes one look in, and says what all of them come to.
    pub(crate) fn take(&mut self, look: &Look, now: Timestamp) -> Option<Judgement> {
        self.late = (!look.complete && !look.failed).then(|| self.next_window());
        self.next_from = self.next_from.after(self.every);
        if look.window.from < self.since {
            // Aligned by its source to a time before the evidence counts.
            return None;
        }
        let from_the_future = look.window.to > now;
        let failed = Look::failed(look.window);
        let judgement = self.judge(if from_the_future { &failed } else { look });
        let from = self.judged.map_or(look.window.from, |before| before.from);
        self.judged = Some(Window { from, to: look.window.to });
        Some(judgement)
    }

    /// The verdict of a judgement, when it could matter: when it says pass or fail, or something new.
    pub(crate) fn say(&mut self, judgement: Judgement) -> Option<Judged> {
        let window = self.judged?;
        let said = (judgement.verdict, judgement.past_limit);
        let before = self.said.replace(said);
        let decides = matches!(judgement.verdict, Verdict::Pass | Verdict::Fail);
        let Judgement { verdict, past_limit, reading, .. } = judgement;
        let Self { check, role, .. } = *self;
        (decides || before != Some(said)).then_some(Judged {
            check,
            role,
            verdict,
            past_limit,
            window,
            reading,
        })
    }

    /// A judge that is missing or panics has not said pass.
    fn judge(&mut self, look: &Look) -> Judgement {
        let broken = Judgement::broken();
        let Some(judging) = &mut self.judging else { return broken };
        catch_unwind(AssertUnwindSafe(|| judging.look(look))).unwrap_or_else(|_| {
            self.judging = None;
            broken
        })
    }
}
