//! A queue before a quota: how often calls may go out, first come first served.
//!
//! It must not know what the calls are. It is our own, and not a library's, for three things that
//! those looked at (governor among them) do not do together: it waits in tokio's time, which tests
//! pause; it is fair in the order of arrival; and an answer that says "throttled" holds up everybody
//! who waits, not only the one who was told.

use std::sync::{Mutex, PoisonError};

use std::time::Duration;
use tokio::time::Instant;

/// How many calls may go out at once, and how often after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Which calls share it, such as `read`.
    pub family: &'static str,
    /// Calls at once, after a pause; at least one.
    pub burst: u32,
    /// Calls a second in the long run; at least one.
    pub per_second: u32,
}

impl Quota {
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }

    fn allowance(self) -> Duration {
        self.interval() * (self.burst.max(1) - 1)
    }
}

/// The first hold-up after a throttled answer. Doubled by each that follows without a success.
const FIRST_HOLD_UP: Duration = Duration::from_secs(1);
/// The longest hold-up: longer than it takes any documented bucket to fill again.
const LONGEST_HOLD_UP: Duration = Duration::from_secs(30);

/// A bucket of tokens, kept as the instant at which it will be full again.
#[derive(Debug)]
pub(crate) struct Limiter {
    quota: Quota,
    schedule: Mutex<Schedule>,
}

#[derive(Debug)]
struct Schedule {
    full_at: Instant,
    hold_up: Duration,
}

/// More calls wait than can go out in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next call may go out in {0:?}")]
pub(crate) struct Crowded(pub(crate) Duration);

impl Limiter {
    pub(crate) fn new(quota: Quota) -> Self {
        let schedule = Schedule { full_at: Instant::now(), hold_up: FIRST_HOLD_UP };
        Self { quota, schedule: Mutex::new(schedule) }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// At once, when the turn would come later than `patience`: the place in the queue is not taken.
    pub(crate) async fn turn(&self, patience: Duration) -> Result<(), Crowded> {
        let wait = self.reserve(patience)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn reserve(&self, patience: Duration) -> Result<Duration, Crowded> {
        let mut schedule = self.schedule();
        let now = Instant::now();
        let full_at = schedule.full_at.max(now);
        let wait = (full_at - now).saturating_sub(self.quota.allowance());
        if wait > patience {
            return Err(Crowded(wait));
        }
        schedule.full_at = full_at + self.quota.interval();
        Ok(wait)
    }

    /// The service has said "too many": whoever comes next waits, each time twice as long. `jitter`
    /// is a share between 0 and 1 and lengthens the wait by up to a half, so that several processes
    /// do not come back together.
    pub(crate) fn throttled(&self, jitter: f64) {
        let mut schedule = self.schedule();
        let hold_up = schedule.hold_up + schedule.hold_up.mul_f64(jitter.clamp(0.0, 1.0) / 2.0);
        let empty_for = Instant::now() + self.quota.allowance() + hold_up;
        schedule.full_at = schedule.full_at.max(empty_for);
        schedule.hold_up = (schedule.hold_up * 2).min(LONGEST_HOLD_UP);
    }

    /// The service has answered.
    pub(crate) fn answered(&self) {
        self.schedule().hold_up = FIRST_HOLD_UP;
    }

    /// A schedule is a pair of numbers, whole at every instant: a panic elsewhere does not spoil it.
    fn schedule(&self) -> std::sync::MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { family: "read", burst: 3, per_second: 2 };
    const PATIENT: Duration = Duration::from_secs(60);

    async fn waited(limiter: &Limiter) -> Duration {
        let began = Instant::now();
        limiter.turn(PATIENT).await.unwrap();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_out_at_once_and_the_rest_at_the_rate() {
        let limiter = Limiter::new(QUOTA);
        let half = Duration::from_millis(500);
        for wanted in [Duration::ZERO, Duration::ZERO, Duration::ZERO, half, half] {
            assert_eq!(waited(&limiter).await.as_millis(), wanted.as_millis());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_again_and_no_further() {
        let limiter = Limiter::new(QUOTA);
        for _ in 0..3 {
            limiter.turn(PATIENT).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        for _ in 0..3 {
            assert_eq!(waited(&limiter).await, Duration::ZERO);
        }
        assert!(waited(&limiter).await > Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_too_long_is_told_at_once_and_takes_no_place() {
        let limiter = Limiter::new(QUOTA);
        for _ in 0..3 {
            limiter.turn(PATIENT).await.unwrap();
        }
        let hurried = Duration::from_millis(100);
        for _ in 0..10 {
            assert!(limiter.turn(hurried).await.is_err());
        }
        assert_eq!(waited(&limiter).await.as_millis(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn one_throttled_answer_holds_up_everybody_twice_as_long_each_time() {
        let limiter = Limiter::new(QUOTA);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            limiter.throttled(0.0);
            assert_eq!(waited(&limiter).await.as_secs(), seconds);
        }
        limiter.answered();
        limiter.throttled(0.0);
        let (one, two) = tokio::join!(waited(&limiter), waited(&limiter));
        assert_eq!(one.as_secs(), 1);
        assert!(two > one);
    }
}
