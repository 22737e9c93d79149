//! Which part of a window can be measured: whole periods that have ended and arrived.

use tidegate_core::{Span, Timestamp, Window};

/// How far the engine's clock and this process's may be apart before a window that is due is taken for
/// one that has not arrived.
const SKEW: Span = Span::seconds(5);

/// What of a window can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// All whole periods in the window that was asked for.
    pub(super) aligned: Window,
    /// Those of them that have ended and arrived.
    pub(super) arrived: Window,
}

impl Closed {
    /// The whole periods of a window; none when there is not one.
    pub(super) fn of(asked: Window, period: Span, lag: Span, now: Timestamp) -> Option<Self> {
        let period = period.0.max(1);
        let (first, end) = (asked.from.0.div_ceil(period), asked.to.0 / period);
        if first >= end {
            return None;
        }
        let at = |n: u64| Timestamp(n.saturating_mul(period));
        let there = now.after(SKEW).0.saturating_sub(lag.0) / period;
        Some(Self {
            aligned: Window { from: at(first), to: at(end) },
            arrived: Window { from: at(first), to: at(there.clamp(first, end)) },
        })
    }

    /// Whether all of it has arrived.
    pub(super) fn is_whole(self) -> bool {
        self.aligned == self.arrived
    }
}

/// Whether a window lies in the past.
pub(super) fn has_ended(window: Window, now: Timestamp) -> bool {
    window.to <= now.after(SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Span = Span::minutes(1);
    const LAG: Span = Span::minutes(2);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    fn window(from: u64, to: u64) -> Window {
        Window { from: at(from), to: at(to) }
    }

    #[test]
    fn only_periods_that_lie_in_the_window_whole_are_measured() {
        let late = at(10_000);
        let of = |asked| Closed::of(asked, MINUTE, LAG, late).map(|closed| closed.aligned);
        assert_eq!(of(window(60, 180)), Some(window(60, 180)));
        assert_eq!(of(window(61, 239)), Some(window(120, 180)));
        assert_eq!(of(window(61, 179)), None);
        assert_eq!(of(window(60, 60)), None);
    }

    #[test]
    fn a_period_counts_once_it_has_ended_and_the_lag_is_over() {
        let of = |now| Closed::of(window(60, 180), MINUTE, LAG, at(now)).unwrap();
        assert_eq!(of(300 - 5).arrived, window(60, 180));
        assert!(of(300 - 5).is_whole());
        assert_eq!(of(300 - 6).arrived, window(60, 120));
        assert!(!of(300 - 6).is_whole());
        assert_eq!(of(100).arrived, window(60, 60));
    }
}
