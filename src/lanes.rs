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
    /// Whether its judge adds looks up, so that no two may overlap.
    adds_up: bool,
    judging: Option<Box<dyn Judging>>,
    judged: Option<Window>,
    /// The last window that was measured whole.
    whole: Option<Window>,
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
            adds_up: planned.judge.adds_up(),
            judging,
            judged: None,
            whole: None,
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
        // A look that is under way has a window of the time before, and is thrown away when it comes.
        self.busy &= by_ms == 0;
        for window in [&mut self.judged, &mut self.whole].into_iter().flatten() {
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
        let judgement = self.take(look, now);
        if self.adds_up {
            // After a pause windows begin between those steps.
            self.next_from = self.next_from.max(look.window.to);
        }
        judgement
    }

    /// Takes one look in, and says what all of them come to; nothing where it was taken before.
    pub(crate) fn take(&mut self, look: &Look, now: Timestamp) -> Option<Judgement> {
        self.late = (!look.complete && !look.failed).then(|| self.next_window());
        self.next_from = self.next_from.after(self.every);
        if self.has(look.window) {
            return None;
        }
        let failed = Look::failed(look.window);
        let from_the_future = look.window.to > now;
        let look = if from_the_future { &failed } else { look };
        if look.complete && !look.failed {
            self.whole = Some(look.window);
        }
        let judgement = self.judge(look);
        let from = self.judged.map_or(look.window.from, |before| before.from);
        self.judged = Some(Window { from, to: look.window.to });
        Some(judgement)
    }

    /// Whether a window was measured before. A source with a coarse grid returns the same one until the
    /// next has ended; two engines may have measured some that overlap, one after the other.
    fn has(&self, window: Window) -> bool {
        let again = |whole: Window| whole == window || (self.adds_up && window.from < whole.to);
        self.whole.is_some_and(again)
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

#[cfg(test)]
mod tests {
    use tidegate_core::{CheckSpec, EvidenceSpec, JudgeSpec, Measurement, ThresholdSpec};

    use super::*;

    const MINUTE: Span = Span::minutes(1);

    const fn minutes(from: u64, to: u64) -> Window {
        Window { from: Timestamp(from * 60_000), to: Timestamp(to * 60_000) }
    }

    fn at(window: Window) -> Look {
        let of = |events| Some(Measurement::count(events, 1_000));
        Look::complete(window, of(1), of(1))
    }

    /// A lane of the guard of one check, from the epoch on.
    fn lane(spec: &CheckSpec) -> Lane {
        let check = Check::compile("errors", spec, &EvidenceSpec::default()).unwrap();
        let judging = check.judge(Role::Guard, |_| None).map(|judge| judge.begin());
        Lane::new(CheckIndex(0), Role::Guard, &check, judging, Timestamp(0), Span::ZERO)
    }

    fn comparing() -> Lane {
        lane(&CheckSpec::new("error_rate", JudgeSpec::default()))
    }

    /// A line that each of three minutes has to be below, looked at every minute.
    fn line() -> Lane {
        let line = ThresholdSpec { max: Some(0.1), looks: Some(2), ..ThresholdSpec::default() };
        let spec = CheckSpec::new("error_rate", JudgeSpec::Threshold(line));
        lane(&CheckSpec { window: Span::minutes(3), every: Some(MINUTE), ..spec })
    }

    fn take(lane: &mut Lane, window: Window) -> Option<Judgement> {
        lane.take(&at(window), Timestamp::MAX)
    }

    #[test]
    fn what_was_counted_is_not_counted_again() {
        let mut lane = comparing();
        assert_eq!(take(&mut lane, minutes(0, 2)).unwrap().reading.samples, 1_000);
        for again in [minutes(0, 2), minutes(1, 3), minutes(0, 1)] {
            assert_eq!(take(&mut lane, again), None, "{again:?}");
        }
        assert_eq!(take(&mut lane, minutes(2, 3)).unwrap().reading.samples, 2_000);
    }

    #[test]
    fn a_line_looks_at_windows_that_overlap_and_at_none_of_them_twice() {
        let mut lane = line();
        assert_eq!(take(&mut lane, minutes(0, 3)).unwrap().verdict, Verdict::Inconclusive);
        assert_eq!(take(&mut lane, minutes(0, 3)), None);
        assert_eq!(take(&mut lane, minutes(1, 4)).unwrap().verdict, Verdict::Pass);
    }

    #[test]
    fn a_window_that_was_not_measured_whole_may_be_measured_again() {
        let mut lane = comparing();
        let incomplete = Look { complete: false, ..at(minutes(0, 1)) };
        for nothing in [incomplete, Look::failed(minutes(0, 1))] {
            assert_eq!(lane.take(&nothing, Timestamp::MAX).unwrap().reading.samples, 0);
        }
        assert_eq!(take(&mut lane, minutes(0, 1)).unwrap().reading.samples, 1_000);
    }

    /// Windows of a lane that paused begin wherever it went on; a restart goes on behind the last.
    #[test]
    fn after_a_restart_no_window_overlaps_one_that_was_kept() {
        let resumed = Timestamp(1_025_000);
        let kept = Window { from: resumed, to: resumed.after(MINUTE) };
        let mut lane = comparing();
        lane.retake(&at(minutes(0, 1)), Timestamp::MAX).unwrap();
        lane.retake(&at(kept), Timestamp::MAX).unwrap();
        assert_eq!(lane.next_window().from, kept.to);
    }
}
